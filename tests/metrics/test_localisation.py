"""Localisation metrics at hand-computed values, and beside Quantus where its definition is the same."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import quantus
import torch

from tests.metrics.tensor_sweeps import Readings, table
from xaic.metrics.base import all_metrics, get_metric

if TYPE_CHECKING:
    from collections.abc import Callable

MASKED = [key.removeprefix("localisation.") for key in all_metrics() if key.startswith("localisation.")]


def score(key: str, readings: Readings) -> list[float]:
    found: list[float] = readings.score(get_metric(f"localisation.{key}")).tolist()
    return found


def on(maps: list[list[float]], mask: list[int], other: list[int] | None = None) -> Readings:
    masks = {
        name: torch.tensor([value] * len(maps), dtype=torch.bool)
        for name, value in (("mask", mask), ("other_mask", other or mask))
    }
    return table(maps, cells=masks["mask"], decoys=masks["other_mask"], **masks)


def test_overlap_at_the_size_of_the_mask() -> None:
    """The two highest of four are one of the mask and one beside it: 1/3 of foreground and 1/3 of background."""
    readings = on([[3.0, -1.0, 2.0, -2.0], [0.0, 0.0, 0.0, 0.0]], [1, 1, 0, 0])
    assert score("iou", readings) == pytest.approx([1 / 3, 1 / 3])


def test_mass_elsewhere() -> None:
    readings = on([[3.0, 1.0, -9.0, 4.0]], [1, 0, 0, 0], [0, 0, 1, 1])
    assert score("other_mass", readings) == score("decoy_mass", readings) == [0.5]
    assert readings.score(get_metric("localisation.outside_inside"), "share").tolist() == [(5 / 3) / (5 / 3 + 3)]


def test_mass_inside_counts_positive_relevance_only() -> None:
    readings = on([[3.0, 1.0, -9.0, 4.0], [-1.0, 0.0, 5.0, 0.0]], [1, 1, 0, 0])
    assert score("rma", readings) == [0.5, 0.0]
    assert score("focus", readings) == [0.5, 0.0]


def test_a_map_with_nothing_positive_scores_the_area() -> None:
    assert score("rma", on([[-1.0, -2.0, -3.0, 0.0]], [1, 0, 0, 0])) == [0.25]


def test_rank_accuracy_takes_as_many_as_the_mask_holds() -> None:
    readings = on([[9.0, 1.0, 8.0, -5.0, 7.0], [9.0, 8.0, 7.0, 0.0, 0.0]], [1, 1, 1, 0, 0])
    assert score("rra", readings) == pytest.approx([2 / 3, 1])


def test_ties_share_places() -> None:
    """One place is left for three equal locations, one of them inside."""
    assert score("rra", on([[5.0, 1.0, 1.0, 1.0]], [1, 1, 0, 0])) == pytest.approx([(1 + 1 / 3) / 2])
    assert score("rra", on([[2.0] * 4], [1, 1, 0, 0])) == [0.5]


def test_pointing_counts_several_highest_by_their_share() -> None:
    readings = on([[1.0, 5.0, 0.0], [0.0, 1.0, 2.0], [4.0, 4.0, 1.0], [3.0, 1.0, 3.0]], [1, 1, 0])
    assert score("pointing", readings) == [1, 0, 1, 0.5]


def test_energy_starts_at_the_least_value() -> None:
    assert score("energy_pointing", on([[-1.0, 1.0, 0.0, 0.0]], [1, 1, 0, 0])) == [0.5]
    assert score("energy_pointing", on([[2.0, 2.0, 2.0, 2.0]], [1, 0, 0, 0])) == [0.25]


def test_roc_auc_is_the_share_of_pairs_won() -> None:
    readings = on([[3.0, 1.0, 2.0, 0.0], [1.0, 1.0, 1.0, 1.0], [2.0, 1.0, 1.0, 0.0]], [1, 1, 0, 0])
    assert score("roc_auc", readings) == [0.75, 0.5, 0.875]


def test_outside_over_inside_is_of_means() -> None:
    found = score("outside_inside", on([[4.0, 1.0, 1.0, -9.0], [0.0, 1.0, 0.0, 0.0]], [1, 0, 0, 0]))
    assert found[0] == pytest.approx((2 / 3) / 4)
    assert math.isnan(found[1])


def test_class_gap_is_own_less_other() -> None:
    readings = on([[3.0, 0.0, 1.0, 0.0], [0.0, 0.0, 2.0, 2.0]], [1, 1, 0, 0], [0, 0, 1, 0])
    assert score("class_gap", readings) == [0.5, -0.5]


@pytest.mark.parametrize("key", MASKED)
@pytest.mark.parametrize("inside", [0, 1])
def test_an_empty_or_full_mask_is_undefined_never_a_hit(key: str, inside: int) -> None:
    readings = on([[1.0, 2.0, 3.0]], [inside] * 3)
    assert math.isnan(score(key, readings)[0])


@pytest.mark.parametrize("key", MASKED)
def test_the_mask_itself_is_the_best_map_and_its_complement_the_worst(key: str) -> None:
    mask = torch.zeros(6, 20, dtype=torch.bool)
    mask[:, 4:9] = True
    readings = table(mask.double().tolist(), mask=mask, other_mask=~mask, cells=mask, decoys=~mask)
    metric = get_metric(f"localisation.{key}")
    best = readings.put(output=readings["mask"].double()).score(metric)
    worst = readings.put(output=(~readings["mask"]).double()).score(metric)
    # of 20 locations 5 are the object: a map that points at the other 15 takes 5 of those, and 10 stay outside rightly
    special = {"class_gap": (1, -1), "outside_inside": (0, math.nan), "iou": (1, (0 + 10 / 20) / 2)}
    ends = special.get(key, (0, 1) if key in {"other_mass", "decoy_mass"} else (1, 0))
    torch.testing.assert_close(best, torch.full_like(best, ends[0]))
    torch.testing.assert_close(worst, torch.full_like(worst, ends[1]), equal_nan=True)


def quantus_scores(name: str) -> Callable[..., Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metric = getattr(quantus, name)(disable_warnings=True, display_progressbar=False)
    evaluate: Callable[..., Any] = metric.evaluate_batch
    return evaluate


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("rra", "RelevanceRankAccuracy"),
        ("rma", "RelevanceMassAccuracy"),
        ("roc_auc", "AUC"),
        ("pointing", "PointingGame"),
    ],
)
def test_quantus_agrees_on_positive_maps_without_ties(key: str, name: str) -> None:
    generator = torch.Generator().manual_seed(4)
    maps = torch.rand(12, 30, generator=generator).double()
    mask = torch.rand(12, 30, generator=generator) < 0.3
    theirs = quantus_scores(name)(a_batch=maps.numpy().copy(), s_batch=mask.numpy().copy())
    ours = score(key, table(maps.tolist(), mask=mask))
    np.testing.assert_allclose(ours, np.asarray(theirs, dtype=float), rtol=1e-12)
