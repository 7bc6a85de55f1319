"""Complexity: on how few locations the relevance lies. Reported, never gated.

Scores read magnitudes only, so a map and its negative score alike. A zero map is undefined: NaN.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import TINY, nan_where
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps


@metric(
    id="complexity.entropy",
    family="attribution",
    title="Entropy of the absolute relevance, as a share of the largest possible",
    property="complexity",
    unit="share of log L",
    range=(0.0, 1.0),
    direction="lower",
    source="Bhatt et al. 2020, definition 4",
    sweeps=("output",),
)
def entropy(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Shannon entropy of p = |a| / sum |a|: -sum p ln p / ln L. 0 for one location, 1 for a flat map."""
    magnitude = sweeps.maps(subject).abs()
    total = magnitude.sum(1, keepdim=True)
    share = magnitude / total.clamp_min(TINY)
    size = magnitude.shape[1]
    value = torch.special.entr(share).sum(1) / math.log(max(size, 2))
    return nan_where(total.squeeze(1) == 0, value.clamp(0, 1))


@metric(
    id="complexity.gini",
    family="attribution",
    title="Gini index of the absolute relevance",
    property="complexity",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="Chalasani et al. 2020, section 5; Hurley and Rickard 2009",
    sweeps=("output",),
)
def gini(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """1 - 2 sum_k (a_(k) / |a|_1) (L - k + 1/2) / L over magnitudes in ascending order k = 1 ... L.

    0 for a flat map, 1 - 1/L where one location holds everything.
    """
    ordered = sweeps.maps(subject).abs().sort(1).values
    total, size = ordered.sum(1), ordered.shape[1]
    weight = (size - torch.arange(1, size + 1, dtype=torch.float64) + 0.5) / size
    value = 1 - 2 * (ordered * weight).sum(1) / total.clamp_min(TINY)
    return nan_where(total == 0, value.clamp(0, 1))
