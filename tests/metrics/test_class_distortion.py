"""The class distortion score at hand-computed values."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.tensor_sweeps import Readings, table
from xaic.metrics.base import get_metric

CDS, REVERSE = get_metric("class_distortion.cds"), get_metric("class_distortion.cds_reverse")


def masked(before: Any, removed: Any, kept: Any = None, *, softmax: bool = False) -> Readings:
    n = len(before)
    readings = table(
        [[0.0]] * n,
        targets=torch.zeros(n, dtype=torch.long),
        before=before,
        removed=removed,
        kept=before if kept is None else kept,
    )
    return replace(readings, activation="softmax" if softmax else "sigmoid")


def test_a_mask_that_changes_nothing_scores_ln_2() -> None:
    readings = masked([[0.9, 0.2, 0.4]], [[0.9, 0.2, 0.4]])
    assert {part: values.item() for part, values in readings.scores(CDS).items()} == pytest.approx(
        {"": math.log(2), "share": 0.5, "T": 0.0, "D": 0.0}
    )


def test_target_and_others_by_hand() -> None:
    """KL(0.8, 0.5) = 0.8 ln 1.6 + 0.2 ln 0.4; of the others one stays and one goes from 0.5 to 0.25."""
    found = masked([[0.8, 0.3, 0.5]], [[0.5, 0.3, 0.25]]).scores(CDS)
    moved = 0.8 * math.log(1.6) + 0.2 * math.log(0.4)
    rest = (0.5 * math.log(2) + 0.5 * math.log(0.5 / 0.75)) / 2
    assert found["T"].item() == pytest.approx(moved, abs=1e-6)
    assert found["D"].item() == pytest.approx(rest, abs=1e-6)
    assert found[""].item() == pytest.approx(math.log(moved / rest + 1), abs=1e-5)
    assert found["share"].item() == pytest.approx(moved / (moved + rest), abs=1e-5)


def test_moving_the_target_alone_scores_higher_than_moving_all() -> None:
    before = [[0.9, 0.5, 0.5]] * 2
    alone, all_of_them = masked(before, [[0.1, 0.5, 0.5], [0.1, 0.1, 0.1]]).score(CDS).tolist()
    assert alone > 15
    assert all_of_them < 2


def test_reverse_reads_what_is_kept() -> None:
    before, gone = [[0.9, 0.5, 0.4]], [[0.2, 0.5, 0.4]]
    readings = masked(before, gone, kept=[[0.9, 0.1, 0.1]])
    assert readings.score(REVERSE).item() < 1e-5
    assert readings.score(CDS).item() > 10


def test_softmax_scores_of_other_classes_are_compared_among_themselves() -> None:
    """The others keep their proportions 3 : 1 while the target's share goes to them: no distortion."""
    before, after = [[0.6, 0.3, 0.1]], [[0.2, 0.6, 0.2]]
    softmax, sigmoid = (masked(before, after, softmax=kind).scores(CDS)["D"].item() for kind in (True, False))
    assert softmax == pytest.approx(0, abs=1e-7)
    assert sigmoid > 0.1


def test_two_softmax_classes_have_nothing_to_distort_and_one_class_no_others() -> None:
    assert masked([[0.9, 0.1]], [[0.3, 0.7]], softmax=True).scores(CDS)["D"].item() == pytest.approx(0, abs=1e-7)
    assert masked([[0.9]], [[0.3]]).score(CDS).isnan().all()


def test_certain_predictions_stay_finite() -> None:
    found = masked([[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]], softmax=True).scores(CDS)
    assert found["T"].item() == pytest.approx(math.log(1 / 1e-7), rel=1e-6)
    assert math.isfinite(found[""].item())


@given(st.lists(st.floats(0, 1), min_size=8, max_size=8))
def test_scores_lie_between_nothing_and_the_bound(values: list[float]) -> None:
    for kind in (True, False):
        found = masked([values[:4]], [values[4:]], softmax=kind).scores(CDS)
        assert 0 <= found[""].item() <= 20
        assert 0 <= found["share"].item() <= 1
        assert found["share"].item() == pytest.approx(1 - math.exp(-found[""].item()), abs=1e-9)
        assert found["T"].item() >= 0
        assert found["D"].item() >= 0
