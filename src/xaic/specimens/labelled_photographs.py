"""Specimen ``labelled-photographs``: photographs of ImageNet with their labels, under EfficientNet-Lite0.

The pictures come from the package foolbox (extra ``labelled-photographs``), which is not imported: its files are read.
Only a table of hashes is shipped.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image

from xaic.documents.errors import BadData, ExtraMissing
from xaic.documents.store import file_digest
from xaic.specimens.base import Specimen, get_specimen, register_specimen
from xaic.specimens.photographs import OTHERS, Photographs, material, square
from xaic.specimens.training import logits

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from xaic.families.base import Material

EXTRA = "labelled-photographs"


def folder() -> Path:
    """Return where the package keeps its pictures; raise ``ExtraMissing`` where it is not installed."""
    found = importlib.util.find_spec("foolbox")
    if found is None or not found.submodule_search_locations:
        raise ExtraMissing(f"specimen {EXTRA}", EXTRA)
    return Path(found.submodule_search_locations[0]) / "data"


def label(name: str) -> int:
    """Return the ImageNet class that a file name ends in: ``imagenet_00_243.jpg`` is of class 243."""
    return int(Path(name).stem.rpartition("_")[2])


def read(names: Iterable[str]) -> Tensor:
    """Return pictures [P, 3, 224, 224] in [0, 1]: the centred square of 7/8 of the shorter side."""
    pictures = [np.asarray(Image.open(folder() / name).convert("RGB"), np.float64) / 255 for name in names]
    return torch.from_numpy(np.stack([square(picture, share=7 / 8) for picture in pictures]))


@register_specimen
class LabelledPhotographs(Specimen):
    """Photographs whose label the network gives, one of each class, and mosaics of them."""

    id = "labelled-photographs"

    def _load(self, variant: str) -> Material:
        known: dict[str, str] = json.loads(self.file("units.json").read_text("utf-8"))
        others = get_specimen("photographs")
        assert isinstance(others, Photographs)
        model = others.model()
        for name, digest in known.items():
            path = folder() / name
            if not path.is_file() or file_digest(path) != digest:
                raise BadData(f"{path}: is not the recorded picture; install the pinned foolbox")
        names = [Path(name).stem for name in known]
        classes = torch.tensor([label(name) for name in known])
        return material(model, read(known), classes, names, others.images(OTHERS), grid=variant == "grid")

    def build(self, out: Path, **options: Any) -> dict[str, float]:  # noqa: ARG002 - nothing to choose
        """List the pictures whose label comes first, the first of each class, with their hashes."""
        names = sorted(path.name for path in folder().glob("imagenet_*.jpg"))
        others = get_specimen("photographs")
        assert isinstance(others, Photographs)
        best = logits(others.model().module(), read(names)).topk(5).indices
        truth = torch.tensor([label(name) for name in names])
        hit = best == truth[:, None]
        chosen: dict[int, str] = {}
        for name, right in zip(names, hit[:, 0].tolist(), strict=True):
            if right:
                chosen.setdefault(label(name), name)
        digests = {name: file_digest(folder() / name) for name in sorted(chosen.values())}
        (out / "units.json").write_text(json.dumps(digests, indent=1) + "\n", "utf-8")
        return {"top1": float(hit[:, 0].float().mean()), "top5": float(hit.any(1).float().mean())}
