"""BatchNorm folding: a network without BatchNorm that computes the same.

w' = w · g / √(v + ε), b' = (b - m) · g / √(v + ε) + β with gain g, shift β, running mean m and variance v.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import nn

from method_adapters.attribution._relevance.graph import UnsupportedModel, count_consumers
from method_adapters.attribution._relevance.layers import Affine, Layer, Norm

if TYPE_CHECKING:
    from torch import Tensor

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d


def norm_layer(module: BatchNorm, name: str, source: int) -> Norm:
    """Return a BatchNorm module as scale and shift of its evaluation mode.

    Raises:
        UnsupportedModel: it keeps no running statistics, so that a row's output depends on its batch.
    """
    mean, variance = module.running_mean, module.running_var
    if mean is None or variance is None:
        raise UnsupportedModel(f"{name} ({type(module).__name__}) keeps no running statistics; give it some")
    mean, variance = mean.detach().double(), variance.detach().double()
    gain = torch.ones_like(mean) if module.weight is None else module.weight.detach().double()
    shift = torch.zeros_like(mean) if module.bias is None else module.bias.detach().double()
    scale = gain / (variance + module.eps).sqrt()
    return Norm(name, (source,), scale, shift - mean * scale)


def fold(layers: list[Layer], shapes: list[tuple[int, ...]]) -> tuple[list[Layer], list[tuple[int, ...]]]:
    """Fold every ``Norm`` into the affine layer right before it; return the new layers and their shapes.

    A ``Norm`` whose input is no affine layer, or is read by others too, becomes a convolution of its own with
    one weight a channel: the rules then treat it as any other convolution.
    """
    counts = count_consumers(layers)
    new: list[Layer] = []
    sizes: list[tuple[int, ...]] = []
    place: list[int] = []  # old index -> new index
    for index, old in enumerate(layers):
        layer = replace(old, inputs=tuple(place[source] for source in old.inputs))
        if isinstance(layer, Norm):
            source = layer.inputs[0]
            before = new[source]
            if isinstance(before, Affine) and not before.lifted and counts[old.inputs[0]] == 1:
                new[source] = _merged(before, layer)
                place.append(source)
                continue
            layer = _diagonal(layer, shapes[index])
        place.append(len(new))
        new.append(layer)
        sizes.append(shapes[index])
    return new, sizes


def _merged(before: Affine, norm: Norm) -> Affine:
    weight = before.weight.double() * norm.scale.view((-1,) + (1,) * (before.weight.ndim - 1))
    bias = norm.shift if before.bias is None else before.bias.double() * norm.scale + norm.shift
    kind = before.weight.dtype
    return replace(before, weight=weight.to(kind), bias=bias.to(kind))


def _diagonal(norm: Norm, shape: tuple[int, ...]) -> Affine:
    """Return a convolution over single positions, each channel by itself."""
    axes = max(len(shape) - 1, 1)
    return Affine(
        norm.name,
        norm.inputs,
        weight=norm.scale.view((-1, 1) + (1,) * axes),
        bias=norm.shift,
        stride=(1,) * axes,
        padding=(0,) * axes,
        dilation=(1,) * axes,
        groups=len(norm.scale),
        lifted=len(shape) == 1,
    )


def cast(layer: Layer, like: Tensor) -> Layer:
    """Return an affine layer in the dtype and on the device of ``like``."""
    if not isinstance(layer, Affine):
        return layer
    bias = None if layer.bias is None else layer.bias.to(like)
    return replace(layer, weight=layer.weight.to(like), bias=bias)
