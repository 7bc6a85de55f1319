"""Trained models reach the accuracy that their records state, computed here; one wrong weight and they do not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer

from tests.specimens.copies import with_weights
from xaic.specimens import get_specimen
from xaic.specimens.fashion import Fashion
from xaic.specimens.scene_drawing import draw_scenes
from xaic.specimens.series import Series, draw_series
from xaic.specimens.shape_scenes import ShapeScenes
from xaic.specimens.tabular import Tabular

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.specimens.base import Specimen

ROUNDING = 1e-4
"""A row whose two highest scores differ by less may come out either way on another machine."""


def run(module: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([module(part) for part in inputs.split(250)])


def margins(logits: Tensor, labels: Tensor) -> Tensor:
    """Return by how much each row's own class leads [N]; negative where it is wrong."""
    own = logits.gather(1, labels[:, None]).squeeze(1)
    return own - logits.scatter(1, labels[:, None], -torch.inf).amax(1)


# one function a figure of a record: by how much every row is right, where its rows are


def fashion(variant: str) -> Callable[[Any], Tensor]:
    def right(specimen: Fashion) -> Tensor:
        with np.load(specimen.file("images.npz")) as stored:
            images = torch.from_numpy(stored["test"].astype(np.float32) / 255)[:, None]
            labels = torch.from_numpy(stored["test_labels"].astype(np.int64))
        return margins(run(specimen.model(variant).module(), images), labels)

    return right


def scenes(variant: str) -> Callable[[Any], Tensor]:
    def right(specimen: ShapeScenes) -> Tensor:
        drawn = draw_scenes({"single": 22, "pairs": 23}[variant], range(1000), {"single": 1, "pairs": 2}[variant])
        logits = run(specimen.model().module(), torch.from_numpy(drawn.images))
        there = torch.from_numpy(drawn.masks.any((2, 3)))
        return torch.where(there, logits, -logits).amin(1)

    return right


def series(specimen: Series) -> Tensor:
    drawn = draw_series(42, range(600))
    model = specimen.load("cbf").model
    assert model is not None
    return margins(run(model.module(), torch.from_numpy(drawn.values)), torch.arange(600) % 3)


def tabular(specimen: Tabular) -> Tensor:
    table, classes = load_breast_cancer(return_X_y=True)
    split = json.loads(specimen.file("split.json").read_text("utf-8"))
    train, test = split["train"], split["test"]
    scaled = (table - table[train].mean(0)) / table[train].std(0)
    model = specimen.load("mlp").model
    assert model is not None
    return margins(run(model.module(), torch.from_numpy(scaled[test]).float()), torch.from_numpy(classes[test]))


FIGURES: dict[str, tuple[str, Callable[[Any], Tensor], str, str]] = {
    "bn/accuracy_shipped": ("fashion", fashion("bn"), "bn.safetensors", "head.weight"),
    "plain/accuracy_shipped": ("fashion", fashion("plain"), "plain.safetensors", "head.weight"),
    "residual/accuracy_shipped": ("fashion", fashion("residual"), "residual.safetensors", "head.weight"),
    "single/exact_match": ("shape-scenes", scenes("single"), "cnn.safetensors", "head.weight"),
    "pairs/exact_match": ("shape-scenes", scenes("pairs"), "cnn.safetensors", "head.weight"),
    "cbf/accuracy_test": ("series", series, "cbf.safetensors", "head.weight"),
    "mlp/accuracy_test": ("tabular", tabular, "mlp.safetensors", "linear3.weight"),
}
"""Figure -> specimen, what computes it, its weights, the tensor in which one weight is spoilt."""

ELSEWHERE = {"bn/accuracy_test", "plain/accuracy_test", "residual/accuracy_test"}
"""Shares of 10,000 images of which 1,000 are shipped; see the tests of fashion."""


def reaches_its_record(figure: str, specimen: Specimen) -> None:
    """Fail unless a figure is that of the record, give or take one row."""
    right = FIGURES[figure][1](specimen)
    stated = specimen.record().performance[figure]
    found = float((right > 0).double().mean())
    assert abs(found - stated) <= 1 / len(right) + 1e-6, f"{figure} is {found:.4f}, the record says {stated:.4f}"


