"""Guided Grad-CAM: guided backpropagation within the region of Grad-CAM (Selvaraju et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum.attr import GuidedGradCam as CaptumGuidedGradCam

from method_adapters.attribution._card import AFFINE, MAXIMA, attribution_card
from method_adapters.attribution._passes import CaptumMethod
from method_adapters.attribution._spatial import last_spatial_layer, smooth_mode
from xaic.documents.types import Capabilities

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


class GuidedGradCAM(CaptumMethod):
    """Grad-CAM times the gradient that passes a ReLU only where its input and the gradient are positive."""

    card = attribution_card(
        "guided_grad_cam",
        "Guided Grad-CAM",
        "Draws the fine structure that excites the network, within the region of the target class.",
        truth="region",
        technique="class activation map times guided backpropagation",
        able=Capabilities(
            inputs=("image", "series"), modules=(*AFFINE, *MAXIMA, "ReLU"), requires=("Conv1d", "Conv2d")
        ),
        assumptions=("every ReLU is a module", "the model is convolutional up to a pooling over positions"),
        limits=(
            "the guided part hardly depends on the class or on the upper layers",
            "nonlinearities other than ReLU modules are not guided",
            "needs a spatial layer",
        ),
        cost="2 gradient passes an input, and 1 forward pass a call to find the layer",
        references=(
            "Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks, ICCV",
            "Springenberg et al. 2015, Striving for simplicity: the all convolutional net, ICLR workshop",
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
        """Return the product of both maps."""
        found: Tensor = CaptumGuidedGradCam(model, last_spatial_layer(model, inputs)).attribute(
            inputs, target=targets, interpolate_mode=smooth_mode(inputs)
        )
        return found
