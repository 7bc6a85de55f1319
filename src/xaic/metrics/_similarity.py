"""Similarities, ranks and areas of many units at once, over the last axis, in double precision.

Undefined (a constant or zero map, a NaN among the values) is NaN, never 0 and never infinity.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

TINY = 1e-300
"""Floor of denominators whose vanishing is dealt with elsewhere."""

ROUNDING = 1e-11
"""Values that differ by less than this share of the largest differ by rounding: sums of equal terms do."""


def nan_where(undefined: Tensor, values: Tensor) -> Tensor:
    """Return values with NaN where they are undefined."""
    return torch.where(undefined, torch.full_like(values, torch.nan), values)


def constant(x: Tensor) -> Tensor:
    """Tell where all values are equal up to rounding [..., n] -> [...]."""
    return (x.amax(-1) - x.amin(-1)) <= ROUNDING * x.abs().amax(-1)


def pearson(a: Tensor, b: Tensor) -> Tensor:
    """Correlation; NaN where one side is constant."""
    a, b = a.double(), b.double()
    x, y = a - a.mean(-1, keepdim=True), b - b.mean(-1, keepdim=True)
    scale = x.norm(dim=-1) * y.norm(dim=-1)
    flat = constant(a) | constant(b) | (scale == 0)
    return nan_where(flat, ((x * y).sum(-1) / scale.clamp_min(TINY)).clamp(-1, 1))


def ranks(x: Tensor) -> Tensor:
    """Ranks from 0, ties given their mean rank; all NaN where a value is NaN."""
    x = x.double().contiguous()
    ordered = x.sort(-1).values.contiguous()
    below = torch.searchsorted(ordered, x, right=False)
    upto = torch.searchsorted(ordered, x, right=True)
    return nan_where(x.isnan().any(-1, keepdim=True), (below + upto - 1).double() / 2)


def spearman(a: Tensor, b: Tensor) -> Tensor:
    """Rank correlation; NaN where one side is constant."""
    return pearson(ranks(a), ranks(b))


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine; NaN where one side is zero."""
    a, b = a.double(), b.double()
    scale = a.norm(dim=-1) * b.norm(dim=-1)
    return nan_where(scale == 0, ((a * b).sum(-1) / scale.clamp_min(TINY)).clamp(-1, 1))


def nanmean(x: Tensor, dim: int) -> Tensor:
    """Mean of the defined values; NaN where there are none."""
    return x.double().nanmean(dim)


def top_share(maps: Tensor, mask: Tensor) -> Tensor:
    """Share of the |mask| highest locations that lie in the mask [N]; ties share their places evenly.

    NaN for an empty mask: |mask| is 0.
    """
    size = mask.sum(-1, keepdim=True)
    edge = maps.sort(-1, descending=True).values.gather(-1, (size - 1).clamp_min(0))
    above, level = maps > edge, maps == edge
    places = (size - above.sum(-1, keepdim=True)).double() / level.sum(-1, keepdim=True)
    hits = (above & mask).sum(-1) + (level & mask).sum(-1) * places.squeeze(-1)
    size = size.squeeze(-1)
    return nan_where(size == 0, (hits / size.clamp_min(1)).clamp(0, 1))


def trapezoid(y: Tensor, x: Tensor) -> Tensor:
    """Area under y [..., T] over x [T]."""
    return torch.trapezoid(y.double(), x.double(), dim=-1)
