"""How much worse a candidate may be before it is a regression, and where that figure comes from.

A criterion that has a margin of non-inferiority of its own (DR4) lends it. Everywhere else the margin is

    max(2.8 s_r, SHARE * distance)

* 2.8 s_r is the repeatability limit of ISO 5725-6: two runs of one method differ by more than that in one case in
  twenty. s_r is the standard deviation of the mean score over the baseline and reruns of it; without reruns it
  is taken as 0, because a deterministic method repeats itself.
* the distance is the range of skill that the baseline run holds for this metric on this benchmark: from the weakest
  control to the oracle, or to the baseline itself where no oracle is scored. Of a property that holds or does not
  it is 1: it holds for all units or for none.

``SHARE`` is half of a tenth: a method that lost a tenth of the skill must be caught, and a margin of a whole tenth
could not show that at any number of units.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHARE = 0.05
REPEATABILITY = 2.8
"""1.96 times the square root of 2: how far two results of one standard deviation lie apart, at 95 %."""


@dataclass(frozen=True)
class Margin:
    """The loss that is let pass, in the unit of the score, and where it comes from in words."""

    value: float
    source: str


@dataclass(frozen=True)
class Skill:
    """What the baseline run knows of a metric: oriented figures, higher is better.

    Attributes:
        own: figure of the method in the baseline.
        oracles: oracle -> figure.
        controls: control -> figure.
        reruns: figures of the method in reruns of the baseline.
    """

    own: float
    oracles: Mapping[str, float]
    controls: Mapping[str, float]
    reruns: Sequence[float] = ()


def of_rule(margin: float) -> Margin:
    """Return the margin that a criterion brings itself."""
    return Margin(margin, "the criterion's own margin")


def of_skill(skill: Skill) -> Margin:
    """Return the greater of the repeatability limit and the share of the distance from control to oracle."""
    top, best = max(skill.oracles.items(), key=lambda one: one[1], default=("the baseline itself", skill.own))
    floor, least = min(skill.controls.items(), key=lambda one: one[1], default=("0", 0.0))
    distance = max(best - least, 0.0)
    words = f"{100 * SHARE:g} % of the distance {distance:.3g} from {floor} to {top}"
    return _greater(SHARE * distance, words, (skill.own, *skill.reruns))


def of_shares(reruns: Sequence[float] = ()) -> Margin:
    """Return the margin of a share of units: 0 is a property that never holds, 1 one that always does."""
    return _greater(SHARE, f"{100 * SHARE:g} % of the units", reruns)


def of_limit(limit: float, at: float) -> Margin:
    """Return the limit of a criterion that asks a figure to lie below it, where no control is stored.

    Args:
        limit: the criterion's margin.
        at: the same on the scale on which figures are compared.
    """
    return Margin(at, f"the criterion's limit {limit:g}; no control is stored")


def _greater(value: float, words: str, means: Sequence[float]) -> Margin:
    limit = REPEATABILITY * stdev(means) if len(means) > 1 else 0.0
    if limit <= value:
        return Margin(value, words)
    return Margin(limit, f"the repeatability limit 2.8 s_r of {len(means)} runs; greater than {words}")
