"""Grad-CAM: where the last spatial layer sees the target class (Selvaraju et al. 2017)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum.attr import LayerGradCam

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._passes import CaptumMethod
from method_adapters.attribution._spatial import enlarged, last_spatial_layer
from xaic.documents.types import Capabilities

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


class GradCAM(CaptumMethod):
    """ReLU(Σ_c α_c A_c), A the last spatial layer's channels, α_c the mean gradient of f_t over channel c."""

    card = attribution_card(
        "grad_cam",
        "Grad-CAM",
        "Shows the region in which the last layer with positions finds evidence for the target class.",
        truth="region",
        technique="class activation map",
        able=Capabilities(
            signed=False, inputs=("image", "series"), requires=("Conv1d", "Conv2d"), granularity="location"
        ),
        assumptions=("the model is convolutional up to a pooling over positions",),
        limits=(
            "as coarse as the layer it looks at",
            "evidence against the class is cut off",
            "needs a spatial layer",
        ),
        cost="1 gradient pass down to the last spatial layer an input, and 1 forward pass a call to find it",
        references=("Selvaraju et al. 2017, Grad-CAM: visual explanations from deep networks, ICCV",),
    )

    def attribute(
        self,
        model: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        task: AttributionTask,  # noqa: ARG002
        ctx: Context,  # noqa: ARG002
    ) -> Tensor:
        """Return the class activation map in the input's size, one channel."""
        cam = LayerGradCam(model, last_spatial_layer(model, inputs))
        return enlarged(cam.attribute(inputs, target=targets, relu_attributions=True), inputs)
