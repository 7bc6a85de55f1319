"""The state shown for a single comparison is the one its decision rule gives when there is only that comparison."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reporting.made_run import CRITERIA, dominance, share
from xaic.documents.types import Rule, State
from xaic.reporting.comparisons import Compared, Line, deciding, grids, line_of, slack, weakest
from xaic.reporting.roster import Roster
from xaic.statistics import Outcome, rules

if TYPE_CHECKING:
    from xaic.harness.folder import LoadedRun

UNIT = (-1.0, 1.0)


def shown(rule: Rule, outcome: Outcome) -> list[State | None]:
    """What the report says of each comparison of an outcome."""
    return [Compared(row, line_of(rule, row)).state for row in outcome.details]


def scores(seed: int, shift: float) -> Any:
    return np.clip(np.random.default_rng(seed).normal(shift, 0.3, 60), -1, 1)


@given(st.integers(0, 50), st.sampled_from([-0.5, -0.1, 0.0, 0.05, 0.3]))
def test_dominance_over_one_control(seed: int, shift: float) -> None:
    outcome = rules.dominance({("C1", "mean"): scores(seed, shift)}, bounds=UNIT)
    assert shown(Rule("DR1"), outcome) == [outcome.state]


@given(st.integers(0, 50), st.sampled_from([-0.4, -0.1, 0.0, 0.2]))
def test_non_inferiority(seed: int, shift: float) -> None:
    outcome = rules.non_inferiority(scores(seed, shift), margin=0.1, bounds=UNIT)
    assert shown(Rule("DR4", margin=0.1), outcome) == [outcome.state]


@given(st.integers(0, 60))
def test_proportion(holding: int) -> None:
    outcome = rules.proportion([1] * holding + [0] * (60 - holding), p0=0.9)
    assert shown(Rule("DR3", p0=0.9), outcome) == [outcome.state]


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.1, 0.4])
def test_a_figure_below_its_margin(shift: float) -> None:
    stated = np.random.default_rng(1).uniform(0.5, 0.95, 400)
    correct = (np.random.default_rng(2).random(400) < stated - shift).astype(float)
    outcome = rules.below({"confidence": stated, "correct": correct}, "ece", margin=0.05)
    assert shown(Rule("DR6", margin=0.05), outcome) == [outcome.state]


@given(st.integers(0, 30), st.sampled_from([0.0, 0.3, 0.8]), st.sampled_from([0.0, 0.2, 0.6]))
def test_change_beyond_chance(seed: int, trained: float, chance: float) -> None:
    repeat, kept, unrelated = np.ones(60), scores(seed, trained), scores(seed + 1, chance)
    outcome = rules.null_calibrated(repeat, kept, unrelated, margin=0.05, bounds=(-2.0, 2.0))
    both = shown(Rule("DR2", margin=0.05), outcome)
    assert (outcome.state is State.PASS) == (both == [State.PASS, State.PASS])
    assert (outcome.state is State.FAIL) == (State.FAIL in both)


@pytest.mark.parametrize(
    ("line", "at_margin"),
    [
        (Line(0.0), State.FAIL),
        (Line(0.0, touch="good"), State.PASS),
        (Line(0.0, above=False, touch="good"), State.PASS),
        (Line(0.0, above=False, touch=""), State.INCONCLUSIVE),
    ],
)
def test_a_bound_on_the_line(line: Line, at_margin: State) -> None:
    assert line.state(0.0, 0.0) is at_margin


def test_an_open_side_decides_nothing() -> None:
    assert Line(0.0).state(None, 1.0) is State.INCONCLUSIVE
    assert Line(0.0).state(None, -1.0) is State.FAIL


def test_an_unknown_rule_is_not_guessed() -> None:
    assert Compared({"estimate": 1.0, "lower": 0.5, "upper": 1.5}, line_of(Rule("DR99"), {})).state is None


def test_controls_in_rows_and_operators_in_columns(made_run: LoadedRun) -> None:
    (grid,) = grids(dominance(State.FAIL, "attribution.poor", -0.3, -0.1), CRITERIA[0], Roster(made_run))
    assert grid.metric == "made.removal"
    assert grid.operators == ("mean", "blur")
    assert [name for name, _ in grid.rows] == ["C1 random", "C5 edges"]
    states = [[one.state for one in row if one] for _, row in grid.rows]
    assert states == [[State.PASS, State.PASS], [State.PASS, State.FAIL]]


def test_a_gap_in_the_details_is_an_empty_cell(made_run: LoadedRun) -> None:
    verdict = dominance(State.PASS, "attribution.good", 0.1, 0.3)
    (grid,) = grids(replace(verdict, details=verdict.details[:3]), CRITERIA[0], Roster(made_run))
    assert grid.rows[1][1][1] is None


def test_the_deciding_line_and_what_it_turned_on(made_run: LoadedRun) -> None:
    verdict = dominance(State.PASS, "attribution.good", 0.1, 0.3)
    assert deciding(verdict, CRITERIA[0]) == Line(0.0)
    assert weakest(verdict, Roster(made_run)) == "C5 edges, blur"
    assert slack(verdict, CRITERIA[0]) == pytest.approx(0.5)
    held = share("attribution.good", "EX-BBB-01", "b", "made.sameness", State.FAIL)
    assert slack(held, CRITERIA[1]) == pytest.approx((0.2 - 0.95) / 0.4)
    assert weakest(held, Roster(made_run)) == ""
    assert deciding(replace(verdict, details=()), CRITERIA[0]) is None
