"""Repeatability metrics at hand-computed values."""

from __future__ import annotations

import pytest
import torch

from tests.metrics.tensor_sweeps import random_readings, table
from xaic.metrics.base import get_metric

DIFFERENCE, SIGNAL = get_metric("repeatability.difference"), get_metric("repeatability.signal")


def test_the_difference_is_relative_to_the_larger_map() -> None:
    maps = [[4.0, 1.0], [4.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    again = [[4.0, 1.0], [5.0, -1.5], [0.0, 0.0], [0.0, 1e-9]]
    assert table(maps, again=again).score(DIFFERENCE).tolist() == [0.0, 0.5, 0.0, 1.0]


def test_one_bit_in_single_precision_is_seen() -> None:
    maps = torch.tensor([[1.0, 0.5]])
    again = torch.nextafter(maps, torch.tensor(2.0))
    readings = table(maps.tolist(), again=again)
    assert readings.score(DIFFERENCE).item() == pytest.approx(2.0**-23, rel=1e-6)


def test_signals_are_of_unit_maps_and_keep_their_lengths_on_average() -> None:
    readings = random_readings(200, 3)
    parts = readings.scores(SIGNAL)
    assert len(parts) == 3 * 16
    squares = torch.stack([values**2 for part, values in parts.items() if part.startswith("draw-0/")])
    assert squares.mean().item() == pytest.approx(1, abs=0.1)
    scaled = readings.change(lambda x: 4 * x, "draws").scores(SIGNAL)
    torch.testing.assert_close(scaled, parts)


def test_distances_of_projections_are_those_of_maps() -> None:
    """The mean over projections of a squared difference estimates the squared distance of the unit maps."""
    readings = random_readings(300, 4)
    parts = readings.scores(SIGNAL)
    gaps = [(parts[f"draw-0/f-{j:02d}"] - parts[f"draw-1/f-{j:02d}"]) ** 2 for j in range(16)]
    maps = readings["draws"].sum(2).flatten(2)
    maps = maps / maps.norm(dim=-1, keepdim=True)
    wanted = (maps[0] - maps[1]).square().sum(-1).mean()
    assert torch.stack(gaps).mean().item() == pytest.approx(wanted.item(), rel=0.1)


def test_equal_draws_project_alike_and_zero_maps_to_nothing() -> None:
    readings = table([[1.0, 2.0]] * 2, draws=[[[3.0, 4.0], [0.0, 0.0]], [[6.0, 8.0], [0.0, 0.0]]])
    parts = readings.scores(SIGNAL)
    for j in range(16):
        one, other = parts[f"draw-0/f-{j:02d}"], parts[f"draw-1/f-{j:02d}"]
        assert torch.equal(one, other)
        assert abs(one[0].item()) in (pytest.approx(1.4), pytest.approx(0.2))  # (+-3 +-4) / 5
        assert one[1] == 0
