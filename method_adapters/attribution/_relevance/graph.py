"""A model as a list of layers in the order of computation, and what the list tells about it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from method_adapters.attribution._relevance.layers import Affine, Layer
from xaic.documents.errors import BadData

if TYPE_CHECKING:
    from torch import Tensor


class UnsupportedModel(BadData):
    """A model that the relevance rules do not cover; the message names the module and the mend."""


@dataclass(frozen=True)
class Network:
    """Layers in the order of computation: layer 0 is the input, the last one gives the logits [N, K].

    ``shapes`` are the layers' output shapes without the batch axis.
    """

    layers: tuple[Layer, ...]
    shapes: tuple[tuple[int, ...], ...]

    def values(self, inputs: Tensor) -> list[Tensor]:
        """Return the output of every layer for inputs [N, ...]."""
        return self.resume([inputs])

    def resume(self, known: list[Tensor]) -> list[Tensor]:
        """Return the outputs of all layers, given those of the first ``len(known)``."""
        values = list(known)
        for layer in self.layers[len(known) :]:
            values.append(layer.forward(*(values[source] for source in layer.inputs)))
        return values

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the logits [N, K] of inputs [N, ...]."""
        return self.values(inputs)[-1]

    @cached_property
    def above_affine(self) -> tuple[bool, ...]:
        """Does a layer see the input only through an affine layer (itself counted out)?"""
        above: list[bool] = []
        for layer in self.layers:
            sources = layer.inputs
            above.append(any(above[i] or isinstance(self.layers[i], Affine) for i in sources))
        return tuple(above)

    def first(self, index: int) -> bool:
        """Is this an affine layer with no affine layer before it? It gets the rule of the first layer."""
        return isinstance(self.layers[index], Affine) and not self.above_affine[index]


def count_consumers(layers: tuple[Layer, ...] | list[Layer]) -> tuple[int, ...]:
    """Return how many times each layer's output is read by the others."""
    counts = [0] * len(layers)
    for layer in layers:
        for source in layer.inputs:
            counts[source] += 1
    return tuple(counts)
