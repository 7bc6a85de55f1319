"""A second derivation in NumPy: every layer a dense matrix made by loops, one image at a time.

Nothing of the implementation is used but its two entry points.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from method_adapters.attribution.rap import rap
from method_adapters.attribution.rsp import Options, rsp

Array = NDArray[np.float64]


class Residual(nn.Module):
    """Convolutions of all kinds, a residual sum, max- and mean-pooling, two linear layers."""

    def __init__(self, axes: int) -> None:
        super().__init__()
        conv = nn.Conv1d if axes == 1 else nn.Conv2d
        self.conv1 = conv(2, 4, 3, padding=1)
        self.conv2 = conv(4, 6, 2, stride=2, padding=1, groups=2)
        self.conv3 = conv(6, 6, 3, padding=2, dilation=2)
        self.short = conv(6, 6, 1)
        self.pool: nn.Module = nn.MaxPool1d(2, 1) if axes == 1 else nn.MaxPool2d(2, 1)
        self.mean: nn.Module = nn.AdaptiveAvgPool1d(1) if axes == 1 else nn.AdaptiveAvgPool2d(1)
        self.hidden, self.head = nn.Linear(6, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.conv1(x)))
        x = torch.relu(self.conv2(x))
        x = torch.relu(self.conv3(x) + self.short(x))
        found: Tensor = self.head(torch.relu(self.hidden(self.mean(x).flatten(1))))
        return found


@dataclass
class Conv:
    """A convolution of one image, its taps listed: (output position, input position, kernel position)."""

    weight: Array  # [O, I / groups, K]
    bias: Array
    size: tuple[int, ...]
    out: tuple[int, ...]
    taps: list[tuple[int, int, int]]
    groups: int
    dense: Array = field(init=False)

    def __post_init__(self) -> None:
        self.dense = self.matrix(self.weight)

    @classmethod
    def of(cls, module: Any, size: tuple[int, ...]) -> Conv:
        kernel, stride, pad, dil = module.kernel_size, module.stride, module.padding, module.dilation
        axes = range(len(size))
        out = tuple((size[a] + 2 * pad[a] - dil[a] * (kernel[a] - 1) - 1) // stride[a] + 1 for a in axes)
        taps = []
        for p, position in enumerate(product(*map(range, out))):
            for u, offset in enumerate(product(*map(range, kernel))):
                at = [position[a] * stride[a] - pad[a] + offset[a] * dil[a] for a in axes]
                if all(0 <= at[a] < size[a] for a in axes):
                    taps.append((p, int(np.ravel_multi_index(at, size)), u))
        weight = module.weight.detach().double().numpy()
        weight = weight.reshape(*weight.shape[:2], -1)
        return cls(weight, module.bias.detach().double().numpy(), size, out, taps, module.groups)

    def channels(self) -> list[tuple[int, int, int]]:
        """(output channel, input channel, index inside the group)."""
        outputs, inner = self.weight.shape[:2]
        each = outputs // self.groups
        return [(k, (k // each) * inner + j, j) for k in range(outputs) for j in range(inner)]

    def matrix(self, weight: Array) -> Array:
        positions, inputs = int(np.prod(self.out)), int(np.prod(self.size))
        found = np.zeros((weight.shape[0] * positions, self.weight.shape[1] * self.groups * inputs))
        for k, i, j in self.channels():
            for p, at, u in self.taps:
                found[k * positions + p, i * inputs + at] = weight[k, j, u]
        return found

    def correlation(self, r: Array, x: Array) -> Array:
        """G_{k,i,u} = Σ_p R_k(p) x_i(p + u)."""
        positions, inputs = int(np.prod(self.out)), int(np.prod(self.size))
        found = np.zeros_like(self.weight)
        for k, i, j in self.channels():
            for p, at, u in self.taps:
                found[k, j, u] += r[k * positions + p] * x[i * inputs + at]
        return found


def ratio(r: Array, matrix: Array, x: Array) -> Array:
    """x_j Σ_k m_kj R_k / Σ_j m_kj x_j, nothing where the sum is 0."""
    z = matrix @ x
    return np.asarray(x * (matrix.T @ np.divide(r, z, out=np.zeros_like(r), where=z != 0)))


def shift(c: Array, total: float) -> Array:
    there = c != 0
    return np.asarray(c - (c.sum() - total) / max(there.sum(), 1) * there)


def rap_hidden(w: Array, x: Array, r: Array, *, conv: bool) -> Array:
    up, down = np.maximum(w, 0), np.maximum(-w, 0)
    rp, rn = np.maximum(r, 0), np.maximum(-r, 0)
    c = np.zeros_like(x)
    for size, plus, minus in ((np.maximum(x, 0), up, down), (np.maximum(-x, 0), down, up)):
        zp, zn = plus @ size, minus @ size
        q = np.divide(zn, zp + zn, out=np.zeros_like(zp), where=zp + zn > 0)
        c += ratio(rp, plus, size) + ratio(q * rp, minus, size)
        c -= ratio(rn, minus if conv else plus, size) + ratio(q * rn, minus, size)
    return shift(c, r.sum())


def rsp_hidden(conv: Conv, x: Array, r: Array) -> Array:
    x = np.maximum(x, 0)
    rp, rn = np.maximum(r, 0), np.maximum(-r, 0)
    matrices = [conv.matrix(conv.correlation(part, x)) for part in (rp, rn)]
    parts = [ratio(part, matrix, x) for part, matrix in zip((rp, rn), matrices, strict=True)]
    # a unit that reads zeros only lives on its bias: its relevance finds no way and is left to the shift
    lost = rp[matrices[0] @ x == 0].sum() - rn[matrices[1] @ x == 0].sum()
    if conv.weight.shape[2] == 1:
        c, surplus = parts[0] - parts[1], -lost
    else:
        c, surplus = 2 * (parts[0] - parts[1]), (rp.sum() - rn.sum()) - 2 * lost
    there = c != 0
    return np.asarray(c - surplus / max(there.sum(), 1) * there)


def box(w: Array, x: Array, r: Array) -> Array:
    """The printed form of the rule of the first layer, low and high end of the image."""
    up, down = np.maximum(w, 0), np.minimum(w, 0)
    low, high = np.full_like(x, x.min()), np.full_like(x, x.max())
    s = r / (w @ x - up @ low - down @ high)
    return np.asarray(x * (w.T @ s) - low * (up.T @ s) - high * (down.T @ s))


def max_pool(x: Array, size: tuple[int, ...]) -> tuple[Array, list[int]]:
    """Windows of 2, stride 1, over all spatial axes; returns the values and the winners' places."""
    channels, out = len(x) // int(np.prod(size)), tuple(s - 1 for s in size)
    winners = []
    for c in range(channels):
        for position in product(*map(range, out)):
            window = [
                c * int(np.prod(size))
                + int(np.ravel_multi_index([a + b for a, b in zip(position, o, strict=True)], size))
                for o in product(*[range(2)] * len(size))
            ]
            winners.append(max(window, key=lambda at: x[at]))
    return x[winners], winners


