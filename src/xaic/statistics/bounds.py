"""One-sided confidence bounds of a mean or a share.

Scores that are bounded by their definition get betting bounds: they hold at any sample size for any distribution of
independent clusters. Others get bootstrap bounds, which hold asymptotically. Both use one value a cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

BISECTIONS = 40
SHUFFLE_SEED = 20_170_718
CAP = 0.5
RESAMPLES = 2000


@dataclass(frozen=True)
class Interval:
    """An estimate with a lower and an upper one-sided bound, each at 1 - alpha, from ``n`` independent clusters."""

    estimate: float
    lower: float
    upper: float
    n: int
    exact: bool


def cluster_means(values: ArrayLike, clusters: ArrayLike | None) -> Array:
    """Return one value a cluster: the mean of its units. ``values`` [..., N]; the last axis becomes clusters."""
    x = np.asarray(values, dtype=np.float64)
    if clusters is None:
        return x
    names, index, sizes = np.unique(np.asarray(clusters), return_inverse=True, return_counts=True)
    if len(names) == x.shape[-1]:
        return x
    sums = np.zeros((*x.shape[:-1], len(names)))
    np.add.at(np.moveaxis(sums, -1, 0), index, np.moveaxis(x, -1, 0))
    return sums / sizes


def betting_lower(values: ArrayLike, alpha: float) -> Array:
    """Lower bound of the mean of scores in [0, 1]; ``values`` [..., n] gives [...].

    A gambler who bets against the mean being as small as m multiplies the stake with every score; the bound is the
    smallest m that no bet refutes at level alpha (Waudby-Smith and Ramdas 2024, section 4.2 and eq. 26, bets tuned for fixed n).
    The capital falls in m, so the bound is found by bisection. Units are put into a fixed random order first, because
    specimens interleave classes; the order must not depend on the scores, or the promise is lost (sorting them would do that).
    """
    x = np.asarray(values, dtype=np.float64)
    n = x.shape[-1]
    x = x[..., np.random.default_rng(SHUFFLE_SEED).permutation(n)]
    t = np.arange(1, n + 1)
    mean = (0.5 + np.cumsum(x, -1)) / (t + 1)
    variance = (0.25 + np.cumsum((x - mean) ** 2, -1)) / (t + 1)
    before = np.concatenate([np.full((*x.shape[:-1], 1), 0.25), variance[..., :-1]], -1)
    bet = np.sqrt(2 * np.log(1 / alpha) / (n * before))
    low, high = np.zeros(x.shape[:-1]), np.ones(x.shape[:-1])
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        m = middle[..., None]
        stake = np.minimum(bet, CAP / np.maximum(m, 1e-12))
        refuted = np.cumsum(np.log1p(stake * (x - m)), -1).max(-1) >= np.log(1 / alpha)
        low, high = np.where(refuted, middle, low), np.where(refuted, high, middle)
    return low


def empirical_bernstein_lower(values: ArrayLike, alpha: float) -> Array:
    """Lower bound of the mean of scores in [0, 1] (Maurer and Pontil 2009, theorem 4); ``values`` [..., n] gives [...]."""
    x = np.asarray(values, dtype=np.float64)
    n = x.shape[-1]
    if n < 2:
        return np.zeros(x.shape[:-1])
    log = np.log(2 / alpha)
    width = np.sqrt(2 * x.var(-1, ddof=1) * log / n) + 7 * log / (3 * (n - 1))
    result: Array = np.maximum(x.mean(-1) - width, 0.0)
    return result


def bounded_interval(values: ArrayLike, low: float, high: float, alpha: float, clusters: ArrayLike | None = None) -> Interval:
    """Betting interval of the mean of scores [N] in [low, high]: at most alpha on each side, exactly."""
    x = cluster_means(values, clusters)
    unit = np.clip((x - low) / (high - low), 0.0, 1.0)
    sides = betting_lower(np.stack([unit, 1 - unit]), alpha)
    span = high - low
    return Interval(float(x.mean()), low + span * float(sides[0]), high - span * float(sides[1]), len(x), exact=True)


def bootstrap_interval(
    values: ArrayLike, alpha: float, clusters: ArrayLike | None = None, seed: int = 0
) -> Interval:
    """BCa bootstrap interval of the mean of scores [N] (Efron 1987); asymptotic.

    Scores that are all equal say nothing of their spread: the bounds are infinite then.
    """
    x = cluster_means(values, clusters)
    if len(x) < 2 or np.ptp(x) == 0:
        return Interval(float(x.mean()), -np.inf, np.inf, len(x), exact=False)
    found = stats.bootstrap(
        (np.sort(x),),
        np.mean,
        confidence_level=1 - 2 * alpha,
        n_resamples=RESAMPLES,
        method="BCa",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    low, high = float(found.low), float(found.high)
    if not (np.isfinite(low) and np.isfinite(high)):
        low, high = -np.inf, np.inf
    return Interval(float(x.mean()), low, high, len(x), exact=False)


def share_interval(successes: int, n: int, alpha: float) -> Interval:
    """Clopper-Pearson interval of a share, each side at alpha; exact."""
    if n == 0:
        return Interval(float("nan"), 0.0, 1.0, 0, exact=True)
    lower = float(stats.beta.ppf(alpha, successes, n - successes + 1)) if successes else 0.0
    upper = float(stats.beta.ppf(1 - alpha, successes + 1, n - successes)) if successes < n else 1.0
    return Interval(successes / n, lower, upper, n, exact=True)


def mean_interval(
    values: ArrayLike, bounds: tuple[float | None, float | None], alpha: float, clusters: ArrayLike | None = None
) -> Interval:
    """Betting interval where the scores are bounded, bootstrap interval where they are not."""
    low, high = bounds
    if low is None or high is None:
        return bootstrap_interval(values, alpha, clusters)
    return bounded_interval(values, low, high, alpha, clusters)


def seeds_interval(scores: ArrayLike, alpha: float) -> Interval:
    """Interval of the mean of scores [units, seeds] with both crossed and random.

    The variance of the grand mean is (MS_units + MS_seeds - MS_rest) / (units * seeds); its degrees of freedom are
    Satterthwaite's (1946). Asymptotic.
    """
    x = np.asarray(scores, dtype=np.float64)
    n, k = x.shape
    rows, columns = x.mean(1), x.mean(0)
    rest = x - rows[:, None] - columns[None, :] + x.mean()
    squares = np.array([k * rows.var(ddof=1), n * columns.var(ddof=1), (rest**2).sum() / ((n - 1) * (k - 1))])
    freedom = np.array([n - 1, k - 1, (n - 1) * (k - 1)])
    signs = np.array([1.0, 1.0, -1.0])
    total = max(float((signs * squares).sum()), float(squares[0]), float(squares[1]))
    effective = total**2 / float((squares**2 / freedom).sum()) if total > 0 else float(n - 1)
    half = float(stats.t.ppf(1 - alpha, max(effective, 1.0))) * np.sqrt(total / (n * k))
    mean = float(x.mean())
    return Interval(mean, mean - half, mean + half, n, exact=False)
