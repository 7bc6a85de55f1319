"""Negative controls that never ask the model: noise (C1), magnitude (C4), edges (C5), position (C6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.functional import conv2d, pad

from method_adapters.attribution._card import control_card
from xaic.documents.types import Capabilities
from xaic.methods.attribution import AttributionMethod, per_unit_noise

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context

CENTRE_WIDTH = 0.25
"""Standard deviation of the centre prior, as a share of each side."""


def standard(values: Tensor, background: Tensor) -> Tensor:
    """Return z-scores by the background's mean and standard deviation; a constant column gives 0."""
    deviation = background.std(0, correction=0)
    return torch.where(deviation > 0, (values - background.mean(0)) / deviation.clamp_min(1e-12), 0.0)


def edges(inputs: Tensor) -> Tensor:
    """Return √(g_x² + g_y²) by Sobel of images [N, C, H, W], or |x_t - x_(t-1)| of series [N, C, T]."""
    if inputs.ndim == 3:
        return torch.diff(inputs, dim=-1, prepend=inputs[..., :1]).abs()
    smooth, slope = torch.tensor([1.0, 2.0, 1.0]), torch.tensor([-1.0, 0.0, 1.0])
    kernels = torch.stack([torch.outer(smooth, slope), torch.outer(slope, smooth)]).unsqueeze(1) / 8
    planes = pad(inputs.flatten(0, 1).unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    return conv2d(planes, kernels.to(inputs)).square().sum(1).sqrt().reshape(inputs.shape)


def centre(sides: tuple[int, ...]) -> Tensor:
    """Return a Gaussian [*sides] around the middle, height 1 there."""
    total = torch.ones(())
    for side in sides:
        place = torch.arange(side) - (side - 1) / 2
        total = total.unsqueeze(-1) * torch.exp(-((place / (CENTRE_WIDTH * side)) ** 2) / 2)
    return total


class RandomControl(AttributionMethod):
    """C1: independent standard normal values."""

    card = control_card(
        "random",
        "Control C1: random",
        "Independent random values; knows neither input nor model.",
        control="C1",
        able=Capabilities(access="none", stochastic=True, target_specific=False),
        cost="no pass",
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return noise, each unit's from its own stream."""
        return per_unit_noise(task, ctx, tuple(task.inputs.shape[1:]))


class MagnitudeControl(AttributionMethod):
    """C4: |x - baseline|; for tables the absolute z-score."""

    card = control_card(
        "magnitude",
        "Control C4: input magnitude",
        "How far each input element lies from the baseline; knows nothing of the model.",
        control="C4",
        able=Capabilities(access="none", signed=False, target_specific=False),
        cost="no pass",
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:  # noqa: ARG002
        """Return magnitudes."""
        if task.kind == "tabular":
            return standard(task.inputs, task.background).abs()
        return (task.inputs - task.baseline).abs()


class EdgeControl(AttributionMethod):
    """C5: edges of an image, steps of a series."""

    card = control_card(
        "edges",
        "Control C5: edges",
        "How sharply the input changes from place to place; knows nothing of the model.",
        control="C5",
        able=Capabilities(access="none", signed=False, inputs=("image", "series"), target_specific=False),
        cost="no pass",
        references=(
            "Adebayo et al. 2018, Sanity checks for saliency maps, NeurIPS",
            "Sobel, Feldman 1968, A 3x3 isotropic gradient operator for image processing",
        ),
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:  # noqa: ARG002
        """Return edge strengths."""
        return edges(task.inputs)


class PositionControl(AttributionMethod):
    """C6: one map for every input: the centre of images and series; for tables the background's mean |z|."""

    card = control_card(
        "position",
        "Control C6: position prior",
        "One map for all inputs: the middle, or features that vary strongly; knows nothing of the model.",
        control="C6",
        able=Capabilities(access="none", signed=False, granularity="location", target_specific=False),
        cost="no pass",
        references=("Judd, Durand, Torralba 2012, A benchmark of computational models of saliency, MIT TR",),
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:  # noqa: ARG002
        """Return the prior, once for each unit."""
        if task.kind == "tabular":
            prior = standard(task.background, task.background).abs().mean(0)
        else:
            prior = centre(tuple(task.inputs.shape[2:])).unsqueeze(0).to(task.inputs)
        return prior.expand(len(task.inputs), *prior.shape).clone()
