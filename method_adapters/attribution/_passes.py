"""Model passes of attribution methods: blocks of rows, gradients of logits, a frame for Captum."""

from __future__ import annotations

import copy
import warnings
from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import nn

from xaic.methods.attribution import AttributionMethod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


def rows_at_once(inputs: Tensor) -> int:
    """Return how many rows shaped like ``inputs`` [N, ...] go through a model together.

    2^16 values, but 16 to 4096 rows: so the activations of small networks stay in the processor's cache, and large ones
    get the rows from which convolutions take their faster way (EfficientNet-Lite0, one thread: 8.4 ms an image at 16
    rows, 12.6 ms at 8).
    """
    return min(max(2**16 // max(inputs[0].numel(), 1), 16), 4096)


def blocks(count: int, size: int) -> Iterator[slice]:
    """Yield slices that cover ``range(count)``."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def picked(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the target's logit [N] of logits [N, K]."""
    return logits.gather(1, targets.unsqueeze(1)).squeeze(1)


def gradients(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return d logit_target / d inputs [N, ...]; rows do not influence each other in evaluation mode."""
    with torch.enable_grad():
        inputs = inputs.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(picked(model(inputs), targets).sum(), inputs)
    return found


def in_blocks(
    task: AttributionTask, ctx: Context, explain: Callable[[Tensor, Tensor], Tensor], size: int | None = None
) -> Tensor:
    """Return the maps of ``explain(inputs, targets)`` for all rows, made block by block."""
    count, parts = len(task.inputs), []
    for rows in blocks(count, size or rows_at_once(task.inputs)):
        parts.append(explain(task.inputs[rows], task.targets[rows]).detach())
        ctx.progress(rows.stop / count)
    return torch.cat(parts)


def twin(module: nn.Module) -> nn.Module:
    """Return a copy of a module's structure that shares its tensors: hooks on it never reach the original."""
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, shared)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Switch gradients on and keep a library's routine warnings to itself."""
    with warnings.catch_warnings(), torch.inference_mode(mode=False), torch.enable_grad():
        warnings.simplefilter("ignore")
        yield


class CaptumMethod(AttributionMethod):
    """A method whose algorithm is Captum's. It works on a twin of the model: no hook can stay behind."""

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return the maps of all rows, a block of rows at a time."""
        model = nn.Sequential(twin(ctx.module(task.model)))  # Captum sees only modules below the root
        self.prepare(model)

        def explain(inputs: Tensor, targets: Tensor) -> Tensor:
            return self.attribute(model, inputs.detach().clone().requires_grad_(), targets, task, ctx)

        with undisturbed():
            return in_blocks(task, ctx, explain)

    def prepare(self, model: nn.Module) -> None:
        """Change the twin once, before the first block."""

    @abstractmethod
    def attribute(
        self, model: nn.Module, inputs: Tensor, targets: Tensor, task: AttributionTask, ctx: Context
    ) -> Tensor:
        """Return maps of one block; ``model`` may be hooked, ``inputs`` require gradients."""
