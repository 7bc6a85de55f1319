"""Gradient (saliency): how fast the target's logit changes with each input element (Simonyan et al. 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum.attr import Saliency

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._passes import CaptumMethod

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


class Gradient(CaptumMethod):
    """∂f_t/∂x, signed."""

    card = attribution_card(
        "gradient",
        "Gradient",
        "Tells how fast the logit of the target class changes when an input element changes a little.",
        truth="sensitivity",
        technique="gradient",
        assumptions=("the logit is differentiable at the input",),
        limits=("local: silent where the model is saturated", "noisy on deep networks with ReLU"),
        cost="1 gradient pass an input",
        references=(
            "Baehrens et al. 2010, How to explain individual classification decisions, JMLR",
            "Simonyan, Vedaldi, Zisserman 2014, Deep inside convolutional networks, ICLR workshop",
        ),
    )

    def attribute(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        task: AttributionTask,  # noqa: ARG002
        ctx: Context,  # noqa: ARG002
    ) -> Tensor:
        """Return the gradient."""
        found: Tensor = Saliency(model).attribute(inputs, target=targets, abs=False)
        return found
