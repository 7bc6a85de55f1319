"""Quantus' side: its metrics called as its users call them, with the settings that suit it best here.

Its metrics are given the maps that xaic made (free of charge), and explain with Captum's gradient, signed, the same
algorithm as xaic's. They have no seed argument, so that values can be compared only where the draws are dealt to them:
noise and fills come through ``perturb_func``, their public hook, and random subsets through numpy's ``choice`` while
a call lasts. Dealing costs less than drawing: it favours Quantus.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar
from unittest import mock

import numpy as np
import quantus
import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from measuring import measured
from rows import Peer

from xaic.engine.tuning import CHUNKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cases import Case
    from numpy.typing import NDArray
    from torch import Tensor, nn

T = TypeVar("T")

LIBRARY = f"Quantus {quantus.__version__}"
PILOT_STEPS = 4


@dataclass(frozen=True)
class Setting:
    """Batch size, and whether the user has put the model into channels-last layout before handing it over."""

    batch: int
    channels_last: bool = False

    def __str__(self) -> str:
        """Return the setting in words."""
        return f"batch {self.batch}, {'channels-last' if self.channels_last else 'layout as it comes'}"


@dataclass(frozen=True)
class Pilot:
    """CPU microseconds an image at every setting tried, for one kind of pass."""

    tried: dict[Setting, float]

    @property
    def best(self) -> Setting:
        """The cheapest of all."""
        return min(self.tried, key=self.tried.__getitem__)

    @property
    def plain(self) -> Setting:
        """The cheapest with the model as it comes."""
        return min((one for one in self.tried if not one.channels_last), key=self.tried.__getitem__)


@dataclass(frozen=True)
class Pilots:
    """Settings tried for metrics that predict, and for metrics that explain again."""

    predicting: Pilot
    explaining: Pilot


def pilots(case: Case, *, quick: bool = False) -> Pilots:
    """Try batch sizes and layouts on a short pixel flipping and a short maximum sensitivity."""
    few = case.of(min(64, len(case.task.units)))
    sizes = [size for size in CHUNKS if size <= min(64, len(few.task.units))]
    tried = [Setting(size, last) for last in (False, True) for size in (sizes[-1:] if quick else sizes)]
    elements = few.task.inputs[0].numel()
    maps = torch.rand(few.task.inputs.shape, generator=torch.Generator().manual_seed(0))
    flipping = {"name": "PixelFlipping", "features_in_step": elements // PILOT_STEPS}
    sensitivity = {"name": "MaxSensitivity", "nr_samples": 2}
    found = [
        {one: 1e6 * _pilot(few, maps, one, options, quick=quick) for one in tried}
        for options in (flipping, sensitivity)
    ]
    return Pilots(*(Pilot(costs) for costs in found))


def _pilot(case: Case, maps: Tensor, setting: Setting, options: dict[str, Any], *, quick: bool) -> float:
    _, took = measured(lambda _: Caller(case, setting)(maps=maps, **options), once=quick)
    return took.seconds / took.passes.forward


class Caller:
    """Calls metrics of Quantus on a case's task at one setting; parameters of the model are frozen."""

    def __init__(self, case: Case, setting: Setting) -> None:
        self.task, self.setting = case.task, setting
        self.module: nn.Module = case.model.module()
        if setting.channels_last:
            self.module = self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(
        self,
        name: str,
        maps: Tensor,
        *,
        softmax: bool = True,
        explain: Callable[..., NDArray[Any]] | None = None,
        batch: int = 0,
        **options: Any,
    ) -> Any:
        """Return what a metric returns."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            metric = getattr(quantus, name)(
                **{"normalise": False, "abs": False, "return_aggregate": False, "disable_warnings": True, **options}
            )
            return metric(
                model=self.module,
                x_batch=self.task.inputs.numpy(),
                y_batch=self.task.targets.numpy(),
                a_batch=maps.reshape(self.task.inputs.shape).numpy().copy(),
                explain_func=explain or gradient,
                softmax=softmax,
                channel_first=True,
                batch_size=batch or self.setting.batch,
            )


def gradient(model: nn.Module, inputs: NDArray[Any], targets: NDArray[Any], **_: Any) -> NDArray[Any]:
    """Explain with Captum's saliency, signed."""
    rows = torch.as_tensor(inputs, dtype=torch.float32).requires_grad_()
    found: Tensor = Saliency(model).attribute(rows, target=torch.as_tensor(targets), abs=False)
    return found.numpy()


