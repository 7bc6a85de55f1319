"""What holds for every shipped attribution method and control: cards, contract, no traces left behind."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import method_adapters.attribution as package
from xaic.documents.schemas import validate
from xaic.documents.store import to_data
from xaic.families.attribution import Attribution, AttributionFamily
from xaic.methods.base import Control, Method
from xaic.methods.discovery import installed

FAMILY = AttributionFamily()
ALL: dict[str, Any] = {cls.card.id: cls for cls in package.methods()}
KINDS = ("image", "tabular", "series")
RUN = [
    (id_, kind)
    for id_, cls in ALL.items()
    if issubclass(cls, Method)
    for kind in KINDS
    if kind in cls.card.capabilities.inputs
]
OURS = {
    "deeplift", "edges", "grad_cam", "gradient", "guided_grad_cam", "input_x_gradient",
    "integrated_gradients",
    "kernelshap", "lime", "lrp", "magnitude", "occlusion", "oracle", "phase", "position", "random", "shuffle",
    "smoothgrad", "swap", "wrong_model",
}  # fmt: skip
THEMES = ("T-STK", "T-LC", "T-NEED", "T-FORM", "T-APPR", "T-TECH", "T-FAM")
every = pytest.mark.parametrize(("id_", "kind"), RUN)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def global_numpy_state() -> str:
    return repr(np.random.get_state(legacy=False))  # noqa: NPY002 - that nobody draws is tested


def test_every_module_of_the_package_is_found_and_discovery_agrees() -> None:
    assert {f"attribution.{name}" for name in OURS} <= set(ALL)
    assert set(ALL) == {id_ for id_, located in installed().items() if located.family == "attribution"}


@pytest.mark.parametrize("id_", ALL)
def test_a_card_is_complete_and_does_not_contradict_itself(id_: str) -> None:
    card = ALL[id_].card
    validate(to_data(card), id_, "card")
    assert card.title
    assert card.purpose
    assert card.explains
    assert card.cost
    assert card.assumptions
    assert card.references
    assert all(any(character.isdigit() for character in reference) for reference in card.references)
    assert all(card.themes.get(theme) for theme in THEMES)
    assert card.truth in {"sensitivity", "contribution", "region"}
    claimed = {claim.property for claim in card.claims}
    assert not claimed & set(card.unclaimed)
    assert all(claim.scope and claim.value is not None for claim in card.claims)
    assert not (card.capabilities.stochastic and "determinism" in claimed)
    assert card.convergence is None or card.convergence in card.parameters


def test_the_controls_are_complete_and_only_they_are_controls() -> None:
    controls = {cls.card.control: cls for cls in ALL.values() if cls.card.role == "control"}
    assert set(controls) == {"C1", "C2", "C3", "C4", "C5", "C6", "C7", "C8"}
    assert {name for name, cls in controls.items() if issubclass(cls, Control)} == {"C2", "C3", "C7", "C8"}
    assert {cls.card.id for cls in ALL.values() if cls.card.role == "oracle"} == {"attribution.oracle"}


@every
def test_the_map_obeys_the_family_and_nothing_is_left_behind(id_: str, kind: str, cases: Any) -> None:
    module, task = cases.NETWORKS[kind](), cases.a_task(kind)
    inputs, state = task.inputs.clone(), copy.deepcopy(module.state_dict())
    attributes = {name: set(vars(part)) for name, part in module.named_modules()}
    torch.manual_seed(5)
    before, before_numpy = torch.get_rng_state(), global_numpy_state()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        values = cases.explain(ALL[id_], kind, task, module)
    FAMILY.check(task, Attribution(values))
    assert not values.requires_grad
    assert torch.equal(torch.get_rng_state(), before)
    assert global_numpy_state() == before_numpy
    assert torch.equal(task.inputs, inputs)
    assert not task.inputs.requires_grad
    assert task.inputs.grad is None
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, state[name])
    for name, part in module.named_modules():
        assert set(vars(part)) == attributes[name]
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
        assert not part._backward_hooks
        assert not part.training
        assert all(not p.requires_grad and p.grad is None for p in part.parameters())


@every
def test_rows_do_not_influence_each_other(id_: str, kind: str, cases: Any) -> None:
    task = cases.a_task(kind)
    whole = Attribution(cases.explain(ALL[id_], kind, task))
    alone = [Attribution(cases.explain(ALL[id_], kind, task.select([row]))) for row in range(len(task.units))]
    assert float(FAMILY.distance(whole, FAMILY.join(alone)).max()) < 1e-3
    order = [3, 0, 4]
    some = Attribution(cases.explain(ALL[id_], kind, task.select(order)))
    assert float(FAMILY.distance(some, Attribution(whole.values[order])).max()) < 1e-3


@every
def test_equal_calls_agree_and_only_stochastic_methods_vary_with_the_draw(id_: str, kind: str, cases: Any) -> None:
    cls = ALL[id_]
    first, again = cases.explain(cls, kind), cases.explain(cls, kind)
    assert torch.equal(first, again)
    exact = id_ == "attribution.kernelshap" and kind == "tabular"  # every coalition, nothing drawn
    other = cases.explain(cls, kind, draw=1)
    assert torch.equal(first, other) == (not cls.card.capabilities.stochastic or exact)


@every
def test_the_target_matters_where_the_card_says_so(id_: str, kind: str, cases: Any) -> None:
    task = cases.a_task(kind)
    other = task.with_targets((task.targets + 1) % cases.CLASSES)
    same = torch.equal(cases.explain(ALL[id_], kind, task), cases.explain(ALL[id_], kind, other))
    assert same == (not ALL[id_].card.capabilities.target_specific)


@every
def test_declared_signs_are_kept(id_: str, kind: str, cases: Any) -> None:
    values = cases.explain(ALL[id_], kind)
    if not ALL[id_].card.capabilities.signed:
        assert float(values.min()) >= 0


@pytest.mark.parametrize(
    ("id_", "kind"), [(id_, kind) for id_, kind in RUN if not ALL[id_].card.capabilities.stochastic]
)
def test_double_precision_gives_the_same_map(id_: str, kind: str, cases: Any) -> None:
    task, module = cases.a_task(kind), cases.NETWORKS[kind]()
    double = replace(
        task,
        inputs=task.inputs.double(),
        baseline=task.baseline.double(),
        background=task.background.double(),
    )
    single = Attribution(cases.explain(ALL[id_], kind, task, module).double())
    wide = Attribution(cases.explain(ALL[id_], kind, double, module.double()).double())
    assert float(FAMILY.distance(single, wide).max()) < 1e-2


@pytest.mark.parametrize(
    ("id_", "kind"),
    [(id_, kind) for id_, kind in RUN if "completeness" in {c.property for c in ALL[id_].card.claims}],
)
def test_a_claim_of_completeness_holds(id_: str, kind: str, cases: Any) -> None:
    claim = next(c for c in ALL[id_].card.claims if c.property == "completeness")
    task, module = cases.a_task(kind, n=12), cases.NETWORKS[kind]()
    gain = cases.target_gain(module, task)
    more = {} if (name := ALL[id_].card.convergence) is None else {name: 16 * ALL[id_].card.parameters[name]}
    sums = cases.explain(ALL[id_], kind, task, module, **more).flatten(1).sum(1)
    assert claim.value is not None
    within = (sums - gain).abs() <= claim.value * gain.abs().clamp_min(0.1)
    assert float(within.double().mean()) >= 0.9
