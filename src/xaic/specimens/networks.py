"""Builders of the specimens' models: plain data in, a module from inputs [N, ...] to logits [N, K] out.

Every nonlinearity is a module of its own that is used once, and every sum of two branches is an ``Add``: methods
that hook or replace modules see all of the network. Weights are not made here; they come from safetensors files.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


class Add(nn.Module):
    """Sum of two branches."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        """Return ``one + other``."""
        return one + other


class Square(nn.Module):
    """Elementwise square; between linear layers it makes products, x·y = ((x + y)² - (x - y)²) / 4."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return ``inputs ** 2``."""
        return inputs * inputs


class Convolutional(nn.Module):
    """Features, mean over all positions, one linear layer: logits = head(pool(features(x)))."""

    def __init__(self, features: nn.Module, pool: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.features = features
        self.pool = pool
        self.head = head

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs [N, C, ...] to logits [N, K]."""
        return self.head(torch.flatten(self.pool(self.features(inputs)), 1))  # type: ignore[no-any-return]


class Residual(nn.Module):
    """relu(norm(conv(relu(norm(conv(x))))) + shortcut(x)); first convolution and shortcut may stride."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.shortcut_norm = nn.BatchNorm2d(outputs)
        self.add = Add()
        self.relu2 = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        """Map [N, inputs, H, W] to [N, outputs, H / stride, W / stride]."""
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(inputs)))))
        return self.relu2(self.add(inner, self.shortcut_norm(self.shortcut(inputs))))  # type: ignore[no-any-return]


class Perceptron(nn.Sequential):
    """Linear layers with nonlinearities between them, on flattened inputs."""

    def forward(self, input: Tensor) -> Tensor:
        """Map inputs [N, ...] to logits [N, K]."""
        return super().forward(torch.flatten(input, 1))  # type: ignore[no-any-return, no-untyped-call]


def convolutional(
    channels: int = 1,
    blocks: Sequence[Sequence[int]] = ((16,), (32,), (64,)),
    classes: int = 10,
    norm: bool = True,  # noqa: FBT001, FBT002 - a configuration is plain data by keyword
) -> nn.Module:
    """Return a CNN of 3 x 3 convolutions with max-pooling between blocks.

    ``blocks`` lists the widths of each block's convolutions. The module of ``representation`` is ``pool``: [N, last
    width, 1, 1].
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    width, number = channels, 0
    for index, block in enumerate(blocks):
        if index:
            layers[f"shrink{index}"] = nn.MaxPool2d(2)
        for outputs in block:
            number += 1
            layers[f"conv{number}"] = nn.Conv2d(width, outputs, 3, padding=1, bias=not norm)
            if norm:
                layers[f"norm{number}"] = nn.BatchNorm2d(outputs)
            layers[f"relu{number}"] = nn.ReLU()
            width = outputs
    return Convolutional(nn.Sequential(layers), nn.AdaptiveAvgPool2d(1), nn.Linear(width, classes))


def residual(channels: int = 1, widths: Sequence[int] = (16, 32, 64), classes: int = 10) -> nn.Module:
    """Return a residual CNN with BatchNorm: a stem of ``widths[0]``, then a striding block a further width.

    The module of ``representation`` is ``pool``: [N, last width, 1, 1].
    """
    stem: list[tuple[str, nn.Module]] = [
        ("conv", nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)),
        ("norm", nn.BatchNorm2d(widths[0])),
        ("relu", nn.ReLU()),
    ]
    blocks = [(f"block{i}", Residual(a, b, 2)) for i, (a, b) in enumerate(pairwise(widths), 1)]
    features = nn.Sequential(OrderedDict([*stem, *blocks]))
    return Convolutional(features, nn.AdaptiveAvgPool2d(1), nn.Linear(widths[-1], classes))


def perceptron(widths: Sequence[int]) -> nn.Module:
    """Return an MLP: ``widths`` are inputs, hidden layers..., classes; ``linear1``, ``relu1``, ``linear2``, ...

    The module of ``representation`` is the last ``relu``; with no hidden layer there is none but ``linear1``.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(pairwise(widths), 1):
        if number > 1:
            layers[f"relu{number - 1}"] = nn.ReLU()
        layers[f"linear{number}"] = nn.Linear(inputs, outputs)
    return Perceptron(layers)


def quadratic(inputs: int, forms: int, classes: int = 2) -> nn.Module:
    """Return Linear, ``Square``, Linear: quadratic forms of the inputs. ``representation``: ``square``."""
    layers: list[tuple[str, nn.Module]] = [
        ("linear1", nn.Linear(inputs, forms)),
        ("square", Square()),
        ("linear2", nn.Linear(forms, classes)),
    ]
    return Perceptron(OrderedDict(layers))


def convolutional_1d(channels: int = 1, widths: Sequence[int] = (16, 32, 32), classes: int = 3) -> nn.Module:
    """Return a CNN for series [N, C, T]: convolutions of 7 steps, max-pooling by 2 between them.

    The module of ``representation`` is ``pool``: [N, last width, 1].
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs) in enumerate(pairwise((channels, *widths)), 1):
        if number > 1:
            layers[f"shrink{number - 1}"] = nn.MaxPool1d(2)
        layers[f"conv{number}"] = nn.Conv1d(inputs, outputs, 7, padding=3)
        layers[f"relu{number}"] = nn.ReLU()
    return Convolutional(nn.Sequential(layers), nn.AdaptiveAvgPool1d(1), nn.Linear(widths[-1], classes))
