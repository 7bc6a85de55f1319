"""Specimen ``series``: Cylinder-Bell-Funnel series with a decoy, under a 1-D CNN.

Saito's generator (1994) in closed form: noise everywhere, and from a to b an event that is flat (cylinder), rises
(bell) or falls (funnel). Here events begin anywhere, and every series also has a decoy, a saddle of the same height,
length and mean mass: neither size, nor edges, nor place tell where the evidence is, only the shape does.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
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
SHORT, LONG = 24, 40
"""b - a of an event or decoy, which takes one step more."""

STREAMS = {"training": 40, "background": 41, "test": 42}
_TRAINING, _BACKGROUND, _TRIED, _UNITS, _EPOCHS = 6000, 256, 600, 400, 12


@dataclass(frozen=True)
class Drawn:
    """Series with their truth: ``values`` [N, 1, T], ``classes`` [N], ``event`` and ``decoy`` [N, 1, T] (bool)."""

    values: NDArray[np.float32]
    classes: NDArray[np.int64]
    event: NDArray[np.bool_]
    decoy: NDArray[np.bool_]


def draw_series(stream: int, indices: Sequence[int]) -> Drawn:
    """Draw Cylinder-Bell-Funnel series with a decoy.

    With t = 0 ... 127, w = b - a ~ U{24..40} and r = (t - a) / w in the event, 0 elsewhere: cylinder (6 + η) 1, bell
    (6 + η) r, funnel (6 + η) (1 - r), saddle (6 + η) (1 + 2 |2 r - 1|) / 3; η and the noise ε_t are N(0, 1). Event and
    decoy stand in random order, the rest of the steps is shared out at random before, between and after them. Series
    i has class i mod 3 and depends on (stream, i) alone.
    """
    generators = [np.random.default_rng((stream, int(i))) for i in indices]
    widths = np.stack([g.integers(SHORT, LONG + 1, 2) for g in generators])
    cuts = np.stack([np.sort(g.random(2)) for g in generators])
    first = np.array([g.integers(2) for g in generators])
    heights = 6 + np.stack([g.standard_normal(2) for g in generators])
    noise = np.stack([g.standard_normal(LENGTH) for g in generators])
    gaps = (cuts * (LENGTH - widths.sum(1) - 2)[:, None]).astype(np.int64)
    rows = np.arange(len(generators))
    starts = np.empty((len(rows), 2), np.int64)  # of event and decoy
    starts[rows, first] = gaps[:, 0]
    starts[rows, 1 - first] = gaps[:, 1] + widths[rows, first] + 1
    t = np.arange(LENGTH)
    rise = (t - starts[:, :, None]) / widths[:, :, None]
    there = (rise >= 0) & (rise <= 1)
    kind = np.array(indices, np.int64) % len(CLASSES)
    event, decoy = rise[:, 0], rise[:, 1]
    shape = np.choose(kind[:, None], [np.ones_like(event), event, 1 - event])
    signal = heights[:, :1] * shape * there[:, 0] + heights[:, 1:] * (1 + 2 * np.abs(2 * decoy - 1)) / 3 * there[:, 1]
    values = (signal + noise).astype(np.float32)[:, None]
    return Drawn(values, kind, there[:, 0][:, None], there[:, 1][:, None])


@register_specimen
class Series(Specimen):
    """Cylinder-Bell-Funnel; units are series that the network classifies correctly."""

    id = "series"

    def _load(self, variant: str) -> Material:
        chosen = json.loads(self.file("units.json").read_text("utf-8"))[variant]
        drawn = draw_series(STREAMS["test"], chosen)
        background = draw_series(STREAMS["background"], range(_BACKGROUND))
        labels = torch.from_numpy(drawn.classes)
        return Material(
            kind="series",
            inputs=torch.from_numpy(drawn.values),
            labels=labels,
            targets=labels,
            units=tuple(f"test-{index:03d}" for index in chosen),
            background=torch.from_numpy(background.values),
            background_labels=torch.from_numpy(background.classes),
            model=make_model(
                BUILDER, CONFIG, self.file(f"{variant}.safetensors"), representation="pool", classes=CLASSES
            ),
            truths={"mask": torch.from_numpy(drawn.event), "decoys": torch.from_numpy(drawn.decoy)},
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        """Draw training series, train, and list the test series that come out right. Option: ``epochs``."""
        drawn = draw_series(STREAMS["training"], range(_TRAINING))
        epochs = int(options.get("epochs", _EPOCHS))
        inputs, labels = torch.from_numpy(drawn.values), torch.from_numpy(drawn.classes)
        module = train(BUILDER, CONFIG, inputs, labels, epochs=epochs, seed=43, batch=64)
        save(module, out / "cbf.safetensors")
        test = draw_series(STREAMS["test"], range(_TRIED))
        expected = torch.from_numpy(test.classes)
        right = logits(module, torch.from_numpy(test.values)).argmax(-1) == expected
        chosen = interleave(expected[right], right.nonzero().flatten())[:_UNITS]
        (out / "units.json").write_text(json.dumps({"cbf": chosen}) + "\n", "utf-8")
        return {"cbf/accuracy_test": float(right.float().mean())}
