"""A small specimen for whole runs: a table and pictures, each under a network that counts in its own forward.

Beside this file lie benchmarks and profiles that use it. Nothing is trained: the harness is tried, not the methods.
Where the environment names a file in ``XAIC_TEST_COUNT``, every pass is written there by the model itself.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from xaic.documents.errors import ExtraMissing
from xaic.documents.store import write_bytes
from xaic.documents.types import SpecimenRecord
from xaic.engine.tuning import cache_folder
from xaic.families.base import Material
from xaic.families.model import make_model
from xaic.specimens.base import Specimen, register_specimen

ROWS, CLASSES, SIDE, FEATURES = 40, 3, 8, 6
COUNT = "XAIC_TEST_COUNT"


def write_down(what: str, rows: int) -> None:
    """Add a line to the file of counts: what, rows, and the process that answers for them.

    A method's process leads a session of its own; its parent is the worker of the trial, as is the process itself
    where metrics run the model.
    """
    file = os.environ.get(COUNT)
    if file:
        worker = os.getppid() if os.getsid(0) == os.getpid() else os.getpid()
        with Path(file).open("a") as out:
            out.write(f"{worker} {what} {rows}\n")


class Returning(torch.autograd.Function):
    """The identity; counts the rows of gradient that come back through it."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        return logits.view_as(logits)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        write_down("backward", len(gradients[0]))
        return gradients[0]


class Counting(nn.Module):
    """Layers between two counters that are its own."""

    def __init__(self, layers: OrderedDict[str, nn.Module]) -> None:
        super().__init__()
        self.layers = nn.Sequential(layers)

    def forward(self, inputs: Tensor) -> Tensor:
        write_down("forward", len(inputs))
        logits: Tensor = self.layers(inputs)
        returned: Tensor = Returning.apply(logits) if logits.requires_grad else logits  # type: ignore[no-untyped-call]
        return returned


def table() -> nn.Module:
    """Return the network of the table."""
    return Counting(OrderedDict(one=nn.Linear(FEATURES, 16), relu=nn.ReLU(), two=nn.Linear(16, CLASSES)))


def image() -> nn.Module:
    """Return the network of the pictures."""
    return Counting(
        OrderedDict(
            conv=nn.Conv2d(1, 4, 3, padding=1),
            relu=nn.ReLU(),
            flat=nn.Flatten(),
            out=nn.Linear(4 * SIDE * SIDE, CLASSES),
        )
    )


def draw(*shape: int, seed: int) -> Tensor:
    """Return standard normal numbers."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def weights(builder: Any, name: str) -> Path:
    """Write the network's drawn weights to the cache folder and return the path."""
    module = builder()
    state = {key: draw(*value.shape, seed=place) / 2 for place, (key, value) in enumerate(module.state_dict().items())}
    data = save(state)
    path = cache_folder() / f"small-{name}-{sha256(data).hexdigest()[:8]}.safetensors"
    if not path.is_file():
        write_bytes(path, data)
    return path


@register_specimen
class Small(Specimen):
    id = "small"

    def record(self) -> SpecimenRecord:
        return SpecimenRecord(
            id=self.id,
            title="Drawn numbers under networks with drawn weights",
            kind="procedural",
            origin="generated",
            licence="Apache-2.0",
            rebuild="none needed",
            truths={},
            variants={"table": "six features", "image": "8 x 8 pixels", "absent": "needs a package that nobody has"},
            files={},
        )

    def _load(self, variant: str) -> Material:
        if variant == "absent":
            raise ExtraMissing("variant 'absent'", "nothing")
        builder, shape = (table, (FEATURES,)) if variant == "table" else (image, (1, SIDE, SIDE))
        path = weights(builder, variant)
        model = make_model(f"{__name__}:{builder.__name__}", {}, path, representation="layers.relu")
        inputs = draw(ROWS, *shape, seed=7)
        classes = torch.arange(ROWS) % CLASSES
        return Material(
            kind="tabular" if variant == "table" else "image",
            inputs=inputs,
            labels=classes,
            targets=classes,
            units=tuple(f"unit-{row:02d}" for row in range(ROWS)),
            background=draw(32, *shape, seed=8),
            model=model,
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        return {}
