"""Coalitions of features: how inputs are cut, and what the model says when features are at the baseline.

The coalitions of a call are shared by all its units, so that one small matrix turns the model's answers into
attributions for every unit and class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from method_adapters.attribution._passes import blocks, picked, rows_at_once

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


@dataclass(frozen=True)
class Features:
    """A cut of an input into D features. ``index`` holds each location's feature: [D], [T] or [H, W]."""

    index: Tensor
    count: int
    channels: bool  # locations have channels, which go together

    @classmethod
    def of(cls, task: AttributionTask, grid: int, segments: int) -> Features:
        """Cut images into ``grid`` x ``grid`` patches, series into ``segments``, tables into columns."""
        shape = task.inputs.shape[1:]
        if len(shape) == 1:
            return cls(torch.arange(shape[0]), shape[0], channels=False)
        sides, parts = shape[1:], grid if len(shape) == 3 else segments
        index = torch.zeros(sides, dtype=torch.long)
        count = 1
        for axis, side in enumerate(sides):
            cuts = min(parts, side)
            place = torch.arange(side) * cuts // side
            place = place.view([-1 if other == axis else 1 for other in range(len(sides))])
            index, count = index * cuts + place, count * cuts
        return cls(index, count, channels=True)

    def locations(self, kept: Tensor) -> Tensor:
        """Return features [S, D] as locations [S, ...], with one channel where locations have channels."""
        found = kept[:, self.index]
        return found.unsqueeze(1) if self.channels else found

    def spread(self, values: Tensor) -> Tensor:
        """Return maps in which each feature's value [N, D] is shared evenly by its locations: sums stay."""
        sizes = torch.bincount(self.index.flatten(), minlength=self.count)
        return self.locations(values / sizes)


@torch.no_grad()
def answers(model: nn.Module, task: AttributionTask, features: Features, kept: Tensor, ctx: Context) -> Tensor:
    """Return the target's logit [N, S] with the features not ``kept`` [S, D] at the task's baseline."""
    rows, masks = rows_at_once(task.inputs), features.locations(kept)
    many = min(len(masks), rows)
    count, lines = len(task.inputs), []
    for units in blocks(count, max(1, rows // many)):
        inputs, targets = task.inputs[units], task.targets[units]
        line = []
        for some in blocks(len(masks), many):
            mixed = torch.where(masks[some].unsqueeze(0), inputs.unsqueeze(1), task.baseline)
            repeated = targets.repeat_interleave(some.stop - some.start)
            line.append(picked(model(mixed.flatten(0, 1)), repeated).reshape(len(inputs), -1))
        lines.append(torch.cat(line, 1))
        ctx.progress(units.stop / count)
    return torch.cat(lines)


@torch.no_grad()
def ends(model: nn.Module, task: AttributionTask) -> tuple[Tensor, Tensor]:
    """Return the target's logit [N] with all features and with none."""
    slices = blocks(len(task.inputs), rows_at_once(task.inputs))
    full = torch.cat([picked(model(task.inputs[rows]), task.targets[rows]) for rows in slices])
    empty = model(task.baseline.unsqueeze(0)).expand(len(full), -1)
    return full, picked(empty, task.targets)
