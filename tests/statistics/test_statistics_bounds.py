"""Bounds: known answers from tables, SciPy and hand; laws; and coverage on distributions that break other bounds."""

from __future__ import annotations

from itertools import pairwise
from math import comb, log, sqrt
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from xaic.documents.errors import Misuse
from xaic.statistics import (
    bca_mean,
    bounded_bound,
    clopper_pearson,
    empirical_bernstein,
    satterthwaite,
    student_t,
    unbounded_bound,
)
from xaic.statistics.betting import ORDERS, VOTE, orders, rejects

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

UNIT = arrays(np.float64, st.integers(2, 60), elements=st.floats(0, 1, width=32))
LAWS = settings(max_examples=25, deadline=None)


# ---- known answers ----


def capital_by_hand(x: list[float], m: float, target: float) -> float:
    """Play the game unit by unit in plain Python, for n small enough that every unit is a block of its own."""
    n, capital, peak, total, square = len(x), 1.0, 1.0, 0.0, 0.0
    for i, value in enumerate(x):
        centre = (0.5 + total) / (1 + i)
        variance = (0.25 + square - 2 * centre * total + i * centre**2) / (1 + i)
        missing = max(log(target / capital), 0.0) if capital > 0 else 700.0
        stake = min(sqrt(2 * missing / ((n - i) * variance)), 0.95 / m)
        capital *= 1 + stake * (value - m)
        peak = max(peak, capital)
        total, square = total + value, square + value**2
    return peak


def test_betting_rejects_what_three_quarters_of_the_orders_reject_by_hand() -> None:
    rng = np.random.default_rng(1)
    x = np.sort(rng.beta(2, 2, 30))
    level = 0.75 * 0.05
    decided = set()
    for m in np.linspace(0.05, 0.6, 23):
        votes = [capital_by_hand(x[order].tolist(), float(m), 1 / level) >= 1 / level for order in orders(30)]
        expected = sum(votes) >= 0.75 * len(votes)
        assert bool(rejects(x[None], np.array([[m]]), 0.05)[0, 0]) == expected
        decided.add(expected)
    assert decided == {True, False}


def test_every_order_is_a_permutation_and_no_two_are_equal() -> None:
    found = orders(40)
    assert found.shape == (ORDERS, 40)
    assert np.array_equal(np.sort(found, axis=1), np.tile(np.arange(40), (ORDERS, 1)))
    assert len(np.unique(found, axis=0)) == ORDERS


def test_betting_lies_where_the_search_brackets_the_last_rejected_mean() -> None:
    x = np.random.default_rng(2).beta(2, 5, 120)
    bound = float(bounded_bound(x, 0, 1, 0.05, "lower"))
    below, above = rejects(x[None], np.array([[bound - 1e-9, bound + 0.01]]), 0.05)[0]
    assert below
    assert not above
    assert 0.02 < x.mean() - bound < 0.09  # no narrower than a normal bound, 0.024


def test_betting_needs_about_as_many_clean_units_as_the_rule_of_three() -> None:
    # 0 failures of n exclude a failure rate of log(1/a)/n and no less, a = 3/4 of alpha
    bound = float(bounded_bound(np.zeros(200), 0, 1, 0.05, "upper"))
    assert log(1 / 0.05) / 200 < bound < 1.4 * log(1 / (VOTE * 0.05)) / 200


def test_identical_scores_do_not_give_a_bound_of_zero_width() -> None:
    lower, upper = (float(bounded_bound(np.zeros(200), -1, 1, 0.05, side)) for side in ("lower", "upper"))
    assert lower < 0 < upper
    assert upper == pytest.approx(-lower, abs=1e-12)


def test_empirical_bernstein_by_hand() -> None:
    x = np.array([0.0, 0.5, 1.0, 0.5])  # mean 1/2, sample variance 1/6
    half = sqrt(2 * (1 / 6) * log(2 / 0.2) / 4) + 7 * log(2 / 0.2) / 9
    assert half > 0.5  # wider than the range: the bound is the range
    assert float(empirical_bernstein(x, 0, 1, 0.2, "lower")) == 0.0
    many = np.tile(x, 250)
    variance = 1000 / 999 * 0.125
    half = sqrt(2 * variance * log(2 / 0.05) / 1000) + 7 * log(2 / 0.05) / (3 * 999)
    assert float(empirical_bernstein(many, 0, 1, 0.05, "lower")) == pytest.approx(0.5 - half)
    assert float(empirical_bernstein(2 * many - 1, -1, 1, 0.05, "upper")) == pytest.approx(2 * half)


def test_student_t_is_scipys() -> None:
    x = np.random.default_rng(3).normal(1, 2, (3, 25))
    for row, lower, upper in zip(x, student_t(x, 0.05, "lower"), student_t(x, 0.05, "upper"), strict=True):
        assert lower == pytest.approx(stats.ttest_1samp(row, 0).confidence_interval(0.9).low)
        assert upper == pytest.approx(stats.ttest_1samp(row, 0).confidence_interval(0.9).high)