@dataclass
class Pass:
    """The forward pass of one image."""

    x: Array
    size: tuple[int, ...]
    net: Residual

    def __post_init__(self) -> None:
        net = self.net
        self.c1 = Conv.of(net.conv1, self.size)
        self.a1 = np.maximum(self.c1.dense @ self.x + np.repeat(self.c1.bias, np.prod(self.c1.out)), 0)
        self.pooled, self.winners = max_pool(self.a1, self.c1.out)
        self.c2 = Conv.of(net.conv2, tuple(s - 1 for s in self.c1.out))
        self.a2 = np.maximum(self.c2.dense @ self.pooled + np.repeat(self.c2.bias, np.prod(self.c2.out)), 0)
        self.c3, self.cs = Conv.of(net.conv3, self.c2.out), Conv.of(net.short, self.c2.out)
        self.places = int(np.prod(self.c3.out))
        self.b3 = self.c3.dense @ self.a2 + np.repeat(self.c3.bias, self.places)
        self.bs = self.cs.dense @ self.a2 + np.repeat(self.cs.bias, self.places)
        self.a3 = np.maximum(self.b3 + self.bs, 0)
        self.m = self.a3.reshape(6, self.places).mean(1)
        self.w4, self.b4 = (p.detach().double().numpy() for p in net.hidden.parameters())
        self.w5, self.b5 = (p.detach().double().numpy() for p in net.head.parameters())
        self.h = np.maximum(self.w4 @ self.m + self.b4, 0)
        self.y = self.w5 @ self.h + self.b5

    def unpool(self, r: Array) -> Array:
        found = np.zeros_like(self.a1)
        np.add.at(found, self.winners, r)
        return found


def rap_oracle(f: Pass, target: int) -> Array:
    c = f.h * f.w5[target]
    r = np.abs(c) / np.abs(c).sum() * f.y[target]
    r = rap_hidden(f.w4, f.m, r, conv=False)
    r = np.repeat(np.divide(r, f.m, out=np.zeros_like(r), where=f.m != 0) / f.places, f.places) * f.a3
    whole = f.b3 + f.bs
    share = np.divide(r, whole, out=np.zeros_like(r), where=whole != 0)
    r = rap_hidden(f.c3.dense, f.a2, f.b3 * share, conv=True) + rap_hidden(f.cs.dense, f.a2, f.bs * share, conv=True)
    r = rap_hidden(f.c2.dense, f.pooled, r, conv=True)
    return box(f.c1.dense, f.x, f.unpool(r))


