"""Complexity metrics at hand-computed values, and beside Quantus."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
import quantus
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.metrics.tensor_sweeps import table
from xaic.metrics.base import get_metric


def score(key: str, maps: list[list[float]]) -> list[float]:
    found: list[float] = table(maps).score(get_metric(f"complexity.{key}")).tolist()
    return found


def test_entropy_is_a_share_of_that_of_a_flat_map() -> None:
    maps = [[1.0, 1.0, 1.0, 1.0], [0.0, -7.0, 0.0, 0.0], [2.0, -2.0, 0.0, 0.0], [4.0, 2.0, 1.0, 1.0]]
    assert score("entropy", maps) == pytest.approx([1, 0, 0.5, 1.75 / 2])  # 1.75 bits of 2


def test_gini_grows_from_flat_to_single() -> None:
    maps = [[3.0, 3.0, -3.0, 3.0], [0.0, 5.0, 0.0, 0.0], [1.0, 2.0, 3.0, 4.0]]
    assert score("gini", maps) == pytest.approx([0, 0.75, 0.25])


@pytest.mark.parametrize("key", ["entropy", "gini"])
def test_a_zero_map_has_no_complexity(key: str) -> None:
    assert math.isnan(score(key, [[0.0, 0.0, 0.0]])[0])


@pytest.mark.parametrize("key", ["entropy", "gini"])
def test_a_single_location_is_as_simple_as_can_be(key: str) -> None:
    assert score(key, [[3.0], [-1.0]]) == [0, 0]


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=12).filter(any))
def test_splitting_mass_evenly_is_never_less_complex(values: list[int]) -> None:
    magnitudes = [float(abs(value)) for value in values]
    evener = [(one + two) / 2 for one, two in zip(magnitudes, magnitudes[1:] + magnitudes[:1], strict=True)]
    assert score("entropy", [evener])[0] >= score("entropy", [magnitudes])[0] - 1e-12
    assert score("gini", [evener])[0] <= score("gini", [magnitudes])[0] + 1e-12


def test_quantus_agrees() -> None:
    maps = torch.rand(10, 40, generator=torch.Generator().manual_seed(1)).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = {name: getattr(quantus, name)(disable_warnings=True) for name in ("Complexity", "Sparseness")}
    x = maps.numpy()
    entropy = theirs["Complexity"].evaluate_batch(x_batch=x, a_batch=x.copy()) / math.log(40)
    np.testing.assert_allclose(score("entropy", maps.tolist()), entropy, rtol=1e-9)
    gini = theirs["Sparseness"].evaluate_batch(x_batch=x, a_batch=x.copy())
    np.testing.assert_allclose(score("gini", maps.tolist()), gini, atol=1e-6)  # Quantus adds 1e-7 to every value
