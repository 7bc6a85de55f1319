"""Repeatability: does the same call repeat itself, and do inputs differ more than draws?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import TINY
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps

FEATURES = 16
PROJECTION_SEED = 5725


@metric(
    id="repeatability.difference",
    family="attribution",
    title="Largest relative difference between two calls with the same seed",
    property="repeatability",
    unit="relative difference",
    range=(0.0, None),
    direction="lower",
    source="definition; ISO 5725 (repeatability conditions)",
    sweeps=("output", "again"),
    subjects="method",
)
def difference(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Largest |a - a'| over the largest magnitude of either map; 0 where both are zero."""
    once = sweeps.output(subject).values.flatten(1).double()
    again = sweeps.again(subject).flatten(1).double()
    scale = torch.maximum(once.abs().amax(1), again.abs().amax(1))
    gap: Tensor = (once - again).abs().amax(1)
    return gap / scale.clamp_min(TINY)


@metric(
    id="repeatability.signal",
    family="attribution",
    title="Projections of maps over independent draws, for the intraclass correlation",
    property="repeatability",
    unit="projection of the unit-norm map",
    range=(None, None),
    direction="higher",
    source="Shrout and Fleiss 1979, ICC(1,1); random projections keep sums of squares in expectation",
    sweeps=("output", "draws"),
    subjects="method",
)
def signal(sweeps: AttributionSweeps, subject: str, _variant: str) -> dict[str, Tensor]:
    """Parts ``draw-k/f-j``: the map of draw k, scaled to norm 1, projected on the j-th fixed vector of signs.

    Directions are compared, not scales. A zero map has none and projects to 0.
    """
    maps = sweeps.at_locations(sweeps.draws(subject))
    maps = maps / maps.norm(dim=-1, keepdim=True).clamp_min(TINY)
    generator = torch.Generator().manual_seed(PROJECTION_SEED)
    signs = torch.randint(0, 2, (maps.shape[-1], FEATURES), generator=generator).double() * 2 - 1
    projected = maps @ signs
    return {f"draw-{k}/f-{j:02d}": projected[k, :, j] for k in range(projected.shape[0]) for j in range(FEATURES)}
