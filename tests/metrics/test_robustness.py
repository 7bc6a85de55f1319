"""Robustness metrics at hand-computed values, and beside Captum and Quantus."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import quantus
import torch
from captum.metrics import sensitivity_max
from torch import Tensor

from tests.metrics.tensor_sweeps import Readings, random_readings, table
from xaic.metrics.base import all_metrics, get_metric
from xaic.metrics.robustness import next_of_class

READING_NEIGHBOURS = [key.removeprefix("robustness.") for key in all_metrics() if key.startswith("robustness.")]


def score(key: str, readings: Readings) -> list[float]:
    found: list[float] = readings.score(get_metric(f"robustness.{key}")).tolist()
    return found


def around(maps: Any, near: Any, kept: Any = None, **more: Any) -> Readings:
    """Maps [N, L], at neighbours [R, N, L]; inputs 1 and 2, logits move by (3, 4), features double."""
    shape = torch.tensor(near).shape
    r, n = shape[:2]
    base = {
        "inputs": torch.ones(n, shape[2]),
        "near_inputs": torch.full(shape, 2.0),
        "clean_logits": torch.zeros(n, 2),
        "near_logits": torch.tensor([3.0, 4.0]).expand(r, n, 2),
        "clean_features": torch.full((n, 4), 5.0),
        "near_features": torch.full((r, n, 4), 10.0),
        "near_kept": torch.ones(r, n, dtype=torch.bool) if kept is None else torch.tensor(kept),
        "logits": torch.zeros(n, 2),
    }
    return table(maps, neighbour_maps=torch.tensor(near), **{"draws": torch.tensor(maps)[None], **base, **more})


TWO = around([[3.0, 4.0]], [[[3.0, 4.0]], [[6.0, 8.0]]])
"""One neighbour with the same map, one with twice the map."""


def test_sensitivities_are_relative_distances() -> None:
    assert score("average_sensitivity", TWO) == [0.5]
    assert score("max_sensitivity", TWO) == [1.0]


def test_lipschitz_divides_by_the_distance_of_inputs() -> None:
    assert score("local_lipschitz", TWO) == pytest.approx([5 / math.sqrt(2)])


def test_relative_stabilities_divide_elementwise() -> None:
    """The relative change of the map is sqrt(1 + 1), of the input sqrt(1 + 1), of four features sqrt(4)."""
    assert score("ris", TWO) == pytest.approx([1.0])
    assert score("ros", TWO) == pytest.approx([math.sqrt(2) / 5])
    assert score("rrs", TWO) == pytest.approx([math.sqrt(2) / 2])


def test_stability_is_the_mean_cosine_and_opposite_maps_share_nothing() -> None:
    readings = around([[1.0, 0.0]] * 2, [[[2.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [-1.0, 0.0]]])
    assert score("stability", readings) == pytest.approx([(1 + math.sqrt(0.5)) / 2, 0.0])


def test_neighbours_that_change_the_prediction_do_not_count() -> None:
    readings = around([[3.0, 4.0]], [[[3.0, 4.0]], [[60.0, -80.0]]], kept=[[True], [False]])
    assert score("average_sensitivity", readings) == score("max_sensitivity", readings) == [0.0]
    assert score("ris", readings) == score("local_lipschitz", readings) == [0.0]
    assert score("stability", readings) == [1.0]


@pytest.mark.parametrize("key", READING_NEIGHBOURS)
def test_no_kept_neighbour_is_undefined(key: str) -> None:
    readings = random_readings(4)
    kept = readings["near_kept"].clone()
    kept[:, 1] = False
    found = score(key, readings.put(near_kept=kept))
    assert [math.isnan(value) for value in found] == [False, True, False, False]


@pytest.mark.parametrize("key", [key for key in READING_NEIGHBOURS if key != "local_lipschitz"])
def test_a_zero_map_has_no_relative_change(key: str) -> None:
    assert math.isnan(score(key, around([[0.0, 0.0], [1.0, 2.0]], [[[1.0, 1.0], [1.0, 1.0]]]))[0])


def test_a_map_that_vanishes_at_a_neighbour_is_unlike() -> None:
    """Silence must not be left out of the mean: it would reward a method that gives up."""
    assert score("stability", around([[3.0, 4.0]], [[[3.0, 4.0]], [[0.0, 0.0]]])) == [0.5]


def test_equal_neighbours_divide_by_the_floor() -> None:
    readings = around([[3.0, 4.0]], [[[3.0, 4.0]]], near_inputs=torch.ones(1, 1, 2))
    assert score("local_lipschitz", readings) == score("ris", readings) == [0.0]


def test_contrast_subtracts_the_next_unit_of_the_class() -> None:
    maps = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [-1.0, 0.0]]
    logits = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 0.0]])
    draws = torch.stack([torch.tensor(maps), 2 * torch.tensor(maps)])
    readings = around(maps, [maps], logits=logits, draws=draws)
    half = math.sqrt(0.5)
    # u0 -> u2 and u2 -> u3 and u3 -> u0 of one class; u1 is alone in its own: the next at all, u2
    assert score("contrast", readings) == pytest.approx([1 - half, 1 - half, 1, 1])


def test_contrast_reads_the_other_draws_of_the_partner() -> None:
    maps, turned = [[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]]
    draws = torch.tensor([maps, turned, maps])
    assert score("contrast", around(maps, [maps], draws=draws)) == pytest.approx([0.5, 0.5])


def test_a_single_unit_has_no_partner() -> None:
    assert math.isnan(score("contrast", TWO)[0])


def test_partners_follow_ids_not_rows() -> None:
    ids, labels = ["d", "a", "c", "b", "e"], torch.tensor([0, 0, 1, 1, 0])
    by_id = {ids[row]: ids[partner] for row, partner in enumerate(next_of_class(labels, ids).tolist())}
    assert by_id == {"a": "d", "d": "e", "e": "a", "b": "c", "c": "b"}
    order = [3, 0, 4, 1, 2]
    turned = next_of_class(labels[order], [ids[row] for row in order])
    assert {ids[order[row]]: ids[order[partner]] for row, partner in enumerate(turned.tolist())} == by_id


def test_contrast_changes_only_with_the_unit_or_its_partner() -> None:
    readings = random_readings(8)
    metric = get_metric("robustness.contrast")
    partners = next_of_class(readings["logits"].argmax(1), readings.units)
    before = readings.score(metric)
    by_partner = set()
    for row in range(8):
        turned = readings.change_unit(row, lambda x: x.flip(0), "output", "draws")
        changed = set((turned.score(metric) != before).nonzero().flatten().tolist())
        paired = set((partners == row).nonzero().flatten().tolist())
        assert row in changed
        assert changed <= {row} | paired  # opposite maps share nothing before and after
        by_partner |= changed - {row}
    assert by_partner


def test_captum_agrees_on_the_maximum_sensitivity() -> None:
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(6, 7, generator=generator).double()
    noise = 0.1 * torch.randn(4, 6, 7, generator=generator).double()

    def explain(rows: tuple[Tensor, ...] | Tensor) -> tuple[Tensor, ...]:
        return tuple(row**3 for row in rows) if isinstance(rows, tuple) else (rows**3,)

    def perturb(rows: tuple[Tensor, ...] | Tensor) -> Tensor:
        assert len(rows[0] if isinstance(rows, tuple) else rows) == 24
        return (x + noise).transpose(0, 1).flatten(0, 1)  # Captum repeats every row four times

    captums = sensitivity_max(explain, x, perturb_func=perturb, n_perturb_samples=4, max_examples_per_batch=24)
    ours = around((x**3).tolist(), ((x + noise) ** 3).tolist())
    assert score("max_sensitivity", ours) == pytest.approx(captums.tolist())


@pytest.mark.parametrize(
    ("key", "name", "objective"),
    [
        ("ris", "RelativeInputStability", "relative_input_stability_objective"),
        ("ros", "RelativeOutputStability", "relative_output_stability_objective"),
        ("rrs", "RelativeRepresentationStability", "relative_representation_stability_objective"),
    ],
)
def test_quantus_agrees_on_relative_stability(key: str, name: str, objective: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = getattr(quantus, name)(disable_warnings=True, **({"layer_names": ["x"]} if key == "rrs" else {}))
    r = random_readings(7, 3)
    r = r.put(near_kept=torch.ones_like(r["near_kept"]))
    below = {
        "ris": ("inputs", "near_inputs"),
        "ros": ("clean_logits", "near_logits"),
        "rrs": ("clean_features", "near_features"),
    }
    clean, near = (r[key].numpy() for key in below[key])
    maps, near_maps = r["output"].numpy(), r["neighbour_maps"].numpy()
    theirs = [getattr(metric, objective)(clean, near[i], maps, near_maps[i]) for i in range(len(near))]
    np.testing.assert_allclose(score(key, r), np.max(theirs, axis=0), rtol=1e-9)
