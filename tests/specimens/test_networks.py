"""The specimens' networks: each operation a module that runs once; training that repeats itself and leaves no trace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from xaic.specimens import get_specimen
from xaic.specimens.networks import Add, convolutional, convolutional_1d, perceptron, quadratic, residual
from xaic.specimens.training import interleave, logits, save, train

if TYPE_CHECKING:
    from xaic.families.base import Material

TRAINED = [
    ("fashion", "bn"),
    ("fashion", "plain"),
    ("fashion", "residual"),
    ("shape-scenes", "single"),
    ("series", "cbf"),
    ("tabular", "mlp"),
    ("planted", "linear"),
    ("planted", "additive"),
    ("planted", "gated"),
    ("planted", "interaction"),
    ("planted", "linear-image"),
    ("planted", "gated-image"),
]


def material(id: str, variant: str) -> Material:
    return get_specimen(id).load(variant)


@pytest.mark.parametrize(("id", "variant"), TRAINED)
def test_every_module_runs_once_and_all_of_the_work_is_in_modules(id: str, variant: str) -> None:
    """Methods that replace or hook modules see the whole network: no module is used twice, none is passed by."""
    found = material(id, variant)
    assert found.model is not None
    module, seen = found.model.module(), []
    leaves = [part for part in module.modules() if not list(part.children())]
    for part in leaves:
        part.register_forward_hook(lambda part, *_: seen.append(part))
    with torch.no_grad():
        module(found.inputs[:2])
    assert sorted(map(id_of, seen)) == sorted(map(id_of, leaves))


def id_of(part: nn.Module) -> int:
    return id(part)


@pytest.mark.parametrize(("id", "variant"), TRAINED)
def test_the_representation_is_a_module_between_inputs_and_logits(id: str, variant: str) -> None:
    found = material(id, variant)
    assert found.model is not None
    module, kept = found.model.module(), []
    module.get_submodule(found.model.representation).register_forward_hook(lambda _m, _i, output: kept.append(output))
    with torch.no_grad():
        module(found.inputs[:3])
    assert len(kept) == 1
    assert len(kept[0]) == 3
    assert kept[0].flatten(1).shape[1] >= 2


def test_networks_by_hand() -> None:
    """Ones for weights: a perceptron sums, a quadratic squares the sum, pooling averages."""

    def ones(module: nn.Module) -> nn.Module:
        for parameter in module.parameters():
            parameter.data.fill_(1.0)
        return module.eval()

    x = torch.tensor([[1.0, 2.0, -5.0]])
    assert ones(perceptron([3, 2, 1]))(x).tolist() == [[1.0]]  # relu(-2 + 1) = 0 twice, and the bias
    assert ones(perceptron([3, 2, 1]))(-x).tolist() == [[7.0]]  # relu(2 + 1) twice, and the bias
    assert ones(quadratic(3, 2, 1))(x).tolist() == [[3.0]]  # (-1)^2 twice, and the bias
    assert ones(convolutional_1d(1, [1], 1))(torch.ones(1, 1, 7)).item() == pytest.approx(
        (4 + 5 + 6 + 7 + 6 + 5 + 4) / 7 + 2
    )
    image = torch.zeros(1, 1, 3, 3)
    image[0, 0, 1, 1] = 1
    assert ones(convolutional(1, [[1]], 1, norm=False))(image).item() == pytest.approx(3)
    assert Add()(x, 2 * x).tolist() == (3 * x).tolist()


def test_a_residual_network_halves_its_sides_block_by_block() -> None:
    module = residual(1, [4, 8, 16], 3).eval()
    sizes: list[Any] = []
    for name in ("features.relu", "features.block1", "features.block2", "pool"):
        module.get_submodule(name).register_forward_hook(lambda _m, _i, output: sizes.append(tuple(output.shape[1:])))
    assert module(torch.rand(2, 1, 28, 28)).shape == (2, 3)
    assert sizes == [(4, 28, 28), (8, 14, 14), (16, 7, 7), (16, 1, 1)]


# training


def points(n: int = 200) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 2, generator=torch.Generator().manual_seed(1))
    return x, (x.sum(1) > 0).long()


BUILDER, CONFIG = "xaic.specimens.networks:perceptron", {"widths": [2, 8, 2]}


def test_training_learns_repeats_itself_and_leaves_global_state_alone() -> None:
    x, y = points()
    torch.manual_seed(5)
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    one, two, other = (train(BUILDER, CONFIG, x, y, epochs=20, seed=seed, batch=20, rate=1e-2) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads
    assert not one.training
    assert float((logits(one, x).argmax(1) == y).double().mean()) > 0.95
    states = [module.state_dict() for module in (one, two, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not torch.equal(states[0]["linear1.weight"], states[2]["linear1.weight"])


def test_training_with_several_labels_an_input() -> None:
    x, _ = points()
    labels = (x > 0).float()
    module = train(BUILDER, CONFIG, x, labels, epochs=20, seed=1, batch=20, rate=1e-2)
    assert float(((logits(module, x, chunk=7) > 0) == (labels > 0)).double().mean()) > 0.95


def test_weights_are_saved_whole_and_readable_by_all(tmp_path: Path) -> None:
    module = perceptron([2, 3, 2])
    save(module, tmp_path / "w.safetensors")
    state = load_file(tmp_path / "w.safetensors")
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())
    assert (tmp_path / "w.safetensors").stat().st_mode & 0o777 == 0o644


def test_classes_take_turns() -> None:
    labels, rows = torch.tensor([2, 0, 0, 1, 0, 2]), torch.tensor([10, 11, 12, 13, 14, 15])
    assert interleave(labels, rows) == [11, 13, 10, 12, 15, 14]
