"""Robustness: how far a map moves when its input moves a little and the prediction stays.

All read one sweep of noisy neighbours; neighbours at which the predicted class changes are left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import cosine, nan_where, nanmean
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps
    from xaic.engine.readings import Neighbours

SWEEPS = ("output", "neighbours", "neighbour_maps")
LEAST = 1e-8
"""Floor of denominators that may vanish."""


def _moves(sweeps: AttributionSweeps, subject: str) -> tuple[Tensor, Tensor, Neighbours]:
    """Return the clean maps [N, F], the maps at neighbours [R, N, F] and the neighbours."""
    clean = sweeps.output(subject).values.flatten(1).double()
    near = sweeps.neighbour_maps(subject).flatten(2).double()
    return clean, near, sweeps.neighbours()


def _over_kept(values: Tensor, kept: Tensor, how: str) -> Tensor:
    """Mean or maximum over kept neighbours [R, N]; NaN where none is kept."""
    if how == "mean":
        return nanmean(nan_where(~kept, values), 0)
    most = torch.where(kept, values, torch.full_like(values, -torch.inf)).amax(0)
    return nan_where(~kept.any(0), most)


def _relative(clean: Tensor, near: Tensor) -> Tensor:
    """||E(x') - E(x)|| / ||E(x)|| [R, N]; NaN where the clean map is zero."""
    norm = clean.norm(dim=-1)
    return nan_where((norm == 0).expand(near.shape[:2]), (near - clean).norm(dim=-1) / norm.clamp_min(1e-300))


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
def average_sensitivity(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Mean relative distance of the maps at kept neighbours."""
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
def max_sensitivity(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Largest relative distance of the maps at kept neighbours."""
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
def local_lipschitz(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Largest ratio of the distance of maps to the distance of inputs at kept neighbours."""
    clean, near, around = _moves(sweeps, subject)
    moved = (around.inputs - sweeps.task.inputs).flatten(2).double().norm(dim=-1)
    return _over_kept((near - clean).norm(dim=-1) / moved.clamp_min(LEAST), around.kept, "max")


def _change(near: Tensor, clean: Tensor) -> Tensor:
    """||(a' - a) / a|| elementwise [R, N], with the floor of Agarwal et al. on |a|."""
    safe = torch.where(clean.abs() < LEAST, torch.full_like(clean, LEAST), clean)
    change: Tensor = ((near - clean) / safe).norm(dim=-1)
    return change


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
def ris(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Largest relative change of the map over the relative change of the input."""
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
def ros(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Largest relative change of the map over the distance of the logits."""
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
def rrs(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Largest relative change of the map over the relative change of the model's representation."""
    around = sweeps.neighbours()
    return _stability(sweeps, subject, _change(around.features.double(), around.clean_features.double()))


def _near_similarity(sweeps: AttributionSweeps, subject: str) -> Tensor:
    clean, near, around = _moves(sweeps, subject)
    return _over_kept(cosine(near, clean.expand_as(near)), around.kept, "mean")


@metric(
    id="robustness.stability",
    family="attribution",
    title="Mean cosine similarity of the maps at neighbours",
    property="robustness",
    unit="cosine",
    range=(-1.0, 1.0),
    direction="higher",
    source="definition; continuity in the sense of Nauta et al. 2023",
    sweeps=SWEEPS,
    subjects="method",
)
def stability(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Mean cosine of the clean map and the maps at kept neighbours; NaN where none is kept."""
    return _near_similarity(sweeps, subject)


@metric(
    id="robustness.contrast",
    family="attribution",
    title="Similarity at neighbours minus similarity to another input's map",
    property="robustness",
    unit="difference of cosines",
    range=(-2.0, 2.0),
    direction="higher",
    source="definition; control C7 read as a distance",
    sweeps=(*SWEEPS, "predictions"),
    subjects="method",
)
def contrast(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Stability minus the cosine with the map of the next unit of the same predicted class; pairs units by definition."""
    clean = sweeps.output(subject).values.flatten(1).double()
    partner = next_of_class(sweeps.predictions().argmax(1))
    return _near_similarity(sweeps, subject) - cosine(clean, clean[partner])


def next_of_class(labels: Tensor) -> Tensor:
    """Return for every unit [N] the next unit of its class, cyclically; where there is none, the next unit at all."""
    n = len(labels)
    ahead = (torch.arange(n)[None, :] - torch.arange(n)[:, None] - 1) % n  # 0 is the next row, n - 1 the row itself
    same = labels[None, :] == labels[:, None]
    return torch.where(same & (ahead < n - 1), ahead, ahead + n).argmin(1)
