"""Layer-wise relevance propagation, z+ rule: along positive weights only (Montavon et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import captum.attr
from captum.attr._utils.lrp_rules import Alpha1_Beta0_Rule, EpsilonRule
from torch import nn

from method_adapters.attribution._card import AFFINE, MAXIMA, attribution_card
from method_adapters.attribution._passes import CaptumMethod
from xaic.documents.types import Capabilities

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context

WEIGHED = (nn.Linear, nn.Conv1d, nn.Conv2d)
"""Modules with weights, which get the z+ rule; pooling and sums hand relevance on in proportion."""


class LRPZPlus(CaptumMethod):
    """R_j = Σ_k x_j w⁺_jk R_k / Σ_j x_j w⁺_jk: relevance follows what excites.

    Where activations are not negative it keeps its sign; raw inputs that are negative, and a negative logit, turn it.
    """

    card = attribution_card(
        "lrp_zplus",
        "LRP (z+ rule)",
        "Hands the target's logit back through the layers along positive weights: what excites the class.",
        truth="region",
        technique="backward propagation of relevance",
        able=Capabilities(modules=(*(name for name in AFFINE if "Norm" not in name), *MAXIMA, "ReLU", "Tanh")),
        assumptions=("activations are not negative", "every operation is a module that is used once"),
        limits=(
            "what speaks against the class is left out",
            "hardly depends on the class below the last layer",
            "needs networks without BatchNorm: fold it first",
        ),
        cost="2 forward passes and 1 backward pass an input",
        references=(
            "Montavon et al. 2017, Explaining nonlinear classification decisions with deep Taylor decomposition",
        ),
    )

    def prepare(self, model: nn.Module) -> None:
        """Give every module its rule, and those whose weights the rule changes weights of their own."""
        for leaf in model.modules():
            if isinstance(leaf, WEIGHED):
                for name, parameter in list(leaf.named_parameters(recurse=False)):
                    setattr(leaf, name, nn.Parameter(parameter.detach().clone(), requires_grad=False))
                leaf.rule = Alpha1_Beta0_Rule(set_bias_to_zero=True)
            elif not list(leaf.children()) and not isinstance(leaf, nn.ReLU | nn.Tanh | nn.Dropout):
                leaf.rule = EpsilonRule()

    def attribute(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        task: AttributionTask,  # noqa: ARG002
        ctx: Context,  # noqa: ARG002
    ) -> Tensor:
        """Return relevance at the input."""
        found: Tensor = captum.attr.LRP(model).attribute(inputs, target=targets)
        return found
