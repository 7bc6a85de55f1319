"""Rows with random parts replaced: what networks are trained on, so that they know inputs with evidence removed.

A network that never saw a hole takes holes for evidence, and removal then measures how odd the input has become. The
specimens' networks learn from rows half of which have lost a random share of their locations, by single locations or by
whole areas, to the mean, to a blur of the row, or to another row. Source: Hase, Xie and Bansal 2021, section 4.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import avg_pool1d, avg_pool2d, interpolate

if TYPE_CHECKING:
    from torch import Tensor

TOUCHED = 0.5
"""Share of the rows that lose something."""

COARSE = 4
"""Areas are thresholded noise on a grid of so many points a side."""


def masked(rows: Tensor, mean: Tensor) -> Tensor:
    """Return rows [N, D], [N, C, T] or [N, C, H, W] with random parts replaced; ``mean`` [...] is the training mean.

    Random numbers come from torch's global generator, as all of training's do.
    """
    lost = _lost(rows) & (torch.rand(len(rows), *[1] * (rows.ndim - 1)) < TOUCHED)
    fills = [mean.expand_as(rows), rows[torch.randperm(len(rows))]]
    if rows.ndim > 2:
        fills.append(_smooth(rows))
    which = torch.randint(len(fills), (len(rows),))
    fill = torch.stack(fills)[which, torch.arange(len(rows))]
    return torch.where(lost, fill, rows)


def _lost(rows: Tensor) -> Tensor:
    """Return which locations go [N, 1, ...] or [N, D]: a share drawn evenly, scattered or in areas."""
    sides = rows.shape[2:]
    shape = (len(rows), 1, *sides) if sides else rows.shape
    noise = torch.rand(shape)
    if sides:
        mode = "linear" if len(sides) == 1 else "bilinear"
        areas = interpolate(torch.rand(len(rows), 1, *[COARSE] * len(sides)), size=sides, mode=mode)
        noise = torch.where(torch.rand(len(rows), *[1] * (len(shape) - 1)) < 0.5, noise, areas)
    rank = noise.flatten(1).argsort(1).argsort(1).reshape(shape) / noise[0].numel()
    return rank < torch.rand(len(rows), *[1] * (len(shape) - 1))


def _smooth(rows: Tensor) -> Tensor:
    """Return rows blurred by a wide box, applied twice."""
    width = max(rows.shape[2:]) // 4 // 2 * 2 + 1
    pool = avg_pool1d if rows.ndim == 3 else avg_pool2d
    for _ in range(2):
        rows = pool(rows, width, 1, width // 2, count_include_pad=False)
    return rows
