"""KernelSHAP against brute force Shapley values, LIME against scikit-learn's ridge regression."""

from __future__ import annotations

from itertools import chain, combinations
from math import factorial
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from torch import Tensor, nn

from method_adapters.attribution._coalitions import Features, answers
from method_adapters.attribution.kernelshap import KernelSHAP, drawn_subsets, every_subset, shapley_values
from method_adapters.attribution.lime import LIME, drawn_presence, proximity, ridge_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def brute_force(value: Callable[[tuple[int, ...]], float], features: int) -> Array:
    """Shapley values by their definition: a weighted sum of marginal gains over all subsets without i."""
    found = np.zeros(features)
    for i in range(features):
        others = [j for j in range(features) if j != i]
        for subset in chain.from_iterable(combinations(others, size) for size in range(features)):
            weight = factorial(len(subset)) * factorial(features - len(subset) - 1) / factorial(features)
            found[i] += weight * (value(tuple(sorted((*subset, i)))) - value(subset))
    return found


def game(features: int, seed: int) -> Callable[[tuple[int, ...]], float]:
    """A random game: every subset has a value of its own."""
    table = np.random.default_rng(seed).normal(size=2**features)
    return lambda subset: float(table[sum(1 << i for i in subset)])


def answers_of(value: Callable[[tuple[int, ...]], float], kept: Tensor) -> Tensor:
    return torch.tensor([[value(tuple(np.flatnonzero(row).tolist())) for row in kept.numpy()]])


def solve(value: Callable[[tuple[int, ...]], float], kept: Tensor, weights: Tensor) -> Array:
    features = kept.shape[1]
    full, empty = torch.tensor([value(tuple(range(features)))]), torch.tensor([value(())])
    found = shapley_values(kept, weights, answers_of(value, kept), full.double(), empty.double())
    return cast("Array", found[0].numpy())


