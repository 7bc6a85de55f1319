"""Calibration methods against known answers and independent implementations."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from method_adapters.calibration.controls import Overconfident, RandomConfidence
from method_adapters.calibration.isotonic import IsotonicCalibration
from method_adapters.calibration.temperature import TemperatureScaling, fit_temperature
from xaic.documents.errors import ContractBreach
from xaic.families.base import Parcel
from xaic.families.calibration import CalibrationFamily, CalibrationTask, Distribution

FAMILY = CalibrationFamily()
ALL = [TemperatureScaling, IsotonicCalibration, Overconfident, RandomConfidence]


@dataclass
class Ctx:
    """A context with real random streams."""

    seed: int = 0
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    scratch: Path = Path()

    def generator(self, unit: str = "") -> torch.Generator:
        return torch.Generator().manual_seed(self.seed + sum(map(ord, unit)))

    def progress(self, share: float) -> None: ...

    def parameter(self, name: str) -> Any: ...

    def module(self, model: Any) -> Any: ...


def data(n: int = 400, k: int = 5, scale: float = 3.0, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose labels are drawn from softmax(logits / scale): temperature ``scale`` is the truth."""
    g = torch.Generator().manual_seed(seed)
    logits = scale * 2 * torch.randn(n, k, generator=g)
    labels = torch.multinomial((logits / scale).softmax(1), 1, generator=g).flatten()
    return logits, labels


def fitted(cls: Any, n: int = 400) -> tuple[Any, Any, CalibrationTask]:
    logits, labels = data(n)
    method = cls()
    state = method.fit(Parcel({"logits": logits, "labels": labels}), Ctx())
    return method, state, CalibrationTask(data(60, seed=1)[0], tuple(f"u{i}" for i in range(60)))


def test_the_temperature_that_made_the_labels_is_found() -> None:
    logits, labels = data(40_000)
    assert fit_temperature(logits, labels) == pytest.approx(3.0, rel=0.03)


def test_temperature_is_the_minimum_over_a_fine_grid() -> None:
    logits, labels = data(300)
    grid = np.exp(np.linspace(-2, 2, 4001))
    nll = [torch.nn.functional.cross_entropy(logits.double() / t, labels).item() for t in grid]
    assert fit_temperature(logits, labels) == pytest.approx(grid[int(np.argmin(nll))], rel=2e-3)


def test_isotonic_agrees_with_one_regression_a_class() -> None:
    method, state, task = fitted(IsotonicCalibration)
    logits, labels = data()
    p, test = logits.double().softmax(1).numpy(), task.logits.double().softmax(1).numpy()
    columns = [
        IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        .fit(p[:, k], (labels == k).numpy())
        .predict(test[:, k])
        for k in range(5)
    ]
    expected = np.clip(np.stack(columns, 1), 1e-6, None)
    expected /= expected.sum(1, keepdims=True)
    got = method.run(task, state, Ctx()).probabilities.numpy()
    np.testing.assert_allclose(got, expected, atol=1e-6)


@pytest.mark.parametrize("cls", ALL)
def test_every_method_keeps_the_contract_and_answers_rows_alone(cls: Any) -> None:
    method, state, task = fitted(cls)
    output = method.run(task, state, Ctx())
    FAMILY.check(task, output)
    alone = FAMILY.join([method.run(task.select([i]), state, Ctx()) for i in range(5)])
    assert FAMILY.distance(alone, Distribution(output.probabilities[:5])).max() < 1e-6


@pytest.mark.parametrize("cls", [TemperatureScaling, Overconfident, RandomConfidence])
def test_the_predicted_class_stays(cls: Any) -> None:
    method, state, task = fitted(cls)
    output = method.run(task, state, Ctx())
    assert torch.equal(output.probabilities.argmax(1), task.logits.argmax(1))


def test_random_confidence_draws_anew() -> None:
    method, state, task = fitted(RandomConfidence)
    one, other = (method.run(task, state, Ctx(seed)).probabilities for seed in (0, 1))
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    "bad",
    [
        torch.full((60, 5), 0.3),
        torch.full((60, 4), 0.25),
        torch.full((60, 5), float("nan")),
        torch.cat([torch.full((60, 1), -0.2), torch.full((60, 4), 0.3)], 1),
        torch.ones(60, 5, dtype=torch.long),
    ],
)
def test_what_is_no_distribution_is_refused(bad: torch.Tensor) -> None:
    task = CalibrationTask(torch.zeros(60, 5), tuple(map(str, range(60))))
    with pytest.raises(ContractBreach):
        FAMILY.check(task, Distribution(bad))


@given(st.integers(1, 6), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_tasks_and_outputs_travel_whole(n: int, k: int, seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    task = CalibrationTask(torch.randn(n, k, generator=g), tuple(f"u{i}" for i in range(n)))
    again = FAMILY.unpack(task.pack())
    assert torch.equal(again.logits, task.logits)
    assert again.units == task.units
    output = Distribution(task.logits.softmax(1))
    assert torch.equal(FAMILY.unpack_output(FAMILY.pack_output(output)).probabilities, output.probabilities)
