"""Randomisation metrics at hand-computed values."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from tests.metrics.tensor_sweeps import Readings, random_readings, table
from xaic.metrics.base import get_metric

UP, DOWN, MIXED = [1.0, 2.0, 3.0, 4.0], [9.0, 5.0, 2.0, -1.0], [2.0, 1.0, 4.0, 3.0]
FLAT = [7.0] * 4


def scores(key: str, own: Any, **more: Any) -> dict[str, float]:
    given = {"draws": [[own], [own]], "randomised": [[own], [own]], "other_maps": [own]} | more
    readings = table([own], other_targets=[1], **{name: torch.tensor(value) for name, value in given.items()})
    return {part: values.item() for part, values in readings.scores(get_metric(f"randomisation.{key}")).items()}


def test_similarity_is_the_magnitude_of_the_rank_correlation() -> None:
    """Spearman of UP and MIXED is 1 - 6 * 4 / (4 * 15) = 0.6."""
    found = scores("mprt", UP, randomised=[[MIXED], [DOWN]])
    assert found == pytest.approx({"": 0.8, "trained_random": 0.8, "repeat": 1.0, "random_random": 0.6})


def test_pairs_of_random_models_leave_the_trained_one_out() -> None:
    found = scores("mprt", UP, randomised=[[MIXED], [MIXED], [UP]])
    assert found["random_random"] == pytest.approx((1 + 0.6 + 0.6) / 3)
    assert found["trained_random"] == pytest.approx((0.6 + 0.6 + 1) / 3)


def test_repetition_is_the_mean_over_all_pairs_of_draws() -> None:
    found = scores("mprt", UP, draws=[[UP], [MIXED], [DOWN]])
    assert found["repeat"] == pytest.approx((0.6 + 1 + 0.6) / 3)


def test_a_map_that_ignores_the_model_keeps_all_its_similarity() -> None:
    ones = {"": 1.0, "trained_random": 1.0, "repeat": 1.0, "random_random": 1.0}
    assert scores("mprt", UP) == pytest.approx(ones)


def test_constant_maps_are_undefined() -> None:
    assert all(math.isnan(value) for value in scores("mprt", FLAT).values())
    found = scores("mprt", UP, randomised=[[FLAT], [MIXED]])
    assert found["trained_random"] == pytest.approx(0.6)  # the pair that is defined
    assert math.isnan(found["random_random"])


def test_one_draw_and_one_model_make_no_pair() -> None:
    found = scores("mprt", UP, draws=[[UP]], randomised=[[MIXED]])
    assert found[""] == pytest.approx(0.6)
    assert math.isnan(found["repeat"])
    assert math.isnan(found["random_random"])


def test_opposite_maps_for_rival_classes_are_different() -> None:
    assert scores("target", UP, other_maps=[DOWN]) == pytest.approx({"": 0.0, "repeat": 1.0})
    assert scores("target", UP, other_maps=[MIXED])[""] == pytest.approx(0.6)
    assert math.isnan(scores("target", UP, other_maps=[FLAT])[""])


def test_only_the_order_of_values_counts() -> None:
    readings: Readings = random_readings(5)
    metric = get_metric("randomisation.mprt")
    before = readings.put(output=readings["output"].sum(1, keepdim=True))
    bent = before.change(lambda x: x.sinh(), "output")
    torch.testing.assert_close(bent.score(metric), before.score(metric))
