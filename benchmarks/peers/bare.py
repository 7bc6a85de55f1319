"""The bare cost: what needed passes cost the same frozen model with nothing around them.

Chunk sizes and layouts are the best of all that ``xaic.engine.tuning`` tries, for forward and for gradient passes, here
measured longer than the harness measures; what the harness chooses stands beside them. The cost of a pass is the median
over chunks that run for a while: the quickest chunk would promise what no long run keeps.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

import torch

from xaic.engine import removal, tuning
from xaic.engine.runner import Runner, Tuning, lay

if TYPE_CHECKING:
    from collections.abc import Callable

    from cases import Case
    from counting import Passes
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps

SECONDS = 1.0
PILOT = 0.25
LARGEST = 128


@dataclass(frozen=True)
class Bare:
    """CPU seconds of one image forward, and of one image forward and back to its input; with their tunings.

    ``chosen`` is the tuning that the harness finds and runs with.
    """

    forward: float
    gradient: float
    forward_at: Tuning
    gradient_at: Tuning
    chosen: Tuning

    def seconds(self, passes: Passes) -> float:
        """Return the bare cost of passes: images that came back cost a gradient pass, the others a forward pass."""
        return (passes.forward - passes.backward) * self.forward + passes.backward * self.gradient

    def again(self, case: Case, seconds: float = SECONDS) -> Bare:
        """Return the costs as they are now, at the same tunings."""
        forward = _forward_seconds(case, self.forward_at, seconds)
        gradient = _gradient_seconds(case, self.gradient_at, seconds)
        return replace(self, forward=forward, gradient=gradient)

    def between(self, later: Bare) -> Bare:
        """Return the mean of the costs before and after something."""
        return replace(self, forward=(self.forward + later.forward) / 2, gradient=(self.gradient + later.gradient) / 2)


def bare(case: Case, seconds: float = SECONDS) -> Bare:
    """Return what passes of a case's model cost on this machine now."""
    inputs, short = case.task.inputs, min(PILOT, seconds)
    chosen = tuning.measure(case.model, inputs)
    tried = [Tuning(chunk, last) for last in (False, True) for chunk in tuning.CHUNKS if chunk <= LARGEST]
    forward_at = min(tried, key=lambda one: tuning.pass_seconds(case.model, inputs, one, short))
    gradient_at = min(tried, key=lambda one: _gradient_seconds(case, one, short))
    return Bare(0.0, 0.0, forward_at, gradient_at, chosen).again(case, seconds)


def _rows(case: Case, at: Tuning) -> Tensor:
    return lay(case.task.inputs[torch.arange(at.chunk) % len(case.task.inputs)], at)


def _forward_seconds(case: Case, at: Tuning, seconds: float) -> float:
    module, rows = Runner({case.model.digest: at}).module(case.model), _rows(case, at)

    def once() -> None:
        with torch.inference_mode():
            module(rows)

    return _median_seconds(once, seconds) / at.chunk


def _gradient_seconds(case: Case, at: Tuning, seconds: float) -> float:
    module, rows = Runner({case.model.digest: at}).module(case.model), _rows(case, at)

    def once() -> None:
        inputs = rows.detach().requires_grad_()
        torch.autograd.grad(module(inputs)[:, 0].sum(), inputs)

    return _median_seconds(once, seconds) / at.chunk


def _median_seconds(once: Callable[[], None], seconds: float) -> float:
    once()
    found: list[float] = []
    spent = 0.0
    while spent < seconds:
        started = time.process_time()
        once()
        found.append(time.process_time() - started)
        spent += found[-1]
    return median(found)


@dataclass(frozen=True)
class Imputing:
    """CPU seconds of one noisy linear imputation alone: along removal curves, and of random subsets where asked."""

    curve: float
    subset: float = 0.0


def imputing(case: Case, sweeps: AttributionSweeps, chunk: int, *, subsets: bool = False) -> Imputing:
    """Measure imputation without any pass, on masks of the method's own curves and of the random subsets."""
    order = removal.ranks(sweeps.maps("method"), case.task.units, sweeps.streams.at("ties"))
    cuts = removal.counts(order.shape[1], int(case.protocol["steps"]))[1:-1]
    curve = torch.cat([order < cut for cut in cuts] + [order >= cut for cut in cuts])
    alone = Imputing(_imputing_seconds(sweeps, curve, len(order), chunk))
    if not subsets:
        return alone
    masks = sweeps.subsets("road").removed.repeat_interleave(len(order), 0)[: len(curve)]
    return replace(alone, subset=_imputing_seconds(sweeps, masks, len(order), chunk))


def _imputing_seconds(sweeps: AttributionSweeps, masks: Tensor, units: int, chunk: int) -> float:
    prepared = sweeps.prepared("road")
    started = time.process_time()
    for start in range(0, len(masks), chunk):
        part = masks[start : start + chunk]
        prepared.apply((start + torch.arange(len(part))) % units, part)
    return (time.process_time() - started) / len(masks)
