"""Faithfulness metrics at hand-computed values, and infidelity beside Captum's."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from captum.metrics import infidelity as captum_infidelity
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.tensor_sweeps import Readings, random_readings, table
from xaic.metrics.base import get_metric


def score(key: str, readings: Readings) -> list[float]:
    found: list[float] = readings.score(get_metric(f"faithfulness.{key}")).tolist()
    return found


def curves(**more: Any) -> Readings:
    """Two units, three unequal steps: a step function at 1 then 0, and a straight line."""
    given = {
        "morf": [[1.0, 0.5, 0.0, 0.0], [1.0, 0.75, 0.5, 0.0]],
        "lerf": [[1.0, 1.0, 1.0, 0.0], [1.0, 0.75, 0.5, 0.0]],
    }
    given["hit"] = given["cross"] = [[0.0] * 4] * 2
    return table([[0.0, 0.0]] * 2, fractions=[0.0, 0.25, 0.5, 1.0], **{**given, **more})


def test_deletion_is_the_area_over_the_share_removed() -> None:
    assert score("deletion_auc", curves()) == [0.25 * 0.75 + 0.25 * 0.25, 0.25 * (0.875 + 0.625) + 0.5 * 0.25]


def test_insertion_is_the_least_relevant_first_curve_read_from_the_right() -> None:
    assert score("insertion_auc", curves()) == [0.75, 0.5]


def test_curves_in_both_orders_alike_leave_no_area_between_them() -> None:
    assert score("abpc", curves()) == [0.5, 0.0]


def test_accuracy_counts_hits() -> None:
    assert score("accuracy_auc", curves(hit=[[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])) == [0.375, 1.0]


def test_an_order_made_for_another_class_keeps_the_own_score_longer() -> None:
    found = score("cross_target", curves(cross=[[1.0, 1.0, 1.0, 1.0], [1.0, 0.75, 0.5, 0.0]]))
    assert found == [0.75, 0.0]


SUBSETS = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0], [1, 0, 1, 0], [0, 1, 1, 0]]


def with_subsets(maps: list[list[float]], drop: list[list[float]]) -> Readings:
    removed = torch.tensor(SUBSETS, dtype=torch.bool)
    return table(maps, subsets=removed, drop=drop, sizes=removed.sum(1))


def test_a_linear_model_is_explained_by_its_contributions() -> None:
    contributions = [1.0, 2.0, -4.0, 8.0]
    drop = [[1.0, 2.0, -4.0, 3.0, -3.0, -2.0]] * 4
    maps = [
        contributions,
        [-value for value in contributions],
        [3 * value for value in contributions],
        [1.0, 1.0, 1.0, 1.0],
    ]
    readings = with_subsets(maps, drop)
    assert score("correlation", readings)[:3] == pytest.approx([1, -1, 1])
    assert score("sens_n", readings)[:3] == pytest.approx([1, -1, 1])
    assert score("infidelity", readings)[:3] == pytest.approx([0, 0, 0], abs=1e-15)
    # a flat map: masses 1 1 1 2 2 2, drops sum to -1 and -2, squares to 21 + 22
    assert score("infidelity", readings)[3] == pytest.approx(1 - (-1 + 2 * -2) ** 2 / (15 * 43))


def test_flat_maps_correlate_with_nothing_inside_a_size() -> None:
    drop = [[0.3, 0.1, 0.2, 0.6, 0.5, 0.9]] * 2
    readings = with_subsets([[0.1] * 4, [0.7] * 4], drop)
    assert all(math.isnan(value) for value in score("sens_n", readings))
    assert not any(math.isnan(value) for value in score("correlation", readings))


def test_sums_of_equal_values_are_no_signal_though_they_round_apart() -> None:
    readings = random_readings(4)
    readings = readings.put(output=torch.full_like(readings["output"], 0.1))
    assert all(math.isnan(value) for value in score("sens_n", readings))


def test_one_constant_size_is_left_out() -> None:
    readings = with_subsets([[1.0, 2.0, 3.0, 0.0]], [[0.5, 0.5, 0.5, 3.0, 4.0, 5.0]])
    assert score("sens_n", readings) == pytest.approx([1.0])


def test_nothing_dropped_is_undefined_and_a_zero_map_explains_nothing() -> None:
    readings = with_subsets([[1.0, 2.0, 3.0, 4.0], [0.0] * 4], [[0.0] * 6, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]])
    found = score("infidelity", readings)
    assert math.isnan(found[0])
    assert found[1] == 1
    assert all(math.isnan(value) for value in score("correlation", readings))


def test_sign_needs_both_signs() -> None:
    readings = table(
        [[0.0]] * 3,
        clean=[0.9, 0.9, 0.9],
        without_positive=[0.2, 0.9, 0.1],
        without_negative=[0.95, 0.4, 0.9],
        count=[2, 1, 0],
    )
    found = score("sign", readings)
    assert found[:2] == pytest.approx([0.75, -0.5])
    assert math.isnan(found[2])


def test_infidelity_is_captums_with_its_optimal_scale_over_the_mean_square_of_the_drop() -> None:
    """Perturbation: the indicator of the subset, which Captum multiplies with the attributions."""
    generator = torch.Generator().manual_seed(2)
    x, a = torch.rand(1, 6, generator=generator).double(), torch.randn(1, 6, generator=generator).double()
    subsets = torch.rand(40, 6, generator=generator) < 0.4

    def model(rows: Tensor) -> Tensor:
        return (rows[:, :1] * rows[:, 1:2] + rows[:, 2:].square().sum(1, keepdim=True)).squeeze(1)

    def perturb(rows: Tensor) -> tuple[Tensor, Tensor]:
        assert len(rows) == len(subsets)
        return subsets.double(), rows * ~subsets

    captums = captum_infidelity(model, perturb, x, a, n_perturb_samples=40, max_examples_per_batch=40, normalize=True)
    drop = model(x) - model(x * ~subsets)
    readings = table(a.tolist(), subsets=subsets, drop=drop[None], sizes=subsets.sum(1))
    assert score("infidelity", readings) == pytest.approx((captums / drop.square().mean()).tolist())


@given(seed=st.integers(0, 1000), factor=st.floats(0.01, 100), shift=st.floats(-3, 3))
def test_correlation_minds_neither_scale_nor_offset_of_drops(seed: int, factor: float, shift: float) -> None:
    readings = random_readings(3, seed, image=False)
    moved = readings.change(lambda x: factor * x + shift, "drop")
    assert score("correlation", moved) == pytest.approx(score("correlation", readings), abs=1e-9)
    assert score("sens_n", moved) == pytest.approx(score("sens_n", readings), abs=1e-9)


@given(seed=st.integers(0, 1000))
def test_area_between_curves_is_insertion_minus_deletion(seed: int) -> None:
    readings = random_readings(3, seed, image=False)
    wanted = [a - b for a, b in zip(score("insertion_auc", readings), score("deletion_auc", readings), strict=True)]
    assert score("abpc", readings) == pytest.approx(wanted)
