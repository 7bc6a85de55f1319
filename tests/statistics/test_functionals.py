"""Functionals against scikit-learn, analysis of variance and hand; and the bootstrap around them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from xaic.documents.errors import BadData, Misuse, UnknownName
from xaic.statistics import bootstrap_bound, bootstrap_interval, get_functional
from xaic.statistics.functionals import draws
from xaic.statistics.resampling import difference_interval, functional_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RNG = np.random.default_rng(0)


def test_plain_functionals() -> None:
    x = {"": np.array([3.0, -1.0, 4.0, 2.0])}
    assert [get_functional(name)(x) for name in ("mean", "median", "proportion")] == [2.0, 2.5, 0.75]
    with pytest.raises(UnknownName, match="did you mean median"):
        get_functional("medain")


def test_auroc_is_scikit_learns_with_ties() -> None:
    score, label = np.round(RNG.normal(size=80), 1), RNG.integers(0, 2, 80).astype(float)
    assert get_functional("auroc")({"": score, "label": label}) == pytest.approx(roc_auc_score(label, score))
    assert get_functional("auroc")({"score": score, "label": np.ones(80)}) == 0.5


def test_icc_is_that_of_a_one_way_analysis_of_variance() -> None:
    x = RNG.normal(size=(12, 1)) + 0.7 * RNG.normal(size=(12, 4))
    f = stats.f_oneway(*x).statistic  # MSB / MSW
    assert get_functional("icc")({"": x}) == pytest.approx((f - 1) / (f + 3))


def test_icc_of_shrout_and_fleiss() -> None:
    # table 2 of their paper: six targets, four judges; ICC(1,1) = .17
    x = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]]
    assert get_functional("icc")({"": np.array(x, dtype=float)}) == pytest.approx(0.17, abs=0.005)


def test_icc_pools_features_and_reads_numbered_parts() -> None:
    cube = RNG.normal(size=(20, 3, 5)) + RNG.normal(size=(20, 1, 5))
    named = {f"draw{d}.feature{f}": cube[:, d, f] for d in range(3) for f in range(5)}
    assert np.array_equal(draws(named), cube)
    between = sum(3 * cube[:, :, f].mean(1).var(ddof=1) for f in range(5))
    within = sum(cube[:, :, f].var(axis=1, ddof=1).mean() for f in range(5))
    expected = (between - within) / (between + 2 * within)
    assert get_functional("icc")({"": cube}) == pytest.approx(expected)
    assert get_functional("icc")({"": cube[:, 0], **named}) != pytest.approx(expected)  # a whole array goes first
    assert get_functional("icc")(named) == pytest.approx(expected)
    with pytest.raises(BadData, match="do not name every draw"):
        draws({"draw0.feature0": cube[:, 0, 0], "draw1.feature1": cube[:, 1, 1]})
    with pytest.raises(BadData, match="at least two draws"):
        get_functional("icc")({"": cube[:, :1]})


def ece_by_hand(confidence: Array, correct: Array) -> float:
    order = np.argsort(confidence, kind="stable")
    edges = np.linspace(0, len(order), 16).round().astype(int)
    total = 0.0
    for a, b in pairwise(edges):
        c, h = confidence[order[a:b]].mean(), correct[order[a:b]].mean()
        total += (b - a) / len(order) * ((c - h) ** 2 - h * (1 - h) / (b - a - 1))
    return float(np.sqrt(max(total, 0)))


def test_ece_by_hand() -> None:
    p = RNG.uniform(0.3, 0.9, 500)
    hit = (RNG.random(500) < p).astype(float)
    said = np.clip(p + 0.2, 0, 1)
    assert get_functional("ece")({"": said, "correct": hit}) == pytest.approx(ece_by_hand(said, hit))
    with pytest.raises(BadData, match="no part 'correct'"):
        get_functional("ece")({"": said})


def test_the_debiased_square_is_unbiased_where_the_plain_one_is_not() -> None:
    p = np.random.default_rng(1).uniform(0.3, 0.9, (2000, 300))
    hit = (np.random.default_rng(2).random(p.shape) < p).astype(float)
    figure = get_functional("ece")
    assert figure.population is not None
    values = {"confidence": p, "correct": hit}
    square, plain = figure.compute(values), figure.population(values)
    assert abs(square.mean()) < 4 * square.std() / np.sqrt(2000)
    assert plain.mean() > 0.008  # about 15 x 0.22 / 300


def test_the_bounds_of_the_calibration_error_err_about_as_promised() -> None:
    rng = np.random.default_rng(3)
    errs = np.zeros(2)
    for _ in range(150):
        p = rng.uniform(0.6, 0.95, 600)
        values = {"": p + 0.05, "correct": (rng.random(600) < p).astype(float)}
        found = functional_interval(values, get_functional("ece"), 0.05, rng=rng, resamples=200)
        errs += [found.upper < 0.05, found.lower > 0.05]
    assert np.all(errs <= stats.binom.ppf(0.999, 150, 0.07))


def test_bootstrap_of_a_median_agrees_with_scipy() -> None:
    x = RNG.gamma(2, 1, 150)
    theirs = stats.bootstrap(
        (x,),
        np.median,
        confidence_level=0.9,
        n_resamples=4000,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    figure = get_functional("median")
    found = bootstrap_interval(
        lambda rows: figure.compute({"value": x[rows]}), 150, 0.05, resamples=4000, kind="percentile"
    )
    assert (found.lower, found.upper) == pytest.approx((theirs.low, theirs.high), abs=0.03)
    assert found.estimate == np.median(x)


def test_bca_of_an_auroc_agrees_with_scipy() -> None:
    label = np.repeat([0.0, 1.0], 60)
    score = RNG.normal(size=120) + label
    figure = get_functional("auroc")
    theirs = stats.bootstrap(
        (score, label),
        lambda a, b: roc_auc_score(b, a),
        paired=True,
        vectorized=False,
        confidence_level=0.9,
        n_resamples=1500,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    lower, upper = (bootstrap_bound({"": score, "label": label}, figure, 0.05, side) for side in ("lower", "upper"))
    assert (lower, upper) == pytest.approx((theirs.low, theirs.high), abs=0.012)


@pytest.mark.parametrize("sizes", [[4] * 30, [2, 6] * 15])
def test_clusters_are_drawn_whole(sizes: list[int]) -> None:
    rng = np.random.default_rng(4)
    ids = np.repeat(np.arange(30), sizes)
    x = {"": np.repeat(rng.standard_normal(30), sizes)}
    figure = get_functional("mean")
    alone = functional_interval(x, figure, 0.05, resamples=500)
    whole = functional_interval(x, figure, 0.05, clusters=ids, resamples=500)
    assert whole.upper - whole.lower > 1.5 * (alone.upper - alone.lower)


def test_a_difference_is_paired() -> None:
    rng = np.random.default_rng(5)
    base = rng.standard_normal(100)
    one, other = {"": base + 0.1 + 0.01 * rng.standard_normal(100)}, {"": base}
    found = difference_interval(one, other, get_functional("mean"), 0.05, resamples=500)
    assert 0.09 < found.lower < found.estimate < found.upper < 0.11
    with pytest.raises(Misuse, match="cannot be paired"):
        difference_interval(one, {"": base[:50]}, get_functional("mean"), 0.05)


@given(seed=st.integers(0, 50), name=st.sampled_from(["mean", "median", "proportion", "icc", "auroc", "ece"]))
@settings(max_examples=20, deadline=None)
def test_bounds_are_ordered_and_in_range(seed: int, name: str) -> None:
    rng = np.random.default_rng(seed)
    p = rng.uniform(0.2, 0.9, 60)
    hit = (rng.random(60) < p).astype(float)
    values = {"": p, "correct": hit, "label": hit}
    if name == "icc":
        values = {"": rng.normal(size=(60, 3, 2)) + rng.normal(size=(60, 1, 1))}
    figure = get_functional(name)
    wide = functional_interval(values, figure, 0.02, resamples=300)
    narrow = functional_interval(values, figure, 0.2, resamples=300)
    assert figure.range[0] <= wide.lower <= narrow.lower <= narrow.upper <= wide.upper <= figure.range[1]
    assert wide.estimate == figure(values)


def test_equal_seeds_give_equal_bounds() -> None:
    x = {"": RNG.normal(size=50)}
    one, same, other = (
        bootstrap_bound(x, get_functional("mean"), 0.05, "lower", rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one == same != other
