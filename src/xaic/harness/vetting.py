"""Looking over criteria, benchmarks and a profile before anything runs: a name that nothing answers to costs no run.

Schemas say what a document may hold; here is asked whether the parts it names are there and fit each other.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from xaic.documents.errors import BadData, UnknownName
from xaic.families.base import get_family
from xaic.harness import catalogue
from xaic.harness.applicability import NEEDS
from xaic.harness.catalogue import CARD
from xaic.harness.checking import RULES
from xaic.harness.inspection import INSPECTIONS
from xaic.metrics.base import all_metrics
from xaic.statistics import FUNCTIONALS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from xaic.documents.types import Benchmark, Check, Criterion, Profile

WAYS = {"agreement", "change"}
"""Functionals that are ways of DR1 and DR2 to compare, not figures."""


def vet(profile: Profile, criteria: Iterable[Criterion], benchmarks: Iterable[Benchmark]) -> None:
    """Raise ``BadData`` or ``UnknownName`` where a document names what is not there."""
    for criterion in criteria:
        _known("need", criterion.needs, NEEDS, criterion.id)
        for check in criterion.checks:
            _vet_check(check, criterion.id)
    for benchmark in benchmarks:
        get_family(benchmark.family)
        ids = [id for id, metric in all_metrics().items() if metric.family == benchmark.family]
        for pattern in benchmark.metrics:
            if not fnmatch.filter(ids, pattern):
                raise UnknownName(f"metric of {benchmark.id}", pattern, ids)
    _refuse_repeated(profile, {benchmark.family for benchmark in benchmarks})


def _vet_check(check: Check, criterion: str) -> None:
    _known("rule", [check.rule.id], RULES, criterion)
    if check.metric == CARD:
        _known("inspection", [check.part], INSPECTIONS, criterion)
        return
    _known("metric", [check.metric], all_metrics(), criterion)
    _known("functional", [check.rule.functional], {*FUNCTIONALS, *WAYS}, criterion)
    if check.rule.id == "DR3" and check.rule.tolerance is None:
        raise BadData(f"{criterion}: the DR3 check on {check.metric} has no tolerance; add one to its rule")
    if check.rule.id == "DR4" and not check.rule.reference:
        raise BadData(f"{criterion}: the DR4 check on {check.metric} has no reference; name a method in its rule")


def _known(kind: str, names: Iterable[str], known: Collection[str], criterion: str) -> None:
    for name in names:
        if name not in known:
            raise UnknownName(f"{kind} of {criterion}", name, known)


def _refuse_repeated(profile: Profile, families: Iterable[str]) -> None:
    seen: set[tuple[str, str]] = set()
    tried = [r for r in profile.requirements if not catalogue.untried(catalogue.get_criterion(r.criterion))]
    for requirement in tried:
        for family in families:
            for benchmark in catalogue.expand(requirement, family):
                if (requirement.criterion, benchmark) in seen:
                    raise BadData(
                        f"profile {profile.id}: {requirement.criterion} is asked twice on {benchmark}; "
                        "leave one of the requirements out or narrow its patterns"
                    )
                seen.add((requirement.criterion, benchmark))
