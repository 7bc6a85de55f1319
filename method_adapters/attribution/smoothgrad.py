"""SmoothGrad: the gradient averaged over noisy copies of the input (Smilkov et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._passes import blocks, gradients, rows_at_once
from xaic.documents.types import Capabilities
from xaic.methods.attribution import AttributionMethod, per_unit_noise

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


def smoothed(model: nn.Module, inputs: Tensor, targets: Tensor, noise: Tensor) -> Tensor:
    """Return the mean over S of ∂f_t/∂x at x + noise, for inputs [N, ...] and noise [N, S, ...]."""
    samples = noise.shape[1]
    noisy, wanted = (inputs.unsqueeze(1) + noise).flatten(0, 1), targets.repeat_interleave(samples)
    parts = blocks(len(noisy), rows_at_once(inputs))
    found = torch.cat([gradients(model, noisy[rows], wanted[rows]) for rows in parts])
    return found.reshape(noise.shape).mean(1)


class SmoothGrad(AttributionMethod):
    """(1/S) Σ_s ∂f_t/∂x (x + ε_s), ε_s ~ N(0, σ²), σ = level · (max x - min x) of the unit."""

    card = attribution_card(
        "smoothgrad",
        "SmoothGrad",
        "Averages the gradient over small noise, so that fluctuations between neighbouring inputs cancel.",
        truth="sensitivity",
        technique="gradient, averaged over noise",
        able=Capabilities(stochastic=True),
        parameters={"samples": 20, "level": 0.1},
        convergence="samples",
        assumptions=("the model means the same within the noise",),
        limits=(
            "noise leaves the distribution of the data",
            "as silent as the gradient where the model is saturated",
        ),
        cost="20 gradient passes an input",
        references=("Smilkov et al. 2017, SmoothGrad: removing noise by adding noise, arXiv 1706.03825",),
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return the mean gradients; each unit's noise comes from its own stream."""
        model, count = ctx.module(task.model), len(task.inputs)
        samples, level = int(ctx.parameter("samples")), float(ctx.parameter("level"))
        parts = []
        for rows in blocks(count, max(1, rows_at_once(task.inputs) // samples)):
            part = task.select(range(rows.start, rows.stop))
            flat = part.inputs.flatten(1)
            spread = level * (flat.amax(1) - flat.amin(1))
            noise = per_unit_noise(part, ctx, (samples, *part.inputs.shape[1:]))
            noise *= spread.view(-1, *[1] * (noise.ndim - 1))
            parts.append(smoothed(model, part.inputs, part.targets, noise))
            ctx.progress(rows.stop / count)
        return torch.cat(parts)
