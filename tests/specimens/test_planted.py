"""Planted functions: their closed forms against every coalition, against autograd and against the shipped network."""

from __future__ import annotations

from itertools import combinations
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from xaic.specimens import get_specimen
from xaic.specimens.base import RECORD
from xaic.specimens.planted import planted_function

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from xaic.families.base import Material

TABLES = ("linear", "additive", "gated", "interaction")
IMAGES = ("linear-image", "gated-image")
ALL = [*TABLES, *IMAGES]
GATED = ("gated", "gated-image")
CLOSE = 1e-5


def load(variant: str) -> Material:
    return get_specimen("planted").load(variant)


def network(variant: str) -> torch.nn.Module:
    model = load(variant).model
    assert model is not None
    return model.module().double()


def outputs(variant: str, rows: Tensor) -> NDArray[np.float64]:
    """Return f of rows [N, ...] by the shipped network, in double precision."""
    with torch.no_grad():
        logits = network(variant)(rows.double())
    return np.asarray((logits[:, 1] - logits[:, 0]).numpy())


def coalitions(n: int) -> NDArray[np.bool_]:
    """Return all subsets of n players [2^n, n]; subset s has player i where bit i of s is set."""
    return ((np.arange(2**n)[:, None] >> np.arange(n)) & 1).astype(bool)


