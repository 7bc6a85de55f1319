"""Localisation: does relevance lie where the evidence is known to be? Channels of a location are summed.

Mass is positive relevance only. A mask that is empty or covers everything leaves every score undefined:
NaN. A map without a preference (constant, or nowhere positive) scores what chance would: the mask's share
of the area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import TINY, nan_where, ranks, top_share
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps


def _mask(sweeps: AttributionSweeps, name: str = "mask") -> Tensor:
    """Return a truth mask at locations [N, L], bool."""
    return sweeps.truth(name).flatten(1).bool()


def _undefined(mask: Tensor) -> Tensor:
    return ~mask.any(1) | mask.all(1)


def _mass(positive: Tensor, mask: Tensor) -> Tensor:
    """Share of positive relevance inside [N]; where nothing is positive, the mask's share of the area."""
    total = positive.sum(1)
    inside = ((positive * mask).sum(1) / total.clamp_min(TINY)).clamp(0, 1)
    return nan_where(_undefined(mask), torch.where(total == 0, mask.double().mean(1), inside))


@metric(
    id="localisation.rma",
    family="attribution",
    title="Relevance mass accuracy",
    property="localisation",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="Arras et al. 2022, eq. 1",
    sweeps=("output",),
    needs=("mask",),
)
def rma(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Positive relevance inside the mask over all positive relevance."""
    return _mass(sweeps.maps(subject).clamp_min(0), _mask(sweeps))


@metric(
    id="localisation.rra",
    family="attribution",
    title="Relevance rank accuracy",
    property="localisation",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="Arras et al. 2022, eq. 2",
    sweeps=("output",),
    needs=("mask",),
)
def rra(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Share of the |mask| highest locations that lie inside; ties share their places evenly."""
    mask = _mask(sweeps)
    return nan_where(_undefined(mask), top_share(sweeps.maps(subject), mask))


@metric(
    id="localisation.pointing",
    family="attribution",
    title="Pointing game, no tolerance",
    property="localisation",
    unit="hit",
    range=(0.0, 1.0),
    direction="higher",
    source="Zhang et al. 2018, section 4.1",
    sweeps=("output",),
    needs=("mask",),
)
def pointing(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """1 where the highest location lies inside; several highest count by their share inside."""
    maps, mask = sweeps.maps(subject), _mask(sweeps)
    top = maps == maps.amax(1, keepdim=True)
    return nan_where(_undefined(mask), (top & mask).sum(1).double() / top.sum(1))


@metric(
    id="localisation.energy_pointing",
    family="attribution",
    title="Energy-based pointing game",
    property="localisation",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="Wang et al. 2020 (Score-CAM), section 4.3",
    sweeps=("output",),
    needs=("mask",),
)
def energy_pointing(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Share inside of the map scaled to [0, 1] by its own minimum and maximum."""
    maps = sweeps.maps(subject)
    return _mass(maps - maps.amin(1, keepdim=True), _mask(sweeps))


@metric(
    id="localisation.roc_auc",
    family="attribution",
    title="Area under the ROC curve of the map as a detector of the mask",
    property="localisation",
    unit="probability",
    range=(0.0, 1.0),
    direction="higher",
    source="Fawcett 2006; Mann and Whitney 1947 (rank form, ties count half)",
    sweeps=("output",),
    needs=("mask",),
)
def roc_auc(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Probability that a location inside is higher than one outside."""
    mask = _mask(sweeps)
    inside = mask.sum(1).double()
    outside = (~mask).sum(1).double()
    total = ((ranks(sweeps.maps(subject)) + 1) * mask).sum(1)
    area = (total - inside * (inside + 1) / 2) / (inside * outside).clamp_min(1)
    return nan_where(_undefined(mask), area)


@metric(
    id="localisation.focus",
    family="attribution",
    title="Focus: positive relevance in the target's cells of a mosaic",
    property="localisation",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="Arias-Duart et al. 2022, eq. 1",
    sweeps=("output",),
    needs=("mask", "cells"),
)
def focus(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Relevance mass accuracy on a mosaic, where the mask is the target's cells."""
    return rma(sweeps, subject, variant)  # type: ignore[return-value]


@metric(
    id="localisation.outside_inside",
    family="attribution",
    title="Mean positive relevance outside over inside",
    property="localisation",
    unit="ratio",
    range=(0.0, None),
    direction="lower",
    source="Lapuschkin et al. 2016, eq. 4",
    sweeps=("output",),
    needs=("mask",),
    part_ranges={"share": (0.0, 1.0)},
)
def outside_inside(sweeps: AttributionSweeps, subject: str, _variant: str) -> dict[str, Tensor]:
    """Mean of max(a, 0) outside over its mean inside; heavy-tailed, so report its median too.

    NaN where nothing inside is positive. Part 'share': outside / (outside + inside), which grows with the ratio and
    lies between 0 and 1; 1/2 where nothing is positive at all.
    """
    positive, mask = sweeps.maps(subject).clamp_min(0), _mask(sweeps)
    inside = (positive * mask).sum(1) / mask.sum(1).clamp_min(1)
    outside = (positive * ~mask).sum(1) / (~mask).sum(1).clamp_min(1)
    both = inside + outside
    share = torch.where(both == 0, torch.full_like(both, 0.5), outside / both.clamp_min(TINY))
    undefined = _undefined(mask)
    return {
        "": nan_where(undefined | (inside == 0), outside / inside.clamp_min(TINY)),
        "share": nan_where(undefined, share),
    }


@metric(
    id="localisation.iou",
    family="attribution",
    title="Segmentation: overlap of the mask with as many of the highest locations",
    property="localisation",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="Everingham et al. 2010 (intersection over union), binarised at the size of the mask",
    sweeps=("output",),
    needs=("mask",),
)
def iou(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Mean of intersection over union of foreground and background when the |mask| highest are the foreground.

    One rule for maps of one sign and of two. With h of |mask| = m locations hit out of L: h / (2m - h) and
    (L - 2m + h) / (L - h).
    """
    mask = _mask(sweeps)
    size, every = mask.sum(1).double(), mask.shape[1]
    hit = top_share(sweeps.maps(subject), mask) * size
    both = (hit / (2 * size - hit).clamp_min(1) + (every - 2 * size + hit) / (every - hit).clamp_min(1)) / 2
    return nan_where(_undefined(mask), both)


@metric(
    id="localisation.other_mass",
    family="attribution",
    title="Relevance mass on the other object",
    property="class selectivity",
    unit="share",
    range=(0.0, 1.0),
    direction="lower",
    source="definition; scenes of two objects as in the difficult subset of Zhang et al. 2018",
    sweeps=("output",),
    needs=("other_mask",),
)
def other_mass(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Positive relevance on the object that was not asked for, over all positive relevance."""
    return _mass(sweeps.maps(subject).clamp_min(0), _mask(sweeps, "other_mask"))


@metric(
    id="localisation.decoy_mass",
    family="attribution",
    title="Relevance mass on decoys",
    property="localisation",
    unit="share",
    range=(0.0, 1.0),
    direction="lower",
    source="definition; distractors after Yang and Kim 2019",
    sweeps=("output",),
    needs=("decoys",),
)
def decoy_mass(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Positive relevance on things that look like evidence and are none, over all positive relevance."""
    return _mass(sweeps.maps(subject).clamp_min(0), _mask(sweeps, "decoys"))


@metric(
    id="localisation.class_gap",
    family="attribution",
    title="Relevance mass on the asked object minus on the other object",
    property="class selectivity",
    unit="share",
    range=(-1.0, 1.0),
    direction="higher",
    source="definition; scenes of two objects as in the difficult subset of Zhang et al. 2018",
    sweeps=("output",),
    needs=("mask", "other_mask"),
)
def class_gap(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Relevance mass accuracy of the own mask minus that of the other object's mask."""
    positive = sweeps.maps(subject).clamp_min(0)
    return _mass(positive, _mask(sweeps)) - _mass(positive, _mask(sweeps, "other_mask"))
