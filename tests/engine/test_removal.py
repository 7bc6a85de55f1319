"""Removal curves: ranks, steps and scores at known answers on a linear model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.material import SEEN, counted_cnn, fixed_maps, linear_model, random_task, sweeps_of
from xaic.engine.meter import Passes
from xaic.engine.removal import counts, ranks
from xaic.engine.streams import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.attribution import AttributionTask

TIES = Streams(0).at("ties")
UNITS = tuple(f"unit-{i}" for i in range(40))


def test_ranks_count_from_the_most_relevant() -> None:
    maps = torch.tensor([[0.1, 3.0, -5.0, 2.0], [4.0, 3.0, 2.0, 1.0]]).double()
    assert ranks(maps, ("a", "b"), TIES).tolist() == [[2, 0, 3, 1], [0, 1, 2, 3]]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=7, max_size=7), min_size=1, max_size=5))
def test_ranks_are_permutations_in_falling_order(values: list[list[int]]) -> None:
    maps = torch.tensor(values).double()
    found = ranks(maps, UNITS[: len(maps)], TIES)
    assert found.sort(1).values.tolist() == [list(range(7))] * len(maps)
    ordered = torch.empty_like(maps).scatter_(1, found, maps)
    assert bool((ordered.diff(dim=1) <= 0).all())


def test_ties_are_broken_by_each_units_own_stream_not_by_index() -> None:
    flat = torch.zeros(40, 6).double()
    found = ranks(flat, UNITS, TIES)
    assert len({tuple(row) for row in found.tolist()}) > 30
    means = found.double().mean(0)  # by index they would be 0, 1, ... 5
    assert float((means - 2.5).abs().max()) < 1
    order = [7, 3, 39]
    assert torch.equal(ranks(flat[:3], tuple(UNITS[i] for i in order), TIES), found[order])
    assert not torch.equal(ranks(flat, UNITS, Streams(1).at("ties")), found)


def test_ties_stay_within_their_places() -> None:
    maps = torch.tensor([[5.0, 1.0, 1.0, 1.0, 0.0]]).double().repeat(40, 1)
    found = ranks(maps, UNITS, TIES)
    assert set(found[:, 0].tolist()) == {0}
    assert set(found[:, 4].tolist()) == {4}
    assert set(found[:, 1].tolist()) == {1, 2, 3}


@given(st.integers(1, 300), st.integers(1, 60))
def test_steps_go_from_nothing_to_everything_in_equal_shares(size: int, steps: int) -> None:
    found = counts(size, min(steps, size))
    assert found[0] == 0
    assert found[-1] == size
    gaps = found.diff()
    assert int(gaps.min()) >= 1  # every step removes something: no pass is made twice
    assert int(gaps.max() - gaps.min()) <= 1


def test_steps_that_do_not_divide() -> None:
    assert counts(7, 3).tolist() == [0, 2, 5, 7]
    assert counts(13, 4).tolist() == [0, 3, 6, 10, 13]
    assert counts(5, 5).tolist() == [0, 1, 2, 3, 4, 5]


# curves of a linear model: removing p takes a_p = sum_c w_cp (x_cp - b_cp) off the logit


def a_linear_task(folder: Path, shape: tuple[int, ...]) -> tuple[AttributionTask, Tensor, Tensor]:
    """Return a task of a two-class linear model under a sigmoid, its logits [N] and contributions [N, L]."""
    size = int(np.prod(shape))
    weights = torch.randn(2, size, generator=torch.Generator().manual_seed(8)) / size**0.5
    task = random_task(linear_model(folder, weights, torch.tensor([0.3, -0.2])), shape, targets=2)
    own = weights[task.targets].double().view(len(task.targets), *shape)
    logits = (own * task.inputs).flatten(1).sum(1) + torch.tensor([0.3, -0.2]).double()[task.targets]
    parts = own * (task.inputs.double() - task.baseline.double())
    return task, logits, parts.sum(1).flatten(1) if len(shape) > 1 else parts


def expected(logits: Tensor, order: Any, parts: Tensor, cuts: list[int]) -> Any:
    """Return the score [N, T+1] with the first ``cuts`` locations of an order [N, L] removed."""
    taken = np.take_along_axis(parts.numpy(), order, 1)
    gone = np.concatenate([np.zeros((len(taken), 1)), taken.cumsum(1)], 1)[:, cuts]
    return 1 / (1 + np.exp(-(logits.numpy()[:, None] - gone)))


@pytest.mark.parametrize("shape", [(3, 4, 5), (12,), (2, 9)], ids=str)
@pytest.mark.parametrize("steps", [1, 3, 5, 100])
def test_curves_of_a_linear_model_have_a_closed_form(tmp_path: Path, shape: tuple[int, ...], steps: int) -> None:
    task, logits, parts = a_linear_task(tmp_path, shape)
    maps = parts.float().view(5, *((1, *shape[1:]) if len(shape) > 1 else shape))
    found = sweeps_of(task, fixed_maps(task, maps), steps=steps).removal("method", "mean")
    size = parts.shape[1]
    cuts = np.round(np.linspace(0, size, min(steps, size) + 1)).astype(int).tolist()
    assert found.fractions.tolist() == pytest.approx([cut / size for cut in cuts])
    falling = np.argsort(-parts.numpy(), 1)
    np.testing.assert_allclose(found.morf.numpy(), expected(logits, falling, parts, cuts), rtol=0, atol=2e-6)
    np.testing.assert_allclose(found.lerf.numpy(), expected(logits, falling[:, ::-1], parts, cuts), rtol=0, atol=2e-6)
    assert found.morf.dtype == found.lerf.dtype == found.hit.dtype == torch.float64


def test_hit_tells_whether_the_target_is_still_predicted(tmp_path: Path) -> None:
    task, _, parts = a_linear_task(tmp_path, (12,))
    sweeps = sweeps_of(task, fixed_maps(task, parts.float()), steps=12)
    found = sweeps.removal("method", "mean")
    module = task.model.module()
    for row in range(5):
        x = task.inputs[row].clone()
        for step, place in enumerate([None, *parts[row].argsort(descending=True).tolist()]):
            if place is not None:
                x[place] = task.baseline[place]
            assert bool(found.hit[row, step]) == (int(module(x[None]).argmax()) == int(task.targets[row]))


@pytest.fixture
def task(tmp_path: Path) -> AttributionTask:
    return random_task(counted_cnn(tmp_path), (2, 6, 6))


def distinct(task: AttributionTask) -> Tensor:
    return torch.randn(len(task.units), 1, 6, 6, generator=torch.Generator().manual_seed(9))


@pytest.mark.parametrize("operator", ["mean", "blur", "resample", "road"])
def test_most_relevant_first_is_least_relevant_first_of_the_negated_map(task: AttributionTask, operator: str) -> None:
    maps = distinct(task)
    one = sweeps_of(task, fixed_maps(task, maps), steps=7).removal("method", operator)
    other = sweeps_of(task, fixed_maps(task, -maps), steps=7).removal("method", operator)
    torch.testing.assert_close(one.morf, other.lerf, rtol=0, atol=1e-5)
    torch.testing.assert_close(one.lerf, other.morf, rtol=0, atol=1e-5)
    assert not torch.allclose(one.morf, one.lerf, atol=1e-3)


@pytest.mark.parametrize("operator", ["mean", "road"])
def test_end_points_are_shared_by_every_map_and_both_orders(task: AttributionTask, operator: str) -> None:
    maps = distinct(task)
    found = [
        sweeps_of(task, fixed_maps(task, m), steps=4).removal("method", operator)
        for m in (maps, maps.flip(-1), 0 * maps)
    ]
    for end in (0, -1):
        ends = torch.stack([curve[:, end] for one in found for curve in (one.morf, one.lerf)])
        assert torch.equal(ends, ends[:1].expand_as(ends))
    sweeps = sweeps_of(task, steps=4)
    assert torch.equal(found[0].morf[:, 0], sweeps.target_scores(sweeps.predictions()))
    assert torch.equal(found[0].morf[:, -1], sweeps.target_scores(sweeps.emptied(operator)))


@pytest.mark.parametrize("steps", [1, 2, 5, 36])
def test_curves_take_two_passes_a_unit_and_inner_step(task: AttributionTask, steps: int) -> None:
    sweeps = sweeps_of(task, fixed_maps(task, distinct(task)), steps=steps)
    sweeps.predictions()
    sweeps.emptied("mean")
    SEEN.clear()
    sweeps.removal("method", "mean")
    assert SEEN.forward == 2 * 5 * (steps - 1)
    assert sweeps.meter.sweeps["removal"] == Passes(2 * 5 * (steps - 1), 0)


def test_another_targets_order_takes_one(task: AttributionTask) -> None:
    sweeps = sweeps_of(task, fixed_maps(task, distinct(task)), steps=6)
    sweeps.predictions()
    sweeps.emptied("mean")
    SEEN.clear()
    sweeps.cross_removal("method", "mean")
    assert SEEN.forward == 5 * 5
    assert sweeps.meter.sweeps["cross_removal"] == Passes(5 * 5, 0)


def test_the_model_sees_whole_locations_at_the_baseline_and_nothing_else(task: AttributionTask) -> None:
    sweeps = sweeps_of(task, fixed_maps(task, distinct(task)), steps=5)
    sweeps.predictions()
    sweeps.emptied("mean")
    SEEN.clear()
    sweeps.removal("method", "mean")
    seen = SEEN.rows().view(4, 2, 5, 2, 36)
    changed = seen != task.inputs.flatten(2)
    assert bool((changed[..., 0, :] == changed[..., 1, :]).all())
    cuts = torch.tensor([7, 14, 22, 29])
    assert torch.equal(changed[..., 0, :].sum(-1), cuts[:, None, None].expand(4, 2, 5))
    assert torch.equal(torch.where(changed, task.baseline.flatten(1).expand_as(seen), seen), seen)
    grown = changed[1:] >= changed[:-1]
    assert bool(grown.all())  # what is gone stays gone


@pytest.mark.parametrize("chunk", [1, 3, 7, 1000])
def test_the_chunk_size_changes_nothing_but_rounding(task: AttributionTask, chunk: int) -> None:
    method = fixed_maps(task, distinct(task))
    wanted = sweeps_of(task, method, steps=6).removal("method", "road")
    found = sweeps_of(task, method, steps=6, chunk=chunk).removal("method", "road")
    torch.testing.assert_close(found.morf, wanted.morf, rtol=0, atol=1e-5)
    torch.testing.assert_close(found.lerf, wanted.lerf, rtol=0, atol=1e-5)


def test_rows_are_cut_from_the_whole(task: AttributionTask) -> None:
    """Units keep their curves whatever other units stand beside them, ties and noise included."""
    method = fixed_maps(task, distinct(task).round())
    wanted = sweeps_of(task, method, steps=6).removal("method", "resample")
    part = sweeps_of(task.select([4, 1]), method, steps=6).removal("method", "resample")
    torch.testing.assert_close(part.morf, wanted.morf[[4, 1]], rtol=0, atol=1e-5)
    other = replace(task, units=tuple(f"other-{unit}" for unit in task.units))
    renamed = sweeps_of(other, fixed_maps(other, distinct(task).round()), steps=6).removal("method", "resample")
    assert not torch.allclose(renamed.morf, wanted.morf, atol=1e-3)
