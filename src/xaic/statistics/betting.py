"""Betting bounds of a mean of bounded scores: they hold at every sample size and for every distribution.

A gambler starts with a capital of 1 and stakes, before unit i is seen, a share lambda_i(m) >= 0 on the
claim that the mean exceeds m. His capital K_i(m) = prod_{j<=i} (1 + lambda_j(m) (x_j - m)) is a
non-negative supermartingale whenever the mean is at most m, so it ever reaches 1/a with probability a or
less (Ville): then the mean m is rejected.

Stakes aim at the target 1/a at the known last unit (target-recalculating bets): with v the variance
predicted from the units seen, lambda_i = min( sqrt(2 log((1/a) / K_{i-1}) / ((n - i + 1) v)), 0.95 / m ).

One order of the units would make the bound a lottery, and one fixed order of the sorted scores would break
the promise (sizes up to 15 % were seen). So ``ORDERS`` orders vote: m is rejected when three quarters of them
reject it at a = 3/4 alpha. By Markov's inequality that happens with probability alpha or less. The scores are
sorted first, so the result does not depend on the order of the rows.

Sources: Waudby-Smith and Ramdas 2024 (betting); Voracek and Orabona 2025 (target-recalculating bets);
Rueger 1978 (the vote).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

ORDERS = 16
ROTATIONS = 8
VOTE = 0.75
"""The share of orders that must reject."""
BLOCKS = 50
CAP = 0.95
LEARNING = 1.13
SEED = 20260101
PASSES = 2
STEPS = np.array([0.4, 0.6, 0.75, 0.85, 0.95, 1.05, 1.2, 1.5, 2.0, 4.0])
"""Multiples of the expected distance from the mean where the first pass looks for the bound."""
_TINY = 1e-300
_CHUNK = 1 << 19


@lru_cache(maxsize=64)
def orders(n: int, seed: int = SEED) -> NDArray[np.intp]:
    """Return ``ORDERS`` orders [ORDERS, n] of n sorted scores.

    Each is uniformly random by itself; they are rotations of a few permutations, so that every unit is seen
    early in some of them and late in others.
    """
    rng = np.random.default_rng([seed, n])
    turns = [round(k * n / ROTATIONS) for k in range(ROTATIONS)]
    bases = [rng.permutation(n) for _ in range(ORDERS // ROTATIONS)]
    return np.stack([np.roll(base, turn) for base in bases for turn in turns])


def rejects(x: Array, m: Array, alpha: float, seed: int = SEED) -> NDArray[np.bool_]:
    """Return which means [P, G] the scores [P, n] in [0, 1] reject as too low, at level ``alpha``.

    Under any distribution with mean m or less, one given m is rejected with probability ``alpha`` or less.
    """
    count, n = x.shape
    chunk = max(1, _CHUNK // (ORDERS * m.shape[1]))
    order = orders(n, seed)
    found = np.empty(m.shape, dtype=bool)
    for start in range(0, count, chunk):
        rows = slice(start, start + chunk)
        found[rows] = _vote(np.sort(x[rows], axis=1)[:, order], m[rows], VOTE * alpha)
    return found


def _vote(x: Array, m: Array, level: float) -> NDArray[np.bool_]:
    """Return where the share ``VOTE`` of the orders rejects; ``x`` [P, ORDERS, n], ``m`` [P, G]."""
    count, votes, n = x.shape
    units = np.ascontiguousarray(x.reshape(count * votes, n).T)[:, :, None]
    means = np.repeat(m, votes, axis=0)
    won = _play(units, means, 1 / level).reshape(count, votes, -1)
    return np.asarray(won.mean(axis=1) >= VOTE)


def _play(units: Array, m: Array, target: float) -> NDArray[np.bool_]:
    """Return where the capital ever reaches the target; ``units`` [n, R, 1], ``m`` [R, G]."""
    n = len(units)
    edges = np.unique(np.linspace(0, n, min(BLOCKS, n) + 1).round().astype(int))
    cap = CAP / np.maximum(m, _TINY)
    capital, peak = np.ones_like(m), np.ones_like(m)
    total, square = np.zeros(units.shape[1:]), np.zeros(units.shape[1:])
    gain = np.empty_like(m)
    for start, end in pairwise(edges):
        centre = (0.5 + total) / (1 + start)
        variance = (0.25 + square - 2 * centre * total + start * centre**2) / (1 + start)
        distance = np.log(np.maximum(target / np.maximum(capital, _TINY), 1.0))
        stake = np.minimum(np.sqrt(distance * (2 / ((n - start) * variance))), cap)
        for unit in units[start:end]:
            np.subtract(unit, m, out=gain)
            gain *= stake
            gain += 1
            capital *= gain
            np.maximum(peak, capital, out=peak)
        total += units[start:end].sum(axis=0)
        square += (units[start:end] ** 2).sum(axis=0)
    return peak >= target


def lower_unit(x: Array, alpha: float, at: float, seed: int = SEED) -> Array:
    """Return lower bounds [P] at level 1 - ``alpha`` of the means of scores ``x`` [P, n] in [0, 1].

    The bound exceeds ``at`` only where ``at`` itself is rejected, so a rule that compares with ``at`` errs
    with probability ``alpha`` or less whatever the search does elsewhere. It never exceeds the sample mean.
    """
    mean = x.mean(axis=1)
    reach = expected_distance(x.std(axis=1), mean, x.shape[1], alpha)
    grid = np.maximum(mean[:, None] - reach[:, None] * STEPS[::-1], 0.0)
    beaten = rejects(x, np.concatenate([grid, np.full((len(x), 1), at)], axis=1), alpha, seed)
    low, high = _bracket(grid, beaten[:, :-1], np.zeros_like(mean), mean)
    clear = beaten[:, -1]
    low, high = (np.where(clear, np.maximum(end, at), np.minimum(end, at)) for end in (low, high))
    share = np.arange(1, len(STEPS) + 1) / (len(STEPS) + 1)
    for _ in range(PASSES - 1):
        grid = low[:, None] + (high - low)[:, None] * share
        low, high = _bracket(grid, rejects(x, grid, alpha, seed), low, high)
    return np.asarray(np.minimum(low, mean))


def expected_distance(deviation: ArrayLike, room: ArrayLike, n: int, alpha: float) -> Array:
    """Return about how far below the mean the bound will lie.

    It is 1.13 sqrt((z s / sqrt(n))^2 + (r log(1/a) / (0.95 n))^2) with a = 3/4 alpha, z its normal quantile, s the
    ``deviation`` and r the ``room`` from the bound to the least possible score: no bound may exclude that a few
    unseen scores lie down there. The factor, what learning the variance costs, was fitted to simulations.
    """
    level = VOTE * alpha
    error = ndtri(1 - level) * np.asarray(deviation) / np.sqrt(n)
    floor = np.asarray(room) * np.log(1 / level) / (CAP * n)
    return np.asarray(LEARNING * np.hypot(error, floor))


def _bracket(grid: Array, beaten: NDArray[np.bool_], low: Array, high: Array) -> tuple[Array, Array]:
    """Narrow [low, high] to the step of the grid, from below, at which rejection ends."""
    first = np.argmin(np.concatenate([beaten, np.zeros((len(grid), 1), dtype=bool)], axis=1), axis=1)[:, None]
    edges = np.concatenate([low[:, None], grid, high[:, None]], axis=1)
    return np.take_along_axis(edges, first, axis=1)[:, 0], np.take_along_axis(edges, first + 1, axis=1)[:, 0]
