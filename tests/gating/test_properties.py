"""What must hold whatever the scores are."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.gating.made import MINE, Made, plain, worse
from xaic.documents.types import Finding, Shift
from xaic.gating import hold
from xaic.gating.deciding import ALPHA, answer, ladder
from xaic.gating.margins import SHARE, Margin, Skill, of_shares, of_skill
from xaic.gating.pairs import Figured, Pair, Paired
from xaic.gating.questions import Key, Question
from xaic.statistics import holm

Array = NDArray[np.float64]
SCORES = st.lists(st.floats(0, 1, width=32), min_size=12, max_size=60)
SEEDS = st.integers(0, 2**31)


def ask(pair: Pair, margin: float = 0.05, count: int = 1) -> Shift:
    """Answer one question of several."""
    others = [Question(Key("m", "b", str(i), "", "score", 0.1), still(), Margin(0.1, "made")) for i in range(count - 1)]
    mine = Question(Key("m", "b", "mine", "", "score", margin), pair, Margin(margin, "made"))
    return answer([mine, *others])[mine.key]


def still() -> Paired:
    return Paired(np.zeros(12), np.zeros(12), (0.0, 1.0))


def pair(scores: list[float], seed: int, by: float = 0.5) -> Paired:
    before = np.asarray(scores)
    after = np.clip(before + np.random.default_rng(seed).uniform(-by, by, len(before)), 0, 1)
    return Paired(before, after, (0.0, 1.0))


@settings(max_examples=60, deadline=None)
@given(SCORES, SEEDS, st.floats(0, 0.5))
def test_nothing_that_stayed_is_ever_worse(scores: list[float], seed: int, margin: float) -> None:
    values = np.asarray(scores)
    values[np.random.default_rng(seed).random(len(values)) < 0.3] = np.nan
    for range_ in ((0.0, 1.0), (None, None)):
        assert ask(Paired(values, values.copy(), range_), margin).finding is Finding.HELD


@settings(max_examples=30, deadline=None)
@given(SCORES, SEEDS)
def test_order_of_units_changes_nothing(scores: list[float], seed: int) -> None:
    one = pair(scores, seed)
    order = np.random.default_rng(seed + 1).permutation(len(scores))
    there, again = ask(Paired(one.before[order], one.after[order], one.range)), ask(one)
    assert (there.finding, there.n) == (again.finding, again.n)
    for name in ("estimate", "lower", "upper"):
        assert getattr(there, name) == pytest.approx(getattr(again, name), abs=1e-12)  # sums are rounded by order


@settings(max_examples=30, deadline=None)
@given(SCORES, SEEDS, st.floats(0.01, 0.3))
def test_what_is_worse_one_way_is_better_the_other_way(scores: list[float], seed: int, margin: float) -> None:
    one = pair(scores, seed)
    back = Paired(one.after, one.before, one.range)
    there, again = ask(one, margin), ask(back, margin)
    assert there.estimate == pytest.approx(-(again.estimate or 0), abs=1e-12)
    assert Finding.REGRESSION not in {there.finding} & {again.finding}
    if there.finding is Finding.REGRESSION:
        assert again.finding is Finding.HELD


@settings(max_examples=30, deadline=None)
@given(SCORES, SEEDS)
def test_a_metric_turned_round_gives_the_same_answer(scores: list[float], seed: int) -> None:
    one = pair(scores, seed)
    lower_is_better = 1 - one.before, 1 - one.after  # as stored; the gate turns them round again
    turned = Paired(-lower_is_better[0], -lower_is_better[1], (-1.0, 0.0))
    there, again = ask(one), ask(turned)
    assert there.finding is again.finding
    assert there.estimate == pytest.approx(again.estimate)


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_a_unit_without_a_score_is_never_better_than_one_with_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    before, after = rng.random(80), rng.random(80)
    gone = np.where(rng.random(80) < 0.3, np.nan, after)
    kept, lost = Paired(before, after, (0.0, 1.0)), Paired(before, gone, (0.0, 1.0))
    assert np.all(lost.differences <= kept.differences)


def test_lost_scores_without_a_range_are_never_held() -> None:
    rng = np.random.default_rng(0)
    before = rng.normal(size=200)
    after = before + rng.normal(size=200) * 1e-3
    after[:3] = np.nan
    shift = ask(Paired(before, after, (None, None)), 0.1)
    assert shift.finding is Finding.UNDECIDED
    assert "3 units have lost their score" in shift.reason
    parts = {"": np.append(before[:-1], 0.5)}
    figures = Figured(parts, {"": np.where(np.arange(200) < 3, np.nan, parts[""] + 1e-3)}, "mean", 1.0)
    assert ask(figures, 0.1).finding is Finding.UNDECIDED


def test_clusters_count_once() -> None:
    rng = np.random.default_rng(0)
    before, after = rng.random(40), rng.random(40)
    alone = Paired(before, after, (0.0, 1.0))
    fourfold = Paired(np.repeat(before, 4), np.repeat(after, 4), (0.0, 1.0), np.repeat(np.arange(40), 4).astype(str))
    one, other = ask(alone), ask(fourfold)
    assert (one.n, one.finding) == (other.n, other.finding) == (40, one.finding)
    assert one.lower == pytest.approx(other.lower)


def test_holm_asks_more_of_one_among_many() -> None:
    """The same loss: shown where it is the only comparison, not where it is one of a thousand."""
    rng = np.random.default_rng(0)
    before = rng.uniform(0.3, 1, 100)
    lossy = Paired(before, before - rng.uniform(0, 0.3, 100), (0.0, 1.0))
    alone, among = ask(lossy, 0.09), ask(lossy, 0.09, count=1000)
    assert (alone.finding, among.finding) == (Finding.REGRESSION, Finding.UNDECIDED)
    assert (alone.upper, alone.lower) == (among.upper, among.lower)
    assert "not after Holm's correction for 1000 comparisons" in among.reason
    assert among.needed is not None
    assert among.needed > 100


@given(st.integers(1, 3000))
def test_the_ladder_falls_to_the_level_of_the_first_step_of_holm(count: int) -> None:
    steps = ladder(ALPHA, count)
    assert steps[0] == ALPHA
    assert steps[-1] == ALPHA / count
    assert all(one > other >= one / 2 for one, other in pairwise(steps))
    assert holm([steps[-1], *[1.0] * (count - 1)])[0] <= ALPHA + 1e-15


@given(st.floats(-1, 1), st.floats(-1, 1), st.floats(-1, 1))
def test_a_margin_is_never_negative_and_never_above_its_share(own: float, oracle: float, control: float) -> None:
    margin = of_skill(Skill(own, {"o": oracle}, {"c": control}))
    assert 0 <= margin.value <= SHARE * 2
    assert margin.source
    assert of_shares().value == SHARE


def test_tables_in_another_order_are_paired_by_unit(tmp_path: Path) -> None:
    scores = plain(60)
    order = np.random.default_rng(3).permutation(60)
    Made(scores).write(tmp_path / "before")
    Made(scores, order=order).write(tmp_path / "after")
    found = hold(tmp_path / "before", tmp_path / "after")
    assert found.status == 0
    assert found.summary.endswith("no score moved")
    Made(worse(scores, 0.01 * np.arange(60) / 60), order=order).write(tmp_path / "moved")
    Made(worse(scores, 0.01 * np.arange(60) / 60)).write(tmp_path / "sorted")
    one, other = (hold(tmp_path / "before", tmp_path / name) for name in ("moved", "sorted"))
    assert one.rows == other.rows
    assert {row.method for row in one.rows} == {MINE}
