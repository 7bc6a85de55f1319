"""How many units a benchmark needs: for one comparison, for many wins together, for a proportion.

A pass asks for many wins at once. They are planned as independent, which errs on the safe side: positive
correlation raises the joint power.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from xaic.documents.errors import Misuse
from xaic.statistics.betting import expected_distance

if TYPE_CHECKING:
    from collections.abc import Callable

MOST = 10_000_000


def mean_power(n: int, d: float, alpha: float = 0.05) -> float:
    """Return P(lower t bound > 0) for normal differences with mean ``d`` deviations."""
    return float(stats.nct.sf(stats.t.ppf(1 - alpha, n - 1), n - 1, d * np.sqrt(n)))


def betting_power(n: int, mean: float, deviation: float, floor: float, alpha: float = 0.05) -> float:
    """Return the approximate power of the betting bound against 0; see ``expected_distance``.

    Args:
        n: units.
        mean: true mean difference.
        deviation: standard deviation s of the differences.
        floor: least possible difference (negative).
        alpha: error of the bound.
    """
    if floor >= 0:
        raise Misuse(f"the least possible difference is {floor}; it must be negative, or nothing needs to be shown")
    error = deviation / np.sqrt(n)
    half = expected_distance(deviation, -floor, n, alpha)
    return float(stats.norm.cdf((mean - half) / error))


def proportion_power(n: int, p: float, p0: float = 0.95, alpha: float = 0.05) -> float:
    """Return P(DR3 passes) with n units when the property holds for a true share ``p``; exact."""
    k = np.arange(n + 1)
    lower = np.where(k == 0, 0.0, stats.beta.ppf(alpha, np.maximum(k, 1), n - k + 1))
    least = np.flatnonzero(lower >= p0)
    return float(stats.binom.sf(least[0] - 1, n, p)) if len(least) else 0.0


def joint_power(single: float, wins: int) -> float:
    """Return the power of ``wins`` independent wins: single ** wins."""
    return float(single**wins)


def single_power(joint: float, wins: int) -> float:
    """Return the power each of ``wins`` independent wins needs for a joint power: joint ** (1 / wins)."""
    return float(joint ** (1 / wins))


def units_for_mean(d: float, power: float = 0.9, alpha: float = 0.05, wins: int = 1) -> int:
    """Return the least n at which all ``wins`` t bounds lie above 0, each with effect ``d``."""
    wanted = single_power(power, wins)
    return _least(lambda n: mean_power(n, d, alpha) >= wanted, 2)


def units_for_betting(
    mean: float, deviation: float, floor: float, *, power: float = 0.9, alpha: float = 0.05, wins: int = 1
) -> int:
    """Return the least n at which all ``wins`` betting bounds lie above 0; see ``betting_power``."""
    wanted = single_power(power, wins)
    return _least(lambda n: betting_power(n, mean, deviation, floor, alpha) >= wanted, 2)


def units_for_proportion(p: float, p0: float = 0.95, power: float = 0.9, alpha: float = 0.05, wins: int = 1) -> int:
    """Return an n at which DR3 passes with the power wanted when the true share is ``p``.

    Power is a saw in n; the answer is the least n from which on every n up to 10 % more has the power.
    """
    if not p0 < p <= 1:
        raise Misuse(f"a true share of {p} cannot be shown to be at least {p0}; it must be greater")
    wanted = single_power(power, wins)
    n = _least(lambda n: proportion_power(n, p, p0, alpha) >= wanted, 1)
    while bad := [m for m in range(n, n + n // 10 + 1) if proportion_power(m, p, p0, alpha) < wanted]:
        n = bad[-1] + 1
    return n


def _least(enough: Callable[[int], bool], start: int) -> int:
    """Return the least n for which a growing condition holds: doubling, then halving."""
    high = start
    while not enough(high):
        high *= 2
        if high > MOST:
            raise Misuse(f"not even {MOST:,} units are enough: the effect is too small or absent")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return max(high, start)
