"""Randomisation: does the map change when the model, or the question, is another?

Similarity is the absolute rank correlation over locations. A method that multiplies by the input keeps some similarity for
that reason alone; so the similarity of two unrelated random models is measured beside it.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import nanmean, spearman
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps


def _repeat(sweeps: AttributionSweeps, subject: str) -> Tensor:
    """Similarity [N] of two independent draws: 1 for a deterministic method."""
    maps = sweeps.at_locations(sweeps.draws(subject))
    return nanmean(torch.stack([spearman(a, b).abs() for a, b in combinations(maps, 2)]), 0)


@metric(
    id="randomisation.mprt",
    family="attribution",
    title="Model parameter randomisation, read against repetition and unrelated models",
    property="randomisation sensitivity",
    unit="|rank correlation|",
    range=(0.0, 1.0),
    direction="lower",
    source="Adebayo et al. 2018, section 3.1; null calibration: definition",
    sweeps=("output", "draws", "randomised"),
    subjects="method",
)
def mprt(sweeps: AttributionSweeps, subject: str, variant: str) -> dict[str, Tensor]:  # noqa: ARG001
    """Parts: '' and 'trained_random' (trained with randomised), 'repeat' (two draws), 'random_random' (two randomised)."""
    own = sweeps.maps(subject)
    others = sweeps.at_locations(sweeps.randomised(subject))
    kept = nanmean(spearman(own.expand_as(others), others).abs(), 0)
    pairs = torch.stack([spearman(a, b).abs() for a, b in combinations(others, 2)])
    return {
        "": kept,
        "trained_random": kept,
        "repeat": _repeat(sweeps, subject),
        "random_random": nanmean(pairs, 0),
    }


@metric(
    id="randomisation.target",
    family="attribution",
    title="Similarity of the maps for two classes, read against repetition",
    property="target specificity",
    unit="|rank correlation|",
    range=(0.0, 1.0),
    direction="lower",
    source="random logit test, Sixt et al. 2020; the other class is the runner-up or that of the other object",
    sweeps=("output", "draws", "other_target"),
    subjects="method",
)
def target(sweeps: AttributionSweeps, subject: str, variant: str) -> dict[str, Tensor]:  # noqa: ARG001
    """Parts: '' (map for the target with map for another class; signed, so that opposites count as different), 'repeat'."""
    other = sweeps.at_locations(sweeps.other_target(subject).maps)
    return {"": spearman(sweeps.maps(subject), other).clamp_min(0), "repeat": _repeat(sweeps, subject)}
