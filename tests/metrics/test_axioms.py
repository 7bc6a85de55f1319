"""Completeness at hand-computed values, and on integrated gradients whose error is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.metrics.tensor_sweeps import random_readings, table
from xaic.metrics.base import get_metric

METRIC = get_metric("axioms.completeness")


def gaps(maps: Any, logits: Any, start: Any, targets: Any, **more: Any) -> dict[str, list[float]]:
    readings = table(maps, logits=logits, baseline_logits=start, targets=torch.tensor(targets), **more)
    return {part: values.tolist() for part, values in readings.scores(METRIC).items()}


def test_the_gap_is_relative_to_the_difference_of_the_targets_logit() -> None:
    found = gaps([[1.0, 2.0], [1.0, 2.0]], [[5.0, 0.0], [0.0, 7.0]], [1.0, 1.0], [0, 1])
    assert found == {"": [0.25, 0.5], "absolute": [1.0, 3.0], "difference": [4.0, 6.0]}


def test_a_vanishing_difference_is_measured_against_the_largest_of_the_unit() -> None:
    """The target moves by 0.1, another class by 20: the floor is a twentieth, 1."""
    found = gaps([[0.4, 0.0]], [[1.1, 21.0]], [1.0, 1.0], [0])
    assert found[""] == pytest.approx([0.3])


def test_nothing_moves_and_nothing_is_said() -> None:
    assert gaps([[0.0, 0.0]], [[1.0, 1.0]], [1.0, 1.0], [0])[""] == [0.0]


def test_steps_doubled_are_a_part_where_there_is_such_a_thing() -> None:
    found = gaps([[1.0, 2.0]], [[5.0, 0.0]], [1.0, 1.0], [0], doubled=[[2.0, 1.9]])
    assert found["doubled"] == pytest.approx([0.025])


def test_channels_are_all_summed() -> None:
    readings = random_readings(4)
    sums = readings["output"].flatten(1).sum(1)
    logits = torch.zeros(4, 4).double().scatter(1, readings["targets"][:, None], sums[:, None])
    exact = readings.put(logits=logits, baseline_logits=torch.zeros(4).double())
    assert exact.score(METRIC).max() < 1e-12


@pytest.mark.parametrize("steps", [4, 8, 16])
def test_the_midpoint_rule_on_a_cube_misses_by_what_theory_says(steps: int) -> None:
    """f(x) = x^3 from 0: the midpoint sum of the derivative falls short by x^3 / (4 n^2) exactly."""
    x = 1.5
    attribution = x * sum(3 * (x * (k + 0.5) / steps) ** 2 for k in range(steps)) / steps
    found = gaps([[attribution]], [[x**3, 0.0]], [0.0, 0.0], [0])
    assert found[""][0] == pytest.approx(1 / (4 * steps**2))
    assert not math.isnan(found["absolute"][0])


def test_conservation_is_relative_to_the_total_that_the_method_states() -> None:
    metric = get_metric("axioms.conservation")
    given = table([[1.0, 2.0], [1.0, 2.0]], logits=[[5.0, 0.0], [0.0, 4.0]], targets=torch.tensor([0, 1]))
    found = given.put(total=torch.tensor([3.0, 4.0]).double()).scores(metric)
    assert found[""].tolist() == [0.0, 0.25]
    assert found["logit"].tolist() == pytest.approx([0.4, 0.0])
    assert all(values.isnan().all() for values in given.scores(metric).values())
