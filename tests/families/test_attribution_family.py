"""The attribution family: what a task carries, and what its contract lets through."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from xaic.documents.errors import BadData, ContractBreach, UnknownName
from xaic.families.attribution import Attribution, AttributionTask
from xaic.families.base import Material, Parcel, get_family
from xaic.families.model import Model, make_model

if TYPE_CHECKING:
    from torch import Tensor

FAMILY = get_family("attribution")
N = 5


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("model") / "w.safetensors"
    save_file({"linear1.weight": torch.ones(2, 4), "linear1.bias": torch.zeros(2)}, path)
    return make_model("xaic.specimens.networks:perceptron", {"widths": [4, 2]}, path, classes=("no", "yes"))


def material(model: Model | None, **more: Any) -> Material:
    x = torch.arange(4.0 * N).view(N, 4)
    given = {
        "kind": "tabular",
        "inputs": x,
        "labels": torch.tensor([0, 1, 0, 1, 0]),
        "targets": torch.tensor([1, 1, 0, 0, 1]),
        "units": tuple(f"u{i}" for i in range(N)),
        "background": x[:3] * 2,
        "model": model,
        "truths": {"relevant": x > 7},
    }
    return Material(**{**given, **more})


def image_task(model: Model, channels: int = 3) -> AttributionTask:
    x = torch.zeros(N, channels, 4, 6)
    return AttributionTask("image", x, torch.zeros(N, dtype=torch.long), x[0], x, model, tuple("abcde"))


# posing


def test_a_task_takes_the_first_rows_and_its_truths_with_them(model: Model) -> None:
    posed = FAMILY.pose(material(model), {"units": 3})
    whole = material(model)
    assert posed.task.units == ("u0", "u1", "u2")
    for name in ("inputs", "targets"):
        assert torch.equal(getattr(posed.task, name), getattr(whole, name)[:3])
    assert torch.equal(posed.truths["relevant"], whole.truths["relevant"][:3])
    assert torch.equal(posed.truths["labels"], whole.labels[:3])
    assert posed.clusters == ("u0", "u1", "u2")
    assert FAMILY.pose(whole, {"units": 99}).task.units == FAMILY.pose(whole, {}).task.units == whole.units


def test_clusters_and_baseline_are_the_materials_where_it_has_them(model: Model) -> None:
    posed = FAMILY.pose(material(model), {})
    torch.testing.assert_close(posed.task.baseline, posed.task.background.mean(0))
    own = material(model, clusters=tuple("aabbc"), extra={"baseline": torch.full((4,), 9.0)})
    posed = FAMILY.pose(own, {"units": 3})
    assert posed.clusters == ("a", "a", "b")
    assert posed.task.baseline.tolist() == [9.0] * 4


def test_material_without_a_model_cannot_be_explained() -> None:
    with pytest.raises(BadData, match="needs a specimen variant with a model"):
        FAMILY.pose(material(None), {})


# the task


def test_rows_are_selected_in_the_order_asked_for(model: Model) -> None:
    task = FAMILY.pose(material(model), {}).task
    part = task.select([2, 0, 4])
    assert part.units == ("u2", "u0", "u4")
    assert torch.equal(part.inputs, task.inputs[[2, 0, 4]])
    assert torch.equal(part.targets, task.targets[[2, 0, 4]])
    assert torch.equal(part.background, task.background)
    assert len(task.units) == N  # the task itself stays


def test_other_inputs_targets_and_models_leave_the_rest(model: Model) -> None:
    task = FAMILY.pose(material(model), {}).task
    other = Model("b", {}, Path("w"), "d")
    for changed, name, value in (
        (task.with_inputs(task.inputs + 1), "inputs", task.inputs + 1),
        (task.with_targets(1 - task.targets), "targets", 1 - task.targets),
        (task.with_model(other), "model", other),
    ):
        for field in ("inputs", "targets", "model", "baseline", "background", "units", "kind"):
            found, kept = getattr(changed, field), value if field == name else getattr(task, field)
            assert torch.equal(found, torch.as_tensor(kept)) if isinstance(found, torch.Tensor) else found == kept


def test_a_task_travels_as_tensors_and_plain_data(model: Model) -> None:
    import json

    task = FAMILY.pose(material(model), {}).task
    parcel = task.pack()
    plain = json.loads(json.dumps(dict(parcel.data)))
    found = FAMILY.unpack(Parcel(parcel.tensors, plain))
    assert found.units == task.units
    assert found.kind == task.kind
    assert found.model == task.model
    for name in ("inputs", "targets", "baseline", "background"):
        assert torch.equal(getattr(found, name), getattr(task, name))


# the contract


def test_a_value_an_element_or_a_location_is_an_attribution(model: Model) -> None:
    task = image_task(model)
    for shape in ((N, 3, 4, 6), (N, 1, 4, 6)):
        for dtype in (torch.float32, torch.float64, torch.float16):
            FAMILY.check(task, Attribution(torch.ones(shape, dtype=dtype)))


@pytest.mark.parametrize(
    "shape", [(N, 2, 4, 6), (N, 4, 6), (N, 3, 6, 4), (N - 1, 3, 4, 6), (N, 3 * 4 * 6), (1, 3, 4, 6), ()]
)
def test_other_shapes_are_refused_with_those_allowed(model: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(ContractBreach, match=r"return \[5, 1, 4, 6\] or \[5, 3, 4, 6\]"):
        FAMILY.check(image_task(model), Attribution(torch.zeros(shape)))


def test_tables_have_a_value_a_feature(model: Model) -> None:
    task = FAMILY.pose(material(model), {}).task
    FAMILY.check(task, Attribution(torch.zeros(N, 4)))
    with pytest.raises(ContractBreach, match=r"the map has shape \[5, 1\]; return \[5, 4\]"):
        FAMILY.check(task, Attribution(torch.zeros(N, 1)))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_maps_are_floating_point(model: Model, dtype: torch.dtype) -> None:
    with pytest.raises(ContractBreach, match="return floating point"):
        FAMILY.check(image_task(model), Attribution(torch.zeros((N, 3, 4, 6), dtype=dtype)))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_every_value_is_finite_and_the_unit_is_named(model: Model, value: float) -> None:
    maps = torch.zeros(N, 3, 4, 6)
    maps[2, 1, 0, 3] = maps[4, 0, 0, 0] = value
    with pytest.raises(ContractBreach, match="NaN or infinite values in 2 of 5 maps, first: c"):
        FAMILY.check(image_task(model), Attribution(maps))


def test_maps_lie_on_the_tasks_device(model: Model) -> None:
    with pytest.raises(ContractBreach, match="the map is on meta, the inputs on cpu"):
        FAMILY.check(image_task(model), Attribution(torch.zeros((N, 3, 4, 6), device="meta")))


def test_outputs_travel_and_join(model: Model) -> None:
    maps = torch.randn(N, 3, generator=torch.Generator().manual_seed(1), requires_grad=False)
    for output in (Attribution(maps), maps):
        assert torch.equal(FAMILY.unpack_output(FAMILY.pack_output(output)).values, maps)
    assert not FAMILY.pack_output(Attribution(maps.clone().requires_grad_())).tensors["values"].requires_grad
    joined = FAMILY.join([Attribution(maps[:2]), Attribution(maps[2:])])
    assert torch.equal(joined.values, maps)


@pytest.mark.parametrize("output", [None, "relevant", [[1.0]], 3.0])
def test_what_is_no_tensor_is_no_attribution(output: object) -> None:
    with pytest.raises(ContractBreach, match=f"must be a tensor or Attribution, not {type(output).__name__}"):
        FAMILY.pack_output(output)


# distance


def test_distance_is_relative_to_the_larger_map() -> None:
    one = torch.tensor([[2.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
    other = torch.tensor([[4.0, 0.0], [1.0, 1.0], [0.0, 0.0], [-1.0, 0.0]])
    assert FAMILY.distance(Attribution(one), Attribution(other)).tolist() == [0.5, 0, 0, 2]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(-1e3, 1e3, width=32), min_size=3, max_size=3), min_size=2, max_size=2))
def test_distance_is_symmetric_bounded_and_knows_equal_maps(values: list[list[float]]) -> None:
    def gap(a: Tensor, b: Tensor) -> float:
        return float(FAMILY.distance(Attribution(a[None]), Attribution(b[None])))

    a, b = (torch.tensor(row, dtype=torch.float64) for row in values)
    assert gap(a, b) == gap(b, a) <= 2
    assert gap(a, a) == 0
    assert (gap(a, b) == 0) == torch.equal(a, b)


def test_families_are_known_by_name() -> None:
    assert get_family("attribution").id == "attribution"
    with pytest.raises(UnknownName, match="no family is called 'atribution'; did you mean attribution"):
        get_family("atribution")
