"""Relevance rules that RAP and RSP share: ratio rule of pooling and sums, uniform shift, first layer.

All take relevance R at a layer's output and give relevance at its input with the same total per row. Shapes
[N, ...].
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch.func import vjp

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from method_adapters.attribution._relevance.layers import Affine, Average, Concat, Maximum

_TINY = {torch.float64: 1e-200, torch.float32: 1e-30}


def divide(a: Tensor, b: Tensor) -> Tensor:
    """Return a / b, and 0 where b is 0 (or so small that the quotient could overflow)."""
    whole = b.abs() > _TINY.get(b.dtype, 1e-6)
    return torch.where(whole, a / torch.where(whole, b, 1), 0)


def totals(x: Tensor) -> Tensor:
    """Return the sum of each row, [N] in double precision."""
    return x.flatten(1).sum(1, dtype=torch.float64)


def column(values: Tensor, like: Tensor) -> Tensor:
    """Return [N] values shaped and typed to multiply [N, ...]."""
    return values.to(like.dtype).view((-1,) + (1,) * (like.ndim - 1))


def uniform_shift(layer: Affine, c: Tensor, r: Tensor) -> Tensor:
    """Return C - (ΣC - ΣR) / N · 1[C ≠ 0], N the number of C ≠ 0: each row then keeps the total of R.

    In a row with no C ≠ 0 no relevance found a way: its units live on their bias. There is nothing to shift;
    each unit then shares evenly over what it reads.
    """
    there = c != 0
    count = totals(there)
    shifted = c - column(divide(totals(c) - totals(r), count), c) * there
    silent = (count == 0) & (r != 0).flatten(1).any(1)
    return shifted + spread(layer, c, r * column(silent, r)) if bool(silent.any()) else shifted


def box_rule(layer: Affine, x: Tensor, r: Tensor) -> Tensor:
    """Return the z^B rule of the first layer, with l and u the smallest and largest input of each row.

    R_in = x ⊙ Wᵀs - l ⊙ W⁺ᵀs - u ⊙ W⁻ᵀs with s = R / (W x - W⁺ l - W⁻ u), written as
    (x - l) ⊙ W⁺ᵀs + (x - u) ⊙ W⁻ᵀs: the same, without cancellation. A unit whose denominator is 0 (a flat
    patch at the end of the range) shares its relevance evenly over its patch, so that none is lost.
    """
    flat = x.flatten(1)
    over_low = x - column(flat.amin(1), x)
    under_high = x - column(flat.amax(1), x)
    plus, minus = layer.weight.clamp_min(0), layer.weight.clamp_max(0)
    z = layer.apply(over_low, plus) + layer.apply(under_high, minus)
    s = divide(r, z)
    found = over_low * layer.transpose(s, plus, x) + under_high * layer.transpose(s, minus, x)
    lost = torch.where(s == 0, r, 0)
    return found + spread(layer, x, lost) if bool(lost.any()) else found


def spread(layer: Affine, x: Tensor, r: Tensor) -> Tensor:
    """Share each unit's relevance evenly over the inputs it reads; ``x`` gives their shape."""
    ones = torch.ones_like(layer.weight)
    return layer.transpose(divide(r, layer.apply(torch.ones_like(x), ones)), ones, x)


def average_rule(layer: Average, x: Tensor, r: Tensor) -> Tensor:
    """Return the ratio rule R_in = x ⊙ Jᵀ(R / z), z = J x; where z is 0, the window shares R evenly."""
    # J does not depend on x: one backward function serves both
    z, back = cast("tuple[Tensor, Callable[[Tensor], tuple[Tensor]]]", vjp(layer.function, x))
    s = divide(r, z)
    found = x * back(s)[0]
    lost = torch.where(s == 0, r, 0)
    if bool(lost.any()):
        found = found + back(lost / layer.function(torch.ones_like(x)))[0]
    return found


def maximum_rule(layer: Maximum, x: Tensor, r: Tensor) -> Tensor:
    """Return the ratio rule of max-pooling: all relevance goes to the winner of its window."""
    _, winners = layer.function(x)
    flat = x.flatten(2) if x.ndim > 2 else x.unsqueeze(1)
    found = torch.zeros_like(flat).scatter_add_(2, winners.flatten(2), r.flatten(2))
    return found.view(x.shape)


def sum_rule(parts: tuple[Tensor, ...], r: Tensor) -> tuple[Tensor, ...]:
    """Return the ratio rule of a sum, R x_i / Σx, per part; where the sum is 0 the parts share evenly."""
    z = torch.stack(parts).sum(0)
    whole = z.abs() > _TINY.get(z.dtype, 1e-6)
    shares = (torch.where(whole, part / torch.where(whole, z, 1), 1 / len(parts)) for part in parts)
    return tuple(r * share for share in shares)


def concat_rule(layer: Concat, parts: tuple[Tensor, ...], r: Tensor) -> tuple[Tensor, ...]:
    """Return each part's own relevance."""
    return torch.split(r, [part.shape[layer.dim] for part in parts], layer.dim)