def shapley(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Shapley values [n] of a game given as v [2^n]: mean gains over the sizes of coalitions."""
    n = int(np.log2(len(values)))
    every, found = coalitions(n), np.zeros(n)
    size = every.sum(1)
    for i in range(n):
        without = np.flatnonzero(~every[:, i])
        gain = values[without + 2**i] - values[without]
        weight = np.array([1 / (n * comb(n - 1, int(s))) for s in size[without]])
        found[i] = (weight * gain).sum()
    return found


def test_the_oracle_divides_a_glove_game_as_is_known() -> None:
    """One left glove, two right ones: 2/3, 1/6, 1/6."""
    values = np.array([float(s & 1 and s & 6) > 0 for s in range(8)], dtype=float)
    np.testing.assert_allclose(shapley(values), [2 / 3, 1 / 6, 1 / 6])


def brute(variant: str, x: Tensor, b: Tensor, players: list[int]) -> NDArray[np.float64]:
    """Return Shapley values of some features by all coalitions; the other features stay as in x."""
    rows = x.flatten().repeat(2 ** len(players), 1)
    there = torch.from_numpy(coalitions(len(players)))
    rows[:, players] = torch.where(there, x.flatten()[players], b.flatten()[players])
    return shapley(outputs(variant, rows.view(-1, *x.shape)))


@pytest.mark.parametrize("variant", TABLES)
def test_contributions_are_shapley_values_by_all_coalitions(variant: str) -> None:
    material = load(variant)
    for row in np.random.default_rng(1).choice(len(material.units), 6, replace=False):
        found = brute(variant, material.inputs[row], material.extra["baseline"], list(range(12)))
        np.testing.assert_allclose(material.truths["contribution"][row].numpy(), found, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("variant", TABLES)
def test_the_closed_form_holds_for_any_baseline(variant: str) -> None:
    material, function = load(variant), planted_function(variant)
    for one, other in ((3, 11), (20, 7), (5, 5)):
        x, b = material.background[one], material.background[other]
        closed = function.contribution(x[None].numpy(), b.numpy())[0]
        np.testing.assert_allclose(closed, brute(variant, x, b, list(range(12))), rtol=0, atol=CLOSE)


@pytest.mark.parametrize("variant", IMAGES)
def test_contributions_of_some_pixels_by_all_coalitions(variant: str) -> None:
    """Ten pixels play, gates among them; the rest of the image stays, in x and in the baseline alike."""
    material, function = load(variant), planted_function(variant)
    relevant = np.flatnonzero(material.truths["relevant"][0].numpy().ravel())
    for row in (0, 17):
        others = np.random.default_rng(row).choice(relevant, 7, replace=False).tolist()
        players = sorted({*others, *function.switches[:2], 0})
        x = material.inputs[row]
        b = x.flatten().clone()
        b[players] = material.extra["baseline"].flatten()[players]
        closed = function.contribution(x.flatten()[None].numpy(), b.numpy())[0]
        found = brute(variant, x, b.view(x.shape), players)
        np.testing.assert_allclose(closed[players], found, rtol=0, atol=CLOSE)
        assert np.abs(np.delete(closed, players)).max() == 0


@pytest.mark.parametrize("variant", IMAGES)
def test_contributions_of_every_pixel(variant: str) -> None:
    """Where features act at most in pairs, a Shapley value is the mean of the first gain and of the last."""
    material = load(variant)
    b = material.extra["baseline"]
    for row in (1, 30):
        x = material.inputs[row]
        eye = torch.eye(256, dtype=torch.bool).view(256, 1, 16, 16)
        alone, without = torch.where(eye, x, b), torch.where(eye, b, x)
        nothing, everything = outputs(variant, b[None]), outputs(variant, x[None])
        found = (outputs(variant, alone) - nothing + everything - outputs(variant, without)) / 2
        wanted = material.truths["contribution"][row].flatten().numpy()
        np.testing.assert_allclose(wanted, found, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("variant", IMAGES)
def test_image_functions_act_at_most_in_pairs(variant: str) -> None:
    """Third differences vanish, so the formula above is right."""
    material, function = load(variant), planted_function(variant)
    x, b = material.inputs[2].flatten(), material.extra["baseline"].flatten()
    relevant = np.flatnonzero(material.truths["relevant"][0].numpy().ravel())
    some = [*function.switches[:2], *np.random.default_rng(3).choice(relevant, 5, replace=False).tolist()]
    for players in combinations(sorted(set(some)), 3):
        there, rows = torch.from_numpy(coalitions(3)), x.repeat(8, 1)
        rows[:, list(players)] = torch.where(there, x[list(players)], b[list(players)])
        signs = np.array([(-1) ** (3 - s.bit_count()) for s in range(8)])
        assert abs(float((signs * outputs(variant, rows.view(8, 1, 16, 16))).sum())) < CLOSE


@pytest.mark.parametrize("variant", ALL)
def test_gradients_are_those_of_autograd_on_the_shipped_network(variant: str) -> None:
    material = load(variant)
    x = material.inputs.double().requires_grad_()
    logits = network(variant)(x)
    (found,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).sum(), x)
    torch.testing.assert_close(material.truths["sensitivity"].double(), found, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("variant", ALL)
def test_the_network_is_the_function(variant: str) -> None:
    """On units, background and baseline, and on mixtures of units and baseline as perturbations make them."""
    material, function = load(variant), planted_function(variant)
    mixed = torch.rand(material.inputs.shape, generator=torch.Generator().manual_seed(1)) < 0.5
    rows = torch.cat(
        [
            material.inputs,
            material.background,
            material.extra["baseline"][None],
            torch.where(mixed, material.inputs, material.extra["baseline"]),
        ]
    )
    closed = function.value(rows.flatten(1).numpy())
    np.testing.assert_allclose(outputs(variant, rows), closed, rtol=0, atol=CLOSE)
    assert material.model is not None
    with torch.no_grad():
        single = material.model.module()(rows)
    np.testing.assert_allclose((single[:, 1] - single[:, 0]).numpy(), closed, rtol=0, atol=CLOSE)
    assert float(single[:, 0].abs().max()) == 0


@pytest.mark.parametrize("variant", ALL)
def test_contributions_sum_to_what_is_explained(variant: str) -> None:
    material = load(variant)
    total = material.truths["contribution"].double().flatten(1).sum(1).numpy()
    difference = outputs(variant, material.inputs) - outputs(variant, material.extra["baseline"][None])
    np.testing.assert_allclose(total, difference, rtol=0, atol=1e-4)
    torch.testing.assert_close(material.extra["baseline"], material.background.mean(0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("variant", ALL)
def test_relevant_features_are_those_that_matter_somewhere_and_no_others(variant: str) -> None:
    material = load(variant)
    relevant = material.truths["relevant"][0].flatten()
    acts = (material.truths["contribution"].flatten(1).abs() > 1e-6).any(0)
    assert torch.equal(acts, relevant)
    x = material.inputs[:50].flatten(1)
    changed = torch.where(relevant, x, x + torch.randn(x.shape, generator=torch.Generator().manual_seed(2)))
    shape = material.inputs[:50].shape
    np.testing.assert_allclose(outputs(variant, changed.view(shape)), outputs(variant, x.view(shape)), atol=1e-9)
    assert torch.equal(
        material.truths["relevant"], material.truths["relevant"][:1].expand_as(material.truths["relevant"])
    )
    assert 0 < int(relevant.sum()) < len(relevant)


@pytest.mark.parametrize("variant", ALL)
def test_units_are_clearly_of_the_class_that_is_explained(variant: str) -> None:
    material = load(variant)
    assert len(material.units) == 256
    assert float(outputs(variant, material.inputs).min()) > 0.25 - CLOSE
    assert set(material.targets.tolist()) == set(material.labels.tolist()) == {1}
    assert material.background_labels is not None
    assert np.array_equal(material.background_labels.numpy(), outputs(variant, material.background) > 0)


@pytest.mark.parametrize("variant", GATED)
def test_gates_are_open_on_some_units_and_shut_on_others_and_keep_off_the_ramp(variant: str) -> None:
    material = load(variant)
    for gate in planted_function(variant).switches:
        values = material.inputs.flatten(1)[:, gate]
        assert 0.1 < float((values > 0).double().mean()) < 0.9
        assert float(values.abs().min()) >= 0.5 - CLOSE
        assert float(material.background.flatten(1)[:, gate].abs().min()) >= 0.5 - CLOSE
        assert float(material.extra["baseline"].flatten()[gate]) < -0.1


@pytest.mark.parametrize("variant", GATED)
def test_a_gradient_knows_nothing_of_a_gate_that_contributes(variant: str) -> None:
    """What makes the variant worth having: truths of sensitivity and of contribution disagree."""
    material: Any = load(variant)
    gates = list(planted_function(variant).switches)
    assert float(material.truths["sensitivity"].flatten(1)[:, gates].abs().max()) == 0
    assert float(material.truths["contribution"].flatten(1)[:, gates].abs().amax(0).min()) > 0.1


def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    specimen = get_specimen("planted")
    record = specimen.rebuild(tmp_path)
    assert record == specimen.record()
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {RECORD, *record.files}
    for name in names:
        assert (tmp_path / name).read_bytes() == (specimen.folder / name).read_bytes(), name