def test_every_figure_of_every_trained_model_is_computed() -> None:
    stated = {
        name
        for id in ("fashion", "series", "shape-scenes", "tabular")
        for name in get_specimen(id).record().performance
    }
    assert stated == set(FIGURES) | ELSEWHERE


@pytest.mark.parametrize("figure", FIGURES)
def test_a_model_reaches_what_its_record_states(figure: str) -> None:
    reaches_its_record(figure, get_specimen(FIGURES[figure][0]))


@pytest.mark.parametrize("figure", FIGURES)
def test_one_wrong_weight_is_found(tmp_path: Path, figure: str) -> None:
    """The file's hash is in order: only the accuracy tells."""
    id, _, name, tensor = FIGURES[figure]

    def spoil(state: dict[str, Tensor]) -> None:
        flat = state[tensor].view(-1)
        flat[flat.abs().argmax()] *= -64  # as if a bit of its exponent and its sign were flipped

    other = with_weights(get_specimen(id), tmp_path, name, spoil)
    other.file(name)
    with pytest.raises(AssertionError, match="the record says"):
        reaches_its_record(figure, other)


def turns(rows: list[int], labels: Tensor) -> list[int]:
    """Return rows in the order in which classes take turns: the first of each class, the second of each, ..."""
    queues: dict[int, list[int]] = {}
    for row in rows:
        queues.setdefault(int(labels[row]), []).append(row)
    order, turn = [], 0
    while any(len(queue) > turn for queue in queues.values()):
        order += [queue[turn] for _, queue in sorted(queues.items()) if len(queue) > turn]
        turn += 1
    return order


def agree(chosen: list[int], right: Tensor, labels: Tensor, most: int | None = None) -> None:
    """Fail unless ``chosen`` are exactly the rows that come out right, classes taking turns (the first ``most``)."""
    unsure = set((right.abs() < ROUNDING).nonzero().flatten().tolist())
    assert len(unsure) <= 2
    rows = [row for row in range(len(right)) if row in set(chosen) or (right[row] > 0 and row not in unsure)]
    assert turns(rows, labels)[:most] == chosen
    assert all(right[row] > -ROUNDING for row in chosen)


@pytest.mark.parametrize("variant", ["bn", "plain", "residual"])
def test_units_of_fashion_are_exactly_the_images_that_come_out_right(variant: str) -> None:
    specimen = Fashion()
    _, labels, *_ = specimen.images()
    chosen = json.loads(specimen.file("units.json").read_text("utf-8"))
    agree(chosen[variant], fashion(variant)(specimen), labels)
    assert specimen.load(variant).units == tuple(f"test-{chosen['test'][row]:05d}" for row in chosen[variant])


@pytest.mark.parametrize("variant", ["single", "pairs"])
def test_units_of_scenes_are_the_first_that_come_out_right(variant: str) -> None:
    specimen = ShapeScenes()
    chosen = json.loads(specimen.file("units.json").read_text("utf-8"))[variant]
    drawn = draw_scenes({"single": 22, "pairs": 23}[variant], range(1000), {"single": 1, "pairs": 2}[variant])
    agree(chosen, scenes(variant)(specimen), torch.from_numpy(drawn.classes[:, 0]), 400)


def test_units_of_series_are_the_first_that_come_out_right() -> None:
    chosen = json.loads(Series().file("units.json").read_text("utf-8"))["cbf"]
    agree(chosen, series(Series()), torch.arange(600) % 3, 400)


def test_units_of_tabular_are_exactly_the_rows_that_come_out_right() -> None:
    split = json.loads(Tabular().file("split.json").read_text("utf-8"))
    classes = torch.from_numpy(load_breast_cancer(return_X_y=True)[1])
    place = {row: number for number, row in enumerate(split["test"])}
    agree([place[row] for row in split["units"]], tabular(Tabular()), classes[split["test"]])
    assert not set(split["test"]) & set(split["train"])
    assert len(set(split["test"]) | set(split["train"])) == 569


@pytest.mark.parametrize(
    ("id", "variant"), [("fashion", "bn"), ("shape-scenes", "single"), ("series", "cbf"), ("tabular", "mlp")]
)
def test_the_model_says_of_every_unit_what_is_explained(id: str, variant: str) -> None:
    material = get_specimen(id).load(variant)
    assert material.model is not None
    logits = run(material.model.module(), material.inputs)
    assert bool((material.model.scores(logits).argmax(1) == material.targets).all())
