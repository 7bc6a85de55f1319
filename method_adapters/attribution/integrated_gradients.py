"""Integrated gradients: gradients gathered on the way from the baseline (Sundararajan et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

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

    The gradient of a ReLU network jumps along the way; against jumps, evenly spaced steps do best.
    """

    card = attribution_card(
        "integrated_gradients",
        "Integrated gradients",
        "Shares out the difference of the logit from the baseline's over the input elements.",
        truth="contribution",
        technique="path integral of gradients",
        parameters={"n_steps": 32},
        convergence="n_steps",
        claims=(ClaimedProperty("completeness", 0.02, "relative to f(x) - f(baseline); exact in the limit"),),
        assumptions=("the baseline carries no evidence", "the straight way from it is a meaningful one"),
        limits=("depends on the baseline", "kinks of the network leave an error of quadrature"),
        cost="32 gradient passes an input",
        references=("Sundararajan, Taly, Yan 2017, Axiomatic attribution for deep networks, ICML",),
    )

    def attribute(
        self, model: nn.Module, inputs: Tensor, targets: Tensor, task: AttributionTask, ctx: Context
    ) -> Tensor:
        """Return integrated gradients against the task's baseline."""
        found: Tensor = CaptumIntegratedGradients(model).attribute(
            inputs,
            baselines=task.baseline.unsqueeze(0),
            target=targets,
            n_steps=int(ctx.parameter("n_steps")),
            method="riemann_middle",
            internal_batch_size=max(rows_at_once(inputs), len(inputs)),
        )
        return found
