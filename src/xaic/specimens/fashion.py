"""Specimen ``fashion``: real 28 x 28 pictures of clothes (Fashion-MNIST) under three CNNs, and their logits.

The package carries 1,000 test and 512 training images; the networks were trained on all 60,000. ``build`` reads
the four original IDX files from a folder.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xaic.documents.errors import BadData, MissingFile, Misuse
from xaic.families.base import Material
from xaic.families.model import Model, make_model
from xaic.specimens.base import Specimen, register_specimen
from xaic.specimens.training import interleave, logits, save, train

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

CLASSES = (
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
)
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "bn": ("xaic.specimens.networks:convolutional", {"blocks": [[16], [32], [64]], "norm": True}),
    "plain": ("xaic.specimens.networks:convolutional", {"blocks": [[16], [32], [64]], "norm": False}),
    "residual": ("xaic.specimens.networks:residual", {"widths": [8, 16, 32]}),
}
"""Variant -> builder and configuration of its network."""

_EACH, _BACKGROUND, _FIT = 100, 512, 5000
_EPOCHS = {"bn": 8, "plain": 16, "residual": 8}  # without BatchNorm learning is slower
_RATES = {"bn": 3e-3, "plain": 6e-3, "residual": 3e-3}
_SEEDS = {"bn": 11, "plain": 12, "residual": 13}


@register_specimen
class Fashion(Specimen):
    """Fashion-MNIST under small CNNs; units are test images that the variant's network gets right."""

    id = "fashion"

    def images(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return the shipped images in [0, 1]: test [1000, 1, 28, 28], classes, background [512, ...], classes."""
        with np.load(self.file("images.npz"), allow_pickle=False) as stored:
            test, background = _scale(stored["test"]), _scale(stored["background"])
            labels = (torch.from_numpy(stored[name].astype(np.int64)) for name in ("test_labels", "background_labels"))
            return test, next(labels), background, next(labels)

    def model(self, variant: str) -> Model:
        """Return the network of a variant with a model."""
        builder, config = NETWORKS[variant]
        weights = self.file(f"{variant}.safetensors")
        return make_model(builder, config, weights, representation="pool", classes=CLASSES)

    def _load(self, variant: str) -> Material:
        return self._load_logits() if variant == "logits" else self._load_images(variant)

    def _load_images(self, variant: str) -> Material:
        test, labels, background, background_labels = self.images()
        chosen = json.loads(self.file("units.json").read_text("utf-8"))
        rows = torch.tensor(chosen[variant])
        return Material(
            kind="image",
            inputs=test[rows],
            labels=labels[rows],
            targets=labels[rows],
            units=tuple(f"test-{chosen['test'][row]:05d}" for row in chosen[variant]),
            background=background,
            background_labels=background_labels,
            model=self.model(variant),
        )

    def _load_logits(self) -> Material:
        with np.load(self.file("logits.npz"), allow_pickle=False) as stored:
            scores = torch.from_numpy(stored["logits"].astype(np.float32))
            labels = torch.from_numpy(stored["labels"].astype(np.int64))
        return Material(
            kind="scores",
            inputs=scores[_FIT:],
            labels=labels[_FIT:],
            targets=scores[_FIT:].argmax(-1),
            units=tuple(f"test-{row:05d}" for row in range(_FIT, len(scores))),
            background=scores[:_FIT],
            background_labels=labels[:_FIT],
            extra={"classes": CLASSES},
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        """Choose the images, train the networks, write their logits.

        Options: ``source``, the folder with the IDX files; ``epochs``.
        """
        if "source" not in options:
            raise Misuse("fashion needs its original files; give --source FOLDER with the four .gz files")
        source = options["source"]
        train_images, train_labels = read_idx(source, "train")
        test_images, test_labels = read_idx(source, "t10k")
        picked, back = _stratified(test_labels, 10 * _EACH), _stratified(train_labels, _BACKGROUND)
        np.savez_compressed(
            out / "images.npz",
            test=test_images[picked],
            test_labels=test_labels[picked],
            background=train_images[back],
            background_labels=train_labels[back],
        )
        chosen: dict[str, list[int]] = {"test": picked.tolist(), "background": back.tolist()}
        performance: dict[str, float] = {}
        for variant in NETWORKS:
            epochs = int(options.get("epochs", _EPOCHS[variant]))
            scores = _train(out, variant, (train_images, train_labels), test_images, epochs)
            right = scores.argmax(-1).numpy() == test_labels
            performance[f"{variant}/accuracy_test"] = float(right.mean())
            performance[f"{variant}/accuracy_shipped"] = float(right[picked].mean())
            rows = np.flatnonzero(right[picked])
            chosen[variant] = interleave(torch.from_numpy(test_labels[picked][rows]), torch.from_numpy(rows))
            if variant == "bn":
                np.savez_compressed(out / "logits.npz", logits=scores.numpy(), labels=test_labels)
        (out / "units.json").write_text(json.dumps(chosen) + "\n", "utf-8")
        return performance


def _train(
    out: Path, variant: str, data: tuple[NDArray[np.uint8], ...], test: NDArray[np.uint8], epochs: int
) -> Tensor:
    """Train one network, write its weights, and return its logits [10000, 10] on all test images."""
    builder, config = NETWORKS[variant]
    images, labels = data
    inputs, classes = _scale(images), torch.from_numpy(labels.astype(np.int64))
    module = train(builder, config, inputs, classes, epochs=epochs, seed=_SEEDS[variant], rate=_RATES[variant])
    save(module, out / f"{variant}.safetensors")
    return logits(module, _scale(test))


def _scale(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(images.astype(np.float32) / 255).unsqueeze(1)


def _stratified(labels: NDArray[np.uint8], count: int) -> NDArray[np.int64]:
    """Return the first ``count`` rows when classes take turns in file order."""
    rows = interleave(torch.from_numpy(labels.astype(np.int64)), torch.arange(len(labels)))
    return np.array(rows[:count], np.int64)


def read_idx(source: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read images [N, 28, 28] and labels [N] of ``part`` ('train' or 't10k') from gzipped IDX files.

    Raises:
        MissingFile: a file is not there.
        BadData: a file is not IDX of unsigned bytes.
    """
    return _idx(source / f"{part}-images-idx3-ubyte.gz"), _idx(source / f"{part}-labels-idx1-ubyte.gz")


def _idx(path: Path) -> NDArray[np.uint8]:
    if not path.is_file():
        raise MissingFile(path, "give the folder of the four Fashion-MNIST .gz files as --source")
    try:
        raw = gzip.decompress(path.read_bytes())
    except (OSError, EOFError) as fault:
        raise BadData(f"{path}: is no gzip file: {fault}; fetch it again") from fault
    dimensions = raw[3] if len(raw) > 4 and raw[:3] == b"\x00\x00\x08" else 0
    shape = np.frombuffer(raw, ">u4", dimensions, 4).astype(int) if dimensions else np.array([-1])
    start = 4 + 4 * dimensions
    if dimensions == 0 or len(raw) - start != int(shape.prod()):
        raise BadData(f"{path}: is no IDX file of unsigned bytes, or is cut short; fetch it again")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)
