"""The adapters RAP and RSP on shipped specimens: contract, card, passes, headline claims at small scale."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from method_adapters.attribution._relevance import trace
from method_adapters.attribution._relevance.adapter import network_of
from method_adapters.attribution.rap import RAP, rap
from method_adapters.attribution.rsp import RSP, Options, rsp
from xaic.documents.store import to_data
from xaic.families.attribution import AttributionFamily, AttributionTask
from xaic.methods.base import State
from xaic.specimens.base import get_specimen

FAMILY = AttributionFamily()
BENCHMARKS = [("shape-scenes", "pairs"), ("fashion", "bn"), ("fashion", "residual"), ("series", "cbf")]


@dataclass
class Ctx:
    """A context that lends a fresh module and counts."""

    parameters: dict[str, Any]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    scratch: Path = Path()
    counted: list[tuple[int, int]] = field(default_factory=list)

    def generator(self, unit: str = "") -> torch.Generator:
        raise AssertionError(f"a deterministic method drew random numbers for {unit!r}")

    def progress(self, share: float) -> None: ...

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def module(self, model: Any) -> Any:
        return model.module()

    def count(self, forward: int, backward: int = 0) -> None:
        self.counted.append((forward, backward))


def pose(specimen: str, variant: str, units: int = 6) -> AttributionTask:
    return FAMILY.pose(get_specimen(specimen).load(variant), {"units": units}).task


@pytest.mark.parametrize("method", [RAP, RSP])
@pytest.mark.parametrize(("specimen", "variant"), BENCHMARKS)
def test_maps_obey_the_contract_and_are_the_algorithms_own(specimen: str, variant: str, method: Any) -> None:
    task = pose(specimen, variant)
    ctx = Ctx(dict(method.card.parameters))
    output = method().run(task, State(), ctx)
    FAMILY.check(task, output)
    assert output.values.shape == (6, 1, *task.inputs.shape[2:])
    assert (output.values > 0).any()
    assert ctx.counted == [(6, 6)]
    module = task.model.module()
    if method is RAP:
        wanted = rap(module, task.inputs, task.targets)
        logits = module(task.inputs).gather(1, task.targets.unsqueeze(1)).flatten()
        assert_close(output.values.flatten(1).sum(1), logits, rtol=1e-3, atol=1e-4)
    else:
        wanted = rsp(module, task.inputs, task.targets, Options(activation=task.model.activation))
    assert_close(output.values, wanted.sum(1, keepdim=True))


@pytest.mark.parametrize("change", [{"start": "single"}, {"purge": "channel"}, {"purge_layers": True}])
def test_parameters_of_rsp_reach_the_algorithm(change: dict[str, Any]) -> None:
    task = pose("shape-scenes", "pairs")
    plain, changed = (RSP().run(task, State(), Ctx({**RSP.card.parameters, **more})) for more in ({}, change))
    assert not torch.allclose(plain.values, changed.values)


def test_maps_are_about_the_target() -> None:
    task = pose("shape-scenes", "pairs")
    other = task.with_targets((task.targets + 1) % 5)
    for method in (RAP, RSP):
        one, two = (method().run(asked, State(), Ctx(dict(method.card.parameters))) for asked in (task, other))
        assert float(FAMILY.distance(one, two).min()) > 1e-3


@pytest.mark.parametrize("card", [RAP.card, RSP.card], ids=lambda card: card.id)
def test_cards_are_complete(card: Any) -> None:
    assert set(card.themes) == {"T-STK", "T-LC", "T-NEED", "T-FORM", "T-APPR", "T-TECH", "T-FAM"}
    assert all(card.themes.values())
    assert "conservation" in {claim.property for claim in card.claims}
    assert card.capabilities.signed
    assert not card.capabilities.stochastic
    assert card.references
    assert card.simplifications
    assert to_data(card)["id"] == card.id
    for specimen, variant in BENCHMARKS:
        module = get_specimen(specimen).load(variant).model.module()  # type: ignore[union-attr]
        leaves = {type(part).__name__ for part in module.modules() if not list(part.children())}
        assert leaves <= set(card.capabilities.modules)


def test_the_reconstruction_is_named_on_the_card() -> None:
    assert any("reconstruction" in line and "equation 2" in line for line in RSP.card.simplifications)


def test_another_model_under_another_digest_gets_its_own_network() -> None:
    task = pose("fashion", "bn")
    one = network_of("test-digest-1", task.model.module(), task.inputs)
    assert network_of("test-digest-1", task.model.module(), task.inputs) is one
    module = task.model.module()
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.1)
    assert not torch.equal(
        network_of("test-digest-2", module, task.inputs).logits(task.inputs), one.logits(task.inputs)
    )


@dataclass(frozen=True)
class Pairs:
    """Two-object scenes: what is asked, where it is, where the other object is."""

    task: AttributionTask
    own: Tensor
    other: Tensor


def pairs(units: int) -> Pairs:
    material = get_specimen("shape-scenes").load("pairs")
    task = pose("shape-scenes", "pairs", units)
    return Pairs(task, material.truths["mask"][:units, 0], material.truths["other_mask"][:units, 0])


def evidence_on_the_other(maps: Tensor, scenes: Pairs) -> float:
    """Median share of positive relevance that lies on the other object."""
    up = maps.sum(1).clamp_min(0)
    return float(((up * scenes.other).sum((1, 2)) / up.sum((1, 2))).median())


def outside_inside(maps: Tensor, scenes: Pairs) -> float:
    """Median of mean positive relevance outside over inside of the mask."""
    up = maps.sum(1).clamp_min(0)
    outside = (up * ~scenes.own).sum((1, 2)) / (~scenes.own).sum((1, 2))
    return float((outside / ((up * scenes.own).sum((1, 2)) / scenes.own.sum((1, 2)))).median())


def test_relevance_for_the_target_stays_off_the_other_object() -> None:
    # 48 scenes; over 200 the mean shares are .22 (RAP), .002 (RSP, single) and below .001 (RSP, relative)
    scenes = pairs(48)
    network = trace(scenes.task.model.module(), scenes.task.inputs)
    inputs, targets = scenes.task.inputs, scenes.task.targets
    whole = evidence_on_the_other(rap(network, inputs, targets), scenes)
    for options in (Options("single", activation="sigmoid"), Options(activation="sigmoid")):
        maps = rsp(network, inputs, targets, options)
        assert evidence_on_the_other(maps, scenes) < 0.2 * whole
        assert outside_inside(maps, scenes) < outside_inside(rap(network, inputs, targets), scenes)


def test_rap_marks_the_object_above_the_ground() -> None:
    # both objects are relevant to RAP; the ground is not: .08 over 200 scenes
    scenes = pairs(48)
    assert outside_inside(rap(scenes.task.model.module(), scenes.task.inputs, scenes.task.targets), scenes) < 0.25


def test_opposite_maps_of_two_competitors_are_by_construction() -> None:
    # the start maps of the two classes are negatives of each other before the totals are set
    scenes = pairs(8)
    other = get_specimen("shape-scenes").load("pairs").truths["other_target"][:8]
    module, options = scenes.task.model.module(), Options(activation="sigmoid")
    one = rsp(module, scenes.task.inputs, scenes.task.targets, options).sum(1).flatten(1)
    two = rsp(module, scenes.task.inputs, other, options).sum(1).flatten(1)
    assert (
        float(torch.stack([torch.corrcoef(torch.stack(pair))[0, 1] for pair in zip(one, two, strict=True)]).max())
        < -0.5
    )


def test_a_task_of_no_competitor_still_gets_a_map() -> None:
    task = pose("shape-scenes", "pairs", 2)
    task = replace(task, inputs=torch.zeros_like(task.inputs))
    for method in (RAP, RSP):
        FAMILY.check(task, method().run(task, State(), Ctx(dict(method.card.parameters))))
