"""Negative controls of the calibration family: sure of everything, and sure of nothing in particular."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from method_adapters.calibration._card import calibration_card
from xaic.families.calibration import CalibrationTask, Distribution
from xaic.methods.base import Method

if TYPE_CHECKING:
    from xaic.methods.base import Context, State


class Overconfident(Method[Any, CalibrationTask, Distribution]):
    """Logits multiplied by three: the same predictions, far too sure."""

    card = calibration_card(
        "overconfident",
        "Control: overconfident",
        "Sharpens the softmax threefold; a criterion of calibration must fail it.",
        role="control",
        cost="one softmax a unit",
        references=("Guo et al. 2017, On calibration of modern neural networks, ICML: the fault it has on purpose",),
    )

    def run(self, task: CalibrationTask, state: State, ctx: Context) -> Distribution:  # noqa: ARG002
        """Return softmax(3 * logits)."""
        return Distribution(torch.softmax(3 * task.logits, 1))


class RandomConfidence(Method[Any, CalibrationTask, Distribution]):
    """The predicted class with a confidence drawn from [1/K, 1]: says nothing about correctness."""

    card = calibration_card(
        "random_confidence",
        "Control: random confidence",
        "Keeps the predicted class and draws its confidence at random.",
        role="control",
        stochastic=True,
        cost="one random number a unit",
        references=("Guo et al. 2017, On calibration of modern neural networks, ICML: what confidence should say",),
    )

    def run(self, task: CalibrationTask, state: State, ctx: Context) -> Distribution:  # noqa: ARG002
        """Give the arg max a random confidence and share the rest evenly."""
        n, k = task.logits.shape
        draws = torch.stack([torch.rand((), generator=ctx.generator(unit)) for unit in task.units])
        confidence = 1 / k + (1 - 1 / k) * draws
        rest = ((1 - confidence) / (k - 1)).unsqueeze(1).expand(n, k).clone()
        return Distribution(rest.scatter(1, task.logits.argmax(1, keepdim=True), confidence.unsqueeze(1)))
