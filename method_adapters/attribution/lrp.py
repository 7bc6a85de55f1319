"""Layer-wise relevance propagation, epsilon rule (Bach et al. 2015)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import captum.attr
from captum.attr._utils.lrp_rules import EpsilonRule
from torch import nn

from method_adapters.attribution._card import AFFINE, MAXIMA, attribution_card
from method_adapters.attribution._passes import CaptumMethod
from xaic.documents.types import Capabilities

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context

PASSING = (nn.ReLU, nn.Tanh, nn.Dropout)
"""Modules that Captum lets relevance pass unchanged."""


def set_rules(model: nn.Module, epsilon: float) -> None:
    """Give every leaf that transforms its input the epsilon rule; as a gradient it fits any of them.

    R_j = Σ_k a_j w_jk R_k / (z_k + ε sign z_k); the winner takes all at max pooling; addition shares by size.
    """
    for leaf in model.modules():
        if not list(leaf.children()) and not isinstance(leaf, PASSING):
            leaf.rule = EpsilonRule(epsilon)


class LRP(CaptumMethod):
    """Relevance that starts as the target's logit and is handed back layer by layer."""

    card = attribution_card(
        "lrp",
        "LRP (epsilon rule)",
        "Hands the target's logit back through the layers, each unit to its inputs by what they brought.",
        truth="contribution",
        technique="backward propagation of relevance",
        able=Capabilities(modules=(*AFFINE, *MAXIMA, "ReLU", "Tanh")),
        parameters={"epsilon": 0.01},
        assumptions=("every operation is a module that is used once", "zero means absent"),
        limits=(
            "biases, BatchNorm shifts and epsilon absorb relevance",
            "on networks of ReLU a tiny epsilon makes it input x gradient",
        ),
        cost="2 forward passes and 1 backward pass an input",
        references=(
            "Bach et al. 2015, On pixel-wise explanations by layer-wise relevance propagation, PLoS ONE",
            "Montavon et al. 2019, Layer-wise relevance propagation: an overview, LNCS 11700",
        ),
    )

    def attribute(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        task: AttributionTask,  # noqa: ARG002
        ctx: Context,
    ) -> Tensor:
        """Return relevance at the input."""
        set_rules(model, float(ctx.parameter("epsilon")))
        found: Tensor = captum.attr.LRP(model).attribute(inputs, target=targets)
        return found
