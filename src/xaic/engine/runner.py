"""The runner owns the model passes of metrics: frozen, in inference mode, in chunks and layout that were measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from xaic.engine.meter import Meter

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.model import Model


@dataclass(frozen=True)
class Tuning:
    """Chunk size and layout of a model's passes, chosen by measuring once and then kept in the plan."""

    chunk: int = 64
    channels_last: bool = False


@dataclass
class Runner:
    """Runs models for sweeps. ``tunings`` maps a model digest to its tuning."""

    tunings: dict[str, Tuning] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    meter: Meter = field(default_factory=Meter)
    _modules: dict[str, nn.Module] = field(default_factory=dict)

    def predict(self, model: Model, inputs: Tensor) -> Tensor:
        """Return logits [N, K] of inputs [N, ...]."""
        raise NotImplementedError
