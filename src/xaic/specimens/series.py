"""Specimen ``series``: Cylinder-Bell-Funnel series with a planted event, under a 1-D CNN.

Generator of Saito (1994), in closed form: noise everywhere, and from a to b an event that is flat (cylinder),
rises (bell) or falls (funnel).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xaic.families.base import Material
from xaic.families.model import make_model
from xaic.specimens.base import Specimen, register_specimen
from xaic.specimens.training import interleave, logits, save, train

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

BUILDER = "xaic.specimens.networks:convolutional_1d"
CONFIG: dict[str, Any] = {"channels": 1, "widths": [16, 32, 32], "classes": 3}
CLASSES = ("cylinder", "bell", "funnel")
LENGTH = 128
STREAMS = {"training": 40, "background": 41, "test": 42}
_TRAINING, _BACKGROUND, _TRIED, _UNITS, _EPOCHS = 3000, 256, 600, 400, 8


def draw_series(
    stream: int, indices: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.bool_]]:
    """Draw Cylinder-Bell-Funnel series.

    With t = 0 ... 127, a ~ U{16..32}, b - a ~ U{32..96}, η and ε_t ~ N(0, 1), and χ = 1 for a <= t <= b:
    cylinder (6 + η) χ + ε_t; bell (6 + η) χ (t - a) / (b - a) + ε_t; funnel the same with (b - t) / (b - a).
    Series i has class i mod 3 and depends on (stream, i) alone.

    Returns:
        series [N, 1, 128], classes [N], and the planted event χ [N, 1, 128].
    """
    generators = [np.random.default_rng((stream, int(i))) for i in indices]
    start = np.array([g.integers(16, 33) for g in generators])[:, None]
    width = np.array([g.integers(32, 97) for g in generators])[:, None]
    noise = np.stack([g.standard_normal(LENGTH + 1) for g in generators])
    t = np.arange(LENGTH)[None]
    event = (t >= start) & (t <= start + width)
    rise = (t - start) / width
    kind = np.array(indices, np.int64) % len(CLASSES)
    shape = np.choose(kind[:, None], [np.ones_like(rise), rise, 1 - rise])
    series = (6 + noise[:, -1:]) * event * shape + noise[:, :-1]
    return series.astype(np.float32)[:, None], kind, event[:, None]


@register_specimen
class Series(Specimen):
    """Cylinder-Bell-Funnel; units are series that the network classifies correctly."""

    id = "series"

    def _load(self, variant: str) -> Material:
        chosen = json.loads(self.file("units.json").read_text("utf-8"))[variant]
        series, classes, event = draw_series(STREAMS["test"], chosen)
        background, background_classes, _ = draw_series(STREAMS["background"], range(_BACKGROUND))
        labels = torch.from_numpy(classes)
        return Material(
            kind="series",
            inputs=torch.from_numpy(series),
            labels=labels,
            targets=labels,
            units=tuple(f"test-{index:03d}" for index in chosen),
            background=torch.from_numpy(background),
            background_labels=torch.from_numpy(background_classes),
            model=make_model(
                BUILDER, CONFIG, self.file(f"{variant}.safetensors"), representation="pool", classes=CLASSES
            ),
            truths={"mask": torch.from_numpy(event)},
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        """Draw training series, train, and list the test series that come out right. Option: ``epochs``."""
        series, classes, _ = draw_series(STREAMS["training"], range(_TRAINING))
        epochs = int(options.get("epochs", _EPOCHS))
        inputs, labels = torch.from_numpy(series), torch.from_numpy(classes)
        module = train(BUILDER, CONFIG, inputs, labels, epochs=epochs, seed=43, batch=64)
        save(module, out / "cbf.safetensors")
        test, test_classes, _ = draw_series(STREAMS["test"], range(_TRIED))
        expected = torch.from_numpy(test_classes)
        right = logits(module, torch.from_numpy(test)).argmax(-1) == expected
        chosen = interleave(expected[right], right.nonzero().flatten())[:_UNITS]
        (out / "units.json").write_text(json.dumps({"cbf": chosen}) + "\n", "utf-8")
        return {"cbf/accuracy_test": float(right.float().mean())}
