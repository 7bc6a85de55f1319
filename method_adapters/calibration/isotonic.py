"""Isotonic calibration, one class against the rest, through scikit-learn (Zadrozny and Elkan 2002)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sklearn.isotonic import IsotonicRegression

from method_adapters.calibration._card import calibration_card
from xaic.families.calibration import CalibrationTask, Distribution
from xaic.methods.base import Method, State

if TYPE_CHECKING:
    from xaic.families.base import Parcel
    from xaic.methods.base import Context


class IsotonicCalibration(Method[Any, CalibrationTask, Distribution]):
    """A monotone step function a class, fitted on held-out labels; rows are renormalised."""

    card = calibration_card(
        "isotonic",
        "Isotonic calibration",
        "Maps each class's softmax probability through a monotone function fitted against the rest.",
        references=(
            "Zadrozny, Elkan 2002, Transforming classifier scores into accurate multiclass probabilities, KDD",
        ),
        cost="one isotonic regression a class at fitting; one interpolation a unit and class",
        limits=("ties of probabilities may change the predicted class",),
    )

    def fit(self, data: Parcel, ctx: Context) -> State:  # noqa: ARG002
        """Fit one monotone function a class and keep its knots."""
        probabilities = data.tensors["logits"].double().softmax(1).numpy()
        labels = data.tensors["labels"].numpy()
        knots = {}
        for k in range(probabilities.shape[1]):
            fitted = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(
                probabilities[:, k], (labels == k).astype(float)
            )
            knots[f"x{k}"] = torch.from_numpy(np.asarray(fitted.X_thresholds_, dtype=np.float64))
            knots[f"y{k}"] = torch.from_numpy(np.asarray(fitted.y_thresholds_, dtype=np.float64))
        return State(tensors=knots)

    def run(self, task: CalibrationTask, state: State, ctx: Context) -> Distribution:  # noqa: ARG002
        """Interpolate between the knots, clip away from zero and renormalise."""
        p = task.logits.double().softmax(1).numpy()
        columns = [
            np.interp(p[:, k], state.tensors[f"x{k}"].numpy(), state.tensors[f"y{k}"].numpy())
            for k in range(p.shape[1])
        ]
        mapped = np.clip(np.stack(columns, 1), 1e-6, None)
        return Distribution(torch.from_numpy(mapped / mapped.sum(1, keepdims=True)).to(task.logits.dtype))
