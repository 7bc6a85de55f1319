"""Judging: from per-unit scores to verdicts, criterion by criterion.

A criterion has checks; each is one decision rule on one metric. It passes when all its checks pass, fails when one
fails, and is inconclusive otherwise. Nothing here depends on the order in which trials ran.
"""

from __future__ import annotations

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

    from xaic.documents.types import Criterion, Plan, Requirement
    from xaic.harness.evidence import Evidence

ORDER = (State.ERROR, State.FAIL, State.INCONCLUSIVE, State.PASS)
"""Which outcome of several checks speaks for the criterion: the first of these that occurs."""


def judge(plan: Plan, evidence: Evidence) -> list[Verdict]:
    """Return every verdict of a plan, in the order method, criterion, benchmark."""
    known = {criterion.id: criterion for criterion in plan.criteria}
    verdicts: list[Verdict] = []
    for method in plan.methods:
        if not method["asked"]:
            continue
        if method["card"] is None:
            verdicts.append(_unloadable(method["id"], method["fault"], plan))
            continue
        card = from_data(MethodCard, method["card"], method["reference"])
        for requirement in plan.requirements:
            criterion = known.get(requirement.criterion)
            if criterion is not None and _concerns(criterion, card):
                verdicts += _of_requirement(plan, evidence, card, criterion, requirement)
    return sorted(verdicts, key=lambda v: (v.method, v.criterion, v.benchmark))


def _unloadable(method: str, fault: str, plan: Plan) -> Verdict:
    return Verdict(
        method,
        "EX-DOC-01",
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


def _of_requirement(
    plan: Plan, evidence: Evidence, card: MethodCard, criterion: Criterion, requirement: Requirement
) -> Iterator[Verdict]:
    if catalogue.untried(criterion):
        place = CARD if catalogue.of_card(criterion) else NOWHERE
        yield _verdict(Case(card, None, evidence), criterion, requirement, place)
        return
    for benchmark in catalogue.matching(requirement, card.family, plan.benchmarks):
        yield _verdict(Case(card, benchmark, evidence), criterion, requirement, benchmark.id)


def _verdict(case: Case, criterion: Criterion, requirement: Requirement, benchmark: str) -> Verdict:
    state, reason, judged = _decide(case, criterion)
    deciding = next((one for wanted in ORDER for one in judged if one.outcome.state is wanted), None)
    head = (case.card.id, criterion.id, benchmark, criterion.edition, str(requirement.level.value))
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
