"""What gives the evidence away without the model: brightness, edges, place. The decoys must hold as much of them.

The figures are printed (``pytest -rP``): shares of magnitude inside the object or event, beside its share of the area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.ndimage import sobel

from xaic.specimens import get_specimen

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.base import Material

VARIANTS = [("shape-scenes", "single"), ("shape-scenes", "pairs"), ("series", "cbf")]
SHORTCUTS = ("brightness", "edges", "centre")
FACTOR = 2.0


def magnitude(material: Material, shortcut: str) -> Tensor:
    """Return a map [N, L] that knows nothing of the model."""
    x = material.inputs
    if shortcut == "brightness":
        return (x - material.background.mean(0)).abs().sum(1).flatten(1).double()
    if shortcut == "edges":
        slopes = [sobel(x.numpy(), axis) for axis in range(2, x.ndim)]
        return torch.from_numpy(np.sqrt(sum(slope**2 for slope in slopes))).sum(1).flatten(1).double()
    where = np.stack(np.meshgrid(*[np.linspace(-1, 1, size) for size in x.shape[2:]], indexing="ij"))
    prior = torch.from_numpy(np.exp(-2 * (where**2).sum(0)))
    return prior.flatten().expand(len(x), -1).double()


class Shares:
    """Where a map's magnitude lies: means over units."""

    def __init__(self, maps: Tensor, material: Material) -> None:
        mask, decoys = (material.truths[name].flatten(1) for name in ("mask", "decoys"))
        inside, beside = (maps * mask).sum(1), (maps * decoys).sum(1)
        self.inside, self.area = float((inside / maps.sum(1)).mean()), float(mask.double().mean())
        self.among = float((inside / (inside + beside)).mean())
        self.area_among = float((mask.sum(1) / (mask | decoys).sum(1)).double().mean())
        top = maps.argmax(1, keepdim=True)
        self.pointing, self.pointing_decoy = (float(m.gather(1, top).double().mean()) for m in (mask, decoys))
        self.mass = float(beside.mean() / inside.mean())
        self.density = float((beside / decoys.sum(1)).mean() / (inside / mask.sum(1)).mean())

    def __str__(self) -> str:
        return (
            f"inside {self.inside:.3f} of all (area {self.area:.3f}), {self.among:.3f} of object and decoys "
            f"(area {self.area_among:.3f}); highest inside {self.pointing:.3f}, in decoys {self.pointing_decoy:.3f}; "
            f"decoys over object: mass {self.mass:.2f}, a location {self.density:.2f}"
        )


@pytest.mark.parametrize("shortcut", SHORTCUTS)
@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_decoys_hold_as_much_as_the_evidence_does(id: str, variant: str, shortcut: str) -> None:
    material = get_specimen(id).load(variant)
    found = Shares(magnitude(material, shortcut), material)
    print(f"{id}/{variant}, {shortcut}: {found}")  # noqa: T201 - figures for people who ask pytest for them
    assert 1 / FACTOR < found.mass < FACTOR
    assert 1 / FACTOR < found.density < FACTOR


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_the_exact_mask_localises_perfectly(id: str, variant: str) -> None:
    material = get_specimen(id).load(variant)
    found = Shares(material.truths["mask"].flatten(1).double(), material)
    assert (found.inside, found.among, found.pointing, found.pointing_decoy) == (1, 1, 1, 0)


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_decoys_that_were_dark_would_be_found_out(id: str, variant: str) -> None:
    """The test above can fail: with decoys painted over by the mean background, brightness gives the object away."""
    from dataclasses import replace

    material = get_specimen(id).load(variant)
    mean = material.background.mean(0).expand_as(material.inputs)
    painted = replace(material, inputs=torch.where(material.truths["decoys"], mean, material.inputs))
    assert Shares(magnitude(painted, "brightness"), painted).mass < 1 / FACTOR
