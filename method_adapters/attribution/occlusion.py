"""Occlusion: how far the logit falls when a window is set to the baseline (Zeiler and Fergus 2014)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from captum.attr import Occlusion as CaptumOcclusion

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._passes import CaptumMethod, rows_at_once
from xaic.documents.types import Capabilities

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


def windows(inputs: Tensor, share: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return window and stride: ``share`` of each side, moved by half; all channels; single table columns."""
    if inputs.ndim == 2:
        return (1,), (1,)
    sides = tuple(max(1, round(share * side)) for side in inputs.shape[2:])
    channels = inputs.shape[1]
    return (channels, *sides), (channels, *(max(1, side // 2) for side in sides))


class Occlusion(CaptumMethod):
    """Mean over the windows that cover an element of f_t(x) - f_t(x with the window at the baseline)."""

    card = attribution_card(
        "occlusion",
        "Occlusion",
        "Covers one window of the input after the other and notes how much the target's logit falls.",
        truth="contribution",
        technique="perturbation, one window at a time",
        able=Capabilities(access="outputs", granularity="patch"),
        parameters={"window": 1 / 7},
        assumptions=("the baseline carries no evidence", "what matters fits into a window"),
        limits=("blind to evidence that is there twice", "covered inputs may look unlike any input"),
        cost="170 forward passes an image of 28 x 28, 16 a series, 1 a column of a table",
        references=("Zeiler, Fergus 2014, Visualizing and understanding convolutional networks, ECCV",),
    )

    def attribute(
        self, model: nn.Module, inputs: Tensor, targets: Tensor, task: AttributionTask, ctx: Context
    ) -> Tensor:
        """Return the mean falls; one channel where channels are covered together."""
        size, step = windows(inputs, float(ctx.parameter("window")))
        found: Tensor = CaptumOcclusion(model).attribute(
            inputs.detach(),
            sliding_window_shapes=size,
            strides=step,
            baselines=task.baseline.unsqueeze(0),
            target=targets,
            perturbations_per_eval=-(-rows_at_once(inputs) // len(inputs)),
        )
        return found if found.ndim == 2 else found[:, :1]
