"""Models with redrawn parameters: all of them, each its own, at a scale that keeps activations alive."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from tests.engine.material import CNN, MIXED, counted_cnn, keep, mixed, random_model, random_task, sweeps_of
from xaic.engine.randomise import has_statistics, randomised_model
from xaic.engine.streams import Streams

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.model import Model

STREAMS = Streams(3).at("models")


def parameters(model: Model) -> dict[str, Tensor]:
    return dict(model.module().named_parameters())


@pytest.fixture
def bare(tmp_path: Path) -> Model:
    return keep(tmp_path, MIXED, {}, mixed().state_dict())


def background(*shape: int) -> Tensor:
    return torch.randn(64, *shape, generator=torch.Generator().manual_seed(2))


def test_every_parameter_changes_bare_ones_too(bare: Model, tmp_path: Path) -> None:
    other = randomised_model(bare, background(8), STREAMS, 0, tmp_path)
    before, after = parameters(bare), parameters(other)
    assert set(before) == set(after)
    assert {"token", "places", "scale"} <= set(after)
    for name, value in after.items():
        assert value.shape == before[name].shape
        assert bool((value != before[name]).all()), name
        assert bool(value.isfinite().all())


def test_layers_of_one_shape_get_different_weights(bare: Model, tmp_path: Path) -> None:
    after = parameters(randomised_model(bare, background(8), STREAMS, 0, tmp_path))
    for kind in ("weight", "bias"):
        assert not torch.equal(after[f"first.{kind}"], after[f"second.{kind}"])
    one, two = after["first.weight"].flatten(), after["second.weight"].flatten()
    assert abs(float(torch.corrcoef(torch.stack([one, two]))[0, 1])) < 0.4


def test_models_of_different_numbers_are_different_and_stand_side_by_side(bare: Model, tmp_path: Path) -> None:
    models = [randomised_model(bare, background(8), STREAMS, i, tmp_path) for i in range(3)]
    assert len({model.digest for model in (bare, *models)}) == 4
    first = parameters(models[0])  # read after the others were made: nothing is one changing object
    again = parameters(randomised_model(bare, background(8), STREAMS, 0, tmp_path / "elsewhere"))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["first.weight"], parameters(models[1])["first.weight"])


@pytest.mark.parametrize("norm", [False, True])
def test_weights_with_fan_in_are_drawn_at_he_scale(tmp_path: Path, *, norm: bool) -> None:
    config = {"channels": 3, "blocks": [[32], [64]], "classes": 10, "norm": norm}
    model = random_model(tmp_path, CNN, config)
    for value in parameters(randomised_model(model, background(3, 8, 8), STREAMS, 0, tmp_path)).values():
        if value.ndim > 1:
            wanted = math.sqrt(2 / value[0].numel())
            assert float(value.std()) == pytest.approx(wanted, rel=5 / math.sqrt(2 * value.numel()))
            assert abs(float(value.mean())) < 5 * wanted / math.sqrt(value.numel())


def test_other_parameters_keep_their_mean_and_spread(tmp_path: Path) -> None:
    model = random_model(tmp_path, CNN, {"channels": 1, "blocks": [[400]], "classes": 2, "norm": True})
    before, after = parameters(model), parameters(randomised_model(model, background(1, 4, 4), STREAMS, 0, tmp_path))
    for name in ("features.norm1.weight", "features.norm1.bias"):
        assert float(after[name].mean()) == pytest.approx(float(before[name].mean()), abs=0.1)
        assert float(after[name].std()) == pytest.approx(float(before[name].std()), rel=0.15)


def test_activations_keep_their_scale_through_layers_of_relu(tmp_path: Path) -> None:
    """Ten convolutions deep: at half or twice the scale a thousandfold would be lost or won."""
    config = {"channels": 3, "blocks": [[24] * 10], "classes": 3, "norm": False}
    module = randomised_model(random_model(tmp_path, CNN, config), background(3, 12, 12), STREAMS, 0, tmp_path).module()
    x, spreads = background(3, 12, 12), []
    for name, layer in module.get_submodule("features").named_children():
        x = layer(x)
        if name.startswith("conv"):
            spreads.append(float(x.std()))
    assert max(spreads) / min(spreads) < 10


def test_statistics_of_batch_norm_are_those_of_the_background(tmp_path: Path) -> None:
    sample = background(2, 9, 9)
    model = randomised_model(counted_cnn(tmp_path, norm=True), sample, STREAMS, 0, tmp_path)
    module = model.module().get_submodule("inner.features")
    conv1, norm1 = module.get_submodule("conv1"), module.get_submodule("norm1")
    first = conv1(sample).transpose(0, 1).flatten(1)
    state = dict(norm1.named_buffers())
    torch.testing.assert_close(state["running_mean"], first.mean(1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(state["running_var"], first.var(1), rtol=1e-4, atol=1e-5)
    for layer in ("norm1", "norm2"):
        x = sample
        for name, part in module.named_children():
            x = part(x)
            if name == layer:
                break
        affine = dict(module.get_submodule(layer).named_parameters())
        standard = (x.transpose(0, 1).flatten(1) - affine["bias"][:, None]) / affine["weight"][:, None]
        torch.testing.assert_close(standard.mean(1), torch.zeros(len(standard)), rtol=0, atol=1e-2)
        torch.testing.assert_close(standard.std(1), torch.ones(len(standard)), rtol=0, atol=2e-2)


def test_a_deep_network_with_batch_norm_stays_finite(tmp_path: Path) -> None:
    """Statistics left from training would blow activations up; here they were absurdly small."""
    config = {"channels": 2, "blocks": [[8] * 8], "classes": 3, "norm": True}
    model = random_model(tmp_path, CNN, config)
    tiny = {k: 1e-8 * v if "running_var" in k else v for k, v in load_file(model.weights).items()}
    sample = background(2, 8, 8)
    found = randomised_model(keep(tmp_path, CNN, config, tiny), sample, STREAMS, 0, tmp_path)
    logits = found.module()(sample)
    assert bool(logits.isfinite().all())
    assert float(logits.abs().max()) < 1e3
    assert not any(part.training for part in found.module().modules())


def test_one_seed_gives_the_same_bytes_and_another_others(bare: Model, tmp_path: Path) -> None:
    def made(folder: str, streams: Streams) -> bytes:
        return randomised_model(bare, background(8), streams, 1, tmp_path / folder).weights.read_bytes()

    assert made("a", STREAMS) == made("b", STREAMS)
    assert made("a", STREAMS) != made("c", Streams(4).at("models"))


def test_a_model_is_made_once(bare: Model, tmp_path: Path) -> None:
    path = randomised_model(bare, background(8), STREAMS, 0, tmp_path).weights
    stamp = path.stat().st_mtime_ns
    assert randomised_model(bare, background(8), STREAMS, 0, tmp_path).weights == path
    assert path.stat().st_mtime_ns == stamp


def test_the_original_stays_as_it_is(tmp_path: Path) -> None:
    model = counted_cnn(tmp_path, norm=True)
    before, stamp = model.weights.read_bytes(), model.weights.stat().st_mtime_ns
    found = randomised_model(model, background(2, 6, 6), STREAMS, 0, tmp_path)
    assert found.weights != model.weights
    assert (model.weights.read_bytes(), model.weights.stat().st_mtime_ns) == (before, stamp)
    kept = ("builder", "config", "activation", "representation", "classes")
    assert all(getattr(found, name) == getattr(model, name) for name in kept)


def test_the_global_random_state_is_left_alone(bare: Model, tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    randomised_model(bare, background(8), STREAMS, 0, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_only_models_with_batch_norm_have_statistics(bare: Model, tmp_path: Path) -> None:
    assert not has_statistics(bare)
    assert not has_statistics(counted_cnn(tmp_path, norm=False))
    assert has_statistics(counted_cnn(tmp_path, norm=True))


def test_a_sweep_asks_every_random_model_and_never_the_trained_one(tmp_path: Path) -> None:
    task = random_task(counted_cnn(tmp_path), (2, 6, 6))
    sweeps = sweeps_of(task, folder=tmp_path / "cache", randomisations=3)
    assert sweeps.randomised("method").shape == (3, *task.inputs.shape)
    asked = [asked.model.digest for asked, *_ in sweeps.probes["method"].asked]
    assert len(set(asked)) == 3
    assert task.model.digest not in asked
    assert sweeps.for_controls()["randomised"].digest == asked[0]  # the wrong model of C8: its maps are made once
