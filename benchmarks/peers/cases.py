"""What both sides are tried on: a model with inputs and settings, the same for xaic and for its peers.

``large`` is a CNN of about 2 ms a pass on images of one channel, with random weights of a fixed seed: cost and
agreement of values do not ask what it has learned. ``small`` is the shipped Fashion-MNIST network of about 80 us a
pass, ``middle`` lies between them. One channel, because Quantus' ROAD raises an index error on more. The baseline is
one constant, because Quantus' pixel flipping takes a number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from counting import counting_model
from safetensors.torch import save_file

from xaic.families.base import Material, Posed, get_family
from xaic.families.model import make_model
from xaic.specimens.base import get_specimen
from xaic.specimens.networks import convolutional

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.families.model import Model

SEED = 2026
CLASSES = 10
"""Of every case."""


@dataclass(frozen=True)
class Case:
    """One model with its task; ``protocol`` holds the settings of every sweep."""

    name: str
    title: str
    posed: Posed[AttributionTask]
    protocol: dict[str, Any]

    @property
    def task(self) -> AttributionTask:
        """The task that both sides are given."""
        return self.posed.task

    @property
    def model(self) -> Model:
        """The counted model."""
        return self.task.model

    def of(self, units: int, **protocol: Any) -> Case:
        """Return the case with fewer units and other settings."""
        units = min(units, len(self.task.units))
        truths = {name: truth[:units] for name, truth in self.posed.truths.items()}
        posed = replace(
            self.posed, task=self.task.select(range(units)), truths=truths, clusters=self.task.units[:units]
        )
        return replace(self, posed=posed, protocol={**self.protocol, "units": units, **protocol})


def cases(folder: Path, *, quick: bool) -> list[Case]:
    """Return the cases of a run; weights that are made here lie in ``folder``."""
    if quick:
        few = _protocol(8, steps=8, subsets=16, neighbours=4, randomisations=2, draws=2)
        return [_random("tiny", [[8], [16]], 32, folder, few)]
    return [
        _random("large", [[48, 48], [96, 96], [128]], 64, folder, _protocol(16, steps=16, subsets=64, neighbours=8)),
        _random("middle", [[16], [32, 32], [64]], 32, folder, _protocol(64, steps=16, subsets=128, neighbours=16)),
        _small(_protocol(64, steps=14, subsets=128, neighbours=16)),
    ]


def _protocol(units: int, **settings: int) -> dict[str, Any]:
    operators = ["mean", "blur", "resample", "road"]
    usual = {"operators": operators, "noise": 0.05, "mask_share": 0.2, "randomisations": 10, "draws": 3}
    return {"units": units, **usual, **settings}


def _random(name: str, blocks: list[list[int]], side: int, folder: Path, protocol: dict[str, Any]) -> Case:
    """Return a CNN with random weights on textures."""
    inputs = _textures(64, side, torch.Generator().manual_seed(SEED))
    background = _textures(64, side, torch.Generator().manual_seed(SEED + 1))
    model = _random_model(folder, blocks, background)
    with torch.no_grad():
        targets = model.module()(inputs).argmax(1)
    material = Material(
        kind="image",
        inputs=inputs,
        labels=targets,
        targets=targets,
        units=tuple(f"texture-{row:03d}" for row in range(len(inputs))),
        background=background,
        model=counting_model(model),
        extra={"baseline": torch.full_like(inputs[0], 0.5)},
    )
    widths = ", ".join(" ".join(map(str, block)) for block in blocks)
    return _case(name, f"convolutions {widths} on 1 x {side} x {side}, random weights", material, protocol)


def _random_model(folder: Path, blocks: list[list[int]], background: Tensor) -> Model:
    """He-normal weights; the head is scaled so that logits of the background have mean 0 and deviation 1.5."""
    config = {"channels": 1, "blocks": blocks, "classes": CLASSES, "norm": False}
    module = convolutional(**config).requires_grad_(False)  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(SEED)
    for parameter in module.parameters():
        spread = math.sqrt(2 / parameter[0].numel()) if parameter.ndim > 1 else 0.01
        parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    head = module.get_submodule("head")
    assert isinstance(head, torch.nn.Linear)
    logits = module(background)
    scale = 1.5 / logits.std(0)
    head.weight.mul_(scale[:, None])
    head.bias.copy_(scale * (head.bias - logits.mean(0)))
    path = folder / f"random-{'-'.join(str(width) for block in blocks for width in block)}.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, path)
    return make_model("xaic.specimens.networks:convolutional", config, path, representation="pool")


def _textures(count: int, side: int, generator: torch.Generator) -> Tensor:
    """Return smooth random textures in [0.05, 0.95]: no element is zero, so relative changes are well defined."""
    coarse = torch.rand(count, 1, 8, 8, generator=generator)
    fine = torch.rand(count, 1, side, side, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic", align_corners=False)
    return (0.7 * smooth.clamp(0, 1) + 0.3 * fine) * 0.9 + 0.05


def _small(protocol: dict[str, Any]) -> Case:
    material = get_specimen("fashion").load("plain")
    assert material.model is not None
    black = {"baseline": torch.zeros_like(material.inputs[0])}
    counted = replace(material, model=counting_model(material.model), extra={**material.extra, **black})
    title = "the shipped Fashion-MNIST CNN without BatchNorm, 1 x 28 x 28"
    return _case("small", title, counted, protocol)


def _case(name: str, title: str, material: Material, protocol: dict[str, Any]) -> Case:
    return Case(name, title, get_family("attribution").pose(material, protocol), protocol)
