"""Robustness: how far a map moves when its input moves a little and the prediction stays.

All read one sweep of noisy neighbours; neighbours at which the predicted class changes are left out, and a
unit that keeps none is undefined: NaN. So is a unit whose own map is zero: it has neither direction nor
relative change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import TINY, cosine, nan_where
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps
    from xaic.engine.readings import Neighbours

SWEEPS = ("output", "neighbours", "neighbour_maps")
LEAST = 1e-8
"""Floor of denominators; for the elements that a relative change divides by, as a share of the largest."""


def _moves(sweeps: AttributionSweeps, subject: str) -> tuple[Tensor, Tensor, Neighbours]:
    """Return the clean maps [N, F], the maps at neighbours [R, N, F] and the neighbours."""
    clean = sweeps.output(subject).values.flatten(1).double()
    near = sweeps.neighbour_maps(subject).flatten(2).double()
    return clean, near, sweeps.neighbours()


def _over_kept(values: Tensor, kept: Tensor, how: str) -> Tensor:
    """Mean or maximum over kept neighbours [R, N]; NaN where none is kept."""
    if how == "mean":
        return torch.where(kept, values, torch.zeros_like(values)).sum(0) / kept.sum(0)
    most = torch.where(kept, values, torch.full_like(values, -torch.inf)).amax(0)
    return nan_where(~kept.any(0), most)


def _relative(clean: Tensor, near: Tensor) -> Tensor:
    """||E(x') - E(x)|| / ||E(x)|| [R, N]; NaN where the clean map is zero."""
    norm = clean.norm(dim=-1)
    return nan_where((norm == 0).expand(near.shape[:2]), (near - clean).norm(dim=-1) / norm.clamp_min(TINY))


@metric(
    id="robustness.average_sensitivity",
    family="attribution",
    title="Average sensitivity",
    property="robustness",
    unit="relative distance",
    range=(0.0, None),
    direction="lower",
    source="Yeh et al. 2019, section 3 (mean in place of the maximum); Bhatt et al. 2020, definition 2",
    sweeps=SWEEPS,
    subjects="method",
)
def average_sensitivity(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Mean over kept neighbours x' of ||E(x') - E(x)|| / ||E(x)||."""
    clean, near, around = _moves(sweeps, subject)
    return _over_kept(_relative(clean, near), around.kept, "mean")


@metric(
    id="robustness.max_sensitivity",
    family="attribution",
    title="Maximum sensitivity",
    property="robustness",
    unit="relative distance",
    range=(0.0, None),
    direction="lower",
    source="Yeh et al. 2019, definition 3.1",
    sweeps=SWEEPS,
    subjects="method",
)
def max_sensitivity(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Maximum over kept neighbours x' of ||E(x') - E(x)|| / ||E(x)||."""
    clean, near, around = _moves(sweeps, subject)
    return _over_kept(_relative(clean, near), around.kept, "max")


@metric(
    id="robustness.local_lipschitz",
    family="attribution",
    title="Local Lipschitz estimate",
    property="robustness",
    unit="distance of maps / distance of inputs",
    range=(0.0, None),
    direction="lower",
    source="Alvarez-Melis and Jaakkola 2018, eq. 2",
    sweeps=SWEEPS,
    subjects="method",
)
def local_lipschitz(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Maximum over kept neighbours x' of ||E(x') - E(x)|| / ||x' - x||."""
    clean, near, around = _moves(sweeps, subject)
    moved = (around.inputs - sweeps.task.inputs).flatten(2).double().norm(dim=-1)
    return _over_kept((near - clean).norm(dim=-1) / moved.clamp_min(LEAST), around.kept, "max")


def _change(near: Tensor, clean: Tensor) -> Tensor:
    """||(a' - a) / a|| [R, N] with elementwise division; NaN where a is zero everywhere.

    Elements of a that (almost) vanish are replaced by a floor, so a few of them may rule the norm.
    """
    largest = clean.abs().amax(-1, keepdim=True)
    safe = torch.maximum(clean.abs(), LEAST * largest)
    change = ((near - clean) / safe.clamp_min(TINY)).norm(dim=-1)
    return nan_where((largest.squeeze(-1) == 0).expand_as(change), change)


def _stability(sweeps: AttributionSweeps, subject: str, denominator: Tensor) -> Tensor:
    clean, near, around = _moves(sweeps, subject)
    return _over_kept(_change(near, clean) / denominator.clamp_min(LEAST), around.kept, "max")


@metric(
    id="robustness.ris",
    family="attribution",
    title="Relative input stability",
    property="robustness",
    unit="relative change / relative change of the input",
    range=(0.0, None),
    direction="lower",
    source="Agarwal et al. 2022, eq. 2",
    sweeps=SWEEPS,
    subjects="method",
)
def ris(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Maximum over kept neighbours of ||(E(x') - E(x)) / E(x)|| / ||(x' - x) / x||; heavy-tailed."""
    around = sweeps.neighbours()
    return _stability(
        sweeps, subject, _change(around.inputs.flatten(2).double(), sweeps.task.inputs.flatten(1).double())
    )


@metric(
    id="robustness.ros",
    family="attribution",
    title="Relative output stability",
    property="robustness",
    unit="relative change / change of the logits",
    range=(0.0, None),
    direction="lower",
    source="Agarwal et al. 2022, eq. 5",
    sweeps=SWEEPS,
    subjects="method",
)
def ros(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Maximum over kept neighbours of ||(E(x') - E(x)) / E(x)|| / ||f(x') - f(x)||, f the logits."""
    around = sweeps.neighbours()
    return _stability(sweeps, subject, (around.logits - around.clean_logits).double().norm(dim=-1))


@metric(
    id="robustness.rrs",
    family="attribution",
    title="Relative representation stability",
    property="robustness",
    unit="relative change / relative change of the representation",
    range=(0.0, None),
    direction="lower",
    source="Agarwal et al. 2022, eq. 3",
    sweeps=SWEEPS,
    subjects="method",
)
def rrs(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Maximum over kept neighbours of ||(E(x') - E(x)) / E(x)|| / ||(h(x') - h(x)) / h(x)||; heavy-tailed.

    h is the representation that the model names, or else its logits.
    """
    around = sweeps.neighbours()
    return _stability(sweeps, subject, _change(around.features.double(), around.clean_features.double()))


def _shared(other: Tensor, clean: Tensor) -> Tensor:
    """Cosine with the clean map, 0 where it is negative; a zero map shares nothing: 0. NaN if the clean map is zero."""
    silent = (other == 0).all(-1) & (clean != 0).any(-1)
    found = cosine(other, clean).clamp_min(0)
    return torch.where(silent, torch.zeros_like(found), found)


def _near_similarity(sweeps: AttributionSweeps, subject: str) -> Tensor:
    clean, near, around = _moves(sweeps, subject)
    return _over_kept(_shared(near, clean), around.kept, "mean")


@metric(
    id="robustness.stability",
    family="attribution",
    title="Mean similarity of the maps at neighbours",
    property="robustness",
    unit="cosine, 0 where negative",
    range=(0.0, 1.0),
    direction="higher",
    source="definition; continuity in the sense of Nauta et al. 2023",
    sweeps=SWEEPS,
    subjects="method",
)
def stability(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Mean over kept neighbours x' of max(0, cos(E(x'), E(x))). A zero map at a neighbour counts as 0."""
    return _near_similarity(sweeps, subject)


@metric(
    id="robustness.contrast",
    family="attribution",
    title="Similarity at neighbours minus similarity to another input's map",
    property="robustness",
    unit="difference of similarities",
    range=(-1.0, 1.0),
    direction="higher",
    source="definition; control C7 read as a distance",
    sweeps=(*SWEEPS, "predictions", "draws"),
    subjects="method",
)
def contrast(sweeps: AttributionSweeps, subject: str, _variant: str) -> Tensor:
    """Stability minus the similarity, max(0, cos), to the map of another unit of the same predicted class.

    This pairs units by definition, whatever their rows: the partner is the next by unit id
    (``next_of_class``). Its maps are those of the other draws where there are any, as the maps at neighbours are: maps
    of one call may share their random numbers. A single unit has no partner: NaN.
    """
    clean = sweeps.output(subject).values.flatten(1).double()
    draws = sweeps.draws(subject).flatten(2).double()
    others = draws[1:] if len(draws) > 1 else draws
    partner = next_of_class(sweeps.predictions().argmax(1), sweeps.task.units)
    gap = _near_similarity(sweeps, subject) - _shared(others[:, partner], clean).mean(0)
    return nan_where(partner == torch.arange(len(partner)), gap)


def next_of_class(labels: Tensor, units: Sequence[str]) -> Tensor:
    """Return for every row [N] the row of the next unit of its class in the order of ids, cyclically.

    Where its class has no other unit, the next unit at all; where there is no other unit, the row itself.
    """
    n = len(units)
    place = torch.empty(n, dtype=torch.long)
    place[sorted(range(n), key=units.__getitem__)] = torch.arange(n)
    ahead = (place[None, :] - place[:, None] - 1) % n  # 0 is the next unit, n - 1 the unit itself
    same = labels[None, :] == labels[:, None]
    return torch.where(same & (ahead < n - 1), ahead, ahead + n).argmin(1)
