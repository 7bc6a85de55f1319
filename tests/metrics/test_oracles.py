"""Every metric against its second derivation, on images and tables, with and without ties."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from tests.metrics.oracles import ORACLES
from tests.metrics.tensor_sweeps import MAPS, UNIT_AXIS, random_readings
from xaic.metrics.base import all_metrics

if TYPE_CHECKING:
    from tests.metrics.tensor_sweeps import Readings

METRICS = {key: one for key, one in all_metrics().items() if one.function.__module__.startswith("xaic.metrics.")}


def units_of(readings: Readings) -> list[dict[str, Any]]:
    """Return each unit's readings as arrays."""
    units: list[dict[str, Any]] = []
    for row, key in enumerate(readings.units):
        unit: dict[str, Any] = {
            "key": key,
            "truth": readings.truth,
            "activation": readings.activation,
            "rest": units,
        }
        for name, tensor in readings.tensors.items():
            axis = UNIT_AXIS[name]
            unit[name] = (tensor if axis is None else tensor.select(axis, row)).numpy()
        units.append(unit)
    return units


def expected(key: str, readings: Readings) -> dict[str, Any]:
    found = [ORACLES[key](unit) for unit in units_of(readings)]
    rows = [one if isinstance(one, dict) else {"": one} for one in found]
    return {part: np.array([row[part] for row in rows]) for part in rows[0]}


def test_every_metric_has_a_second_derivation() -> None:
    assert set(ORACLES) == set(METRICS)


@pytest.mark.parametrize("key", METRICS)
@pytest.mark.parametrize("ties", [False, True], ids=["smooth", "ties"])
@pytest.mark.parametrize("kind", ["image", "table"])
def test_metric_agrees_with_its_second_derivation(kind: str, *, ties: bool, key: str) -> None:
    for seed in (5, 6):
        readings = random_readings(9, seed, image=kind == "image")
        if ties:
            readings = readings.change(lambda x: (2 * x).round() / 2, *MAPS, "contribution", "sensitivity")
        found = readings.scores(METRICS[key])
        wanted = expected(key, readings)
        assert list(found) == list(wanted)
        for part, values in wanted.items():
            np.testing.assert_allclose(found[part].numpy(), values, rtol=1e-9, atol=1e-10, err_msg=part)


@pytest.mark.parametrize("key", ["truth.rank_correlation", "truth.error", "truth.top1"])
def test_sensitivities_are_held_against_the_gradient(key: str) -> None:
    readings = replace(random_readings(9, 7), truth="sensitivity")
    found = readings.score(METRICS[key])
    np.testing.assert_allclose(found.numpy(), expected(key, readings)[""], rtol=1e-9)
    assert not torch.equal(found, replace(readings, truth="contribution").score(METRICS[key]))


@pytest.mark.parametrize("key", ["class_distortion.cds", "class_distortion.cds_reverse"])
def test_sigmoid_scores_are_not_renormalised(key: str) -> None:
    readings = replace(random_readings(9, 8), activation="sigmoid")
    readings = readings.change(
        lambda x: torch.rand(x.shape, generator=torch.Generator().manual_seed(1)).double(), "before"
    )
    found, wanted = readings.scores(METRICS[key]), expected(key, readings)
    for part, values in wanted.items():
        np.testing.assert_allclose(found[part].numpy(), values, rtol=1e-9)
    assert not torch.allclose(found["D"], replace(readings, activation="softmax").scores(METRICS[key])["D"])
