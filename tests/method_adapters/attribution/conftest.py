"""Small networks, tasks and a context for the tests of attribution methods; none is a specimen's."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from torch import Tensor, nn

from xaic.families.attribution import AttributionTask
from xaic.families.model import Model

if TYPE_CHECKING:
    from xaic.documents.types import MethodCard

CLASSES = 3


class Add(nn.Module):
    """Sum of two branches, called as the networks of the specimens call theirs."""

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return one + other


class Residual(nn.Module):
    """One residual block between a stem and a head."""

    def __init__(self, *, bias: bool) -> None:
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1, bias=bias)
        self.relu0 = nn.ReLU()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=bias)
        self.relu1 = nn.ReLU()
        self.shortcut = nn.Conv2d(4, 4, 1, bias=bias)
        self.add = Add()
        self.relu2 = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flat = nn.Flatten()
        self.head = nn.Linear(4, CLASSES, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu0(self.stem(x))
        x = self.relu2(self.add(self.relu1(self.conv(x)), self.shortcut(x)))
        return cast("Tensor", self.head(self.flat(self.pool(x))))


def cnn(*, bias: bool = True, norm: bool = True) -> nn.Module:
    layers: list[nn.Module] = [nn.Conv2d(1, 4, 3, padding=1, bias=bias)]
    layers += [nn.BatchNorm2d(4)] if norm else []
    layers += [nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 6, 3, padding=1, bias=bias), nn.ReLU()]
    layers += [nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES, bias=bias)]
    return nn.Sequential(*layers)


def cnn_1d() -> nn.Module:
    layers = [
        nn.Conv1d(1, 4, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(4, 6, 5, padding=2),
        nn.ReLU(),
    ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, CLASSES))


def mlp(features: int = 6) -> nn.Module:
    return nn.Sequential(nn.Linear(features, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, CLASSES))


def ready(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter and statistic a value from a seed; freeze."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in (*module.named_parameters(), *module.named_buffers()):
            if "num_batches" in name:
                continue
            scale = 1.5 / max(tensor[0].numel(), 1) ** 0.5 if tensor.ndim > 1 else 0.3
            tensor.copy_(scale * torch.randn(tensor.shape, generator=generator))
            if "running_var" in name or name.endswith("norm.weight"):
                tensor.abs_().add_(0.5)
    return module.eval().requires_grad_(requires_grad=False)


@dataclass
class Ctx:
    """A context that lends one module and gives every unit a stream of its own."""

    lent: nn.Module
    card: MethodCard | None = None
    draw: int = 0
    changed: dict[str, Any] = field(default_factory=dict)
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    scratch: Path = Path()

    def generator(self, unit: str = "") -> torch.Generator:
        seed = int.from_bytes(sha256(f"{self.draw}|{unit}".encode()).digest()[:7], "big")
        return torch.Generator().manual_seed(seed)

    def progress(self, share: float) -> None:
        assert 0 <= share <= 1

    def count(self, forward: int, backward: int = 0) -> None:
        assert min(forward, backward) >= 0

    def parameter(self, name: str) -> Any:
        return {**(self.card.parameters if self.card else {}), **self.changed}[name]

    def module(self, model: Model) -> nn.Module:
        return self.lent


def a_task(kind: str, n: int = 5, seed: int = 1, features: int = 6) -> AttributionTask:
    shape = {"image": (1, 14, 14), "tabular": (features,), "series": (1, 32)}[kind]
    generator = torch.Generator().manual_seed(seed)
    background = torch.randn(20, *shape, generator=generator)
    return AttributionTask(
        kind=kind,
        inputs=torch.randn(n, *shape, generator=generator) + 0.3,
        targets=torch.arange(n) % CLASSES,
        baseline=0.2 * torch.randn(*shape, generator=generator),
        background=background,
        model=cast("Model", None),
        units=tuple(f"unit-{row}" for row in range(n)),
    )


NETWORKS = {"image": lambda: ready(cnn()), "tabular": lambda: ready(mlp()), "series": lambda: ready(cnn_1d())}


def explain(
    cls: Any, kind: str, task: AttributionTask | None = None, module: nn.Module | None = None, **more: Any
) -> Tensor:
    """Return the maps of a method class; ``more`` are the context's ``draw`` or parameters."""
    module = NETWORKS[kind]() if module is None else module
    task = (a_task(kind) if task is None else task).with_model(named(module))
    ctx = Ctx(module, cls.card, more.pop("draw", 0), more)
    return cast("Tensor", cls().run(task, None, ctx).values)


def named(module: nn.Module) -> Model:
    """Return a stand-in for a stored model: nothing but a digest that identifies the function."""
    digest = sha256(repr(module).encode())
    for tensor in module.state_dict().values():
        digest.update(str(tensor.dtype).encode() + tensor.numpy().tobytes())
    return Model("nowhere:nothing", {}, Path(), digest.hexdigest())


def target_gain(module: nn.Module, task: AttributionTask) -> Tensor:
    """Return f_t(x) - f_t(b) [N]."""
    with torch.no_grad():
        gap = module(task.inputs) - module(task.baseline.unsqueeze(0))
    return cast("Tensor", gap[torch.arange(len(gap)), task.targets])


@pytest.fixture
def cases() -> Any:
    """This module: builders of networks, tasks and contexts."""
    return sys.modules[__name__]
