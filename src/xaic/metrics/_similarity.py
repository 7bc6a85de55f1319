"""Similarities and ranks of many units at once. Undefined (a constant map, an empty mask) is NaN, never 0 or infinity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def nan_where(undefined: Tensor, values: Tensor) -> Tensor:
    """Return values with NaN where they are undefined."""
    return torch.where(undefined, torch.full_like(values, torch.nan), values)


def pearson(a: Tensor, b: Tensor) -> Tensor:
    """Correlation over the last axis; NaN where one side is constant."""
    a, b = a.double(), b.double()
    x, y = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    scale = x.norm(dim=-1) * y.norm(dim=-1)
    flat = _constant(a) | _constant(b) | (scale == 0)
    return nan_where(flat, ((x * y).sum(-1) / scale.clamp_min(1e-300)).clamp(-1, 1))


def _constant(x: Tensor) -> Tensor:
    return x.amax(-1) == x.amin(-1)


def ranks(x: Tensor) -> Tensor:
    """Ranks over the last axis from 0, ties given their mean rank."""
    x = x.double()
    ordered = x.sort(-1).values.contiguous()
    x = x.contiguous()
    below = torch.searchsorted(ordered, x, right=False)
    upto = torch.searchsorted(ordered, x, right=True)
    return (below + upto - 1).double() / 2


def spearman(a: Tensor, b: Tensor) -> Tensor:
    """Rank correlation over the last axis; NaN where one side is constant."""
    shape = torch.broadcast_shapes(a.shape, b.shape)
    return pearson(ranks(a.expand(shape)), ranks(b.expand(shape)))


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine over the last axis; NaN where one side is zero."""
    a, b = a.double(), b.double()
    scale = a.norm(dim=-1) * b.norm(dim=-1)
    return nan_where(scale == 0, ((a * b).sum(-1) / scale.clamp_min(1e-300)).clamp(-1, 1))


def nanmean(x: Tensor, dim: int) -> Tensor:
    """Mean of the defined values; NaN where there are none."""
    return x.double().nanmean(dim)


def trapezoid(y: Tensor, x: Tensor) -> Tensor:
    """Area under y [..., T] over x [T]."""
    return torch.trapezoid(y.double(), x.double(), dim=-1)
