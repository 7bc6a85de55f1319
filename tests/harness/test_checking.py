"""Each decision rule through the judge's checks, on scores whose right verdict is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.harness.cases import CARD, HIGHER, LOWER, OTHER, UNITS, case, check, evidence, scores, spread
from xaic.documents.errors import BadData
from xaic.documents.types import Check, ClaimedProperty, Rule, State
from xaic.harness.checking import Judged, judge_check
from xaic.harness.evidence import Scores
from xaic.metrics.base import get_metric

RANDOM = "attribution.random"


def test_the_metrics_of_these_tests_have_the_directions_they_are_named_after() -> None:
    assert get_metric(HIGHER).direction == "higher"
    assert get_metric(LOWER).direction == "lower"


def against_random(metric: str, mine: float, random: float, margin: float = 0.0) -> Judged:
    found = evidence(scores({(metric,): spread(mine)}), {RANDOM: ("C1", scores({(metric,): spread(random)[::-1]}))})
    return judge_check(case(found), check(metric, "DR1", "C1", margin=margin))


@pytest.mark.parametrize(
    ("metric", "mine", "random", "state"),
    [
        (HIGHER, 0.5, 0.1, State.PASS),
        (HIGHER, 0.1, 0.5, State.FAIL),
        (HIGHER, 0.3, 0.3, State.INCONCLUSIVE),
        (LOWER, 0.1, 0.5, State.PASS),
        (LOWER, 0.5, 0.1, State.FAIL),
    ],
)
def test_dominance_in_the_direction_of_the_metric(metric: str, mine: float, random: float, state: State) -> None:
    judged = against_random(metric, mine, random)
    assert judged.outcome.state is state
    better = mine - random if metric == HIGHER else random - mine
    assert judged.outcome.estimate == pytest.approx(better, abs=1e-9)
    assert judged.outcome.n == len(UNITS)


def test_dominance_asks_for_the_margin() -> None:
    assert against_random(HIGHER, 0.5, 0.1, margin=0.2).outcome.state is State.PASS
    assert against_random(HIGHER, 0.5, 0.1, margin=0.6).outcome.state is State.FAIL


def test_the_weakest_control_and_operator_speak() -> None:
    own: dict[tuple[str, ...], np.ndarray] = {(HIGHER, "mean"): spread(0.5), (HIGHER, "blur"): spread(0.5)}
    mine = scores(own | {(HIGHER, "mean", "C2"): spread(0.0)[::-1], (HIGHER, "blur", "C2"): spread(0.1)[::-1]})
    random = scores({(HIGHER, "mean"): spread(0.4)[::-1], (HIGHER, "blur"): spread(0.2)[::-1]})
    judged = judge_check(case(evidence(mine, {RANDOM: ("C1", random)})), check(HIGHER, "DR1", "C1", "C2"))
    assert judged.outcome.state is State.PASS
    assert judged.outcome.weakest == {"control": "C1", "operator": "mean"}
    assert {(row["control"], row["operator"]) for row in judged.outcome.details} == {
        (control, operator) for control in ("C1", "C2") for operator in ("mean", "blur")
    }
    only = judge_check(
        case(evidence(mine, {RANDOM: ("C1", random)})), check(HIGHER, "DR1", "C1", "C2", operators=("blur",))
    )
    assert only.outcome.weakest == {"control": "C1", "operator": "blur"}


def test_controls_that_the_benchmark_has_not_are_left_out_and_named_methods_never() -> None:
    mine = scores({(HIGHER,): spread(0.5)})
    other = {OTHER: ("", scores({(HIGHER,): spread(0.1)[::-1]}))}
    judged = judge_check(case(evidence(mine, other), controls=()), check(HIGHER, "DR1", "C1", OTHER))
    assert judged.outcome.state is State.PASS
    assert [row["control"] for row in judged.outcome.details] == [OTHER]
    open_ = judge_check(case(evidence(mine), controls=()), check(HIGHER, "DR1", "C1"))
    assert open_.outcome.reason == "the benchmark has none of the check's controls"
    assert open_.outcome.state is State.INCONCLUSIVE


@pytest.mark.parametrize("others", [{}, {RANDOM: ("C1", None)}], ids=["not tried", "tried and failed"])
def test_a_missing_control_decides_nothing(others: dict[str, tuple[str, Scores | None]]) -> None:
    judged = judge_check(case(evidence(scores({(HIGHER,): spread(9.0)}), others)), check(HIGHER, "DR1", "C1"))
    assert judged.outcome.state is State.INCONCLUSIVE
    assert judged.outcome.reason == "no scores of C1 to compare with"


def test_of_two_methods_that_are_one_control_the_first_by_id_counts_whatever_the_order() -> None:
    mine = scores({(HIGHER,): spread(0.5)})
    weak, strong = scores({(HIGHER,): spread(0.1)[::-1]}), scores({(HIGHER,): spread(0.9)[::-1]})
    both = {"attribution.a": ("C1", weak), "attribution.b": ("C1", strong)}
    states = {
        judge_check(case(evidence(mine, dict(order))), check(HIGHER, "DR1", "C1")).outcome.state
        for order in (list(both.items()), list(both.items())[::-1])
    }
    assert states == {State.PASS}


def test_units_are_paired_by_name_and_a_missing_one_is_dropped() -> None:
    values, order = spread(0.5, 0.2), np.random.default_rng(3).permutation(len(UNITS))
    mine = scores({(HIGHER,): values})
    shuffled = scores({(HIGHER,): (values - 0.1)[order][:-3]}, units=tuple(UNITS[i] for i in order[:-3]))
    judged = judge_check(case(evidence(mine, {RANDOM: ("C1", shuffled)})), check(HIGHER, "DR1", "C1"))
    assert judged.outcome.estimate == pytest.approx(0.1)  # unpaired, the difference would be drowned in 0.2
    assert judged.outcome.n == len(UNITS) - 3
    assert "3 units without a score were dropped" in judged.outcome.reason


def test_worst_units_are_those_with_the_lowest_oriented_difference() -> None:
    values = spread(0.5)
    values[[7, 3]] = [-0.9, -0.5]
    judged = judge_check(
        case(evidence(scores({(HIGHER,): values}), {RANDOM: ("C1", scores({(HIGHER,): spread(0.1)[::-1]}))})),
        check(HIGHER, "DR1", "C1"),
    )
    assert judged.worst_units[:2] == ("u007", "u003")
    assert len(judged.worst_units) == 5


def test_without_controls_a_score_must_be_above_zero() -> None:
    for mean, state in ((0.3, State.PASS), (-0.3, State.FAIL)):
        judged = judge_check(case(evidence(scores({(HIGHER,): spread(mean)}))), check(HIGHER, "DR1"))
        assert judged.outcome.state is state
        assert judged.outcome.weakest == {"control": "zero", "operator": ""}


def test_agreement_of_operators_is_a_route_of_dominance() -> None:
    def of(blur: float) -> State:
        mine = scores({(HIGHER, "mean"): spread(0.5), (HIGHER, "blur"): spread(blur)})
        random = scores({(HIGHER, "mean"): spread(0.1)[::-1], (HIGHER, "blur"): spread(0.1)[::-1]})
        asked = check(HIGHER, "DR1", "C1", functional="agreement")
        return judge_check(case(evidence(mine, {RANDOM: ("C1", random)})), asked).outcome.state

    assert of(0.5) is State.PASS
    assert of(-0.5) is State.FAIL


def parts_of_icc(signal: float) -> dict[tuple[str, ...], np.ndarray]:
    rng = np.random.default_rng(5)
    truth = rng.normal(size=(len(UNITS), 1)) * signal
    names = [("repeatability.signal", "", "method", f"draw-{k}/f-{j}") for k in range(3) for j in range(4)]
    return {name: truth[:, 0] + rng.normal(size=len(UNITS)) * 0.3 for name in names}


def test_a_figure_of_all_units_is_compared_with_that_of_the_control() -> None:
    mine, noise = scores(parts_of_icc(1.0)), scores(parts_of_icc(0.0))
    order = np.random.default_rng(1).permutation(len(UNITS))
    shuffled = Scores(
        tuple(UNITS[i] for i in order), noise.clusters[order], {k: v[order] for k, v in noise.values.items()}
    )
    asked = check("repeatability.signal", "DR1", "C1", functional="icc")
    judged = judge_check(case(evidence(mine, {RANDOM: ("C1", noise)})), asked)
    assert judged.outcome.state is State.PASS
    assert judge_check(case(evidence(mine, {RANDOM: ("C1", shuffled)})), asked) == judged
    strict = replace(asked, rule=replace(asked.rule, margin=1.5))
    assert judge_check(case(evidence(mine, {RANDOM: ("C1", noise)})), strict).outcome.state is State.FAIL
    assert judge_check(case(evidence(mine)), asked).outcome.reason == "no scores of C1 to compare with"


def triple(repeat: float, trained: float, chance: float) -> Scores:
    name = "randomisation.mprt"
    parts = {"": trained, "repeat": repeat, "trained_random": trained, "random_random": chance}
    return scores({(name, "", "method", part): spread(mean) for part, mean in parts.items()})


@pytest.mark.parametrize(
    ("means", "state"),
    [
        ((0.95, 0.1, 0.1), State.PASS),
        ((0.95, 0.95, 0.1), State.FAIL),  # does not change
        ((0.95, 0.6, 0.1), State.FAIL),  # changes, and keeps more than chance
        ((0.95, 0.14, 0.1), State.PASS),  # within the margin
    ],
)
def test_null_calibrated_change(means: tuple[float, float, float], state: State) -> None:
    judged = judge_check(case(evidence(triple(*means))), check("randomisation.mprt", "DR2", margin=0.1))
    assert judged.outcome.state is state


def test_change_alone_asks_for_its_margin() -> None:
    found = case(evidence(triple(0.95, 0.75, 0.1)))
    for margin, state in ((0.05, State.PASS), (0.3, State.FAIL)):
        asked = check("randomisation.mprt", "DR2", functional="change", margin=margin)
        assert judge_check(found, asked).outcome.state is state


def test_a_metric_without_the_parts_of_the_rule_is_told() -> None:
    with pytest.raises(BadData, match="has no part 'repeat', 'trained_random', 'random_random'"):
        judge_check(case(evidence(scores({(HIGHER,): spread(1.0)}))), check(HIGHER, "DR2"))
    with pytest.raises(BadData, match="has no part 'other'"):
        judge_check(case(evidence(scores({(HIGHER,): spread(1.0)}))), check(HIGHER, "DR1", part="other"))


@pytest.mark.parametrize(("metric", "good", "bad"), [(HIGHER, 0.9, 0.1), (LOWER, 0.1, 0.9)])
def test_proportion_in_the_direction_of_the_metric_with_its_worst_units(metric: str, good: float, bad: float) -> None:
    values = np.full(len(UNITS), good)
    asked = check(metric, "DR3", p0=0.9, tolerance=0.5)
    assert judge_check(case(evidence(scores({(metric,): values}))), asked).outcome.state is State.PASS
    values[[4, 9]] = [bad, bad * 0.5 if metric == HIGHER else bad * 2]
    judged = judge_check(case(evidence(scores({(metric,): values}))), asked)
    assert judged.outcome.estimate == pytest.approx(198 / 200)
    assert judged.worst_units == ("u009", "u004")
    assert f"{metric} {'at least' if metric == HIGHER else 'at most'} 0.5" in judged.outcome.rule
    allbad = scores({(metric,): np.full(len(UNITS), bad)})
    assert judge_check(case(evidence(allbad)), asked).outcome.state is State.FAIL


def test_proportion_counts_clusters_and_leaves_out_what_is_undefined() -> None:
    values = np.full(len(UNITS), 0.9)
    values[:4] = np.nan
    whole = scores({(HIGHER,): values})
    grouped = scores({(HIGHER,): values}, clusters=[f"c{i // 4}" for i in range(len(UNITS))])
    asked = check(HIGHER, "DR3", p0=0.9, tolerance=0.5)
    assert judge_check(case(evidence(whole)), asked).outcome.n == 196
    assert judge_check(case(evidence(grouped)), asked).outcome.n == 49


def test_a_claim_tightens_the_tolerance_and_never_loosens_it() -> None:
    metric = "axioms.completeness"
    assert get_metric(metric).direction == "lower"
    found, asked = (
        evidence(scores({(metric,): np.full(len(UNITS), 0.015)})),
        check(metric, "DR3", p0=0.9, tolerance=0.02),
    )
    for claimed, state in ((None, State.PASS), (0.5, State.PASS), (0.01, State.FAIL)):
        card = replace(CARD, claims=(ClaimedProperty("completeness", claimed, "everywhere"),))
        assert judge_check(case(found, card), asked).outcome.state is state


@pytest.mark.parametrize(("metric", "worse", "better"), [(HIGHER, -0.3, 0.3), (LOWER, 0.3, -0.3)])
def test_non_inferiority_to_a_reference(metric: str, worse: float, better: float) -> None:
    def of(shift: float, others: tuple[str, ...] = (OTHER,)) -> Judged:
        reference = {name: ("", scores({(metric,): spread(0.5)[::-1]})) for name in others}
        asked = check(metric, "DR4", reference=OTHER, margin=0.1)
        return judge_check(case(evidence(scores({(metric,): spread(0.5 + shift)}), reference)), asked)

    assert of(0.0).outcome.state is State.PASS
    assert of(better).outcome.state is State.PASS
    assert of(worse).outcome.state is State.FAIL
    assert of(worse).outcome.estimate == pytest.approx(-0.3)
    assert len(of(worse).worst_units) == 5
    assert OTHER in of(0.0).outcome.rule
    missing = of(0.0, ())
    assert (missing.outcome.state, missing.outcome.reason) == (
        State.INCONCLUSIVE,
        f"no scores of the reference {OTHER} to compare with",
    )


def test_a_figure_below_the_margin() -> None:
    found = case(evidence(scores({(HIGHER, "", "method", "value"): spread(0.1)})))
    for margin, state in ((0.2, State.PASS), (0.05, State.FAIL)):
        asked = check(HIGHER, "DR6", functional="mean", margin=margin)
        assert judge_check(found, asked).outcome.state is state


def test_inspection_of_the_card_alone() -> None:
    found = case(evidence())
    judged = judge_check(found, Check("card", Rule("DR7"), "card"))
    assert judged.outcome.state is State.FAIL
    assert "cost is empty" in judged.outcome.reason
    assert "theme T-STK is not addressed" in judged.outcome.reason
    claims = judge_check(
        case(evidence(), replace(CARD, unclaimed=("completeness",))), Check("card", Rule("DR7"), "claims")
    )
    assert claims.outcome.state is State.PASS


@pytest.mark.parametrize("rule", ["DR1", "DR2", "DR3", "DR4", "DR6"])
@pytest.mark.parametrize("mine", [None, scores({(LOWER,): spread(1.0)})], ids=["no scores", "scores of another metric"])
def test_what_was_not_measured_is_open(rule: str, mine: Scores | None) -> None:
    judged = judge_check(case(evidence(mine)), check(HIGHER, rule, tolerance=1.0, reference=OTHER))
    assert judged.outcome.state is State.INCONCLUSIVE
    assert judged.outcome.reason == f"{HIGHER} was not measured"


def test_a_rule_that_nobody_decides_is_told() -> None:
    with pytest.raises(BadData, match="decision rule DR99 is not decided by this xaic; it decides DR1"):
        judge_check(case(evidence()), check(HIGHER, "DR99"))
