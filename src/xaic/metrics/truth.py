"""Agreement with attributions that are known in closed form (planted models).

The truth a map is held against is the one its card declares: exact contributions, or the exact gradient. A
constant or zero map agrees with nothing: it gets the score of no agreement, not NaN. NaN is left for where
the truth says nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import TINY, constant, nan_where, spearman, top_share
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps

NEEDS = ("contribution", "sensitivity")


def _truth(sweeps: AttributionSweeps) -> Tensor:
    """Return the truth that the method's values claim to be, at locations [N, L]."""
    kind = sweeps.probes["method"].card.truth
    values = sweeps.truth("sensitivity" if kind == "sensitivity" else "contribution")
    return sweeps.at_locations(values)


@metric(
    id="truth.rank_correlation",
    family="attribution",
    title="Rank correlation with the known truth",
    property="agreement with truth",
    unit="rank correlation",
    range=(-1.0, 1.0),
    direction="higher",
    source="Agarwal et al. 2022 (OpenXAI), rank correlation",
    sweeps=("output",),
    needs=NEEDS,
)
def rank_correlation(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Spearman correlation over locations; 0 for a constant map, NaN where the truth is constant."""
    maps, truth = sweeps.maps(subject), _truth(sweeps)
    found = spearman(maps, truth)
    agreement = torch.where(constant(maps), torch.zeros_like(found), found)
    return nan_where(constant(truth), agreement)


@metric(
    id="truth.top_k",
    family="attribution",
    title="Share of the truly relevant among as many top locations",
    property="agreement with truth",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="Agarwal et al. 2022 (OpenXAI), feature agreement",
    sweeps=("output",),
    needs=(*NEEDS, "relevant"),
)
def top_k(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """F1 of the k largest magnitudes against the k truly relevant locations: hits / k.

    Ties share their places; NaN where no location is relevant.
    """
    relevant = sweeps.at_locations(sweeps.truth("relevant").double()) > 0
    return top_share(sweeps.maps(subject).abs(), relevant)


@metric(
    id="truth.error",
    family="attribution",
    title="Share of the truth's energy that the map, optimally scaled, leaves unexplained",
    property="agreement with truth",
    unit="share of mean square",
    range=(0.0, 1.0),
    direction="lower",
    source="definition: mean squared error at the best positive scale, over the mean square of the truth",
    sweeps=("output",),
    needs=NEEDS,
)
def error(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Least |b a - t|^2 / |t|^2 over b >= 0, which is 1 - max(0, cos(a, t))^2.

    1 for a zero map, NaN for a zero truth.
    """
    maps, truth = sweeps.maps(subject), _truth(sweeps)
    energy = (truth**2).sum(1)
    both = (maps * truth).sum(1).clamp_min(0) ** 2 / ((maps**2).sum(1) * energy).clamp_min(TINY)
    return nan_where(energy == 0, (1 - both).clamp(0, 1))


@metric(
    id="truth.top1",
    family="attribution",
    title="Is the largest location the truly largest?",
    property="agreement with truth",
    unit="hit",
    range=(0.0, 1.0),
    direction="higher",
    source="definition",
    sweeps=("output",),
    needs=NEEDS,
)
def top1(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """1 where the largest magnitudes coincide; several largest count by their share."""
    maps, truth = sweeps.maps(subject).abs(), _truth(sweeps).abs()
    top, best = maps == maps.amax(1, keepdim=True), truth == truth.amax(1, keepdim=True)
    return nan_where(truth.amax(1) == 0, (top & best).sum(1).double() / top.sum(1))
