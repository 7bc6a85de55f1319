"""Integrated gradients: gradients gathered on the way from the baseline (Sundararajan et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from captum.attr import IntegratedGradients as CaptumIntegratedGradients

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._passes import CaptumMethod, rows_at_once
from xaic.documents.types import ClaimedProperty

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


class IntegratedGradients(CaptumMethod):
    """(x - b) ⊙ ∫₀¹ ∂f_t/∂x (b + α (x - b)) dα, by the midpoint rule.

    The gradient of a ReLU network jumps along the way; against jumps, evenly spaced steps do best. As the paper advises
    (section 5), steps are added where the sum of a unit's attributions misses f(x) - f(b): four times as many, up to
    ``most_steps``, unless the gap, which falls as steps grow, is too wide for them. Each unit's own gap decides, so a
    batch gets what its rows get alone.
    """

    card = attribution_card(
        "integrated_gradients",
        "Integrated gradients",
        "Shares out the difference of the logit from the baseline's over the input elements.",
        truth="contribution",
        technique="path integral of gradients",
        parameters={"n_steps": 32, "tolerance": 0.01, "most_steps": 1024},
        convergence="n_steps",
        claims=(ClaimedProperty("completeness", 0.02, "relative to f(x) - f(baseline); exact in the limit"),),
        assumptions=("the baseline carries no evidence", "the straight way from it is a meaningful one"),
        limits=("depends on the baseline", "kinks of the network leave an error of quadrature"),
        cost="32 gradient passes an input; 128, 512, 1024 more where the sum is off by more than 1 % and that mends it",
        references=("Sundararajan, Taly, Yan 2017, Axiomatic attribution for deep networks, ICML",),
    )

    def attribute(
        self, model: nn.Module, inputs: Tensor, targets: Tensor, task: AttributionTask, ctx: Context
    ) -> Tensor:
        """Return integrated gradients against the task's baseline."""
        steps, most = int(ctx.parameter("n_steps")), int(ctx.parameter("most_steps"))
        tolerance = float(ctx.parameter("tolerance"))
        found, short = _integrate(model, inputs, targets, task.baseline, steps)
        while steps < most and bool((rows := (short > tolerance) & (short * steps < tolerance * most)).any()):
            steps = min(4 * steps, most)
            found[rows], short[rows] = _integrate(model, inputs[rows], targets[rows], task.baseline, steps)
        return found


def _integrate(
    model: nn.Module, inputs: Tensor, targets: Tensor, baseline: Tensor, steps: int
) -> tuple[Tensor, Tensor]:
    """Return attributions [N, ...] and by which share of f(x) - f(b) their sum misses it [N]."""
    found, gap = CaptumIntegratedGradients(model).attribute(
        inputs,
        baselines=baseline.unsqueeze(0),
        target=targets,
        n_steps=steps,
        method="riemann_middle",
        internal_batch_size=max(rows_at_once(inputs), len(inputs)),
        return_convergence_delta=True,
    )
    found, gap = found.detach(), gap.detach()
    whole = (found.flatten(1).sum(1) - gap).abs()
    return found, gap.abs() / whole.clamp_min(torch.finfo(whole.dtype).tiny)
