"""Batched ranks, correlations and cosines against SciPy, with ties, constants and NaN."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from xaic.metrics._similarity import cosine, nanmean, pearson, ranks, spearman, top_share, trapezoid

ROWS = arrays(np.float64, (3, 9), elements=st.integers(-4, 4).map(float))


@given(ROWS)
def test_ranks_are_scipys_with_ties_in_the_middle(rows: np.ndarray) -> None:
    np.testing.assert_array_equal(ranks(torch.from_numpy(rows)).numpy(), stats.rankdata(rows, axis=1) - 1)


@given(ROWS, ROWS)
@pytest.mark.filterwarnings("ignore::scipy.stats.ConstantInputWarning")
def test_correlations_are_scipys_and_nan_where_a_side_is_constant(a: np.ndarray, b: np.ndarray) -> None:
    for ours, theirs in ((spearman, stats.spearmanr), (pearson, stats.pearsonr)):
        wanted = [theirs(x, y).statistic for x, y in zip(a, b, strict=True)]
        found = ours(torch.from_numpy(a), torch.from_numpy(b)).numpy()
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


@given(ROWS, ROWS)
def test_cosines(a: np.ndarray, b: np.ndarray) -> None:
    found = cosine(torch.from_numpy(a), torch.from_numpy(b)).tolist()
    for x, y, value in zip(a, b, found, strict=True):
        if x.any() and y.any():
            assert value == pytest.approx(x @ y / (np.linalg.norm(x) * np.linalg.norm(y)))
        else:
            assert math.isnan(value)


def test_many_maps_are_compared_with_one() -> None:
    generator = torch.Generator().manual_seed(0)
    one, many = torch.randn(4, 10, generator=generator), torch.randn(3, 4, 10, generator=generator)
    for alike in (spearman, cosine):
        found = alike(one, many)
        assert found.shape == (3, 4)
        torch.testing.assert_close(found[1], alike(one, many[1]))


@pytest.mark.parametrize("alike", [spearman, pearson, cosine])
def test_nan_stays_with_its_row(alike: object) -> None:
    a = torch.tensor([[1.0, 2.0, 3.0], [1.0, math.nan, 3.0]])
    found = alike(a, torch.tensor([[1.0, 2.0, 4.0]] * 2))  # type: ignore[operator]
    assert not found[0].isnan()
    assert found[1].isnan()


def test_values_that_differ_by_rounding_are_constant() -> None:
    x = torch.tensor([[0.1 + 0.2, 0.3, 0.3, 0.15 + 0.15]], dtype=torch.float64)
    assert len(set(x[0].tolist())) > 1
    assert pearson(x, torch.tensor([[1.0, 2.0, 3.0, 4.0]])).isnan().all()
    assert not pearson(x + torch.tensor([[0, 1e-8, 0, 0]]), torch.tensor([[1.0, 2.0, 3.0, 4.0]])).isnan().any()


def test_large_offsets_cost_no_precision() -> None:
    x = torch.tensor([[1.0, 2.0, 4.0, 3.0]]).double()
    y = torch.tensor([[1.0, 3.0, 2.0, 5.0]]).double()
    torch.testing.assert_close(pearson(x + 1e6, y - 1e6), pearson(x, y), rtol=1e-8, atol=0)


def test_top_share_is_the_mean_over_random_orders_of_ties() -> None:
    values = torch.tensor([[3.0, 1.0, 1.0, 1.0, 0.0]])
    mask = torch.tensor([[False, True, True, False, True]])
    generator, hits = np.random.default_rng(0), []
    for _ in range(4000):
        order = np.lexsort((generator.random(5), -values.numpy()[0]))
        hits.append(mask.numpy()[0][order[:3]].mean())
    assert top_share(values, mask).item() == pytest.approx(np.mean(hits), abs=0.01)


def test_means_leave_out_what_is_undefined() -> None:
    x = torch.tensor([[1.0, math.nan], [3.0, math.nan]])
    found = nanmean(x, 0)
    assert found[0] == 2
    assert found[1].isnan()


def test_areas_do_not_depend_on_the_number_of_steps() -> None:
    for steps in (2, 10, 100):
        x = torch.linspace(0, 1, steps + 1).double()
        assert trapezoid(1 - x, x).item() == pytest.approx(0.5)
