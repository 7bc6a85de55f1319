"""Agreement with known attributions at hand-computed values."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from tests.metrics.tensor_sweeps import Readings, random_readings, table
from xaic.metrics.base import get_metric

TRUTH = [4.0, -2.0, 1.0, 0.0]


def readings(*maps: list[float], truth: Any = None, relevant: Any = None) -> Readings:
    n = len(maps)
    contribution = torch.tensor([truth or TRUTH] * n)
    return table(
        list(maps),
        contribution=contribution,
        sensitivity=-contribution,
        relevant=torch.tensor([relevant or [1, 1, 1, 0]] * n, dtype=torch.bool),
    )


def score(key: str, given: Readings) -> list[float]:
    found: list[float] = given.score(get_metric(f"truth.{key}")).tolist()
    return found


def test_rank_correlation_is_signed() -> None:
    found = score("rank_correlation", readings([40.0, -20.0, 10.0, 0.0], [-4.0, 2.0, -1.0, 0.0], [4.0, -2.0, 0.0, 1.0]))
    assert found == pytest.approx([1, -1, 0.8])


def test_the_card_says_which_truth_is_meant() -> None:
    gradient = replace(readings(TRUTH), truth="sensitivity")
    region = replace(readings(TRUTH), truth="region")
    assert score("rank_correlation", gradient) == pytest.approx([-1])
    assert score("rank_correlation", region) == pytest.approx([1])


def test_a_constant_map_agrees_with_nothing_and_is_not_excused() -> None:
    assert score("rank_correlation", readings([3.0] * 4)) == [0]
    assert score("error", readings([0.0] * 4)) == [1]
    assert score("top1", readings([1.0] * 4)) == [0.25]
    assert score("top_k", readings([0.0] * 4)) == [0.75]  # chance: three of four places are relevant


def test_top_k_reads_magnitudes() -> None:
    found = score("top_k", readings([-9.0, 5.0, 0.1, 0.2], [1.0, 2.0, 3.0, 0.0]))
    assert found == pytest.approx([2 / 3, 1])


def test_error_is_after_the_best_positive_scale() -> None:
    found = score("error", readings([2.0, -1.0, 0.5, 0.0], [-4.0, 2.0, -1.0, 0.0], [4.0, 0.0, 0.0, 0.0]))
    assert found == pytest.approx([0, 1, 1 - 16 / 21])


def test_top1_wants_the_largest_magnitude() -> None:
    assert score("top1", readings([-5.0, 4.0, 0.0, 0.0], [1.0, 2.0, 0.0, 0.0], [3.0, -3.0, 0.0, 0.0])) == [
        1,
        0,
        0.5,
    ]


@pytest.mark.parametrize("key", ["rank_correlation", "error", "top1"])
def test_a_truth_that_says_nothing_leaves_the_score_undefined(key: str) -> None:
    assert math.isnan(score(key, readings(TRUTH, truth=[0.0] * 4))[0])


def test_no_relevant_location_is_undefined() -> None:
    assert math.isnan(score("top_k", readings(TRUTH, relevant=[0, 0, 0, 0]))[0])


def test_a_location_is_relevant_where_any_channel_is() -> None:
    given = random_readings(4)
    relevant = torch.zeros_like(given["output"], dtype=torch.bool)
    relevant[:, 2, 0, :3] = True  # only in the last channel
    loud = torch.where(relevant, 5.0, 0.1).double()
    assert score("top_k", given.put(relevant=relevant, output=loud)) == [1.0] * 4


def test_the_truth_itself_is_perfect() -> None:
    given = random_readings(6)
    given = given.put(output=given["contribution"])
    assert score("rank_correlation", given) == pytest.approx([1] * 6)
    assert score("error", given) == pytest.approx([0] * 6, abs=1e-12)
    assert score("top1", given) == [1] * 6
