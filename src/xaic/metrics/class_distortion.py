"""Class distortion: does removing the explained region move the target and leave the other classes?

CDS = ln((T + eps) / (D + eps) + 1), eps = 1e-7, with T the Bernoulli divergence of the target's score
before and after, and D its mean over the other classes (as in the code that Kim et al. released). A mask
that changes nothing scores ln 2, so T and D stand beside it, and with them what criteria compare: the target's share of
all change, (T + eps) / (T + D + 2 eps) = 1 - exp(-CDS). It grows with CDS and lies between 0 and 1, where a bound holds
that no single unit can widen.

The definition is for sigmoid scores. Softmax couples classes: there, the other classes' scores are
renormalised among themselves before D, so that D is 0 for two classes. With one class D does not exist:
NaN.
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
"""Above every CDS of scores in [0, 1]: T is at most ln(1 + 1 / eps) = 16.2 and ln(16.2 / eps + 1) = 18.9."""

PARTS: dict[str, tuple[float | None, float | None]] = {"share": (0.0, 1.0), "T": (0.0, LARGEST), "D": (0.0, LARGEST)}


def bernoulli_divergence(p: Tensor, q: Tensor) -> Tensor:
    """KL_B(p, q) = p ln((p + eps) / (q + eps)) + (1 - p) ln((1 - p + eps) / (1 - q + eps)), elementwise."""
    return p * ((p + EPS) / (q + EPS)).log() + (1 - p) * ((1 - p + EPS) / (1 - q + EPS)).log()


def parts(before: Tensor, after: Tensor, targets: Tensor, *, softmax: bool) -> tuple[Tensor, Tensor]:
    """Return T [N] of the target and D [N], the mean over the other classes; scores are [N, K].

    eps lets a divergence fall below 0 by about eps; that is cut off.
    """
    before, after = before.double(), after.double()
    chosen = torch.zeros_like(before, dtype=torch.bool).scatter(1, targets[:, None], value=True)
    moved = bernoulli_divergence(before, after)[chosen]
    if softmax:
        before, after = (_among_others(scores, chosen) for scores in (before, after))
    rest = bernoulli_divergence(before, after).masked_fill(chosen, 0).sum(1) / (before.shape[1] - 1)
    return moved.clamp_min(0), rest.clamp_min(0)


def _among_others(scores: Tensor, chosen: Tensor) -> Tensor:
    """Renormalise over the classes that are not chosen; mass below eps stays as small as it is."""
    rest = scores.masked_fill(chosen, 0)
    return rest / rest.sum(1, keepdim=True).clamp_min(EPS)


def _score(sweeps: AttributionSweeps, subject: str, variant: str, after: str) -> dict[str, Tensor]:
    found = sweeps.masking(subject, variant)
    softmax = sweeps.task.model.activation == "softmax"
    moved, rest = parts(found.before, getattr(found, after), sweeps.task.targets, softmax=softmax)
    score = ((moved + EPS) / (rest + EPS) + 1).log()
    return {"": score, "share": (moved + EPS) / (moved + rest + 2 * EPS), "T": moved, "D": rest}


@metric(
    id="class_distortion.cds",
    family="attribution",
    title="Class distortion score of removing the explained region",
    property="class distortion",
    unit="log ratio",
    range=(0.0, LARGEST),
    part_ranges=PARTS,
    direction="higher",
    source="Kim et al. 2022 (robust perturbation), class distortion score",
    sweeps=("masking",),
    variants="operators",
)
def cds(sweeps: AttributionSweeps, subject: str, variant: str) -> dict[str, Tensor]:
    """CDS of removing the most relevant share of x: the target moves, the others stay. Parts share, T, D."""
    return _score(sweeps, subject, variant, "removed")


@metric(
    id="class_distortion.cds_reverse",
    family="attribution",
    title="Class distortion score of keeping only the explained region",
    property="class distortion",
    unit="log ratio",
    range=(0.0, LARGEST),
    part_ranges=PARTS,
    direction="lower",
    source="Kim et al. 2022 (robust perturbation), class distortion score on the inverse mask",
    sweeps=("masking",),
    variants="operators",
)
def cds_reverse(sweeps: AttributionSweeps, subject: str, variant: str) -> dict[str, Tensor]:
    """CDS of keeping only the most relevant share of x: that keeps the target. Parts share, T, D."""
    return _score(sweeps, subject, variant, "kept")