def test_bca_agrees_with_scipys_bootstrap() -> None:
    x = np.random.default_rng(4).lognormal(0, 1, 80)
    theirs = stats.bootstrap(
        (x,), np.mean, confidence_level=0.9, n_resamples=20000, method="BCa", rng=np.random.default_rng(0)
    ).confidence_interval
    rng = np.random.default_rng(1)
    lower, upper = (float(bca_mean(x, 0.05, side, rng=rng, resamples=20000)) for side in ("lower", "upper"))
    width = theirs.high - theirs.low
    assert lower == pytest.approx(theirs.low, abs=0.03 * width)
    assert upper == pytest.approx(theirs.high, abs=0.03 * width)


@pytest.mark.parametrize(("k", "n"), [(0, 12), (12, 12), (7, 20), (196, 200)])
def test_clopper_pearson_solves_the_binomial_tail(k: int, n: int) -> None:
    lower, upper = (clopper_pearson(k, n, 0.05, side) for side in ("lower", "upper"))
    exact = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
    assert lower == pytest.approx(exact.low, abs=1e-9)
    assert upper == pytest.approx(exact.high, abs=1e-9)
    if k > 0:
        tail = sum(comb(n, j) * lower**j * (1 - lower) ** (n - j) for j in range(k, n + 1))
        assert tail == pytest.approx(0.05)


def test_satterthwaite_by_hand() -> None:
    x = np.array([[1.0, 3.0], [2.0, 4.0], [6.0, 8.0]])  # additive: the rest is 0
    # MS_units = 2 var(2, 3, 7) = 14, MS_seeds = 3 var(3, 5) = 6, variance (14 + 6) / 6
    df = 20**2 / (14**2 / 2 + 6**2 / 1)
    half = stats.t.ppf(0.95, df) * sqrt(20 / 6)
    assert satterthwaite(x, 0.05, "lower") == pytest.approx(4 - half)
    assert satterthwaite(x, 0.05, "upper") == pytest.approx(4 + half)


def test_satterthwaite_heeds_seeds_that_units_alone_would_hide() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1, 3)) + 0.1 * rng.standard_normal((200, 3))
    assert satterthwaite(x, 0.05, "lower") < float(student_t(x.mean(axis=1), 0.05, "lower")) - 0.5


def test_clusters_count_once() -> None:
    x = np.array([0.1, 0.1, 0.1, 0.5, 0.9, 0.7])
    ids = ["a", "a", "a", "b", "c", "c"]
    means = np.array([0.1, 0.5, 0.8])
    assert float(student_t(x, 0.05, "lower", clusters=ids)) == pytest.approx(float(student_t(means, 0.05, "lower")))
    assert float(bounded_bound(x, 0, 1, 0.05, "upper", clusters=ids)) == pytest.approx(
        float(bounded_bound(means, 0, 1, 0.05, "upper"))
    )
    repeated, ids_ = np.repeat(means, 20), np.repeat([1, 2, 3], 20)
    assert float(bca_mean(repeated, 0.05, "lower", clusters=ids_)) == pytest.approx(
        float(bca_mean(means, 0.05, "lower"))
    )


def test_scores_that_do_not_vary_have_no_unbounded_bound() -> None:
    assert np.isnan(unbounded_bound(np.full(100, 0.3), 0.05, "lower"))
    assert np.isfinite(unbounded_bound(np.r_[np.full(99, 0.3), 0.4], 0.05, "lower"))


@pytest.mark.parametrize(
    "call",
    [
        lambda: bounded_bound([0.5, 1.5], 0, 1, 0.05, "lower"),
        lambda: bounded_bound([0.5, np.nan], 0, 1, 0.05, "lower"),
        lambda: bounded_bound([], 0, 1, 0.05, "lower"),
        lambda: bounded_bound([0.5], 1, 1, 0.05, "lower"),
        lambda: bounded_bound([0.5], 0, 1, 0.6, "lower"),
        lambda: bounded_bound([0.5, 0.6], 0, 1, 0.05, "lower", clusters=["a"]),
        lambda: clopper_pearson(3, 2, 0.05, "lower"),
        lambda: satterthwaite(np.zeros((1, 3)), 0.05, "lower"),
    ],
)
def test_misuse_is_told(call: Callable[[], object]) -> None:
    with pytest.raises(Misuse):
        call()


# ---- laws ----

BOUNDED = pytest.mark.parametrize("bound", [bounded_bound, empirical_bernstein])


@BOUNDED
@given(x=UNIT)
@LAWS
def test_bounds_lie_in_the_range_on_either_side_of_the_mean(bound: Callable[..., Array], x: Array) -> None:
    lower, upper = (float(bound(x, 0, 1, 0.05, side)) for side in ("lower", "upper"))
    assert 0 <= lower <= x.mean() + 1e-12
    assert x.mean() - 1e-12 <= upper <= 1


@BOUNDED
@given(x=UNIT, seed=st.integers(0, 99))
@LAWS
def test_the_order_of_rows_does_not_matter(bound: Callable[..., Array], x: Array, seed: int) -> None:
    shuffled = np.random.default_rng(seed).permutation(x)
    assert float(bound(x, 0, 1, 0.05, "lower")) == pytest.approx(float(bound(shuffled, 0, 1, 0.05, "lower")), abs=1e-9)


