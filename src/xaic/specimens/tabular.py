"""Specimen ``tabular``: the breast cancer table that scikit-learn ships, standardised, under a small MLP.

The table itself is read from scikit-learn and checked by hash; only split, scaling and weights are shipped.
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
from xaic.specimens.base import Specimen, register_specimen
from xaic.specimens.training import interleave, logits, save, train

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import Tensor

BUILDER = "xaic.specimens.networks:perceptron"
CONFIG: dict[str, Any] = {"widths": [30, 32, 16, 2]}
CLASSES = ("malignant", "benign")
_TEST, _EPOCHS = 170, 60


def read_table() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the table [569, 30] and the classes [569] from scikit-learn's own files."""
    from sklearn.datasets import load_breast_cancer

    table, classes = load_breast_cancer(return_X_y=True)
    return np.asarray(table, np.float64), np.asarray(classes, np.int64)


def table_digest(table: NDArray[np.float64], classes: NDArray[np.int64]) -> str:
    """Return the SHA-256 of table and classes as little-endian bytes."""
    return sha256(table.astype("<f8").tobytes() + classes.astype("<i8").tobytes()).hexdigest()


@register_specimen
class Tabular(Specimen):
    """Breast cancer (569 rows, 30 features); units are test rows that the MLP classifies correctly."""

    id = "tabular"

    def rows(self) -> tuple[Tensor, Tensor, Mapping[str, Any]]:
        """Return standardised rows [569, 30], classes [569] and the split: row numbers of test, train and units."""
        split = json.loads(self.file("split.json").read_text("utf-8"))
        table, classes = read_table()
        if table_digest(table, classes) != split["sha256"]:
            raise BadData("scikit-learn's breast cancer table is another than the one this specimen was built from")
        scaled = (table - np.array(split["mean"])) / np.array(split["deviation"])
        return torch.from_numpy(scaled.astype(np.float32)), torch.from_numpy(classes), split

    def _load(self, variant: str) -> Material:
        rows, classes, split = self.rows()
        units, train_rows = torch.tensor(split["units"]), torch.tensor(split["train"])
        return Material(
            kind="tabular",
            inputs=rows[units],
            labels=classes[units],
            targets=classes[units],
            units=tuple(f"row-{row:03d}" for row in split["units"]),
            background=rows[train_rows],
            background_labels=classes[train_rows],
            model=make_model(
                BUILDER, CONFIG, self.file(f"{variant}.safetensors"), representation="relu2", classes=CLASSES
            ),
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        """Split, standardise by the training rows, train, and list the test rows that come out right."""
        table, classes = read_table()
        order = np.random.default_rng(31).permutation(len(table))
        order = np.array(interleave(torch.from_numpy(classes[order]), torch.from_numpy(order)))
        test, rest = _stratified(order, classes)
        mean, deviation = table[rest].mean(0), table[rest].std(0)
        rows = torch.from_numpy(((table - mean) / deviation).astype(np.float32))
        labels = torch.from_numpy(classes)
        epochs = int(options.get("epochs", _EPOCHS))
        module = train(BUILDER, CONFIG, rows[rest], labels[rest], epochs=epochs, seed=32, batch=32, decay=1e-2)
        save(module, out / "mlp.safetensors")
        right = (logits(module, rows[test]).argmax(-1) == labels[test]).numpy()
        good = torch.from_numpy(test[right])
        split = {
            "sha256": table_digest(table, classes),
            "test": test.tolist(),
            "train": rest.tolist(),
            "units": interleave(labels[good], good),
            "mean": mean.tolist(),
            "deviation": deviation.tolist(),
        }
        (out / "split.json").write_text(json.dumps(split) + "\n", "utf-8")
        return {"mlp/accuracy_test": float(right.mean())}


def _stratified(order: NDArray[np.int64], classes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return test and training rows with the same shares of the classes, each sorted."""
    share = _TEST / len(order)
    test = np.concatenate([own[: round(share * len(own))] for own in (order[classes[order] == c] for c in (0, 1))])
    return np.sort(test), np.setdiff1d(order, test)
