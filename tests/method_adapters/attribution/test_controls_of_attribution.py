"""Controls: what each promises by construction, shown by NumPy."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from torch import Tensor

from method_adapters.attribution.controls import (
    EdgeControl,
    MagnitudeControl,
    PositionControl,
    RandomControl,
)
from method_adapters.attribution.derived_controls import (
    PhaseControl,
    ShuffleControl,
    SwapControl,
    WrongModelControl,
    partners,
    phase_randomised,
    shuffled,
)
from method_adapters.attribution.gradient import Gradient
from method_adapters.attribution.oracle import PlantedTruth
from xaic.documents.errors import BadData
from xaic.families.attribution import Attribution, AttributionTask
from xaic.families.base import Posed
from xaic.methods.base import ControlSetting, State


@dataclass
class Base:
    """A probe that answers with the gradient of the model a task names, plus the draw."""

    cases: Any
    models: dict[Any, Any]
    state: State
    calls: int = 0
    card = Gradient.card

    def run(self, task: AttributionTask, draw: int | str = 0, **params: float) -> Attribution:
        self.calls += 1
        values = self.cases.explain(Gradient, task.kind, task, self.models[task.model])
        return Attribution(values + float(draw) + params.get("shift", 0.0))

    repeat = run


def setting(cases: Any, kind: str, n: int = 7, **truths: Tensor) -> tuple[Base, AttributionTask, ControlSetting]:
    task = cases.a_task(kind, n=n)
    base = Base(cases, {None: cases.NETWORKS[kind](), "wrong": cases.ready(cases.NETWORKS[kind](), 9)}, State())
    wrong: Any = "wrong"
    return (
        base,
        task,
        ControlSetting(
            Posed(task, truths),
            torch.Generator().manual_seed(4),
            torch.tensor([0, 1, 0, 2, 1, 0, 1][:n]),
            wrong,
        ),
    )


@pytest.mark.parametrize("kind", ["image", "tabular", "series"])
def test_c2_keeps_every_value_and_moves_it(kind: str, cases: Any) -> None:
    base, task, set_ = setting(cases, kind)
    probe = ShuffleControl().derive(base, set_)
    own, mixed = base.run(task).values.flatten(1), probe.run(task).values.flatten(1)
    assert np.array_equal(np.sort(own, 1), np.sort(mixed, 1))
    assert bool((own != mixed).any(1).all())
    assert torch.equal(mixed, probe.run(task).values.flatten(1)), "the same call gives the same map"
    assert torch.equal(mixed, probe.repeat(task).values.flatten(1))
    order = [mixed.tolist()[row].index(value) for row in (0,) for value in own.tolist()[0]]
    other = probe.run(task, draw=1).values.flatten(1) - 1
    assert not torch.allclose(other[0][order], own[0]), "another draw shuffles anew"
    assert torch.allclose(probe.run(task.select([2, 5])).values.flatten(1), mixed[[2, 5]], atol=1e-6)


def test_c2_keeps_the_channels_of_a_location_together(cases: Any) -> None:
    place = torch.arange(12.0).view(1, 1, 3, 4)
    maps = torch.cat([place, 100 + place], 1)
    found = shuffled(maps, [torch.Generator().manual_seed(0)])
    assert torch.equal(found[:, 1] - found[:, 0], torch.full((1, 3, 4), 100.0))


@pytest.mark.parametrize("kind", ["image", "series"])
@pytest.mark.parametrize("odd", [0, 1])
def test_c3_keeps_the_amplitude_spectrum_and_the_mean(kind: str, odd: int, cases: Any) -> None:
    base, task, set_ = setting(cases, kind)
    task = task.with_inputs(task.inputs[..., odd:])
    own = base.run(task).values.double().numpy()[:, 0]
    found = PhaseControl().derive(base, set_).run(task).values.double().numpy()[:, 0]
    axes = (1, 2) if kind == "image" else (1,)
    before, after = np.abs(np.fft.fftn(own, axes=axes)), np.abs(np.fft.fftn(found, axes=axes))
    assert np.abs(before - after).max() <= 1e-5 * before.max()
    assert np.allclose(own.mean(axes), found.mean(axes), atol=1e-6)
    flat, mixed = own.reshape(7, -1), found.reshape(7, -1)
    assert np.mean([abs(np.corrcoef(a, b)[0, 1]) for a, b in zip(flat, mixed, strict=True)]) < 0.5


def test_c3_sums_channels_and_is_not_offered_for_tables(cases: Any) -> None:
    maps = torch.randn(1, 3, 8, 6, generator=torch.Generator().manual_seed(0))
    found = phase_randomised(maps, [torch.Generator().manual_seed(1)])
    assert found.shape == (1, 1, 8, 6)
    own, mixed = np.fft.fft2(maps.sum(1).numpy()), np.fft.fft2(found[:, 0].numpy())
    assert np.allclose(np.abs(own), np.abs(mixed), atol=1e-4)
    base, task, set_ = setting(cases, "tabular")
    assert "tabular" not in PhaseControl.card.capabilities.inputs
    with pytest.raises(BadData, match="tabular"):
        PhaseControl().derive(base, set_).run(task)


def test_c7_gives_the_map_of_the_next_unit_of_the_class(cases: Any) -> None:
    base, task, set_ = setting(cases, "image")
    own, found = base.run(task).values, SwapControl().derive(base, set_).run(task).values
    for unit, other in {0: 2, 2: 5, 5: 0, 1: 4, 4: 6, 6: 1}.items():
        assert torch.equal(found[unit], own[other])
    assert bool(found[3].isnan().all()), "the only unit of its class has no partner"


def test_c7_costs_the_bases_one_call_and_refuses_parts(cases: Any) -> None:
    base, task, set_ = setting(cases, "image")
    probe = SwapControl().derive(base, set_)
    probe.run(task)
    assert base.calls == 1
    with pytest.raises(BadData, match="all units"):
        probe.run(task.select([0, 1]))
    with pytest.raises(BadData, match="predicted"):
        SwapControl().derive(base, replace(set_, predicted=None))


@settings(max_examples=60, deadline=None)
@given(classes=st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_partners_share_the_class_and_every_member_is_used_once(classes: list[int]) -> None:
    found = partners(torch.tensor(classes)).tolist()
    for unit, other in enumerate(found):
        if other < 0:
            assert classes.count(classes[unit]) == 1
        else:
            assert other != unit
            assert classes[other] == classes[unit]
    used = [other for other in found if other >= 0]
    assert len(used) == len(set(used))


def test_c8_asks_the_same_method_of_the_wrong_model(cases: Any) -> None:
    base, task, set_ = setting(cases, "tabular")
    found = WrongModelControl().derive(base, set_).run(task, draw=2, shift=0.5).values
    wrong: Any = "wrong"
    assert torch.equal(found, base.run(task.with_model(wrong), draw=2, shift=0.5).values)
    assert not torch.allclose(found, base.run(task, draw=2, shift=0.5).values)
    with pytest.raises(BadData, match="random parameters"):
        WrongModelControl().derive(base, replace(set_, randomised=None))


def test_a_derived_probe_shows_its_own_card_and_the_bases_state(cases: Any) -> None:
    base, _, set_ = setting(cases, "tabular")
    probe = ShuffleControl().derive(base, set_)
    assert probe.card is ShuffleControl.card
    assert probe.state is base.state
    assert probe.card.parameters["derived"] is True


def test_c1_is_standard_normal_and_independent(cases: Any) -> None:
    values = cases.explain(RandomControl, "image", cases.a_task("image", n=50)).flatten(1).double().numpy()
    assert abs(values.mean()) < 0.04
    assert abs(values.std() - 1) < 0.04
    assert np.abs(np.corrcoef(values) - np.eye(50)).max() < 0.35


def test_c4_is_the_distance_from_the_baseline_or_the_z_score(cases: Any) -> None:
    task = cases.a_task("image")
    assert torch.allclose(cases.explain(MagnitudeControl, "image", task), (task.inputs - task.baseline).abs())
    table = cases.a_task("tabular")
    back = table.background.double().numpy()
    back[:, 2] = 7.0
    table = replace(table, background=torch.from_numpy(back).float())
    z = np.abs((table.inputs.numpy() - back.mean(0)) / np.where(back.std(0) > 0, back.std(0), np.inf))
    assert np.allclose(cases.explain(MagnitudeControl, "tabular", table), z, atol=1e-5)


def test_c5_is_sobel_and_the_first_difference(cases: Any) -> None:
    task = cases.a_task("image")
    x = task.inputs[0, 0].double().numpy()
    expected = np.hypot(ndimage.sobel(x, 0, mode="nearest"), ndimage.sobel(x, 1, mode="nearest")) / 8
    assert np.allclose(cases.explain(EdgeControl, "image", task)[0, 0], expected, atol=1e-5)
    series = cases.a_task("series")
    found = cases.explain(EdgeControl, "series", series)[:, 0].numpy()
    assert np.allclose(found[:, 1:], np.abs(np.diff(series.inputs[:, 0].numpy())), atol=1e-6)
    assert (found[:, 0] == 0).all()


def test_c6_is_highest_in_the_middle_and_the_same_for_all(cases: Any) -> None:
    found = cases.explain(PositionControl, "image")
    y = np.arange(14) - 6.5
    expected = np.exp(-(y[:, None] ** 2 + y**2) / (2 * 3.5**2))
    assert np.allclose(found[0, 0], expected, atol=1e-6)
    assert torch.equal(found, found[:1].expand_as(found))
    task = cases.a_task("tabular")
    back = task.background.double().numpy()
    prior = np.abs((back - back.mean(0)) / back.std(0)).mean(0)
    assert np.allclose(cases.explain(PositionControl, "tabular", task), prior[None].repeat(5, 0), atol=1e-5)


def test_the_oracle_tells_what_was_planted(cases: Any) -> None:
    known = torch.randn(7, 6, generator=torch.Generator().manual_seed(0))
    base, task, set_ = setting(cases, "tabular", contribution=known)
    probe = PlantedTruth().derive(base, set_)
    assert torch.equal(probe.run(task).values, known)
    assert torch.equal(probe.run(task.select([4, 1])).values, known[[4, 1]])
    assert base.calls == 0
    with pytest.raises(BadData, match="explained classes"):
        probe.run(task.with_targets((task.targets + 1) % 3))
    with pytest.raises(BadData, match="nothing is known"):
        probe.run(replace(task, units=("someone", *task.units[1:])))


def test_the_oracle_picks_the_mask_of_the_class_that_is_asked_for(cases: Any) -> None:
    masks = torch.rand(7, 3, 14, 14, generator=torch.Generator().manual_seed(0)) > 0.5
    task = cases.a_task("image", n=7)
    mask = masks[torch.arange(7), task.targets].unsqueeze(1)
    base, task, set_ = setting(cases, "image", mask=mask, masks=masks)
    probe = PlantedTruth().derive(base, set_)
    assert torch.equal(probe.run(task).values, mask.float())
    other = task.with_targets((task.targets + 1) % 3)
    assert torch.equal(probe.run(other).values[:, 0], masks[torch.arange(7), other.targets].float())


def test_the_oracle_says_when_nothing_is_known(cases: Any) -> None:
    base, task, set_ = setting(cases, "tabular", labels=torch.zeros(7))
    with pytest.raises(BadData, match="labels"):
        PlantedTruth().derive(base, set_).run(task)
