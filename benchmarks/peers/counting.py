"""Counting where nobody can cheat: in the model's own forward, whoever calls it.

A counted model is the model of a specimen whose class counts rows before it does what it did: weights, submodules
and layouts are those of the original, and copies of it (Captum and Quantus make some) count in the same place.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from xaic.families.model import Model, build, make_model

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass
class Passes:
    """Images that went forward, images whose gradient came back, and calls of the model."""

    forward: int = 0
    backward: int = 0
    calls: int = 0

    def __sub__(self, before: Passes) -> Passes:
        """Return what was added since ``before``."""
        return Passes(self.forward - before.forward, self.backward - before.backward, self.calls - before.calls)

    def __add__(self, more: Passes) -> Passes:
        """Return both together."""
        return Passes(self.forward + more.forward, self.backward + more.backward, self.calls + more.calls)


_COUNT = Passes()


def count() -> Passes:
    """Return what was counted in this process up to now."""
    return replace(_COUNT)


class Counting:
    """Mixed into the class of a model, in front of it."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Count, then do what the model does."""
        _COUNT.calls += 1
        _COUNT.forward += len(inputs)
        output: Tensor = super().forward(inputs)  # type: ignore[misc]
        if output.requires_grad:
            output.register_hook(_count_back)
        return output


def _count_back(gradient: Tensor) -> None:
    _COUNT.backward += len(gradient)


def counted(builder: str, config: dict[str, Any]) -> nn.Module:
    """Build a model whose forward counts: the builder of the models of this benchmark."""
    module = build(builder, config)
    kind = type(module)
    module.__class__ = type(f"Counted{kind.__name__}", (Counting, kind), {})
    return module


def counting_model(model: Model) -> Model:
    """Return the same model, built to count."""
    config = {"builder": model.builder, "config": dict(model.config)}
    return make_model(
        f"{__name__}:counted",
        config,
        model.weights,
        model.activation,
        representation=model.representation,
        classes=model.classes,
    )
