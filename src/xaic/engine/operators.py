"""Perturbation operators: what stands in the place of removed locations.

An operator is prepared once for a task (``fill`` [N, ...], the same at every step) and then applied to masks. Only
'road' depends on the mask itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import conv1d, pad

from xaic.documents.errors import BadData, UnknownName
from xaic.engine.imputation import NOISE, impute

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.streams import Streams
    from xaic.families.attribution import AttributionTask

BLUR_SIGMA = 1 / 8
"""Standard deviation of the blur as a share of the longest spatial side."""


@dataclass(frozen=True)
class Prepared:
    """An operator ready for a task. ``noise`` [N, ...] is added to imputed values; None: the fill alone."""

    inputs: Tensor
    fill: Tensor
    noise: Tensor | None = None

    def apply(self, rows: Tensor, removed: Tensor) -> Tensor:
        """Return inputs[rows] [B, ...] with ``removed`` [B, L] locations replaced."""
        inputs = self.inputs[rows]
        mask = spread(removed, inputs)
        if self.noise is None:
            return torch.where(mask, self.fill[rows], inputs)
        filled = impute(inputs, mask, self.fill[rows])
        return torch.where(mask, filled + self.noise[rows], inputs)


def spread(removed: Tensor, inputs: Tensor) -> Tensor:
    """Return a mask over locations [B, L] shaped for inputs [B, C, ...] or [B, D]."""
    if inputs.ndim == 2:
        return removed
    return removed.view(len(removed), 1, *inputs.shape[2:])


def locations(inputs: Tensor) -> int:
    """Return the number of locations of an input: channels of a location are removed together."""
    return int(inputs.shape[1:].numel() if inputs.ndim == 2 else inputs.shape[2:].numel())


Maker = Callable[["AttributionTask", "Streams"], Prepared]
_OPERATORS: dict[str, Maker] = {}


def operator(name: str) -> Callable[[Maker], Maker]:
    """Make a function the operator called ``name``."""

    def register(maker: Maker) -> Maker:
        _OPERATORS[name] = maker
        return maker

    return register


def prepare(name: str, task: AttributionTask, streams: Streams) -> Prepared:
    """Return an operator ready for a task; raise ``UnknownName``."""
    if name not in _OPERATORS:
        raise UnknownName("perturbation operator", name, _OPERATORS)
    return _OPERATORS[name](task, streams.at("operator", name))


@operator("mean")
def mean(task: AttributionTask, streams: Streams) -> Prepared:  # noqa: ARG001
    """Constant: the task's baseline, by default the mean of the background sample."""
    return Prepared(task.inputs, task.baseline.expand_as(task.inputs))


@operator("resample")
def resample(task: AttributionTask, streams: Streams) -> Prepared:
    """Values of a background row that each unit draws once: stays on the data's manifold location by location."""
    size = len(task.background)
    rows = [int(torch.randint(size, (), generator=streams.generator(unit))) for unit in task.units]
    return Prepared(task.inputs, task.background[torch.tensor(rows)])


@operator("blur")
def blur(task: AttributionTask, streams: Streams) -> Prepared:  # noqa: ARG001
    """Gaussian blur of images and series, with reflected borders."""
    x = task.inputs
    if x.ndim < 3:
        raise BadData("the operator 'blur' needs images or series; use 'mean' or 'resample' for tables")
    sigma = max(x.shape[2:]) * BLUR_SIGMA
    for axis in range(2, x.ndim):
        x = _blur_axis(x, axis, sigma)
    return Prepared(task.inputs, x)


def _blur_axis(x: Tensor, axis: int, sigma: float) -> Tensor:
    radius = min(int(3 * sigma + 0.5), x.shape[axis] - 1)
    at = torch.arange(-radius, radius + 1, dtype=x.dtype)
    weights = torch.exp(-0.5 * (at / sigma) ** 2)
    moved = x.movedim(axis, -1)
    flat = moved.reshape(-1, 1, moved.shape[-1])
    smooth = conv1d(pad(flat, (radius, radius), mode="reflect"), (weights / weights.sum())[None, None])
    return smooth.view(moved.shape).movedim(-1, axis).contiguous()


@operator("road")
def road(task: AttributionTask, streams: Streams) -> Prepared:
    """Noisy linear imputation of images (Rong et al. 2022).

    Solving starts from the task's baseline, which is also what stands where nothing is left to solve from: removed
    values leave no trace.
    """
    if task.inputs.ndim != 4:
        raise BadData("the operator 'road' needs images; use 'mean' or 'resample'")
    shape = task.inputs.shape[1:]
    noise = torch.stack([torch.randn(shape, generator=streams.generator(unit)) for unit in task.units])
    spread_ = task.background.std().clamp_min(1e-6)
    fill = task.baseline.expand_as(task.inputs)
    return Prepared(task.inputs, fill, (NOISE * spread_ * noise).to(task.inputs.dtype))
