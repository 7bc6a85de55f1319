"""The windows an affine layer reads, as matrices: per-image correlations become batched matrix products."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor

    from method_adapters.attribution._relevance.layers import Affine


def windows(layer: Affine, x: Tensor) -> Tensor:
    """Return [N, groups, J, P]: the J inputs of each of P output positions, zeros from the padding."""
    if layer.axes == 0 or layer.lifted:
        return x.view(len(x), layer.groups, -1, 1)
    found = functional.unfold(_planes(x), *_geometry(layer))
    return found.view(len(x), layer.groups, -1, found.shape[-1])


def scatter(layer: Affine, parts: Tensor, like: Tensor) -> Tensor:
    """Return what ``windows`` laid out, added up where windows overlap, in the shape of the layer's input."""
    if layer.axes == 0 or layer.lifted:
        return parts.reshape(like.shape)
    size = _planes(like).shape[2:]
    found = functional.fold(parts.flatten(1, 2), (int(size[0]), int(size[1])), *_geometry(layer))
    return found.view(like.shape)


def floats_a_row(layer: Affine, x: Tensor, r: Tensor) -> int:
    """Return how many numbers the windows and the correlations of one row take."""
    if layer.axes == 0 or layer.lifted:
        kernel, positions = 1, 1
    else:
        kernel, positions = layer.weight[0, 0].numel(), r[0, 0].numel()
    inputs, outputs = x.shape[1] * kernel, 2 * r.shape[1]
    return 2 * inputs * positions + outputs * (inputs // layer.groups + 2 * positions)


def _planes(x: Tensor) -> Tensor:
    """Return [N, C, T] as [N, C, 1, T]."""
    return x.unsqueeze(2) if x.ndim == 3 else x


def _geometry(layer: Affine) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]:
    """Return kernel, dilation, padding and stride over two axes."""
    kernel = tuple(layer.weight.shape[2:])
    if layer.axes == 1:
        return (1, kernel[0]), (1, layer.dilation[0]), (0, layer.padding[0]), (1, layer.stride[0])
    dilation, padding, stride = layer.dilation, layer.padding, layer.stride
    return (
        (kernel[0], kernel[1]),
        (dilation[0], dilation[1]),
        (padding[0], padding[1]),
        (stride[0], stride[1]),
    )
