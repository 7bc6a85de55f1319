"""The declarative content as documents: criteria, claims, profiles and benchmarks, each checked against its schema."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from xaic.documents.content import files
from xaic.documents.errors import BadDocument, UnknownName
from xaic.documents.store import read
from xaic.documents.types import Benchmark, Criterion, Profile, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable

CARD = "card"
"""Stands in the place of a metric where a card is inspected, and of a benchmark in the verdict."""

NOWHERE = "none"
"""Stands in the place of a benchmark in the verdict on a criterion that is only planned."""

DocumentT = TypeVar("DocumentT", Benchmark, Criterion, Profile)


@cache
def _load(kind: type[DocumentT], paths: tuple[Path, ...]) -> dict[str, DocumentT]:
    found: dict[str, DocumentT] = {}
    for path in paths:
        document = read(kind, path)
        if document.id in found:
            raise BadDocument(path, [f"at /id: {document.id!r} is defined twice; give one of them another id"])
        found[document.id] = document
    return dict(sorted(found.items()))


def criteria() -> dict[str, Criterion]:
    """Return every criterion and claim by id."""
    paths = {**files("conformance/criteria"), **files("conformance/claims")}
    return _load(Criterion, tuple(paths.values()))


def profiles() -> dict[str, Profile]:
    """Return every profile by id."""
    return _load(Profile, tuple(files("conformance/profiles").values()))


def benchmarks() -> dict[str, Benchmark]:
    """Return every benchmark by id."""
    return _load(Benchmark, tuple(files("benchmarks").values()))


def get_criterion(name: str) -> Criterion:
    """Return a criterion or claim by id."""
    known = criteria()
    if name not in known:
        raise UnknownName("criterion", name, known)
    return known[name]


def of_card(criterion: Criterion) -> bool:
    """Tell whether a criterion is decided on the method card alone."""
    return any(check.metric == CARD for check in criterion.checks)


def untried(criterion: Criterion) -> bool:
    """Tell whether a criterion asks for no trial: it is decided on the card, or only planned."""
    return of_card(criterion) or criterion.status == "planned"


def expand(requirement: Requirement, family: str) -> list[str]:
    """Return the ids of the benchmarks of a family that a requirement's patterns match, in order of id.

    Raises:
        UnknownName: a pattern matches no benchmark of any family.
    """
    known = benchmarks()
    for pattern in requirement.benchmarks:
        if not fnmatch.filter(known, pattern):
            raise UnknownName("benchmark", pattern, known)
    return [benchmark.id for benchmark in matching(requirement, family, known.values())]


def matching(requirement: Requirement, family: str, among: Iterable[Benchmark]) -> list[Benchmark]:
    """Return the benchmarks of a family that a requirement's patterns match, of those given, in their order."""
    return [
        benchmark
        for benchmark in among
        if benchmark.family == family and any(fnmatch.fnmatchcase(benchmark.id, p) for p in requirement.benchmarks)
    ]


def under(profile: Profile, benchmark: Benchmark) -> Benchmark:
    """Return a benchmark with the profile's protocol for its family laid over its own.

    A profile may ask for fewer units, never for more than the benchmark has.
    """
    wanted = dict(profile.protocol.get(benchmark.family, {}))
    if "units" in wanted:
        wanted["units"] = min(int(wanted["units"]), int(benchmark.protocol["units"]))
    return replace(benchmark, protocol={**benchmark.protocol, **wanted})
