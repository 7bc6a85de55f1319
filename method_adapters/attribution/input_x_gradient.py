"""Input times gradient: each element's first-order share in the logit (Shrikumar et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum.attr import InputXGradient as CaptumInputXGradient

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._passes import CaptumMethod

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


class InputXGradient(CaptumMethod):
    """x ⊙ ∂f_t/∂x: the reference point is the zero input, whatever the benchmark's baseline is."""

    card = attribution_card(
        "input_x_gradient",
        "Input x gradient",
        "Multiplies each input element with the gradient there: its first-order share in the logit.",
        truth="contribution",
        technique="gradient times input",
        assumptions=("zero means absent", "the logit is nearly linear between zero and the input"),
        limits=("elements that are zero get zero, whatever they mean", "ignores the benchmark's baseline"),
        cost="1 gradient pass an input",
        references=(
            "Shrikumar, Greenside, Shcherbina, Kundaje 2016, Not just a black box, arXiv 1605.01713",
            "Ancona et al. 2018, Towards better understanding of gradient-based attribution methods, ICLR",
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
        """Return input times gradient."""
        found: Tensor = CaptumInputXGradient(model).attribute(inputs, target=targets)
        return found
