"""Cylinder-Bell-Funnel series against the closed form, one series and one step at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from xaic.specimens import get_specimen
from xaic.specimens.series import draw_series

T = 128
CLASSES = ("cylinder", "bell", "funnel")


def drawn_by_hand(stream: int, index: int) -> tuple[Any, list[bool], list[bool]]:
    """Return values, event and decoy of a series, from its generator's numbers in the order they are drawn."""
    g = np.random.default_rng((stream, index))
    widths = [int(w) for w in g.integers(24, 41, 2)]
    cuts = sorted(g.random(2))
    decoy_first = bool(g.integers(2))
    heights = 6 + g.standard_normal(2)
    noise = g.standard_normal(T)
    room = T - sum(widths) - 2
    gaps = [int(cut * room) for cut in cuts]
    one, two = (1, 0) if decoy_first else (0, 1)
    starts = [0, 0]
    starts[one], starts[two] = gaps[0], gaps[1] + widths[one] + 1
    values, there = [], ([False] * T, [False] * T)
    for t in range(T):
        value = noise[t]
        for which in (0, 1):
            r = (t - starts[which]) / widths[which]
            if 0 <= r <= 1:
                there[which][t] = True
                shapes = {"cylinder": 1.0, "bell": r, "funnel": 1 - r}
                shape = (1 + 2 * abs(2 * r - 1)) / 3 if which else shapes[CLASSES[index % 3]]
                value += heights[which] * shape
        values.append(value)
    return np.array(values), *there


@pytest.mark.parametrize("stream", [40, 41, 42])
def test_series_follow_the_closed_form(stream: int) -> None:
    drawn = draw_series(stream, range(30))
    for index in range(30):
        values, event, decoy = drawn_by_hand(stream, index)
        np.testing.assert_allclose(drawn.values[index, 0], values, rtol=1e-5, atol=1e-5)
        assert drawn.event[index, 0].tolist() == event
        assert drawn.decoy[index, 0].tolist() == decoy
        assert drawn.classes[index] == index % 3


def test_events_and_decoys_lie_apart_whole_and_anywhere() -> None:
    drawn = draw_series(42, range(600))
    assert not (drawn.event & drawn.decoy).any()
    for there in (drawn.event[:, 0], drawn.decoy[:, 0]):
        edges = np.diff(there.astype(int), prepend=0, append=0, axis=1)
        assert (np.abs(edges).sum(1) == 2).all()  # one piece
        length = there.sum(1)
        assert length.min() >= 24
        assert length.max() <= 41
        middle = (there * np.arange(T)).sum(1) / length
        assert middle.min() < 20
        assert middle.max() > T - 20
    before = drawn.event[:, 0].argmax(1) < drawn.decoy[:, 0].argmax(1)
    assert 0.4 < before.mean() < 0.6


def test_all_else_is_noise_that_knows_no_class() -> None:
    drawn = draw_series(42, range(600))
    rest = ~(drawn.event | drawn.decoy)[:, 0]
    for kind in range(3):
        noise = drawn.values[drawn.classes == kind, 0][rest[drawn.classes == kind]]
        assert abs(float(noise.mean())) < 5 / math.sqrt(len(noise))
        assert float(noise.std()) == pytest.approx(1, abs=0.05)


def test_decoys_know_no_class_either() -> None:
    drawn = draw_series(42, range(600))
    means = [float((drawn.values * drawn.decoy)[drawn.classes == k].sum() / 200) for k in range(3)]
    assert max(means) / min(means) < 1.1


@pytest.mark.parametrize("stream", [40, 42])
def test_a_series_does_not_depend_on_the_batch(stream: int) -> None:
    order = [5, 500, 4, 5]
    many = draw_series(stream, order)
    for row, index in enumerate(order):
        alone = draw_series(stream, [index])
        for name in ("values", "event", "decoy", "classes"):
            assert np.array_equal(getattr(many, name)[row], getattr(alone, name)[0]), name


def test_material_carries_the_series_that_its_units_name() -> None:
    material = get_specimen("series").load("cbf")
    for row in (0, 111, 399):
        index = int(material.units[row].split("-")[1])
        drawn = draw_series(42, [index])
        assert np.array_equal(material.inputs[row].numpy(), drawn.values[0])
        assert np.array_equal(material.truths["mask"][row].numpy(), drawn.event[0])
        assert np.array_equal(material.truths["decoys"][row].numpy(), drawn.decoy[0])
        assert int(material.targets[row]) == index % 3
    assert torch.equal(material.targets[:6], torch.tensor([0, 1, 2, 0, 1, 2]))
