"""The kinds of layers a traced model is made of, each with its forward pass.

How relevance goes back through a layer stands in ``rules`` and in the modules of the methods, not here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_CONVOLVE = {1: functional.conv1d, 2: functional.conv2d}
_TRANSPOSE = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d}


@dataclass(frozen=True)
class Layer:
    """One operation; ``inputs`` are the indices of the layers it reads."""

    name: str
    inputs: tuple[int, ...]

    def forward(self, *values: Tensor) -> Tensor:
        """Return the layer's output for a batch."""
        raise NotImplementedError


@dataclass(frozen=True)
class Input(Layer):
    """The network's input."""


@dataclass(frozen=True)
class Rectifier(Layer):
    """max(x, 0); relevance passes unchanged."""

    def forward(self, *values: Tensor) -> Tensor:
        """Return the positive part."""
        return functional.relu(values[0])


@dataclass(frozen=True)
class Reshape(Layer):
    """Same numbers, other shape; ``shape`` is without the batch axis."""

    shape: tuple[int, ...]

    def forward(self, *values: Tensor) -> Tensor:
        """Return the values in the new shape."""
        return values[0].reshape(len(values[0]), *self.shape)


@dataclass(frozen=True)
class Maximum(Layer):
    """Max-pooling. ``function`` returns values and the flat spatial index of each winner."""

    function: Callable[[Tensor], tuple[Tensor, Tensor]]

    def forward(self, *values: Tensor) -> Tensor:
        """Return the pooled values."""
        return self.function(values[0])[0]


@dataclass(frozen=True)
class Average(Layer):
    """A linear pooling with weights of one sign: average pooling, adaptive pooling, mean over positions."""

    function: Callable[[Tensor], Tensor]

    def forward(self, *values: Tensor) -> Tensor:
        """Return the pooled values."""
        return self.function(values[0])


@dataclass(frozen=True)
class Add(Layer):
    """Sum of two branches of the same shape."""

    def forward(self, *values: Tensor) -> Tensor:
        """Return the sum."""
        return values[0] + values[1]


@dataclass(frozen=True)
class Concat(Layer):
    """Branches side by side along ``dim``."""

    dim: int

    def forward(self, *values: Tensor) -> Tensor:
        """Return the concatenation."""
        return torch.cat(values, self.dim)


@dataclass(frozen=True)
class Norm(Layer):
    """BatchNorm in evaluation mode: x · scale + shift, one pair a channel. Gone after folding."""

    scale: Tensor
    shift: Tensor

    def forward(self, *values: Tensor) -> Tensor:
        """Return the scaled values."""
        shape = (-1,) + (1,) * (values[0].ndim - 2)
        scale, shift = self.scale.to(values[0]), self.shift.to(values[0])
        return values[0] * scale.view(shape) + shift.view(shape)


@dataclass(frozen=True)
class Affine(Layer):
    """A linear layer or a convolution over 1 or 2 spatial axes.

    ``weight`` is [O, I] for a linear layer, else [O, I / groups, *kernel]; ``bias`` is [O]. A ``lifted``
    convolution works on [N, C] as if it were [N, C, 1]: this is how a lone BatchNorm of features is kept.
    """

    weight: Tensor
    bias: Tensor | None
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    groups: int = 1
    lifted: bool = False

    @property
    def axes(self) -> int:
        """Number of spatial axes of the kernel; 0 for a linear layer."""
        return self.weight.ndim - 2

    @property
    def pointwise(self) -> bool:
        """Is this a convolution whose kernel covers one position only?"""
        return self.axes > 0 and self.weight[0, 0].numel() == 1

    def forward(self, *values: Tensor) -> Tensor:
        """Return W x + b."""
        return self.apply(values[0], self.weight, self.bias)

    def apply(self, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return this layer's linear map with other weights: W x (+ b)."""
        if self.axes == 0:
            return functional.linear(x, weight, bias)
        if self.lifted:
            x = x.unsqueeze(-1)
        found = _CONVOLVE[self.axes](x, weight, bias, self.stride, self.padding, self.dilation, self.groups)
        return found.squeeze(-1) if self.lifted else found

    def transpose(self, s: Tensor, weight: Tensor, like: Tensor) -> Tensor:
        """Return Wᵀ s in the shape of the layer's input ``like``."""
        if self.axes == 0:
            return s @ weight
        if self.lifted:
            s, like = s.unsqueeze(-1), like.unsqueeze(-1)
        # a stride may leave the last rows of the input unread; output_padding gives them back, as zeros
        rest = [
            size - ((out - 1) * stride - 2 * pad + dilation * (kernel - 1) + 1)
            for size, out, kernel, stride, pad, dilation in zip(
                like.shape[2:],
                s.shape[2:],
                weight.shape[2:],
                self.stride,
                self.padding,
                self.dilation,
                strict=True,
            )
        ]
        found = _TRANSPOSE[self.axes](s, weight, None, self.stride, self.padding, rest, self.groups, self.dilation)
        return found.squeeze(-1) if self.lifted else found