@BOUNDED
@given(x=UNIT)
@LAWS
def test_upper_and_lower_mirror_each_other(bound: Callable[..., Array], x: Array) -> None:
    assert float(bound(x, 0, 1, 0.05, "upper")) == pytest.approx(1 - float(bound(1 - x, 0, 1, 0.05, "lower")), abs=1e-9)


@BOUNDED
@given(x=UNIT, lo=st.floats(-5, 5), width=st.floats(0.1, 9))
@LAWS
def test_scale_and_origin_do_not_matter(bound: Callable[..., Array], x: Array, lo: float, width: float) -> None:
    here = float(bound(x, 0, 1, 0.05, "lower"))
    there = float(bound(lo + width * x, lo, lo + width, 0.05, "lower"))
    assert (there - lo) / width == pytest.approx(here, abs=0.02)


@given(x=UNIT)
@LAWS
def test_a_smaller_alpha_never_narrows(x: Array) -> None:
    assert float(empirical_bernstein(x, 0, 1, 0.01, "lower")) <= float(empirical_bernstein(x, 0, 1, 0.1, "lower"))
    assert float(student_t(x, 0.01, "lower")) <= float(student_t(x, 0.1, "lower"))
    assert clopper_pearson(3, len(x) + 1, 0.01, "lower") <= clopper_pearson(3, len(x) + 1, 0.1, "lower")


def test_a_smaller_alpha_never_narrows_betting() -> None:
    x = np.random.default_rng(6).beta(2, 3, (50, 80))
    bounds = [bounded_bound(x, 0, 1, alpha, "lower") for alpha in (0.001, 0.01, 0.05, 0.2)]
    assert all(np.all(one < other) for one, other in pairwise(bounds))


def test_leading_axes_are_computed_as_if_alone() -> None:
    x = np.random.default_rng(7).beta(2, 3, (2, 3, 50))
    together = bounded_bound(x, 0, 1, 0.05, "lower")
    assert together.shape == (2, 3)
    assert together[1, 2] == pytest.approx(float(bounded_bound(x[1, 2], 0, 1, 0.05, "lower")))


# ---- promises ----

DISTRIBUTIONS: dict[str, tuple[Callable[[np.random.Generator, tuple[int, int]], Array], float]] = {
    "rare failure": (lambda rng, shape: (rng.random(shape) < 0.97).astype(float), 0.97),
    "rare gain": (lambda rng, shape: (rng.random(shape) < 0.03).astype(float), 0.03),
    "fair coin": (lambda rng, shape: rng.integers(0, 2, shape).astype(float), 0.5),
    "skewed": (lambda rng, shape: rng.beta(1, 5, shape), 1 / 6),
    "narrow": (lambda rng, shape: rng.uniform(0.4, 0.6, shape), 0.5),
    "mixed": (lambda rng, shape: np.where(rng.random(shape) < 0.9, 0.5, rng.random(shape)), 0.5),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("n", [12, 100])
def test_betting_errs_no_more_often_than_promised(name: str, n: int) -> None:
    draw, mean = DISTRIBUTIONS[name]
    x = draw(np.random.default_rng(11), (600, n))
    too_high = (bounded_bound(x, 0, 1, 0.05, "lower", at=mean) > mean).sum()
    too_low = (bounded_bound(x, 0, 1, 0.05, "upper", at=mean) < mean).sum()
    assert max(too_high, too_low) <= stats.binom.ppf(0.999, 600, 0.05)


@pytest.mark.parametrize("seed", range(4))
def test_no_seed_of_the_orders_breaks_the_promise(seed: int) -> None:
    x = np.random.default_rng(12).beta(1, 5, (1500, 200))
    misses = rejects(x, np.full((1500, 1), 1 / 6), 0.05, seed).sum()
    assert misses <= stats.binom.ppf(0.999, 1500, 0.05)


def test_betting_beats_empirical_bernstein() -> None:
    x = np.random.default_rng(13).beta(2, 4, (40, 200))
    assert np.all(bounded_bound(x, 0, 1, 0.05, "lower") > empirical_bernstein(x, 0, 1, 0.05, "lower"))


def test_betting_finds_a_difference_of_three_tenths_of_a_deviation() -> None:
    x = np.clip(np.random.default_rng(14).normal(0.06, 0.2, (200, 200)), -1, 1)
    assert np.mean(bounded_bound(x, -1, 1, 0.05, "lower", at=0.0) > 0) > 0.9


def test_the_wider_of_two_errs_less_than_either_on_skewed_scores() -> None:
    mean = np.exp(0.5)
    x = -np.random.default_rng(15).lognormal(0, 1, (1500, 60))
    wider = np.mean(unbounded_bound(x, 0.05, "lower") > -mean)
    assert wider < np.mean(student_t(x, 0.05, "lower") > -mean)
    assert wider <= 0.11
