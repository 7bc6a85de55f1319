"""The scores of two runs on the same units, as one thing that a decision rule can be asked about.

``Paired`` compares means of per-unit scores, ``Figured`` a figure of all units (an ICC, a calibration error). Both
ask non-inferiority (DR4): is the candidate worse than the baseline by the margin or more? Bounds and rules are
those of ``xaic.statistics``; nothing is estimated here but how many units would decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from xaic.documents.errors import Misuse
from xaic.statistics import rules
from xaic.statistics.bounds import cluster_means
from xaic.statistics.comparing import LEAST, defined
from xaic.statistics.power import units_for_betting, units_for_mean

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from xaic.statistics import Outcome

    Array = NDArray[np.float64]
    Range = tuple[float | None, float | None]

ROUNDING = 1e-6
"""Scores that differ by less than this share of their size, or of 1, are the same: float32 carries no more."""

NEGLIGIBLE = 0.01
"""Scores that differ by less than this share of the margin are the same too: another machine's last digits, summed."""

SMALL = 1e-9
"""Stands for a spread that was not seen at all."""


@dataclass(frozen=True)
class Paired:
    """Scores [n] of the same units in both runs, higher is better; NaN where a unit has none.

    A unit that lost its score counts as the worst that the range allows, so that nothing is won by answering no
    more. Where the range is open it is left out, and counted in ``unanswered``.
    """

    before: Array
    after: Array
    range: Range
    clusters: ArrayLike | None = None

    @property
    def lost(self) -> NDArray[np.bool_]:
        """Which units had a score and have none."""
        return np.isnan(self.after) & ~np.isnan(self.before)

    @property
    def unanswered(self) -> int:
        """How many units lost a score for which no worst is known."""
        return 0 if self.range[0] is not None else int(self.lost.sum())

    def same(self, margin: float) -> bool:
        """Tell whether no unit's score moved by more than rounding or a hundredth of the margin."""
        return _same(self.before, self.after, NEGLIGIBLE * margin)

    @cached_property
    def differences(self) -> Array:
        """Candidate minus baseline [n]."""
        worst = np.nan if self.range[0] is None else self.range[0]
        return np.where(self.lost, worst, self.after) - self.before

    @property
    def bounds(self) -> Range:
        """The least and the greatest difference that there can be."""
        low, high = self.range
        return (None, None) if low is None or high is None else (low - high, high - low)

    @property
    def n(self) -> int:
        """Independent units with a score in both runs."""
        return len(self._values)

    @cached_property
    def _values(self) -> Array:
        keep, ids = defined([self.differences], self.clusters)
        return cluster_means(self.differences[keep], ids)

    def decide(self, margin: float, alpha: float) -> Outcome:
        """Return DR4 on the differences: pass is no regression, fail a regression."""
        return rules.non_inferiority(
            self.differences,
            margin=margin,
            bounds=self.bounds,
            alpha=alpha,
            clusters=self.clusters,
            reference="the baseline",
        )

    def needed(self, margin: float, alpha: float) -> int | None:
        """Return how many units would decide with power 0.9 if all scatter as these; None where no number would.

        It is planned as for any non-inferiority: to show no regression if nothing became worse. Only where the loss
        that was seen is a regression itself, it is planned to show that one.
        """
        if self.n < 2:
            return LEAST
        way = _way(float(self._values.mean()), margin)
        spread = max(float(self._values.std(ddof=1)), SMALL)
        low, high = self.bounds
        try:
            if low is None or high is None:
                found = units_for_mean(abs(way) / spread, alpha=alpha)
            else:
                floor = low + margin if way > 0 else -high - margin
                found = units_for_betting(abs(way), spread, floor, alpha=alpha)
        except Misuse:  # there is no way to go: the margin is 0, or the loss seen is the margin
            return None
        return max(found, LEAST, self.n + 1)


@dataclass(frozen=True)
class Figured:
    """Parts [n, ...] of a metric of which one figure of all units is made; ``sign`` is -1 where lower is better."""

    before: dict[str, Array]
    after: dict[str, Array]
    functional: str
    sign: float
    clusters: ArrayLike | None = None

    @property
    def unanswered(self) -> int:
        """How many units lost a score."""
        gone = [np.isnan(self.after[part]) & ~np.isnan(self.before[part]) for part in self.before]
        return int(np.any(gone, axis=0).sum())

    def same(self, _margin: float) -> bool:
        """Tell whether no part of any unit moved by more than rounding; the margin is one of the figure alone."""
        return all(_same(self.before[part], self.after[part], 0.0) for part in self.before)

    @property
    def n(self) -> int:
        """Independent units with a score in both runs."""
        keep, ids = defined([*self.before.values(), *self.after.values()], self.clusters)
        return int(keep.sum()) if ids is None else len(np.unique(np.asarray(ids)))

    def decide(self, margin: float, alpha: float) -> Outcome:
        """Return whether the better-signed difference of the figures lies above -margin, by bootstrap bounds."""
        better, other = (self.after, self.before) if self.sign > 0 else (self.before, self.after)
        return rules.functional_dominance(
            better, {"the baseline": other}, self.functional, alpha=alpha, margin=-margin, clusters=self.clusters
        )

    def needed(self, margin: float, alpha: float) -> int | None:
        """Return how many units would decide, by the width of the interval that these gave; None if unknown."""
        found = self.decide(margin, alpha)
        if found.estimate is None or found.lower is None or found.upper is None:
            return LEAST if self.n < LEAST else None
        way = _way(found.estimate, margin)
        half = found.estimate - found.lower if way > 0 else found.upper - found.estimate
        return max(ceil(self.n * (half / way) ** 2), self.n + 1) if abs(way) > SMALL else None


Pair = Paired | Figured


def _way(loss: float, margin: float) -> float:
    """Return how far the bound has to reach: from no change, or from a loss beyond the margin, to the margin."""
    return margin if loss > -margin else loss + margin


def _same(before: Array, after: Array, negligible: float) -> bool:
    rounding = ROUNDING * np.maximum(np.abs(np.nan_to_num(before)), 1.0)
    moved = np.abs(np.nan_to_num(after) - np.nan_to_num(before)) > np.maximum(rounding, negligible)
    return bool(np.array_equal(np.isnan(before), np.isnan(after)) and not moved.any())
