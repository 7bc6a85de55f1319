"""Judging: from per-unit scores to verdicts, criterion by criterion.

A criterion has checks; each is one decision rule on one metric. It passes when all its checks pass, fails when one
fails, and is inconclusive otherwise. Nothing here depends on the order in which trials ran.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaic.documents.errors import XaicError
from xaic.documents.store import from_data
from xaic.documents.types import Level, MethodCard, State, Verdict
from xaic.harness import catalogue
from xaic.harness.applicability import inapplicable
from xaic.harness.catalogue import CARD, NOWHERE
from xaic.harness.checking import Case, Judged, judge_check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xaic.documents.types import Benchmark, Criterion, Plan, Requirement
    from xaic.harness.evidence import Evidence

ORDER = (State.ERROR, State.FAIL, State.INCONCLUSIVE, State.PASS)
"""Which outcome of several checks speaks for the criterion: the first of these that occurs."""


UNLOADABLE = "EX-DOC-01"
"""The criterion under which a method that cannot be loaded is told as an error."""


def judge(plan: Plan, evidence: Evidence) -> list[Verdict]:
    """Return every verdict of a plan, in the order method, criterion, benchmark."""
    verdicts = [_judged(plan, evidence, case) for case in _cases(plan)]
    return sorted(verdicts, key=lambda v: (v.method, v.criterion, v.benchmark))


@dataclass(frozen=True)
class Foreseen:
    """A verdict that a plan will bring, whatever it says."""

    method: str
    criterion: str
    benchmark: str
    level: str


def foreseen(plan: Plan) -> list[Foreseen]:
    """Return what ``judge`` will decide, in the order method, criterion, benchmark."""
    found = [Foreseen(one.method, one.criterion_id, one.place, one.level) for one in _cases(plan)]
    return sorted(found, key=lambda f: (f.method, f.criterion, f.benchmark))


@dataclass(frozen=True)
class _Asked:
    """A method before a criterion in a place; without a card where it cannot be loaded."""

    method: str
    place: str
    level: str
    card: MethodCard | None = None
    criterion: Criterion | None = None
    benchmark: Benchmark | None = None
    fault: str = ""

    @property
    def criterion_id(self) -> str:
        return self.criterion.id if self.criterion else UNLOADABLE


def _cases(plan: Plan) -> Iterator[_Asked]:
    """Yield everything the plan asks of methods that the user named."""
    known = {criterion.id: criterion for criterion in plan.criteria}
    for method in plan.methods:
        if not method["asked"]:
            continue
        if method["card"] is None:
            yield _Asked(method["id"], CARD, Level.REQUIRED.value, fault=method["fault"])
            continue
        card = from_data(MethodCard, method["card"], method["reference"])
        for requirement in plan.requirements:
            criterion = known.get(requirement.criterion)
            if criterion is not None and _concerns(criterion, card):
                level = str(requirement.level.value)
                for place, benchmark in _places(plan, card, criterion, requirement):
                    yield _Asked(card.id, place, level, card, criterion, benchmark)


def _places(
    plan: Plan, card: MethodCard, criterion: Criterion, requirement: Requirement
) -> Iterator[tuple[str, Benchmark | None]]:
    if catalogue.untried(criterion):
        yield CARD if catalogue.of_card(criterion) else NOWHERE, None
        return
    for benchmark in catalogue.matching(requirement, card.family, plan.benchmarks):
        yield benchmark.id, benchmark


def _judged(plan: Plan, evidence: Evidence, asked: _Asked) -> Verdict:
    if asked.card is None or asked.criterion is None:
        return _unloadable(asked.method, asked.fault, plan)
    return _verdict(Case(asked.card, asked.benchmark, evidence), asked.criterion, asked.level, asked.place)


def _unloadable(method: str, fault: str, plan: Plan) -> Verdict:
    return Verdict(
        method,
        UNLOADABLE,
        CARD,
        _edition(plan),
        Level.REQUIRED,
        State.ERROR,
        f"the method cannot be loaded: {fault}",
    )


def _edition(plan: Plan) -> str:
    return max((criterion.edition for criterion in plan.criteria), default="")


def _concerns(criterion: Criterion, card: MethodCard) -> bool:
    mine = criterion.method is None or criterion.method == card.id
    return mine and criterion.family in {"any", card.family}


def _verdict(case: Case, criterion: Criterion, level: str, benchmark: str) -> Verdict:
    state, reason, judged = _decide(case, criterion)
    deciding = next((one for wanted in ORDER for one in judged if one.outcome.state is wanted), None)
    head = (case.card.id, criterion.id, benchmark, criterion.edition, level)
    if deciding is None:
        return Verdict(*head, state, reason)
    outcome = deciding.outcome
    return Verdict(
        *head,
        state=outcome.state,
        reason=outcome.reason,
        rule="; ".join(one.outcome.rule for one in judged),
        estimate=outcome.estimate,
        lower=outcome.lower,
        upper=outcome.upper,
        margin=outcome.margin,
        n=outcome.n,
        weakest=dict(outcome.weakest),
        details=tuple({**row, "metric": metric} for one, metric in _rows(judged, criterion) for row in one),
        promise="; ".join(dict.fromkeys(one.outcome.promise for one in judged if one.outcome.promise)),
        worst_units=deciding.worst_units,
    )


def _rows(judged: list[Judged], criterion: Criterion) -> Iterator[tuple[tuple[dict[str, object], ...], str]]:
    """Yield the detail rows of every check with the metric they speak of."""
    for one, check in zip(judged, criterion.checks, strict=True):
        yield one.outcome.details, check.metric


def _decide(case: Case, criterion: Criterion) -> tuple[State, str, list[Judged]]:
    """Return what the rules said of the checks; where there is nothing to ask, none, and a state with its reason."""
    if criterion.status == "planned":
        return State.NOT_TESTED, criterion.reason, []
    reason = inapplicable(criterion.needs, case.card, case.benchmark)
    if reason:
        return State.NOT_APPLICABLE, reason, []
    if case.benchmark is not None:
        record = case.record(case.card.id)
        if record is None:
            return State.NOT_TESTED, "the trial was not planned", []
        if record.state != "done":
            return State(record.state), record.reason, []
    try:
        judged = [judge_check(case, check) for check in criterion.checks]
    except XaicError as fault:  # a criterion and a metric that do not fit each other cost their own verdicts only
        return State.ERROR, f"cannot be decided: {fault}", []
    return State.NOT_TESTED, "the criterion has no check", judged
