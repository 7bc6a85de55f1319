"""What the tests of the engine are made of: models that count in their own forward, tasks, methods in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from xaic.documents.types import ClaimedProperty, MethodCard
from xaic.engine.attribution import AttributionSweeps
from xaic.engine.cache import Cache
from xaic.engine.meter import Meter
from xaic.engine.runner import Runner, Tuning
from xaic.engine.streams import Streams
from xaic.execution.context import HostContext
from xaic.families.attribution import Attribution, AttributionTask
from xaic.families.base import Posed
from xaic.families.model import build, make_model
from xaic.methods.base import Method, State

if TYPE_CHECKING:
    from xaic.families.model import Activation, Model
    from xaic.methods.base import Context

CNN = "xaic.specimens.networks:convolutional"
MLP = "xaic.specimens.networks:perceptron"
COUNTED = f"{__name__}:counted"
MIXED = f"{__name__}:mixed"

PROTOCOL = {
    "steps": 4,
    "operators": ["mean"],
    "subsets": 6,
    "draws": 3,
    "neighbours": 2,
    "noise": 0.05,
    "randomisations": 2,
    "mask_share": 0.2,
}


@dataclass
class Seen:
    """What models that count saw: rows forward, rows of gradient, and the inputs themselves."""

    forward: int = 0
    backward: int = 0
    inputs: list[Tensor] = field(default_factory=list)
    inference: list[bool] = field(default_factory=list)

    def clear(self) -> None:
        self.forward = self.backward = 0
        self.inputs.clear()
        self.inference.clear()

    def rows(self) -> Tensor:
        """Return all inputs that were seen, in order."""
        return torch.cat(self.inputs)


SEEN = Seen()


class Counted(nn.Module):
    """A network that counts in its own forward; ``inner`` is the network itself."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        if not x.requires_grad and bool(x.isnan().any()):
            raise ArithmeticError("I do not like NaN")
        SEEN.forward += len(x)
        SEEN.inputs.append(x.detach().clone())
        SEEN.inference.append(torch.is_inference_mode_enabled())
        logits: Tensor = self.inner(x)
        if logits.requires_grad:
            logits.register_hook(self._back)
        return logits

    @staticmethod
    def _back(gradient: Tensor) -> None:
        SEEN.backward += len(gradient)


def counted(builder: str, config: dict[str, Any]) -> nn.Module:
    """Return a builder's network, counting."""
    return Counted(build(builder, config))


class Mixed(nn.Module):
    """A network with what is easily forgotten: bare parameters, twins of one shape, a single number, LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 8))
        self.places = nn.Parameter(torch.randn(1, 5, 8) * 0.02)
        self.scale = nn.Parameter(torch.tensor(1.0))
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        rows = torch.cat([self.token.expand(len(x), 1, 8), x.unsqueeze(1).expand(-1, 4, -1)], 1) + self.places
        hidden = self.norm(self.second(self.first(rows).relu()) + rows)
        found: Tensor = self.head(self.scale * hidden.mean(1))
        return found


def mixed() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Mixed()


def keep(folder: Path, builder: str, config: Mapping[str, Any], state: Mapping[str, Tensor], **more: Any) -> Model:
    """Return a model whose weights are ``state``."""
    path = folder / f"{len(list(folder.glob('*.safetensors')))}.safetensors"
    save_file({name: value.contiguous().clone() for name, value in state.items()}, path)
    return make_model(builder, config, path, **more)


def random_state(builder: str, config: Mapping[str, Any], seed: int = 1) -> dict[str, Tensor]:
    """Return random weights for a network; statistics of BatchNorm away from 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = build(builder, config).state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator)
            state[name] = noise.abs() + 0.5 if "running_var" in name else 0.5 * noise
    return state


def random_model(folder: Path, builder: str, config: Mapping[str, Any], seed: int = 1, **more: Any) -> Model:
    """Return a model with random weights."""
    return keep(folder, builder, config, random_state(builder, config, seed), **more)


