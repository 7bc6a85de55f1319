"""Calibration metrics and the reliability diagram at known answers and beside scikit-learn."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, log_loss

from tests.metrics.tensor_sweeps import random_readings, table
from xaic.metrics.base import get_metric
from xaic.metrics.calibration import reliability


def scores(key: str, p: Any, labels: list[int]) -> dict[str, list[float]]:
    readings = table(p, labels=torch.tensor(labels))
    return {part: values.tolist() for part, values in readings.scores(get_metric(f"calibration.{key}")).items()}


def chance(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_confidence_and_whether_it_came_true() -> None:
    found = scores("confidence", [[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]], [0, 0, 0])
    assert found == {"confidence": [0.7, 0.6, 0.5], "correct": [1, 0, 1]}


def test_brier_runs_from_0_to_2() -> None:
    found = scores("brier", [[1.0, 0.0], [1.0, 0.0], [0.5, 0.5]], [0, 1, 1])[""]
    assert found == [0, 2, 0.5]


def test_log_loss_is_cut_where_the_label_was_ruled_out() -> None:
    found = scores("nll", [[0.25, 0.75], [1.0, 0.0], [0.0, 1.0]], [0, 1, 1])[""]
    assert found == pytest.approx([math.log(4), -math.log(1e-12), 0])


def test_scikit_learn_agrees_on_the_means() -> None:
    readings = random_readings(200, 9)
    p, labels = readings["probabilities"].numpy(), readings["labels"].numpy()
    assert readings.score(get_metric("calibration.nll")).mean().item() == pytest.approx(log_loss(labels, p))
    one_hot = np.eye(4)[labels]
    parts = [brier_score_loss(one_hot[:, k], p[:, k]) for k in range(4)]
    assert readings.score(get_metric("calibration.brier")).mean().item() == pytest.approx(sum(parts))


def test_bins_hold_equal_numbers_and_their_means() -> None:
    confidence = torch.tensor([0.9, 0.1, 0.2, 0.8, 0.5, 0.6]).double()
    correct = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0, 1.0])
    found = reliability(confidence, correct, chance(), bins=3, resamples=10)
    assert found.count.tolist() == [2, 2, 2]
    assert found.confidence.tolist() == pytest.approx([0.15, 0.55, 0.85])
    assert found.accuracy.tolist() == [0.5, 0.5, 1.0]


def test_scikit_learn_agrees_on_the_points() -> None:
    said = torch.rand(300, generator=chance(1)).double()
    hit = (torch.rand(300, generator=chance(2)) < said).double()
    found = reliability(said, hit, chance(), bins=10, resamples=10)
    truth, stated = calibration_curve(hit.numpy(), said.numpy(), n_bins=10, strategy="quantile")
    np.testing.assert_allclose(found.accuracy.numpy(), truth)
    np.testing.assert_allclose(found.confidence.numpy(), stated)


def test_the_band_of_equal_confidences_is_binomial() -> None:
    found = reliability(torch.full((400,), 0.7), torch.ones(400), chance(), bins=4, resamples=20000)
    low, high = (float(stats.binom.ppf(q, 100, 0.7)) / 100 for q in (0.025, 0.975))
    assert found.low.tolist() == pytest.approx([low] * 4, abs=0.0101)
    assert found.high.tolist() == pytest.approx([high] * 4, abs=0.0101)


def test_the_band_holds_a_calibrated_forecaster_and_not_an_overconfident_one() -> None:
    said = 0.5 + 0.5 * torch.rand(3000, generator=chance(3)).double()
    inside: dict[str, float] = {}
    for name, truth in (("calibrated", said), ("overconfident", said - 0.15)):
        kept = []
        for seed in range(20):
            hit = (torch.rand(3000, generator=chance(100 + seed)) < truth).double()
            found = reliability(said, hit, chance(seed), resamples=500)
            kept.append(((found.accuracy >= found.low) & (found.accuracy <= found.high)).double().mean().item())
        inside[name] = sum(kept) / len(kept)
    assert inside["calibrated"] == pytest.approx(0.95, abs=0.03)
    assert inside["overconfident"] < 0.2


@pytest.mark.parametrize(("n", "bins"), [(1, 1), (2, 1), (3, 1), (7, 3), (40, 15)])
def test_bins_hold_two_units_at_least_unless_there_are_fewer(n: int, bins: int) -> None:
    found = reliability(torch.rand(n, generator=chance()), torch.ones(n), chance(), resamples=5)
    assert len(found.count) == bins
    assert found.count.sum() == n
    assert found.count.min() >= min(2, n)
    assert bool((found.low <= found.high).all())


def test_the_diagram_is_drawn_from_its_generator_alone() -> None:
    said, hit = torch.rand(50, generator=chance(1)), torch.ones(50)
    before = torch.get_rng_state()
    one, same, other = (reliability(said, hit, chance(seed), resamples=50) for seed in (4, 4, 5))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(one.low, same.low)
    assert not torch.equal(one.low, other.low)
