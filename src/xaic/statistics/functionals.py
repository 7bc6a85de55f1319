"""Figures of many units at once: what a criterion names when a mean over units is not what it asks.

A functional maps part -> scores [N] to one number and is computed anew inside every resample of units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from xaic.documents.errors import UnknownName
from xaic.statistics.bounds import Interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]
    Parts = Mapping[str, Array]
    Functional = Callable[[Parts], float]

RESAMPLES = 999
BINS = 15


def mean(parts: Parts) -> float:
    """Mean of the main part."""
    return float(np.mean(parts[""]))


def median(parts: Parts) -> float:
    """Median of the main part."""
    return float(np.median(parts[""]))


def icc(parts: Parts) -> float:
    """Intraclass correlation ICC(1,1) over units and draws, pooled over features (Shrout and Fleiss 1979).

    Parts are named ``draw-<k>/f-<j>``. With mean squares between and within units summed over features,
    ICC = (MSB - MSW) / (MSB + (k - 1) MSW).
    """
    draws = sorted({name.split("/")[0] for name in parts})
    features = sorted({name.split("/")[1] for name in parts})
    x = np.array([[parts[f"{draw}/{feature}"] for feature in features] for draw in draws])  # [k, F, n]
    k, _, n = x.shape
    units = x.mean(0)
    between = k * ((units - units.mean(-1, keepdims=True)) ** 2).sum() / (n - 1)
    within = ((x - units) ** 2).sum() / (n * (k - 1))
    total = between + (k - 1) * within
    return float((between - within) / total) if total > 0 else float("nan")


def ece(parts: Parts) -> float:
    """Debiased calibration error, L2, equal-mass bins (Kumar, Liang and Ma 2019, definition 5.1), as its root.

    Parts ``confidence`` and ``correct``. In every bin the squared gap is corrected by the variance of its mean
    correctness, gap^2 - p (1 - p) / (m - 1); the weighted sum is cut at 0.
    """
    confidence, correct = parts["confidence"], parts["correct"]
    order = np.argsort(confidence, kind="stable")
    edges = np.linspace(0, len(order), min(BINS, max(1, len(order) // 2)) + 1).astype(int)
    sizes = np.diff(edges)
    rate = np.add.reduceat(correct[order], edges[:-1]) / sizes
    stated = np.add.reduceat(confidence[order], edges[:-1]) / sizes
    squared = (rate - stated) ** 2 - rate * (1 - rate) / np.maximum(sizes - 1, 1)
    return float(np.sqrt(max(0.0, float((sizes * squared).sum() / sizes.sum()))))


def auroc(parts: Parts) -> float:
    """Area under the ROC curve of ``score`` for the binary ``label``; ties count half."""
    label = parts["label"] > 0.5
    positive, negative = int(label.sum()), int((~label).sum())
    if not positive or not negative:
        return float("nan")
    ranks = stats.rankdata(parts["score"])
    return float((ranks[label].sum() - positive * (positive + 1) / 2) / (positive * negative))


FUNCTIONALS: dict[str, Functional] = {"mean": mean, "median": median, "icc": icc, "ece": ece, "auroc": auroc}


def get_functional(name: str) -> Functional:
    """Return a functional by name."""
    if name not in FUNCTIONALS:
        raise UnknownName("functional", name, FUNCTIONALS)
    return FUNCTIONALS[name]


def resampled(figure: Callable[[Array], float], n: int, clusters: ArrayLike | None, rng: np.random.Generator) -> Array:
    """Return a figure of resampled rows, ``RESAMPLES`` times; whole clusters are drawn. ``figure`` takes row indices."""
    if clusters is None or len(np.unique(np.asarray(clusters))) == n:
        return np.array([figure(rng.integers(0, n, n)) for _ in range(RESAMPLES)])
    names, index = np.unique(np.asarray(clusters), return_inverse=True)
    members = [np.flatnonzero(index == i) for i in range(len(names))]
    draws = rng.integers(0, len(names), (RESAMPLES, len(names)))
    return np.array([figure(np.concatenate([members[i] for i in draw])) for draw in draws])


def bootstrap_figure(
    figure: Callable[[Array], float], n: int, alpha: float, clusters: ArrayLike | None, rng: np.random.Generator
) -> Interval:
    """Bias-corrected percentile interval (Efron 1982) of a figure of row indices; asymptotic."""
    estimate = figure(np.arange(n))
    draws = resampled(figure, n, clusters, rng)
    draws = draws[np.isfinite(draws)]
    if not np.isfinite(estimate) or len(draws) < RESAMPLES // 2:
        return Interval(estimate, -np.inf, np.inf, n, exact=False)
    below = (np.sum(draws < estimate) + 0.5 * np.sum(draws == estimate)) / len(draws)
    shift = 2 * stats.norm.ppf(np.clip(below, 1e-3, 1 - 1e-3))
    levels = stats.norm.cdf(shift + stats.norm.ppf([alpha, 1 - alpha]))
    lower, upper = np.quantile(draws, levels)
    return Interval(float(estimate), float(lower), float(upper), n, exact=False)


def functional_interval(
    parts: Parts, name: str, alpha: float, clusters: ArrayLike | None, rng: np.random.Generator
) -> Interval:
    """Interval of a functional of parts, units resampled together."""
    function = get_functional(name)
    n = len(next(iter(parts.values())))
    return bootstrap_figure(lambda rows: function({k: v[rows] for k, v in parts.items()}), n, alpha, clusters, rng)


def functional_difference(
    mine: Parts, other: Parts, name: str, alpha: float, clusters: ArrayLike | None, rng: np.random.Generator
) -> Interval:
    """Interval of the difference of a functional between two sets of parts of the same units, resampled together."""
    function = get_functional(name)
    n = len(next(iter(mine.values())))

    def figure(rows: Array) -> float:
        return function({k: v[rows] for k, v in mine.items()}) - function({k: v[rows] for k, v in other.items()})

    return bootstrap_figure(figure, n, alpha, clusters, rng)
