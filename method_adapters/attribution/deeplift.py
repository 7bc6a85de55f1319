"""DeepLIFT: differences from a reference input, propagated by the rescale rule (Shrikumar et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum.attr import DeepLift

from method_adapters.attribution._card import AFFINE, MAXIMA, attribution_card
from method_adapters.attribution._passes import CaptumMethod
from xaic.documents.types import Capabilities, ClaimedProperty

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context

RESCALED = ("ELU", "LeakyReLU", "ReLU", "Sigmoid", "Softplus", "Tanh")
"""Elementwise nonlinearities with a rescale rule; any other would silently be taken for linear."""


def set_apart(model: nn.Module) -> None:
    """Give every leaf a copy of its input.

    Captum hooks a module's gradients at its input and output tensors. Where two hooked modules meet in one
    tensor (ReLU before max pooling), the first reads the gradient before the second has changed it, and
    completeness is lost.
    """
    for leaf in model.modules():
        if not list(leaf.children()):
            leaf.register_forward_pre_hook(lambda _, args: tuple(arg.clone() for arg in args))


class DeepLIFT(CaptumMethod):
    """(x - b) ⊙ m: the multipliers m chain Δout / Δin of nonlinear modules and weights of linear ones."""

    card = attribution_card(
        "deeplift",
        "DeepLIFT (rescale rule)",
        "Shares out the difference of the logit from the baseline's, one layer after the other.",
        truth="contribution",
        technique="backward propagation of differences",
        able=Capabilities(modules=(*AFFINE, *MAXIMA, *RESCALED)),
        claims=(ClaimedProperty("completeness", 1e-3, "relative to f(x) - f(baseline)"),),
        assumptions=("the baseline carries no evidence", "every nonlinearity is a module that is used once"),
        limits=("does not see functional nonlinearities", "sharing at max pooling is a convention"),
        cost="2 gradient passes an input: input and baseline go together",
        references=("Shrikumar, Greenside, Kundaje 2017, Learning important features, ICML",),
    )

    def prepare(self, model: nn.Module) -> None:
        """Separate neighbouring modules."""
        set_apart(model)

    def attribute(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        task: AttributionTask,
        ctx: Context,  # noqa: ARG002
    ) -> Tensor:
        """Return DeepLIFT contributions against the task's baseline."""
        baseline = task.baseline.unsqueeze(0).expand_as(inputs).clone()
        found: Tensor = DeepLift(model, eps=1e-7).attribute(inputs, baselines=baseline, target=targets)
        return found
