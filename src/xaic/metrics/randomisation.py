"""Randomisation: does the map change when the model, or the question, is another?

Similarity is the absolute rank correlation over locations; NaN where a map is constant. A method that
multiplies by the input keeps some similarity for that reason alone, so the similarity of two unrelated
random models is measured beside it. Where fewer than two draws or models were made, the pairs of them are
undefined: NaN.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import nanmean, pearson, ranks, spearman
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps


def _among(maps: Tensor) -> Tensor:
    """Return the mean similarity [N] over all pairs of maps [M, N, L]."""
    found = [pearson(a, b).abs() for a, b in combinations(ranks(maps), 2)]
    return nanmean(torch.stack(found or [torch.full(maps.shape[1:2], torch.nan)]), 0)


def _repeat(sweeps: AttributionSweeps, subject: str) -> Tensor:
    """Similarity [N] of independent draws: 1 for a deterministic method."""
    return _among(sweeps.at_locations(sweeps.draws(subject)))


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
def mprt(sweeps: AttributionSweeps, subject: str, _variant: str) -> dict[str, Tensor]:
    """Mean similarity of the model's map and the maps of randomised models.

    Parts: 'trained_random' (the same), 'repeat' (two draws), 'random_random' (two randomised models).
    """
    others = sweeps.at_locations(sweeps.randomised(subject))
    kept = nanmean(spearman(sweeps.maps(subject), others).abs(), 0)
    repeat = _repeat(sweeps, subject)
    return {"": kept, "trained_random": kept, "repeat": repeat, "random_random": _among(others)}


@metric(
    id="randomisation.target",
    family="attribution",
    title="Similarity of the maps for two classes, read against repetition",
    property="target specificity",
    unit="|rank correlation|",
    range=(0.0, 1.0),
    direction="lower",
    source="random logit test, Sixt et al. 2020; other class: the runner-up, or that of the other object",
    sweeps=("output", "draws", "other_target"),
    subjects="method",
)
def target(sweeps: AttributionSweeps, subject: str, _variant: str) -> dict[str, Tensor]:
    """Similarity of the maps for the target and for another class; part 'repeat': of draws for the target.

    Negative correlation counts as 0 here: opposite maps for rival classes are as different as can be.
    """
    other = sweeps.at_locations(sweeps.other_target(subject).maps)
    return {"": spearman(sweeps.maps(subject), other).clamp_min(0), "repeat": _repeat(sweeps, subject)}