def input_x_gradient(model: nn.Module, inputs: NDArray[Any], targets: NDArray[Any], **_: Any) -> NDArray[Any]:
    """Explain with Captum's input times gradient."""
    rows = torch.as_tensor(inputs, dtype=torch.float32).requires_grad_()
    found: Tensor = InputXGradient(model).attribute(rows, target=torch.as_tensor(targets))
    return found.detach().numpy()


def integrated(baseline: Tensor, steps: int, batch: int) -> Callable[..., NDArray[Any]]:
    """Return an explanation function: Captum's integrated gradients in chunks of ``batch``."""

    def explain(model: nn.Module, inputs: NDArray[Any], targets: NDArray[Any], **_: Any) -> NDArray[Any]:
        rows = torch.as_tensor(inputs, dtype=torch.float32)
        found: Tensor = IntegratedGradients(model).attribute(
            rows,
            baselines=baseline[None],
            target=torch.as_tensor(targets),
            n_steps=steps,
            method="riemann_middle",
            internal_batch_size=max(batch, len(rows)),
        )
        return found.detach().numpy()

    return explain


class DealtFill:
    """A ``perturb_func`` that puts the rows of a fixed fill in the place of what is removed.

    Quantus does not say which units a batch holds; it takes batches in order and calls ``calls`` times for each.
    """

    def __init__(self, fill: Tensor, calls: int, batch: int) -> None:
        self.fill, self.calls, self.batch, self.made = fill.flatten(1).numpy(), calls, batch, 0

    def __call__(self, arr: NDArray[Any], indices: NDArray[Any], **_: Any) -> NDArray[Any]:
        """Return a copy of ``arr`` [B, F] with ``indices`` [B, I] filled."""
        first = self.made // self.calls * self.batch
        self.made += 1
        rows, filled = np.arange(len(arr))[:, None], arr.copy()
        filled[rows, indices] = self.fill[first + rows, indices]
        return filled


class DealtNoise:
    """A ``perturb_func`` that gives the neighbours [R, N, ...] one after the other, batch by batch."""

    def __init__(self, neighbours: Tensor, batch: int) -> None:
        self.inputs, self.batch, self.made = neighbours.flatten(2).numpy(), batch, 0

    def __call__(self, arr: NDArray[Any], **_: Any) -> NDArray[Any]:
        """Return the next neighbour of the rows of the current batch."""
        batch, turn = divmod(self.made, len(self.inputs))
        self.made += 1
        found: NDArray[Any] = self.inputs[turn, batch * self.batch : batch * self.batch + len(arr)]
        return found


@contextmanager
def dealt_subsets(removed: Tensor, units: int, batch: int) -> Iterator[None]:
    """Let numpy's ``choice`` give subsets [S, L] one after the other, the same for every unit, batch by batch."""
    members = [row.nonzero().flatten().numpy() for row in removed]
    edges = [*range(0, units, batch), units]
    order = iter([one for start, stop in pairwise(edges) for one in members for _ in range(start, stop)])
    with mock.patch.object(np.random, "choice", side_effect=order):
        yield


def peer(pilot: Pilot, call: Callable[[Setting], T], *, quick: bool) -> tuple[dict[Setting, T], Peer]:
    """Make a call at the peer's best setting, and at the best with the model as it comes; return both results."""
    made = {setting: measured(lambda _: call(setting), once=quick) for setting in (pilot.best, pilot.plain)}  # noqa: B023
    best, plain = made[pilot.best][1], made[pilot.plain][1]
    results = {setting: result for setting, (result, _) in made.items()}
    return results, Peer(LIBRARY, str(pilot.best), best, str(pilot.plain), plain)
