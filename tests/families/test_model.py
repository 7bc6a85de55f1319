"""A model as data: built again from a builder, a configuration and weights, known by a digest of the three."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from xaic.documents.errors import BadData, MissingFile
from xaic.families.model import Model, build, make_model

MLP = "xaic.specimens.networks:perceptron"
CONFIG: dict[str, Any] = {"widths": [3, 2]}


def weights(folder: Path, scale: float = 1.0) -> Path:
    path = folder / "w.safetensors"
    save_file({"linear1.weight": scale * torch.tensor([[1.0, 2, 3], [4, 5, 6]]), "linear1.bias": torch.zeros(2)}, path)
    return path


def test_the_module_is_the_function_of_its_weights(tmp_path: Path) -> None:
    module = make_model(MLP, CONFIG, weights(tmp_path)).module()
    assert module(torch.tensor([[1.0, 0.0, -1.0]])).tolist() == [[-2.0, -2.0]]
    assert not module.training
    assert not any(parameter.requires_grad for parameter in module.parameters())


def test_every_call_builds_a_fresh_module(tmp_path: Path) -> None:
    model = make_model(MLP, CONFIG, weights(tmp_path))
    one, other = model.module(), model.module()
    next(one.parameters()).data.zero_()
    assert float(next(other.parameters()).sum()) == 21


def test_the_digest_is_of_builder_configuration_activation_and_weights(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    path = weights(folders[0])
    model = make_model(MLP, CONFIG, path)
    assert make_model(MLP, dict(CONFIG), path, representation="linear1", classes=("a", "b")).digest == model.digest
    assert make_model(MLP, CONFIG, weights(folders[1])).digest == model.digest  # wherever the file lies
    others = [
        make_model(f"{MLP}x", CONFIG, path).digest,
        make_model(MLP, {"widths": [3, 3]}, path).digest,
        make_model(MLP, CONFIG, path, "sigmoid").digest,
        make_model(MLP, CONFIG, weights(folders[1], 1.0001)).digest,
    ]
    assert len({model.digest, *others}) == 5


def test_weights_that_are_replaced_are_another_model(tmp_path: Path) -> None:
    before = make_model(MLP, CONFIG, weights(tmp_path)).digest
    assert make_model(MLP, CONFIG, weights(tmp_path, 2.0)).digest != before


def test_a_model_travels_as_plain_data(tmp_path: Path) -> None:
    model = make_model(MLP, CONFIG, weights(tmp_path), "sigmoid", representation="linear1", classes=("a", "b"))
    found = Model.from_data(json.loads(json.dumps(model.to_data())))
    assert found == model
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    assert torch.equal(found.module()(x), model.module()(x))


def test_scores_are_softmax_or_sigmoid_over_classes(tmp_path: Path) -> None:
    path, logits = weights(tmp_path), torch.tensor([[[0.0, 2.0]], [[1.0, 1.0]]])
    torch.testing.assert_close(make_model(MLP, CONFIG, path).scores(logits), logits.softmax(-1))
    torch.testing.assert_close(make_model(MLP, CONFIG, path, "sigmoid").scores(logits), logits.sigmoid())


def test_missing_weights_are_told_with_the_mend(tmp_path: Path) -> None:
    path = weights(tmp_path)
    model = make_model(MLP, CONFIG, path)
    path.unlink()
    for call in (model.module, lambda: make_model(MLP, CONFIG, path)):
        with pytest.raises(MissingFile, match="no such file; rebuild the specimen"):
            call()


def test_weights_must_fit_the_network_whole(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="Missing key"):
        make_model(MLP, {"widths": [3, 2, 2]}, weights(tmp_path)).module()


@pytest.mark.parametrize("builder", ["no.such.module:net", "xaic.specimens.networks:no_such_net", "plain", ""])
def test_a_builder_that_cannot_be_found_is_named(builder: str) -> None:
    with pytest.raises(BadData, match=f"model builder {builder!r} cannot be found: .*; write it as module:function"):
        build(builder, {})
