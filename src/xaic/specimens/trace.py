"""Specimen ``trace``: a real set of the UCR archive, signals of a simulated nuclear plant, under a 1-D CNN.

The series are read from the package tslearn (extra ``ucr``), which is not imported; only weights are shipped.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xaic.documents.errors import BadData, ExtraMissing
from xaic.documents.store import file_digest
from xaic.families.base import Material
from xaic.families.model import make_model
from xaic.specimens.base import Specimen, register_specimen
from xaic.specimens.training import interleave, logits, save, train

if TYPE_CHECKING:
    from torch import Tensor

BUILDER = "xaic.specimens.networks:convolutional_1d"
CONFIG: dict[str, Any] = {"channels": 1, "widths": [16, 32, 32], "classes": 4}
SOURCE_DIGEST = "0de0b7fa727cfabaf8481552db2b95fcccd12e54b67058aea79ff05b483cf807"
_EPOCHS = 200


def read_series(part: str) -> tuple[Tensor, Tensor]:
    """Return series [100, 1, 275] and classes [100] from 0 of ``part`` ('train' or 'test').

    Raises:
        ExtraMissing: the package is not installed.
        BadData: its file is another than the one this specimen was built from.
    """
    found = importlib.util.find_spec("tslearn")
    if found is None or not found.submodule_search_locations:
        raise ExtraMissing("specimen trace", "ucr")
    path = Path(found.submodule_search_locations[0]) / ".cached_datasets" / "Trace.npz"
    if not path.is_file() or file_digest(path) != SOURCE_DIGEST:
        raise BadData(f"{path}: is not the recorded file; install the pinned tslearn")
    with np.load(path, allow_pickle=False) as stored:
        series, classes = stored[f"X_{part}"], stored[f"y_{part}"]
    return torch.from_numpy(series.astype(np.float32)).movedim(2, 1).contiguous(), torch.from_numpy(classes) - 1


@register_specimen
class Trace(Specimen):
    """Trace (UCR): units are test series that the network classifies correctly; no truth is known."""

    id = "trace"

    def _load(self, variant: str) -> Material:
        rows = torch.tensor(json.loads(self.file("units.json").read_text("utf-8"))[variant])
        (series, classes), (background, background_classes) = read_series("test"), read_series("train")
        weights = self.file(f"{variant}.safetensors")
        names = tuple(str(number) for number in range(1, 5))
        return Material(
            kind="series",
            inputs=series[rows],
            labels=classes[rows],
            targets=classes[rows],
            units=tuple(f"test-{row:03d}" for row in rows.tolist()),
            background=background,
            background_labels=background_classes,
            model=make_model(BUILDER, CONFIG, weights, representation="pool", classes=names),
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        """Train on the training series and list the test series that come out right. Option: ``epochs``."""
        series, classes = read_series("train")
        epochs = int(options.get("epochs", _EPOCHS))
        module = train(BUILDER, CONFIG, series, classes, epochs=epochs, seed=53, batch=20)
        save(module, out / "cnn.safetensors")
        test, expected = read_series("test")
        right = logits(module, test).argmax(-1) == expected
        chosen = interleave(expected[right], right.nonzero().flatten())
        (out / "units.json").write_text(json.dumps({"cnn": chosen}) + "\n", "utf-8")
        return {"cnn/accuracy_test": float(right.float().mean())}
