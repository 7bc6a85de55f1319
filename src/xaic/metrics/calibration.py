"""Calibration: do stated probabilities come true?

Metrics score every unit; errors over all units are functionals of their parts. ``reliability`` makes the
points and the band of a reliability diagram: a picture, not a rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import nan_where
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.sweeps import Sweeps

LEAST = 1e-12
"""Probabilities below this are taken for it, so that no logarithm is infinite."""

BINS = 15
RESAMPLES = 1000
LEVEL = 0.95


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
    source="Guo et al. 2017, section 2; a criterion's functional makes a calibration error of the parts",
    sweeps=("output",),
    needs=("labels",),
)
def confidence(sweeps: Sweeps, subject: str, _variant: str) -> dict[str, Tensor]:
    """Parts 'confidence' (the largest probability) and 'correct' (1 where its class is the label, else 0)."""
    p, labels = _stated(sweeps, subject)
    top, predicted = p.max(1)
    return {"confidence": top, "correct": nan_where(top.isnan(), (predicted == labels).double())}


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
def brier(sweeps: Sweeps, subject: str, _variant: str) -> Tensor:
    """Sum over classes k of (p_k - 1[k is the label])^2."""
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
def nll(sweeps: Sweeps, subject: str, _variant: str) -> Tensor:
    """-ln p(label), cut at -ln 1e-12."""
    p, labels = _stated(sweeps, subject)
    return -p.gather(1, labels[:, None]).squeeze(1).clamp_min(LEAST).log()


@dataclass(frozen=True)
class Reliability:
    """Points of a reliability diagram, one a bin [B], from the least to the most confident.

    ``count`` units; ``confidence`` mean confidence stated; ``accuracy`` share that came true; ``low`` and
    ``high`` the consistency band: where the accuracy would lie if the stated confidences were right.
    """

    count: Tensor
    confidence: Tensor
    accuracy: Tensor
    low: Tensor
    high: Tensor


def reliability(
    confidence: Tensor,
    correct: Tensor,
    generator: torch.Generator,
    *,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
) -> Reliability:
    """Return a reliability diagram in bins of equal mass with its consistency band.

    The band of a bin holds the central ``level`` of accuracies over ``resamples`` in which each unit [N]
    comes true with the probability it states; units keep their bins. Bins hold two units at least, unless
    there are fewer.

    Source: Bröcker and Smith 2007, section 3, with the forecasts held fixed.
    """
    order = confidence.double().argsort(stable=True)
    said, hit = confidence.double()[order], correct.double()[order]
    n = len(said)
    bins = max(1, min(bins, n // 2))
    edges = torch.linspace(0, n, bins + 1, dtype=torch.float64).round().long()
    count = edges.diff()

    def by_bin(values: Tensor) -> Tensor:
        total = torch.nn.functional.pad(values.cumsum(-1), (1, 0))[..., edges]
        return total.diff(dim=-1) / count

    draws = torch.rand(resamples, n, generator=generator, dtype=torch.float64) < said
    tail = (1 - level) / 2
    low, high = by_bin(draws.double()).quantile(torch.tensor([tail, 1 - tail], dtype=torch.float64), dim=0)
    return Reliability(count, by_bin(said), by_bin(hit), low, high)
