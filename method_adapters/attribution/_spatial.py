"""Where Grad-CAM looks: the last layer whose output has positions, and its maps in the input's size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import interpolate

from xaic.documents.errors import BadData

if TYPE_CHECKING:
    from torch import Tensor, nn


def last_spatial_layer(model: nn.Module, inputs: Tensor) -> nn.Module:
    """Return the leaf that runs last of those that give [N, C, positions...] with more than one position.

    The order is that of a forward pass of one row, not of registration: in a residual network the shortcut's
    convolution is registered last, but the sum's activation runs last.

    Raises:
        BadData: no layer keeps positions, as in a network of linear layers only.
    """
    ran: list[nn.Module] = []

    def note(leaf: nn.Module, arguments: Any, output: Any) -> None:  # noqa: ARG001
        if isinstance(output, torch.Tensor) and output.ndim == inputs.ndim and output[0, 0].numel() > 1:
            ran.append(leaf)

    leaves = [leaf for leaf in model.modules() if not list(leaf.children())]
    handles = [leaf.register_forward_hook(note) for leaf in leaves]
    try:
        with torch.no_grad():
            model(inputs[:1].detach())
    finally:
        for handle in handles:
            handle.remove()
    if inputs.ndim < 3 or not ran:
        raise BadData("Grad-CAM needs a layer whose output keeps positions; this model has none")
    return ran[-1]


def smooth_mode(inputs: Tensor) -> str:
    """Return the name of linear interpolation for the number of positional axes."""
    return "linear" if inputs.ndim == 3 else "bilinear"


def enlarged(maps: Tensor, inputs: Tensor) -> Tensor:
    """Return coarse maps [N, 1, positions...] interpolated to the input's positions."""
    return interpolate(maps, size=inputs.shape[2:], mode=smooth_mode(inputs), align_corners=False)
