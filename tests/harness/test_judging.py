"""From checks to verdicts: aggregation, what was not measured, and that no order of trials matters."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.harness.cases import (
    BENCHMARK,
    CARD,
    HIGHER,
    LOWER,
    MINE,
    OTHER,
    PLACE,
    UNITS,
    check,
    criterion,
    evidence,
    plan,
    record,
    scores,
    spread,
)
from xaic.documents.store import to_data
from xaic.documents.types import Check, Criterion, Plan, Requirement, Rule, State, Verdict
from xaic.harness.catalogue import CARD as ON_CARD
from xaic.harness.evidence import Evidence
from xaic.harness.judging import judge

PASS = check(HIGHER, "DR1")
FAIL = check(HIGHER, "DR1", margin=1.5)
OPEN = check(LOWER, "DR1")  # not measured in these tests
ERROR = check(HIGHER, "DR1", part="no such part")
RANDOM = "attribution.random"


def one(found: Evidence, *criteria: Criterion, **more: object) -> Verdict:
    (verdict,) = judge(plan(*criteria, **more), found)  # type: ignore[arg-type]
    return verdict


@pytest.fixture
def measured() -> Evidence:
    return evidence(scores({(HIGHER,): spread(0.5)}))


@pytest.mark.parametrize(
    ("checks", "state"),
    [
        ((PASS,), State.PASS),
        ((FAIL,), State.FAIL),
        ((OPEN,), State.INCONCLUSIVE),
        ((PASS, PASS), State.PASS),
        ((PASS, OPEN), State.INCONCLUSIVE),
        ((OPEN, PASS), State.INCONCLUSIVE),
        ((PASS, FAIL), State.FAIL),
        ((OPEN, FAIL, PASS), State.FAIL),
        ((FAIL, ERROR), State.ERROR),
        ((ERROR, PASS), State.ERROR),
        ((), State.NOT_TESTED),
    ],
)
def test_a_criterion_passes_when_all_checks_pass_and_the_worst_speaks(
    measured: Evidence, checks: tuple[Check, ...], state: State
) -> None:
    assert one(measured, criterion(*checks)).state is state


def test_a_verdict_tells_the_figures_of_the_check_it_turned_on_and_the_rows_of_all(measured: Evidence) -> None:
    verdict = one(measured, criterion(PASS, FAIL))
    assert verdict.margin == 1.5
    assert verdict.estimate == pytest.approx(0.5)
    assert len(verdict.details) == 2
    assert {row["metric"] for row in verdict.details} == {HIGHER}
    assert verdict.rule.count("DR1") == 2
    assert verdict.level == "required"
    assert verdict.edition == "2026.1"


@pytest.mark.parametrize("state", ["error", "not applicable"])
def test_a_trial_that_measured_nothing_gives_its_state_and_reason(state: str) -> None:
    verdict = one(evidence(None, state=state), criterion(PASS, FAIL))
    assert (verdict.state, verdict.reason) == (State(state), "because")
    assert verdict.estimate is None


def test_a_trial_that_nobody_planned_is_not_tested() -> None:
    verdict = one(Evidence({}, {}), criterion(PASS))
    assert (verdict.state, verdict.reason) == (State.NOT_TESTED, "the trial was not planned")


def test_a_planned_criterion_is_not_tested_even_where_the_trial_failed() -> None:
    verdict = one(evidence(None, state="error"), criterion(PASS, status="planned", reason="not built yet"))
    assert (verdict.state, verdict.reason, verdict.benchmark) == (State.NOT_TESTED, "not built yet", "none")


@pytest.mark.parametrize(
    ("needs", "reason"),
    [
        ({"claims": ["completeness"]}, "the method does not claim completeness"),
        ({"truth": True}, "the method's values mean contribution; the benchmark knows region"),
        ({"values": ["sensitivity"]}, "the method's values mean contribution; the criterion is about sensitivity"),
        ({"offers": ["mask"]}, "the benchmark offers no mask"),
        ({"controls": ["C7"]}, "the benchmark has no control C7"),
        ({"stochastic": True}, "the method is deterministic"),
        ({"signed": False}, "the method's maps have a sign"),
        ({"target_specific": False}, "the method gives each class a map of its own"),
        ({"access": ["outputs", "none"]}, "the method has access to gradients; the criterion needs outputs or none"),
    ],
)
def test_an_unmet_need_is_not_applicable_with_its_reason(
    measured: Evidence, needs: dict[str, object], reason: str
) -> None:
    verdict = one(measured, criterion(FAIL, needs=needs))
    assert (verdict.state, verdict.reason) == (State.NOT_APPLICABLE, reason)


@pytest.mark.parametrize(
    "needs",
    [
        {"truth": False},
        {"offers": ["region"]},
        {"controls": ["C1", "C2"]},
        {"signed": True, "stochastic": False, "target_specific": True},
        {"access": ["gradients"]},
        {"values": ["contribution", "region"]},
    ],
)
def test_a_need_that_is_met_leaves_the_criterion_to_its_checks(measured: Evidence, needs: dict[str, object]) -> None:
    assert one(measured, criterion(PASS, needs=needs)).state is State.PASS


def test_an_error_is_never_hidden_behind_a_verdict_of_another_benchmark(measured: Evidence) -> None:
    second = replace(BENCHMARK, id="attribution/elsewhere")
    measured.records[MINE, second.id] = replace(record(state="error", reason="it died"), benchmark=second.id)
    found = judge(plan(criterion(PASS), benchmarks=(BENCHMARK, second)), measured)
    assert {v.benchmark: v.state for v in found} == {PLACE: State.PASS, second.id: State.ERROR}


def test_judging_reads_the_plan_and_not_the_catalogue(measured: Evidence) -> None:
    """The benchmark of these tests is in no catalogue; a resumed run is judged by what was planned."""
    assert one(measured, criterion(PASS)).benchmark == PLACE


def test_only_methods_that_were_asked_for_are_judged_and_claims_only_for_their_method(measured: Evidence) -> None:
    other = replace(CARD, id=OTHER)
    claim = criterion(PASS, id="CL-FAI-01", method=OTHER, kind="claim")
    both = plan(criterion(PASS), claim, methods=(CARD, other))
    assert {(v.method, v.criterion) for v in judge(both, measured)} == {
        (MINE, "EX-FAI-99"),
        (OTHER, "EX-FAI-99"),
        (OTHER, "CL-FAI-01"),
    }
    silent = replace(both, methods=(both.methods[0], {**both.methods[1], "asked": False}))
    assert {v.method for v in judge(silent, measured)} == {MINE}


def test_a_method_without_a_card_is_an_error_and_not_silently_missing(measured: Evidence) -> None:
    broken = {"id": "./x.py:X", "reference": "./x.py:X", "card": None, "asked": True, "fault": "SyntaxError"}
    whole = plan(criterion(PASS))
    found = judge(replace(whole, methods=(*whole.methods, broken)), measured)
    assert [(v.method, v.state) for v in found] == [("./x.py:X", State.ERROR), (MINE, State.PASS)]
    assert "SyntaxError" in found[0].reason


def test_a_criterion_on_the_card_needs_no_trial() -> None:
    on_card = criterion(Check("card", Rule("DR7"), "claims"), family="any")
    asked = plan(on_card, requirements=(Requirement(on_card.id, ("*",)),))
    (verdict,) = judge(asked, Evidence({}, {}))
    assert (verdict.benchmark, verdict.state) == (ON_CARD, State.FAIL)


def crowd() -> tuple[Plan, Evidence]:
    """Three methods, three controls and a reference, of which each has scores of every kind."""
    cards = tuple(replace(CARD, id=f"attribution.m{i}") for i in range(3))
    found = Evidence({}, {})
    everyone = [(card.id, "") for card in cards] + [(RANDOM, "C1"), ("attribution.also_c1", "C1"), (OTHER, "")]
    for place, (method, control) in enumerate(everyone):
        order = np.random.default_rng(place).permutation(len(UNITS))
        measured = {
            (HIGHER, "mean"): spread(0.1 * place)[order],
            (HIGHER, "blur"): spread(0.2 - 0.05 * place)[order],
            (HIGHER, "mean", "C2"): spread(0.05)[order],
            (HIGHER, "blur", "C2"): spread(0.05)[order],
            (LOWER,): spread(0.5 - 0.1 * place)[order],
        }
        found.scores[method, PLACE] = scores(measured, units=tuple(UNITS[i] for i in order))
        found.records[method, PLACE] = record(method, control=control)
    asked = (
        criterion(check(HIGHER, "DR1", "C1", "C2"), check(LOWER, "DR4", reference=OTHER, margin=0.05)),
        criterion(check(LOWER, "DR3", p0=0.8, tolerance=0.4), id="EX-FAI-98"),
        criterion(check(HIGHER, "DR1", "C1", functional="agreement"), id="EX-FAI-97"),
    )
    return plan(*asked, methods=cards), found


CROWD, FOUND = crowd()
JUDGED = judge(CROWD, FOUND)


@given(st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_verdicts_do_not_depend_on_the_order_of_trials_methods_or_requirements(chance: random.Random) -> None:
    def mixed(entries: dict[tuple[str, str], object]) -> dict[tuple[str, str], object]:
        pairs = list(entries.items())
        chance.shuffle(pairs)
        return dict(pairs)

    methods, requirements = list(CROWD.methods), list(CROWD.requirements)
    chance.shuffle(methods)
    chance.shuffle(requirements)
    again = replace(CROWD, methods=tuple(methods), requirements=tuple(requirements))
    found = judge(again, Evidence(mixed(FOUND.scores), mixed(FOUND.records)))  # type: ignore[arg-type]
    assert [to_data(v) for v in found] == [to_data(v) for v in JUDGED]


def test_the_crowd_has_verdicts_of_several_kinds() -> None:
    """Else the test above would show little."""
    assert len(JUDGED) == 9
    assert len({v.state for v in JUDGED}) >= 2
    assert all(v.details for v in JUDGED)