def gradient_map(f: Pass, target: int) -> Array:
    """g_k A_k(i) over its maximum; the mean over positions of ∂y/∂A_k is ∂y/∂m_k / positions."""
    to_mean = ((f.w4 @ f.m + f.b4 > 0) * f.w5[target]) @ f.w4
    found = np.repeat(to_mean / f.places, f.places) * f.a3
    return np.asarray(found / (found.max() if found.max() > 0 else np.abs(found).max()))


def balanced(r: Array, positive: float, negative: float) -> Array:
    up, down = np.maximum(r, 0), np.maximum(-r, 0)
    return np.asarray(positive * up / max(up.sum(), 1e-300) - negative * down / max(down.sum(), 1e-300))


def start_oracle(f: Pass, target: int, options: Options) -> Array:
    if options.activation == "sigmoid":
        others = [c for c in range(3) if c != target and f.y[c] >= 0]
    else:
        others = [max((c for c in range(3) if c != target), key=lambda c: f.y[c])]
    own = gradient_map(f, target)
    if options.start == "single" or not others:
        return own
    rel = len(others) * own - sum(gradient_map(f, c) for c in others)
    rel = balanced(np.where(np.abs(rel) > 1e-12, rel, 0), 1, 1)  # maps may coincide: no signs out of rounding
    section = rel.reshape(6, f.places).sum(0)
    if options.purge == "sign":
        return balanced(np.where(np.sign(rel) == np.tile(np.sign(section), 6), rel, 0), 2, 1)
    return np.tile(balanced(section, 2, 1) / 6, 6)


def rsp_oracle(f: Pass, target: int, options: Options) -> Array:
    r = start_oracle(f, target, options)
    one, other = np.maximum(f.b3, 0), np.maximum(f.bs, 0)
    share = np.divide(one, one + other, out=np.full_like(one, 0.5), where=one + other > 0)
    r = rsp_hidden(f.c3, f.a2, r * share) + rsp_hidden(f.cs, f.a2, r * (1 - share))
    r = rsp_hidden(f.c2, f.pooled, r)
    return box(f.c1.dense, f.x, f.unpool(r))


def case(axes: int, seed: int) -> tuple[Residual, Tensor, tuple[int, ...]]:
    torch.manual_seed(seed)
    net = Residual(axes).double().eval()
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith("bias"):  # so that no position lives on its bias alone
                p.copy_(0.1 * p.abs())
            p.mul_(2)
    size = (9,) if axes == 1 else (6, 5)
    return net, torch.rand(3, 2, *size, dtype=torch.float64), size


CASES = [(axes, seed) for axes in (1, 2) for seed in range(4)]
OPTIONS = [
    Options("single"),
    Options("relative", "sign", "softmax"),
    Options("relative", "sign", "sigmoid"),
    Options("relative", "channel", "sigmoid"),
]


@pytest.mark.parametrize(("axes", "seed"), CASES)
def test_the_oracle_computes_the_same_network(axes: int, seed: int) -> None:
    net, inputs, size = case(axes, seed)
    logits = net(inputs).detach().numpy()
    for row, image in enumerate(inputs):
        np.testing.assert_allclose(Pass(image.numpy().ravel(), size, net).y, logits[row], atol=1e-12)


@pytest.mark.parametrize(("axes", "seed"), CASES)
def test_rap_agrees_with_dense_matrices(axes: int, seed: int) -> None:
    net, inputs, size = case(axes, seed)
    targets = torch.tensor([0, 1, 2])
    found = rap(net, inputs, targets)
    for row, image in enumerate(inputs):
        wanted = rap_oracle(Pass(image.numpy().ravel(), size, net), int(targets[row]))
        assert np.abs(wanted).max() > 0
        np.testing.assert_allclose(found[row].numpy().ravel(), wanted, atol=1e-9 * np.abs(wanted).max())


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize(("axes", "seed"), CASES)
def test_rsp_agrees_with_dense_matrices(axes: int, seed: int, options: Options) -> None:
    net, inputs, size = case(axes, seed)
    targets = torch.tensor([0, 1, 2])
    found = rsp(net, inputs, targets, options)
    for row, image in enumerate(inputs):
        wanted = rsp_oracle(Pass(image.numpy().ravel(), size, net), int(targets[row]), options)
        np.testing.assert_allclose(found[row].numpy().ravel(), wanted, atol=1e-9 * max(np.abs(wanted).max(), 1))
