"""Perturbation operators: known answers, streams of each unit's own, whole locations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter1d

from tests.engine.material import MLP, random_model, random_task
from xaic.documents.errors import BadData, UnknownName
from xaic.engine.imputation import NOISE, impute
from xaic.engine.operators import locations, prepare, spread
from xaic.engine.streams import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.operators import Prepared
    from xaic.families.attribution import AttributionTask

NAMES = ("mean", "resample", "blur", "road")
STREAMS = Streams(3)


def task_of(folder: Path, shape: tuple[int, ...], n: int = 5) -> AttributionTask:
    size = int(np.prod(shape))
    return random_task(random_model(folder, MLP, {"widths": [size, 3]}), shape, n)


@pytest.fixture
def task(tmp_path: Path) -> AttributionTask:
    return task_of(tmp_path, (3, 12, 12))


def everything(task: AttributionTask, prepared: Prepared) -> Tensor:
    """Return the task's inputs with every location removed."""
    rows = torch.arange(len(task.units))
    return prepared.apply(rows, torch.ones(len(rows), locations(task.inputs), dtype=torch.bool))


def some(task: AttributionTask, rows: int, share: float = 0.4) -> Tensor:
    return torch.rand(rows, locations(task.inputs), generator=torch.Generator().manual_seed(6)) < share


def test_mean_puts_the_baseline_where_a_location_was() -> None:
    from xaic.engine.operators import Prepared

    x, b = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]), torch.tensor([[[-1.0, -2.0, -3.0], [0.0, 0.5, 0.25]]])
    found = Prepared(x, b).apply(torch.tensor([0, 0]), torch.tensor([[True, False, False], [False, True, True]]))
    assert found.tolist() == [[[-1, 2, 3], [0, 5, 6]], [[1, -2, -3], [4, 0.5, 0.25]]]


def test_mean_is_of_the_background_by_default(task: AttributionTask) -> None:
    filled = everything(task, prepare("mean", task, STREAMS))
    torch.testing.assert_close(filled, task.background.mean(0).expand_as(task.inputs))


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 28, 28), (2, 8, 12), (1, 4, 32), (1, 40), (2, 3)], ids=str)
def test_blur_is_scipys_gaussian_filter_with_reflected_borders(tmp_path: Path, shape: tuple[int, ...]) -> None:
    task = task_of(tmp_path, shape)
    sigma, wanted = max(shape[1:]) / 8, task.inputs.double().numpy()
    for axis in range(2, 1 + len(shape)):
        radius = min(int(3 * sigma + 0.5), wanted.shape[axis] - 1)
        wanted = gaussian_filter1d(wanted, sigma, axis, mode="mirror", radius=radius)
    found = everything(task, prepare("blur", task, STREAMS))
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-5)


def test_blur_keeps_a_constant_image_and_removes_detail(tmp_path: Path) -> None:
    from dataclasses import replace

    task = task_of(tmp_path, (1, 16, 16))
    flat = replace(task, inputs=torch.full_like(task.inputs, 0.3))
    torch.testing.assert_close(everything(flat, prepare("blur", flat, STREAMS)), flat.inputs)
    assert float(everything(task, prepare("blur", task, STREAMS)).std()) < 0.3 * float(task.inputs.std())


