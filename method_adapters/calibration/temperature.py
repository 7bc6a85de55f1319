"""Temperature scaling: divide the logits by one number that minimises the negative log-likelihood (Guo et al. 2017)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from scipy.optimize import minimize_scalar
from torch.nn.functional import cross_entropy

from method_adapters.calibration._card import calibration_card
from xaic.families.calibration import CalibrationTask, Distribution
from xaic.methods.base import Method, State

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.base import Parcel
    from xaic.methods.base import Context

LOG_RANGE = (math.log(0.05), math.log(20.0))


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Return the temperature T > 0 that minimises mean NLL of softmax(logits / T); convex in 1/T, found by Brent."""
    logits = logits.double()

    def nll(log_t: float) -> float:
        return float(cross_entropy(logits / math.exp(log_t), labels))

    return math.exp(float(minimize_scalar(nll, bounds=LOG_RANGE, method="bounded", options={"xatol": 1e-6}).x))


class TemperatureScaling(Method[Any, CalibrationTask, Distribution]):
    """Softmax of logits over a temperature fitted on held-out labels; the predicted class never changes."""

    card = calibration_card(
        "temperature_scaling",
        "Temperature scaling",
        "One temperature for all classes, fitted by maximum likelihood on held-out labels.",
        references=("Guo, Pleiss, Sun, Weinberger 2017, On calibration of modern neural networks, ICML",),
        cost="one bounded scalar minimisation at fitting; one softmax a unit",
    )

    def fit(self, data: Parcel, ctx: Context) -> State:  # noqa: ARG002
        """Fit the temperature."""
        return State(data={"temperature": fit_temperature(data.tensors["logits"], data.tensors["labels"])})

    def run(self, task: CalibrationTask, state: State, ctx: Context) -> Distribution:  # noqa: ARG002
        """Return softmax(logits / T)."""
        return Distribution(torch.softmax(task.logits / float(state.data["temperature"]), 1))
