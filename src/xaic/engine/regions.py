"""Regions: the locations that removal takes away together.

A region is a square of an image, a stretch of a series, or one column of a table. Removing single pixels in the order
of a map leaves a speckle that no input has, and measures a network's answer to speckle; squares keep what is left
whole. Source: Samek et al. 2017, section III (region perturbation).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from xaic.engine import operators

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Regions:
    """``index`` [L] holds the region of every location, from 0 to ``count`` - 1."""

    index: Tensor
    count: int

    def sums(self, maps: Tensor) -> Tensor:
        """Return the sum of maps [..., L] over each region [..., G]."""
        total = maps.new_zeros(*maps.shape[:-1], self.count)
        return total.index_add_(-1, self.index, maps)

    def spread(self, chosen: Tensor) -> Tensor:
        """Return chosen regions [..., G] as locations [..., L]."""
        return chosen[..., self.index]


def regions_of(inputs: Tensor, side: int) -> Regions:
    """Return the regions of inputs [N, C, H, W], [N, C, T] or [N, D]: ``side`` locations a side.

    The last of a row may be smaller. Columns of a table are never joined.
    """
    if inputs.ndim == 2 or side <= 1:
        size = operators.locations(inputs)
        return Regions(torch.arange(size), size)
    index, count = torch.zeros(inputs.shape[2:], dtype=torch.long), 1
    for axis, length in enumerate(inputs.shape[2:]):
        parts = -(-length // side)
        place = (torch.arange(length) // side).view([-1 if axis == other else 1 for other in range(index.ndim)])
        index, count = index * parts + place, count * parts
    return Regions(index.flatten(), count)