@pytest.mark.parametrize(("name", "shape"), [("blur", (6,)), ("road", (6,)), ("road", (2, 9))])
def test_operators_that_need_places_are_refused_where_there_are_none(
    tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    with pytest.raises(BadData, match=f"'{name}' needs images.*use 'mean' or 'resample'"):
        prepare(name, task_of(tmp_path, shape), STREAMS)


def test_an_unknown_operator_is_named(task: AttributionTask) -> None:
    with pytest.raises(UnknownName, match="no perturbation operator is called 'means'; did you mean mean"):
        prepare("means", task, STREAMS)


@pytest.mark.parametrize("shape", [(3, 5, 5), (6,), (2, 9)], ids=str)
def test_resample_takes_whole_background_rows(tmp_path: Path, shape: tuple[int, ...]) -> None:
    task = task_of(tmp_path, shape, n=30)
    filled = everything(task, prepare("resample", task, STREAMS))
    equal = (filled[:, None] == task.background[None]).flatten(2).all(2)
    assert equal.sum(1).tolist() == [1] * 30
    assert len(set(equal.long().argmax(1).tolist())) > 4  # 7 rows, 30 draws


@pytest.mark.parametrize("name", ["resample", "road"])
def test_what_a_unit_draws_depends_on_its_id_only(task: AttributionTask, name: str) -> None:
    whole = everything(task, prepare(name, task, STREAMS))
    rows = [3, 0]
    part = task.select(rows)
    assert torch.equal(everything(part, prepare(name, part, STREAMS)), whole[rows])
    assert not torch.equal(everything(task, prepare(name, task, Streams(4))), whole)


def test_units_draw_different_noise(task: AttributionTask) -> None:
    noise = everything(task, prepare("road", task, STREAMS)) - task.baseline
    assert torch.corrcoef(noise.flatten(1)).fill_diagonal_(0).abs().max() < 0.25


@pytest.mark.parametrize("name", NAMES)
def test_all_channels_of_a_location_go_together_and_no_other(task: AttributionTask, name: str) -> None:
    prepared, rows = prepare(name, task, STREAMS), torch.tensor([4, 0, 0, 2])
    removed = some(task, 4)
    found = prepared.apply(rows, removed)
    changed = (found != task.inputs[rows]).flatten(2)
    assert torch.equal(changed, removed[:, None].expand_as(changed))


@pytest.mark.parametrize("name", NAMES)
def test_no_operator_changes_the_inputs_in_place(task: AttributionTask, name: str) -> None:
    before = task.inputs.clone()
    everything(task, prepare(name, task, STREAMS))
    assert torch.equal(task.inputs, before)


@pytest.mark.parametrize("name", NAMES)
def test_batches_make_what_rows_make_alone(task: AttributionTask, name: str) -> None:
    prepared, rows, removed = prepare(name, task, STREAMS), torch.tensor([4, 0, 0, 2]), some(task, 4)
    alone = torch.cat([prepared.apply(rows[[i]], removed[[i]]) for i in range(4)])
    torch.testing.assert_close(prepared.apply(rows, removed), alone, rtol=0, atol=1e-5)


def test_road_is_linear_imputation_and_a_little_noise(task: AttributionTask) -> None:
    prepared, rows, removed = prepare("road", task, STREAMS), torch.arange(5), some(task, 5)
    mask = spread(removed, task.inputs).expand_as(task.inputs)
    noise = (prepared.apply(rows, removed) - impute(task.inputs, spread(removed, task.inputs)))[mask]
    assert float(noise.std()) == pytest.approx(NOISE * float(task.background.std()), rel=0.15)
    assert abs(float(noise.mean())) < 3 * float(noise.std()) / len(noise) ** 0.5 + 1e-3


def test_the_noise_of_road_is_the_same_at_every_step(task: AttributionTask) -> None:
    """A location's noise belongs to the unit: curves are not made of new draws at each step."""
    prepared, everywhere = prepare("road", task, STREAMS), torch.arange(5)
    assert torch.equal(everything(task, prepared), everything(task, prepared))
    one = torch.zeros(5, 144, dtype=torch.bool)
    one[:, 30] = True
    noise = everything(task, prepared).flatten(2)[:, :, 30] - task.baseline.flatten(1)[:, 30]
    linear = impute(task.inputs, spread(one, task.inputs), task.baseline.expand_as(task.inputs))
    found = (prepared.apply(everywhere, one) - linear).flatten(2)[:, :, 30]
    torch.testing.assert_close(found, noise, rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [4, 8, 16])
def test_road_with_everything_removed_is_the_baseline_and_noise(tmp_path: Path, side: int) -> None:
    """The equations are singular then: solving on would divide nothing by nothing."""
    task = task_of(tmp_path, (1, side, side), n=40)
    gap = everything(task, prepare("road", task, STREAMS)) - task.baseline
    assert bool(gap.isfinite().all())
    assert float(gap.abs().max()) < 6 * NOISE * float(task.background.std())


def test_what_was_removed_leaves_no_trace_in_road(task: AttributionTask) -> None:
    from dataclasses import replace

    removed = some(task, 5, share=0.7)
    hidden = replace(task, inputs=torch.where(spread(removed, task.inputs), -task.inputs, task.inputs))
    rows = torch.arange(5)
    found = [prepare("road", one, STREAMS).apply(rows, removed) for one in (task, hidden)]
    assert torch.equal(*found)


def test_locations_are_pixels_steps_or_features() -> None:
    assert [locations(torch.zeros(2, *shape)) for shape in ((3, 4, 5), (2, 9), (7,))] == [20, 9, 7]