@settings(max_examples=25, deadline=None)
@given(features=st.integers(2, 6), seed=st.integers(0, 10**6))
def test_all_coalitions_give_the_exact_shapley_values_of_any_game(features: int, seed: int) -> None:
    value = game(features, seed)
    assert np.allclose(solve(value, *every_subset(features)), brute_force(value, features), atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(features=st.integers(2, 9), samples=st.integers(4, 60), seed=st.integers(0, 10**6))
def test_the_sum_is_the_gain_however_few_the_samples(features: int, samples: int, seed: int) -> None:
    value = game(features, seed)
    kept, weights = drawn_subsets(features, samples, torch.Generator().manual_seed(seed))
    gain = value(tuple(range(features))) - value(())
    assert np.isclose(solve(value, kept, weights).sum(), gain, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(features=st.integers(4, 40), samples=st.integers(20, 300), seed=st.integers(0, 10**6))
def test_drawn_subsets_are_proper_and_come_with_their_complements(features: int, samples: int, seed: int) -> None:
    kept, weights = drawn_subsets(features, samples, torch.Generator().manual_seed(seed))
    sizes = kept.sum(1)
    assert int(sizes.min()) > 0
    assert int(sizes.max()) < features
    assert len(kept) <= max(samples, 2 * features)
    assert float(weights.min()) > 0
    rows = sorted(map(tuple, kept.tolist()))
    assert rows == sorted(map(tuple, (~kept).tolist()))
    assert np.isclose(float(weights.sum()), sum((features - 1) / (k * (features - k)) for k in range(1, features)))


def test_a_budget_for_all_subsets_takes_them_all_with_the_kernels_weights() -> None:
    kept, weights = drawn_subsets(6, 62, torch.Generator())
    whole, kernel = every_subset(6)
    found = {tuple(row): float(w) for row, w in zip(kept.tolist(), weights, strict=True)}
    assert len(found) == 62
    assert all(np.isclose(found[tuple(row)], float(w)) for row, w in zip(whole.tolist(), kernel, strict=True))


def test_kernel_weights_by_hand() -> None:
    """D = 4: (D - 1) / (C(D, k) k (D - k)) is 3 / (4 · 3) for sizes 1 and 3, 3 / (6 · 4) for size 2."""
    kept, weights = every_subset(4)
    by_size = {int(k): float(weights[kept.sum(1) == k][0]) for k in (1, 2, 3)}
    assert np.allclose([by_size[1], by_size[2], by_size[3]], [0.25, 0.125, 0.25])


def test_sampling_converges_to_the_exact_values() -> None:
    """The error falls at least by half when samples grow 16 times (by four in theory)."""
    features = 12
    pairs = np.random.default_rng(1).normal(size=(features, features, features))
    value = lambda s: float(np.sin(pairs[np.ix_(s, s, s)].sum()) + pairs[0][np.ix_(s, s)].sum())  # noqa: E731
    exact = solve(value, *every_subset(features))
    errors = []
    for samples in (64, 1024):
        draws = [drawn_subsets(features, samples, torch.Generator().manual_seed(d)) for d in range(10)]
        errors.append(np.mean([np.abs(solve(value, *draw) - exact).mean() for draw in draws]))
    assert errors[1] < errors[0] / 2
    assert errors[1] < 0.1 * np.abs(exact).mean()


def test_the_method_is_exact_on_a_small_network(cases: Any) -> None:
    task, module = cases.a_task("tabular"), cases.NETWORKS["tabular"]()
    found = cases.explain(KernelSHAP, "tabular", task, module)

    def value(row: int) -> Callable[[tuple[int, ...]], float]:
        def of(subset: tuple[int, ...]) -> float:
            mixed = task.baseline.clone()
            mixed[list(subset)] = task.inputs[row][list(subset)]
            return float(module(mixed.unsqueeze(0))[0, task.targets[row]])

        return of

    for row in range(3):
        assert np.allclose(found[row], brute_force(value(row), 6), atol=1e-4)


def test_sampled_patches_come_near_the_exact_ones(cases: Any) -> None:
    """A 3 x 3 grid has 510 coalitions: exact by enumeration, and by sampling within a tenth."""
    task = cases.a_task("image")
    exact = cases.explain(KernelSHAP, "image", task, grid=3)
    sampled = cases.explain(KernelSHAP, "image", task, grid=3, exact_up_to=0, samples=200)
    assert 0 < float((sampled - exact).abs().mean()) < 0.1 * float(exact.abs().mean())


def test_patches_spread_their_value_and_keep_the_sum(cases: Any) -> None:
    for kind, cells in (("image", 49), ("series", 16), ("tabular", 6)):
        task = cases.a_task(kind)
        features = Features.of(task, 7, 16)
        assert features.count == cells
        values = torch.randn(5, cells, generator=torch.Generator().manual_seed(0))
        maps = features.spread(values)
        assert torch.allclose(maps.flatten(1).sum(1), values.sum(1), atol=1e-5)
        assert len(torch.unique(maps[0])) == cells
    colour = cases.a_task("image").with_inputs(torch.randn(2, 3, 9, 30))
    assert Features.of(colour, 7, 16).spread(torch.randn(2, 49)).shape == (2, 1, 9, 30)


def test_absent_features_are_at_the_baseline(cases: Any) -> None:
    class Total(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).sum(1, keepdim=True).expand(-1, 3)

    task = cases.a_task("image")
    features = Features.of(task, 2, 16)
    kept = torch.tensor([[True, False, False, False], [True, True, True, True], [False] * 4])
    found = answers(Total(), task, features, kept, cases.Ctx(Total()))
    x, b = task.inputs[:, 0], task.baseline[0]
    corner = x[:, :7, :7].sum((1, 2)) + b.sum() - b[:7, :7].sum()
    expected = torch.stack([corner, x.sum((1, 2)), b.sum().expand(5)], 1)
    assert torch.allclose(found, expected, atol=1e-4)


@settings(max_examples=20, deadline=None)
@given(features=st.integers(2, 12), ridge=st.floats(1e-3, 10), seed=st.integers(0, 10**6))
def test_limes_matrix_is_scikit_learns_ridge(features: int, ridge: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    kept = drawn_presence(features, 40, generator)
    weights, values = proximity(kept, 0.25), torch.randn(3, 40, generator=generator).double()
    found = values @ ridge_matrix(kept.double(), weights, ridge).T
    model = Ridge(alpha=ridge).fit(kept.double().numpy(), values.T.numpy(), sample_weight=weights.numpy())
    assert np.allclose(found, model.coef_, atol=1e-8)


def test_lime_as_a_whole_is_that_ridge_on_the_models_answers(cases: Any) -> None:
    task, module = cases.a_task("tabular"), cases.NETWORKS["tabular"]()
    kept = drawn_presence(6, 256, cases.Ctx(module).generator("")).numpy()
    d = 1 - np.sqrt(kept.mean(1))
    found = cases.explain(LIME, "tabular", task, module)
    for row in range(5):
        mixed = np.where(kept, task.inputs[row].numpy(), task.baseline.numpy())
        with torch.no_grad():
            logit = module(torch.from_numpy(mixed))[:, task.targets[row]].numpy()
        model = Ridge(alpha=1.0).fit(kept.astype(float), logit.astype(float), sample_weight=np.exp(-((d / 0.25) ** 2)))
        assert np.allclose(found[row], model.coef_, atol=1e-5)


def test_lime_of_an_additive_model_finds_its_terms(cases: Any) -> None:
    """Without a penalty the terms come out exactly, whatever the kernel: w_i (x_i - b_i)."""
    module = nn.Linear(6, 3).requires_grad_(requires_grad=False)
    task = cases.a_task("tabular")
    expected = module.weight[task.targets] * (task.inputs - task.baseline)
    found = cases.explain(LIME, "tabular", task, module, ridge=1e-9)
    assert torch.allclose(found, expected, atol=1e-4)


def test_lime_gives_the_input_itself_weight_one() -> None:
    kept = torch.tensor([[True] * 4, [True, False, False, False], [False] * 4])
    assert np.allclose(proximity(kept, 0.25), [1, np.exp(-4), np.exp(-16)])
