"""Specimen ``photographs``: seven real photographs under a real ImageNet network, for pictures people look at.

The photographs come from scikit-image and scikit-learn, the weights from the extra ``photographs``; only a table
of hashes is shipped.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xaic.documents.errors import BadData
from xaic.families.base import Material
from xaic.families.model import make_model
from xaic.specimens import efficientnet
from xaic.specimens.base import Specimen, register_specimen
from xaic.specimens.training import logits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

    from xaic.families.model import Model

SIZE = 224
PHOTOGRAPHS = ("chelsea", "coffee", "camera", "motorcycle", "rocket", "china", "flower")
CLASSES = {
    "chelsea": (282, "tiger cat"),
    "coffee": (967, "espresso"),
    "camera": (872, "tripod"),
    "motorcycle": (665, "moped"),
    "rocket": (657, "missile"),
    "china": (698, "palace"),
    "flower": (985, "daisy"),
}
"""Photograph -> index and name of the ImageNet class that the network gives it."""

OTHERS = (
    "astronaut",
    "brick",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
)
_OFFSETS = (0, 3, 5, 6)  # a difference set modulo 7: each two photographs meet in exactly two mosaics


def photograph(name: str) -> NDArray[np.uint8]:
    """Return a photograph [H, W, 3] as its package ships it; grey ones get three equal channels."""
    if name in {"china", "flower"}:
        from sklearn.datasets import load_sample_image

        return np.asarray(load_sample_image(f"{name}.jpg"), np.uint8)
    from skimage import data

    image = data.stereo_motorcycle()[0] if name == "motorcycle" else getattr(data, name)()
    image = np.asarray(image, np.uint8)
    return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def square(image: NDArray[np.floating[Any]], share: float = 1.0) -> NDArray[np.float32]:
    """Return the centred square of an image [H, W, 3] in [0, 1] that has ``share`` of its shorter side.

    It is resized with cubic interpolation and anti-aliasing: [3, 224, 224] in [0, 1].
    """
    from skimage.transform import resize

    side = int(share * min(image.shape[:2]))
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    cut = image[top : top + side, left : left + side].astype(np.float64)
    found = resize(cut, (SIZE, SIZE), order=3, anti_aliasing=True)
    return np.asarray(np.clip(found, 0, 1).transpose(2, 0, 1), np.float32)


def mosaics(count: int) -> list[tuple[int, int, int, int]]:
    """Return mosaics of four photographs by number: cells top left, top right, bottom left, bottom right.

    Every photograph stands once in every cell; of seven photographs, every two meet in two mosaics.
    """
    return [tuple((start + offset) % count for offset in _OFFSETS) for start in range(count)]  # type: ignore[misc]


@register_specimen
class Photographs(Specimen):
    """Seven photographs, and mosaics of them, under EfficientNet-Lite0. A smoke test; not meant to gate."""

    id = "photographs"

    def model(self) -> Model:
        """Return the network; raise ``ExtraMissing`` where its weights are not installed."""
        return make_model(efficientnet.BUILDER, {}, efficientnet.weights(), representation="pool")

    def images(self, names: Sequence[str] = PHOTOGRAPHS) -> Tensor:
        """Return photographs [P, 3, 224, 224], each compared with its recorded hash."""
        known = json.loads(self.file("photographs.json").read_text("utf-8"))
        return torch.from_numpy(np.stack([_checked(name, known) for name in names]))

    def _load(self, variant: str) -> Material:
        model = self.model()  # first: without the extra nothing else is worth doing
        classes = torch.tensor([CLASSES[name][0] for name in PHOTOGRAPHS])
        return material(model, self.images(), classes, PHOTOGRAPHS, self.images(OTHERS), grid=variant == "grid")

    def build(self, out: Path, **options: Any) -> dict[str, float]:  # noqa: ARG002 - nothing to choose
        """Write the hashes of the photographs and measure how surely each is named."""
        known = {name: _digest(photograph(name)) for name in (*PHOTOGRAPHS, *OTHERS)}
        (out / "photographs.json").write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", "utf-8")
        images = torch.from_numpy(np.stack([_checked(name, known) for name in PHOTOGRAPHS]))
        scores = logits(self.model().module(), images).softmax(-1)
        sure = {name: float(scores[row, CLASSES[name][0]]) for row, name in enumerate(PHOTOGRAPHS)}
        right = [int(scores[row].argmax()) == CLASSES[name][0] for row, name in enumerate(PHOTOGRAPHS)]
        return {"accuracy": float(np.mean(right)), **{f"score/{name}": value for name, value in sure.items()}}


def _digest(image: NDArray[np.uint8]) -> str:
    return sha256(f"{image.shape}".encode() + image.tobytes()).hexdigest()


def _checked(name: str, known: Mapping[str, str]) -> NDArray[np.float32]:
    image = photograph(name)
    if _digest(image) != known[name]:
        raise BadData(f"photograph {name!r} is another than the recorded one; install the pinned scikit-image")
    return square(image / 255, share=7 / 8)


def material(
    model: Model, images: Tensor, classes: Tensor, names: Sequence[str], background: Tensor, *, grid: bool
) -> Material:
    """Return photographs [P, 3, H, W] of ``classes`` [P] as units, or mosaics of them: four units a mosaic.

    The truths of a mosaic are ``mask``, the cell of the explained photograph, and ``cells``, the number of every
    location's cell [N, 1, H, W].
    """
    inputs, shown, units, clusters, truths = (
        _grid(images, names) if grid else (images, torch.arange(len(images)), tuple(names), (), {})
    )
    return Material(
        kind="image",
        inputs=inputs,
        labels=classes[shown],
        targets=classes[shown],
        units=units,
        background=background,
        model=model,
        truths=truths,
        clusters=clusters,
        extra={"baseline": torch.full((3, SIZE, SIZE), 127 / 255)},
    )


def _grid(
    images: Tensor, names: Sequence[str]
) -> tuple[Tensor, Tensor, tuple[str, ...], tuple[str, ...], dict[str, Tensor]]:
    """Return each mosaic once for each of its four photographs; cells and mosaics take turns."""
    half = SIZE // 2
    cells = torch.arange(4).view(2, 1, 2, 1).expand(2, half, 2, half).reshape(SIZE, SIZE)
    pictures, shown, units, clusters, places = [], [], [], [], []
    for number, members in enumerate(mosaics(len(images))):
        a, b, c, d = images[list(members)].permute(0, 2, 3, 1).numpy()
        mosaic = torch.from_numpy(square(np.block([[[a], [b]], [[c], [d]]])))
        for cell, which in enumerate(members):
            pictures.append(mosaic)
            shown.append(which)
            units.append(f"mosaic-{number}-{names[which]}")
            clusters.append(f"mosaic-{number}")
            places.append(cell)
    order = sorted(range(len(units)), key=lambda unit: (unit % 4 + unit // 4) % 4)
    rows = torch.tensor(order)
    masks = torch.stack([(cells == place)[None] for place in places])[rows]
    truths = {"mask": masks, "cells": cells.expand(len(rows), 1, SIZE, SIZE).contiguous()}
    found = tuple(units[row] for row in order), tuple(clusters[row] for row in order)
    return torch.stack(pictures)[rows], torch.tensor(shown)[rows], *found, truths
