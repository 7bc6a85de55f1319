"""Judging: from per-unit scores to verdicts, criterion by criterion.

A criterion has checks; each is one decision rule on one metric. It passes when all its checks pass, fails when one
fails, and is inconclusive otherwise. Nothing here depends on the order in which trials ran.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.documents.store import from_data
from xaic.documents.types import Level, MethodCard, State, Verdict
from xaic.harness import catalogue
from xaic.harness.applicability import inapplicable
from xaic.harness.checking import Case, CheckOutcome, judge_check
from xaic.harness.planning import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xaic.documents.types import Criterion, Plan, Requirement
    from xaic.harness.evidence import Evidence

CARD = "card"
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
    return Verdict(method, "EX-DOC-01", CARD, _edition(plan), Level.REQUIRED, State.ERROR, f"the method cannot be loaded: {fault}")


def _edition(plan: Plan) -> str:
    return max((criterion.edition for criterion in plan.criteria), default="")


def _concerns(criterion: Criterion, card: MethodCard) -> bool:
    mine = criterion.method is None or criterion.method == card.id
    return mine and criterion.family in {"any", card.family}


def _of_requirement(
    plan: Plan, evidence: Evidence, card: MethodCard, criterion: Criterion, requirement: Requirement
) -> Iterator[Verdict]:
    if any(check.metric == CARD for check in criterion.checks):
        case = Case(card, None, evidence, plan.seed)
        yield _verdict(case, criterion, requirement, CARD)
        return
    planned = {benchmark.id: benchmark for benchmark in plan.benchmarks}
    for id in catalogue.expand(requirement, card.family):
        case = Case(card, planned[id], evidence, plan.seed)
        yield _verdict(case, criterion, requirement, id)


def _verdict(case: Case, criterion: Criterion, requirement: Requirement, benchmark: str) -> Verdict:
    state, reason, outcomes = _decide(case, criterion)
    deciding = next((o for s in ORDER for o in outcomes if o.state is s), None)
    head = (case.card.id, criterion.id, benchmark, criterion.edition, str(requirement.level.value))
    if deciding is None:
        return Verdict(*head, state, reason)
    return Verdict(
        *head,
        state=deciding.state,
        reason=deciding.reason,
        rule="; ".join(outcome.rule for outcome in outcomes),
        estimate=deciding.estimate,
        lower=deciding.lower,
        upper=deciding.upper,
        margin=deciding.margin,
        n=deciding.n,
        weakest=deciding.weakest,
        details=tuple(row for outcome in outcomes for row in outcome.details),
        promise="; ".join(dict.fromkeys(outcome.promise for outcome in outcomes if outcome.promise)),
        worst_units=deciding.worst_units,
    )


def _decide(case: Case, criterion: Criterion) -> tuple[State, str, list[CheckOutcome]]:
    """Return a state with its reason where nothing is measured, else the outcomes of the checks."""
    if criterion.status == "planned":
        return State.NOT_TESTED, criterion.reason, []
    reason = inapplicable(criterion.needs, case.card, case.benchmark)
    if reason:
        return State.NOT_APPLICABLE, reason, []
    if case.benchmark is not None:
        record = case.record(case.card.id)
        if record is None or record.method == SHARED:
            return State.NOT_TESTED, "the trial was not planned", []
        if record.state == "error":
            return State.ERROR, record.reason, []
        if record.state == "not applicable":
            return State.NOT_APPLICABLE, record.reason, []
    outcomes = [
        judge_check(case, check) for check in criterion.checks if not inapplicable(check.needs, case.card, case.benchmark)
    ]
    return State.NOT_TESTED, "no check of the criterion could be made here", outcomes
