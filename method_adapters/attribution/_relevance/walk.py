"""Walks relevance backwards through a network, keeping the total at every layer as evidence."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from method_adapters.attribution._relevance.layers import (
    Add,
    Affine,
    Average,
    Concat,
    Layer,
    Maximum,
    Rectifier,
    Reshape,
)
from method_adapters.attribution._relevance.rules import (
    average_rule,
    box_rule,
    concat_rule,
    maximum_rule,
    totals,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from method_adapters.attribution._relevance.graph import Network


@dataclass(frozen=True)
class Rules:
    """What a method does at hidden affine layers and at sums; everything else is the same for all."""

    hidden: Callable[[Affine, Tensor, Tensor], Tensor]
    add: Callable[[tuple[Tensor, ...], Tensor], tuple[Tensor, ...]]


@dataclass(frozen=True)
class Propagation:
    """Relevance of inputs [N, ...], and the total at every layer on the way.

    ``totals`` [L, N]: row i is the sum over all tensors that hold relevance once layer ``layers[i]`` was left
    (in a network with branches there are several at a time). Row 0, 'start', is what propagation began with.
    """

    relevance: Tensor
    layers: tuple[str, ...]
    totals: Tensor

    def deviation(self) -> Tensor:
        """Return the largest deviation of a layer's total from the start, relative to the start [N]."""
        start = self.totals[0]
        return (self.totals - start).abs().amax(0) / start.abs().clamp_min(torch.finfo(start.dtype).tiny)

    @staticmethod
    def join(parts: list[Propagation]) -> Propagation:
        """Join the propagations of consecutive rows."""
        relevance = torch.cat([part.relevance for part in parts])
        return Propagation(relevance, parts[0].layers, torch.cat([part.totals for part in parts], 1))


def walk(network: Network, values: list[Tensor], start: int, relevance: Tensor, rules: Rules) -> Propagation:
    """Propagate ``relevance`` at the output of layer ``start`` down to the input.

    Relevance that reaches a layer from several readers is added up.
    """
    waiting: dict[int, Tensor] = {start: relevance}
    sums = {start: totals(relevance)}
    names, trail = ["start"], [sums[start]]
    for index in range(start, 0, -1):
        if index not in waiting:
            continue
        layer = network.layers[index]
        parts = _backward(network, index, tuple(values[i] for i in layer.inputs), waiting.pop(index), rules)
        sums.pop(index)
        for source, part in zip(layer.inputs, parts, strict=True):
            waiting[source] = waiting[source] + part if source in waiting else part
            sums[source] = totals(waiting[source])
        names.append(layer.name)
        trail.append(torch.stack(list(sums.values())).sum(0))
    return Propagation(waiting[0], tuple(names), torch.stack(trail))


def _backward(network: Network, index: int, inputs: tuple[Tensor, ...], r: Tensor, rules: Rules) -> tuple[Tensor, ...]:
    """Return the relevance at each input of a layer."""
    layer = network.layers[index]
    if isinstance(layer, Add):
        return rules.add(inputs, r)
    if isinstance(layer, Concat):
        return concat_rule(layer, inputs, r)
    if isinstance(layer, Affine):
        rule = box_rule if network.first(index) else rules.hidden
        return (rule(layer, inputs[0], r),)
    return (_elementary(layer, inputs[0], r),)


def _elementary(layer: Layer, x: Tensor, r: Tensor) -> Tensor:
    if isinstance(layer, Rectifier):
        return r
    if isinstance(layer, Reshape):
        return r.reshape(x.shape)
    if isinstance(layer, Maximum):
        return maximum_rule(layer, x, r)
    if isinstance(layer, Average):
        return average_rule(layer, x, r)
    raise TypeError(f"no rule for a layer of kind {type(layer).__name__}")


@contextmanager
def detached() -> Iterator[None]:
    """Record no gradients inside, and make ordinary tensors even where the caller is in inference mode."""
    with torch.inference_mode(mode=False), torch.no_grad():
        yield


def batches(inputs: Tensor, targets: Tensor, rows: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield inputs and targets in small batches, as ordinary tensors without gradients."""
    for part, wanted in zip(torch.split(inputs.detach(), rows), torch.split(targets.detach(), rows), strict=True):
        yield part.clone(), wanted.clone().long()
