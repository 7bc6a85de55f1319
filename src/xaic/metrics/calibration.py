"""Calibration: do stated probabilities come true?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.sweeps import Sweeps

LEAST = 1e-12


def _stated(sweeps: Sweeps, subject: str) -> tuple[Tensor, Tensor]:
    """Return probabilities [N, K] and labels [N]."""
    return sweeps.output(subject).probabilities.double(), sweeps.truth("labels").long()


@metric(
    id="calibration.confidence",
    family="calibration",
    title="Confidence of the predicted class, and whether it came true",
    property="calibration",
    unit="probability",
    range=(0.0, 1.0),
    direction="none",
    source="Guo et al. 2017, section 2; the criterion's functional makes a calibration error of the two parts",
    sweeps=("output",),
    needs=("labels",),
)
def confidence(sweeps: Sweeps, subject: str, variant: str) -> dict[str, Tensor]:  # noqa: ARG001
    """Parts 'confidence' and 'correct'."""
    p, labels = _stated(sweeps, subject)
    top, predicted = p.max(1)
    return {"confidence": top, "correct": (predicted == labels).double()}


@metric(
    id="calibration.brier",
    family="calibration",
    title="Brier score over all classes",
    property="calibration",
    unit="squared error",
    range=(0.0, 2.0),
    direction="lower",
    source="Brier 1950",
    sweeps=("output",),
    needs=("labels",),
)
def brier(sweeps: Sweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """Sum over classes of (p - 1[label])^2."""
    p, labels = _stated(sweeps, subject)
    truth = torch.zeros_like(p).scatter(1, labels[:, None], 1.0)
    return ((p - truth) ** 2).sum(1)


@metric(
    id="calibration.nll",
    family="calibration",
    title="Negative log-likelihood of the label",
    property="calibration",
    unit="nats",
    range=(0.0, None),
    direction="lower",
    source="Gneiting and Raftery 2007 (logarithmic score)",
    sweeps=("output",),
    needs=("labels",),
)
def nll(sweeps: Sweeps, subject: str, variant: str) -> Tensor:  # noqa: ARG001
    """-ln p(label), cut at -ln 1e-12."""
    p, labels = _stated(sweeps, subject)
    return -p.gather(1, labels[:, None]).squeeze(1).clamp_min(LEAST).log()
