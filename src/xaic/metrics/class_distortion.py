"""Class distortion: does removing the explained region move the target and leave the other classes?

CDS = ln((T + eps) / (D + eps) + 1), with T and D the mean Bernoulli divergence of the target's and of the other classes'
scores before and after (released code of Kim et al. 2022, eps = 1e-7). A mask that changes nothing scores ln 2: read T and D too.
Softmax couples classes, so for softmax models the other classes' scores are renormalised among themselves before D.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps

EPS = 1e-7
LARGEST = 20.0
"""An upper bound of CDS for scores in [0, 1]: the divergence is at most ln(1 / eps) = 16.2, over eps, plus one, in logs
is 18.9."""


def bernoulli_divergence(p: Tensor, q: Tensor) -> Tensor:
    """p ln((p + eps) / (q + eps)) + (1 - p) ln((1 - p + eps) / (1 - q + eps)), elementwise."""
    return p * ((p + EPS) / (q + EPS)).log() + (1 - p) * ((1 - p + EPS) / (1 - q + EPS)).log()


def parts(before: Tensor, after: Tensor, targets: Tensor, *, softmax: bool) -> tuple[Tensor, Tensor]:
    """Return T [N] of the target and D [N], the mean over the other classes; scores are [N, K]."""
    chosen = torch.zeros_like(before, dtype=torch.bool).scatter(1, targets[:, None], value=True)
    moved = bernoulli_divergence(before, after)[chosen]
    if softmax:
        before, after = (_among_others(scores, chosen) for scores in (before, after))
    rest = bernoulli_divergence(before, after).masked_fill(chosen, 0).sum(1) / (before.shape[1] - 1)
    return moved.clamp_min(0), rest.clamp_min(0)


def _among_others(scores: Tensor, chosen: Tensor) -> Tensor:
    rest = scores.masked_fill(chosen, 0)
    return rest / rest.sum(1, keepdim=True).clamp_min(EPS)


def _score(sweeps: AttributionSweeps, subject: str, variant: str, after: str) -> dict[str, Tensor]:
    found = sweeps.masking(subject, variant)
    softmax = sweeps.task.model.activation == "softmax"
    moved, rest = parts(found.before, getattr(found, after), sweeps.task.targets, softmax=softmax)
    return {"": ((moved + EPS) / (rest + EPS) + 1).log(), "T": moved, "D": rest}


@metric(
    id="class_distortion.cds",
    family="attribution",
    title="Class distortion score of removing the explained region",
    property="class distortion",
    unit="log ratio",
    range=(0.0, LARGEST),
    direction="higher",
    source="Kim et al. 2022 (robust perturbation), class distortion score",
    sweeps=("masking",),
    variants="operators",
)
def cds(sweeps: AttributionSweeps, subject: str, variant: str) -> dict[str, Tensor]:
    """Forward: the target should move, the others stay. Parts T and D beside it."""
    return _score(sweeps, subject, variant, "removed")


@metric(
    id="class_distortion.cds_reverse",
    family="attribution",
    title="Class distortion score of keeping only the explained region",
    property="class distortion",
    unit="log ratio",
    range=(0.0, LARGEST),
    direction="lower",
    source="Kim et al. 2022 (robust perturbation), class distortion score on the inverse mask",
    sweeps=("masking",),
    variants="operators",
)
def cds_reverse(sweeps: AttributionSweeps, subject: str, variant: str) -> dict[str, Tensor]:
    """Reverse: what is kept should keep the target. Parts T and D beside it."""
    return _score(sweeps, subject, variant, "kept")