def counted_cnn(folder: Path, *, norm: bool = False, channels: int = 2, activation: Activation = "softmax") -> Model:
    """Return a small counting CNN of three classes, none of which rules: logits of noise have mean 0, deviation 1."""
    inner = {"channels": channels, "blocks": [[4], [6]], "classes": 3, "norm": norm}
    module, state = build(CNN, inner), random_state(CNN, inner)
    module.load_state_dict(state)
    sample = torch.randn(64, channels, 6, 6, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        logits = module.eval()(sample)
    spread = logits.std(0)
    state["head.weight"] = state["head.weight"] / spread[:, None]
    state["head.bias"] = (state["head.bias"] - logits.mean(0)) / spread
    named = {f"inner.{name}": value for name, value in state.items()}
    config = {"builder": CNN, "config": inner}
    return keep(folder, COUNTED, config, named, activation=activation, representation="inner.pool")


def linear_model(folder: Path, weights: Tensor, offset: Tensor, *, activation: Activation = "sigmoid") -> Model:
    """Return logits W x + c of flattened inputs, counting; W is [K, L]."""
    config = {"builder": MLP, "config": {"widths": [weights.shape[1], len(weights)]}}
    state = {"inner.linear1.weight": weights.float(), "inner.linear1.bias": offset.float()}
    return keep(folder, COUNTED, config, state, activation=activation)


def random_task(model: Model, shape: tuple[int, ...], n: int = 5, seed: int = 2, targets: int = 3) -> AttributionTask:
    """Return a task at random inputs [n, *shape], with a background of 7 rows and its mean as baseline."""
    g = torch.Generator().manual_seed(seed)
    inputs, background = torch.randn(n, *shape, generator=g), torch.randn(7, *shape, generator=g)
    kind = {1: "tabular", 2: "series", 3: "image"}[len(shape)]
    chosen = torch.randint(0, targets, (n,), generator=g)
    units = tuple(f"unit-{i}" for i in torch.randperm(n, generator=g).tolist())
    return AttributionTask(kind, inputs, chosen, background.mean(0), background, model, units)


class Riemann(Method[Any, AttributionTask, Attribution]):
    """Gradients at ``steps`` points between baseline and input, times the way between: ``steps`` passes a row."""

    card = MethodCard(
        id="test.riemann",
        title="",
        family="attribution",
        purpose="",
        truth="contribution",
        parameters={"steps": 3},
        convergence="steps",
        claims=(ClaimedProperty("completeness"),),
    )

    def run(self, task: AttributionTask, state: State, ctx: Context) -> Attribution:
        module, way = ctx.module(task.model), task.inputs - task.baseline
        steps, total = int(ctx.parameter("steps")), torch.zeros_like(task.inputs)
        for step in range(steps):
            at = (task.baseline + (step + 0.5) / steps * way).requires_grad_()
            score = module(at).gather(1, task.targets[:, None]).sum()
            total += torch.autograd.grad(score, at)[0]
        return Attribution(way * total / steps)


@dataclass
class Local:
    """A probe of a method that runs in this process, lent what a process of its own would be lent; nothing cached."""

    method: Method[Any, AttributionTask, Attribution]
    meter: Meter
    asked: list[tuple[AttributionTask, str, dict[str, float]]] = field(default_factory=list)
    state: State = field(default_factory=State)

    @property
    def card(self) -> MethodCard:
        return self.method.card

    def run(self, task: AttributionTask, draw: int | str = 0, **params: float) -> Attribution:
        self.asked.append((task, str(draw), params))
        ctx = HostContext(self.card.id, 0, str(draw), Path(), {**self.card.parameters, **params})
        found = self.method.run(task, self.state, ctx)
        self.meter.add(ctx.counted.forward, ctx.counted.backward)
        return found

    def repeat(self, task: AttributionTask, draw: int | str = 0, **params: float) -> Attribution:
        return self.run(task, draw, **params)


@dataclass(frozen=True)
class Fixed(Method[Any, AttributionTask, Attribution]):
    """Returns given maps, whatever it is asked; a unit's map goes with its id."""

    maps: Mapping[str, Tensor]
    card = MethodCard("test.fixed", "", "attribution", "", truth="region")

    def run(self, task: AttributionTask, state: State, ctx: Context) -> Attribution:
        return Attribution(torch.stack([self.maps[unit] for unit in task.units]))


def sweeps_of(
    task: AttributionTask,
    method: Method[Any, AttributionTask, Attribution] | None = None,
    *,
    folder: Path | None = None,
    chunk: int = 16,
    seed: int = 0,
    truths: Mapping[str, Tensor] | None = None,
    **protocol: Any,
) -> AttributionSweeps:
    """Return the sweeps of a task and a method; their probe is a ``Local``."""
    runner = Runner({task.model.digest: Tuning(chunk)})
    sweeps = AttributionSweeps(
        Posed(task, truths or {}),
        {},
        {**PROTOCOL, **protocol},
        runner,
        Streams(seed),
        Cache(folder) if folder else None,
    )
    sweeps.probes["method"] = Local(method or Riemann(), sweeps.meter)
    return sweeps


def fixed_maps(task: AttributionTask, maps: Tensor) -> Fixed:
    """Return the method that answers with ``maps`` [N, ...] of a task's units."""
    return Fixed(dict(zip(task.units, maps, strict=True)))
