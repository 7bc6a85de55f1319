"""The runner owns the model passes of metrics: frozen, in inference mode, in chunks and layout that were measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch

from xaic.engine.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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

    def tuning(self, model: Model) -> Tuning:
        """Return the tuning of a model; the default where none was measured."""
        return self.tunings.get(model.digest, Tuning())

    def module(self, model: Model) -> nn.Module:
        """Return the model's module, built once, in the layout of its tuning."""
        if model.digest not in self._modules:
            module = model.module(self.device)
            if self.tuning(model).channels_last:
                module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._modules[model.digest] = module
        return self._modules[model.digest]

    def predict(self, model: Model, inputs: Tensor) -> Tensor:
        """Return logits [N, K] of inputs [N, ...]."""
        return self.stream(model, len(inputs), lambda rows: inputs[rows])

    def stream(self, model: Model, total: int, make: Callable[[slice], Tensor]) -> Tensor:
        """Return logits [total, K] of rows that are made chunk by chunk, so that they never lie in memory at once."""
        module, tuning = self.module(model), self.tuning(model)
        parts = []
        with torch.inference_mode():
            for rows in chunks(total, tuning.chunk):
                inputs = lay(make(rows).to(self.device), tuning)
                parts.append(module(inputs))
                self.meter.add(len(inputs))
        return torch.cat(parts).clone() if parts else torch.empty(0)

    def features(self, model: Model, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits [N, K] and the representation [N, D]; the logits where the model names no representation."""
        if not model.representation:
            logits = self.predict(model, inputs)
            return logits, logits
        kept: list[Tensor] = []
        layer = self.module(model).get_submodule(model.representation)
        handle = layer.register_forward_hook(lambda _module, _inputs, output: kept.append(output.flatten(1)))
        try:
            logits = self.predict(model, inputs)
        finally:
            handle.remove()
        return logits, torch.cat(kept).clone()


def chunks(total: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of at most ``size`` rows."""
    for start in range(0, total, size):
        yield slice(start, min(start + size, total))


def lay(inputs: Tensor, tuning: Tuning) -> Tensor:
    """Return images in the memory layout of a tuning."""
    if tuning.channels_last and inputs.ndim == 4:
        return inputs.contiguous(memory_format=torch.channels_last)
    return inputs.contiguous()
