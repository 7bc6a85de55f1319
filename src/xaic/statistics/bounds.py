"""One-sided confidence bounds at level 1 - alpha: of bounded means, of unbounded means, of proportions.

Every function takes scores ``x`` [..., n] and returns bounds [...]; leading axes are computed together. NaN
is not accepted: whoever calls decides what an undefined score means. Where ``clusters`` (an id for every
unit) are given, the bounds work on the means of the clusters: each cluster counts once, and clusters are what
is independent.

* ``bounded_bound`` (by betting) and ``empirical_bernstein`` hold at every n, for every distribution on
  [lo, hi].
* ``clopper_pearson`` holds at every n for independent events.
* ``student_t``, ``bca_mean`` and ``satterthwaite`` hold for large n, and nobody knows beforehand how large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from xaic.documents.errors import Misuse
from xaic.statistics.betting import SEED, lower_unit

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

Side = Literal["lower", "upper"]

RESAMPLES = 2000
_FLAT = 1e-60
_ROUNDING = 1e-12
SLACK = 1e-9
"""How far, as a share of the range, rounding may carry a score out of [lo, hi]."""


def cluster_means(x: ArrayLike, clusters: ArrayLike | None) -> Array:
    """Return the means [..., C] of scores [..., n] over clusters, in the order of the sorted ids."""
    values = np.asarray(x, dtype=np.float64)
    if clusters is None:
        return values
    ids, place = np.unique(np.asarray(clusters), return_inverse=True)
    if len(place) != values.shape[-1]:
        raise Misuse(f"{len(place)} cluster ids were given for {values.shape[-1]} units; give one id a unit")
    if len(ids) == len(place):
        return values
    member = np.zeros((len(place), len(ids)))
    member[np.arange(len(place)), place] = 1 / np.bincount(place)[place]
    return np.asarray(values @ member)


def bounded_bound(
    x: ArrayLike,
    lo: float,
    hi: float,
    alpha: float,
    side: Side,
    *,
    at: float | None = None,
    clusters: ArrayLike | None = None,
    seed: int = SEED,
) -> Array:
    """Return the betting bound of the mean of scores in [lo, hi]; see the module ``betting``.

    Args:
        x: scores [..., n].
        lo: least possible score.
        hi: greatest possible score.
        alpha: how often, at most, the bound may be wrong.
        side: which bound.
        at: the value a rule compares the bound with (default: the middle of the range); exact there.
        clusters: an id for every unit; the bound is then one of the mean over cluster means.
        seed: fixes the orders of the units; choose it before the scores are seen.
    """
    scaled, shape = _scaled(x, lo, hi, alpha, clusters)
    point = 0.5 if at is None else float(np.clip((at - lo) / (hi - lo), 0.0, 1.0))
    if side == "lower":
        bound = lower_unit(scaled, alpha, point, seed)
    else:
        bound = 1 - lower_unit(1 - scaled, alpha, 1 - point, seed)
    return np.asarray(np.clip(lo + (hi - lo) * bound, lo, hi)).reshape(shape)


def empirical_bernstein(
    x: ArrayLike, lo: float, hi: float, alpha: float, side: Side, *, clusters: ArrayLike | None = None
) -> Array:
    """Return the empirical Bernstein bound of the mean of scores in [lo, hi].

    For scores in [0, 1] with sample variance V: mean - sqrt(2 V ln(2/alpha) / n) - 7 ln(2/alpha) / (3 (n -
    1)). Simpler and much wider than ``bounded_bound``. Source: Maurer and Pontil 2009, theorem 4.
    """
    scaled, shape = _scaled(x, lo, hi, alpha, clusters)
    n = scaled.shape[1]
    if n < 2:
        return np.full(shape, lo if side == "lower" else hi)
    log = np.log(2 / alpha)
    half = np.sqrt(2 * scaled.var(axis=1, ddof=1) * log / n) + 7 * log / (3 * (n - 1))
    bound = scaled.mean(axis=1) + (-half if side == "lower" else half)
    return np.asarray(lo + (hi - lo) * np.clip(bound, 0.0, 1.0)).reshape(shape)


def _scaled(
    x: ArrayLike, lo: float, hi: float, alpha: float, clusters: ArrayLike | None
) -> tuple[Array, tuple[int, ...]]:
    """Return scores scaled to [0, 1] as [P, n], and the shape of what leads."""
    _check_alpha(alpha)
    values = cluster_means(x, clusters)
    if not lo < hi:
        raise Misuse(f"the range [{lo}, {hi}] is empty; the least score must be less than the greatest")
    if values.shape[-1] == 0:
        raise Misuse("a bound needs at least one score")
    scaled = (values - lo) / (hi - lo)
    if not np.all((scaled >= -SLACK) & (scaled <= 1 + SLACK)):
        raise Misuse(
            f"scores from {np.min(values):g} to {np.max(values):g} do not lie in [{lo:g}, {hi:g}]; "
            "correct the declared range, or drop undefined scores first"
        )
    return np.clip(scaled, 0.0, 1.0).reshape(-1, values.shape[-1]), values.shape[:-1]


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 0.5:
        raise Misuse(f"alpha is {alpha}; it must lie between 0 and 0.5")


def student_t(x: ArrayLike, alpha: float, side: Side, *, clusters: ArrayLike | None = None) -> Array:
    """Return mean -/+ t(1 - alpha; n - 1) s / sqrt(n); exact for normal scores, NaN for a single score."""
    _check_alpha(alpha)
    values = cluster_means(x, clusters)
    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    half = stats.t.ppf(1 - alpha, n - 1) * values.std(axis=-1, ddof=1) / np.sqrt(n)
    return np.asarray(values.mean(axis=-1) + (-half if side == "lower" else half))


def bca_mean(
    x: ArrayLike,
    alpha: float,
    side: Side,
    *,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> Array:
    """Return the bias-corrected and accelerated bootstrap bound of the mean; clusters are resampled whole.

    The acceleration is closed: the jackknife of a mean gives a = skewness / (6 sqrt(n)). Scores are sorted
    first, so that the order of the rows does not matter, and all leading axes share their resamples.
    Source: Efron 1987.
    """
    _check_alpha(alpha)
    values = cluster_means(x, clusters)
    n = values.shape[-1]
    if n < 2:
        return np.full(values.shape[:-1], np.nan)
    flat = np.sort(values.reshape(-1, n), axis=1)
    generator = np.random.default_rng([SEED, n]) if rng is None else rng
    counts = generator.multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
    centred = flat - flat.mean(axis=1, keepdims=True)
    means = np.sort(counts @ centred.T / n, axis=0)
    spread = np.sqrt((centred**2).mean(axis=1))
    cubes = (centred**3).mean(axis=1)
    skewness = np.divide(cubes, spread**3, out=np.zeros_like(cubes), where=spread > _FLAT)
    level = bca_level(means, 0.0, skewness / (6 * np.sqrt(n)), alpha if side == "lower" else 1 - alpha)
    return np.asarray(flat.mean(axis=1) + quantiles(means, level)).reshape(values.shape[:-1])


def bca_level(replicates: Array, estimate: float, acceleration: ArrayLike, level: float) -> Array:
    """Return the levels [P] at which BCa reads replicates [B, P].

    With z0 the bias and a the acceleration, the level is Phi(z0 + (z0 + z) / (1 - a (z0 + z))). Replicates that
    differ from the estimate by rounding alone are ties, which count half.
    """
    count = len(replicates)
    gap = replicates - estimate
    rounding = _ROUNDING * np.maximum(np.abs(replicates).max(axis=0), abs(estimate))
    below = ((gap < -rounding).sum(axis=0) + 0.5 * (np.abs(gap) <= rounding).sum(axis=0)) / count
    shift = ndtri(np.clip(below, 0.5 / count, 1 - 0.5 / count))
    z = shift + ndtri(level)
    return np.asarray(ndtr(shift + z / np.maximum(1 - np.asarray(acceleration) * z, 0.1)))


def quantiles(replicates: Array, levels: Array) -> Array:
    """Return for each column of sorted replicates [B, P] its own quantile [P], interpolated linearly."""
    place = levels * (len(replicates) - 1)
    left = np.floor(place).astype(int)
    right = np.minimum(left + 1, len(replicates) - 1)
    column = np.arange(replicates.shape[1])
    share = place - left
    return np.asarray((1 - share) * replicates[left, column] + share * replicates[right, column])


def unbounded_bound(x: ArrayLike, alpha: float, side: Side, *, clusters: ArrayLike | None = None) -> Array:
    """Return the wider of ``student_t`` and ``bca_mean``; NaN where the scores do not vary at all.

    No bound of an unbounded mean holds for every distribution; ``sizes`` tells what was measured for this
    one.
    """
    values = cluster_means(x, clusters)
    both = np.stack([student_t(values, alpha, side), bca_mean(values, alpha, side)])
    wider = both.min(axis=0) if side == "lower" else both.max(axis=0)
    spread = values.max(axis=-1) - values.min(axis=-1)
    return np.where(spread > 1e-12 * np.maximum(np.abs(values).max(axis=-1), 1e-300), wider, np.nan)


def mean_bound(
    x: ArrayLike,
    bounds: tuple[float | None, float | None],
    alpha: float,
    side: Side,
    *,
    at: float = 0.0,
    clusters: ArrayLike | None = None,
) -> Array:
    """Return the bound of decision rules: betting where ``bounds`` are known, else unbounded."""
    lo, hi = bounds
    if lo is None or hi is None:
        return unbounded_bound(x, alpha, side, clusters=clusters)
    return bounded_bound(x, lo, hi, alpha, side, at=at, clusters=clusters)


def clopper_pearson(successes: int, n: int, alpha: float, side: Side) -> float:
    """Return the exact bound of a proportion: a quantile of Beta(k, n-k+1) below, of Beta(k+1, n-k) above."""
    _check_alpha(alpha)
    if not 0 <= successes <= n or n == 0:
        raise Misuse(f"{successes} successes of {n} units make no proportion")
    if side == "lower":
        return 0.0 if successes == 0 else float(stats.beta.ppf(alpha, successes, n - successes + 1))
    return 1.0 if successes == n else float(stats.beta.ppf(1 - alpha, successes + 1, n - successes))


def satterthwaite(x: ArrayLike, alpha: float, side: Side) -> float:
    """Return the bound of the grand mean of scores [n units, s seeds] when both units and seeds are random.

    The variance of the mean is (MS_units + MS_seeds - MS_rest) / (n s), with Satterthwaite's degrees of
    freedom (MS_u + MS_s - MS_r)^2 / (MS_u^2 / (n-1) + MS_s^2 / (s-1) + MS_r^2 / ((n-1)(s-1))). It is not
    taken below max(MS_units, MS_seeds) / (n s), whose own degrees of freedom then count. Source:
    Satterthwaite 1946.
    """
    _check_alpha(alpha)
    values = np.asarray(x, dtype=np.float64)
    if values.ndim != 2 or min(values.shape) < 2:
        raise Misuse(f"scores have shape {list(values.shape)}; give [units, seeds], at least two of each")
    n, s = values.shape
    grand = values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    rest = values - rows[:, None] - columns[None] + grand
    squares = np.array([s * rows.var(ddof=1), n * columns.var(ddof=1), (rest**2).sum() / ((n - 1) * (s - 1))])
    freedom = np.array([n - 1, s - 1, (n - 1) * (s - 1)])
    total = squares[0] + squares[1] - squares[2]
    largest = int(np.argmax(squares[:2]))
    if total <= squares[largest]:
        total, df = squares[largest], float(freedom[largest])
    else:
        df = float(total**2 / (squares**2 / freedom).sum())
    half = stats.t.ppf(1 - alpha, df) * np.sqrt(total / (n * s)) if total > 0 else 0.0
    return float(grand + (-half if side == "lower" else half))
