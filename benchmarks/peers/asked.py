"""What a profile asks to be measured of one method on one benchmark, read from the shipped criteria."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaic.harness.applicability import inapplicable
from xaic.harness.catalogue import benchmarks, expand, get_criterion, of_card
from xaic.harness.profiles import get_profile
from xaic.methods.discovery import installed, load_method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xaic.documents.types import Benchmark, Check

DERIVED = ("C2", "C3", "C7", "C8")
"""Controls that are made of the method's own maps, in its own trial."""


@dataclass(frozen=True)
class Asked:
    """A metric of a subject: 'method', a control (C1 to C8), or the id of a method that serves as reference."""

    metric: str
    subject: str


def asked(profile: str, benchmark: str, method: str) -> list[Asked]:
    """Return what is needed for a method's verdicts, without what the criteria do not apply to."""
    card, known = load_method(method).card, benchmarks()[benchmark]
    found: dict[Asked, None] = {}
    for requirement in get_profile(profile).requirements:
        criterion = get_criterion(requirement.criterion)
        if of_card(criterion) or criterion.family != known.family or criterion.status == "planned":
            continue
        if benchmark in expand(requirement, known.family) and not inapplicable(criterion.needs, card, known):
            for check in criterion.checks:
                found.update(dict.fromkeys(_of_check(check, known)))
    return list(found)


def _of_check(check: Check, benchmark: Benchmark) -> Iterator[Asked]:
    yield Asked(check.metric, "method")
    for control in check.controls:
        if control in benchmark.controls:
            yield Asked(check.metric, control)
    if check.rule.reference:
        yield Asked(check.metric, check.rule.reference)


def method_of(subject: str) -> str:
    """Return the id of the installed method that is a control such as C1; of another subject, the subject."""
    for id, method in installed().items():
        if method.role == "control" and load_method(id).card.control == subject:
            return id
    return subject
