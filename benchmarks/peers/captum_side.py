"""Captum's side: its metrics and methods with the model as it comes and in channels-last, at several chunk sizes."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import captum
import torch
from captum.attr import Saliency
from captum.metrics import infidelity, sensitivity_max
from measuring import measured
from rows import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cases import Case
    from measuring import Measured
    from torch import Tensor, nn

T = TypeVar("T")

LIBRARY = f"Captum {captum.__version__}"


@dataclass(frozen=True)
class Chunk:
    """Images a call of the model; 0: whatever Captum does by default. And the layout of the model."""

    size: int
    channels_last: bool = False

    def __str__(self) -> str:
        """Return the setting in words."""
        chunk = f"chunks of {self.size}" if self.size else "default chunks"
        return f"{chunk}, {'channels-last' if self.channels_last else 'layout as it comes'}"


def module(case: Case, setting: Chunk) -> nn.Module:
    """Return the frozen model in the layout of a setting."""
    found = case.model.module()
    if setting.channels_last:
        found = found.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return found


def peer_of_chunks(call: Callable[[Chunk], T], sizes: Iterable[int], *, quick: bool) -> tuple[dict[Chunk, T], Peer]:
    """Try all chunk sizes in both layouts, the library's default first; return all results, the quickest's first."""
    tried: dict[Chunk, tuple[T, Measured]] = {}
    for size in sizes:
        for last in (False, True):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                setting = Chunk(size, last)
                tried[setting] = measured(lambda _: call(setting), once=quick)  # noqa: B023 - used in this turn only
    best = min(tried, key=lambda one: tried[one][1].seconds)
    plain = Chunk(next(iter(tried)).size)
    results = {best: tried[best][0]} | {setting: result for setting, (result, _) in tried.items()}
    return results, Peer(LIBRARY, str(best), tried[best][1], str(plain), tried[plain][1])


def infidelities(case: Case, setting: Chunk, maps: Tensor, removed: Tensor) -> Tensor:
    """Return Captum's infidelity [N] at its best scale over dealt subsets [S, L], replaced by the baseline."""
    model, task = module(case, setting), case.task
    masks = removed.view(len(removed), *task.inputs.shape[1:]).float()
    turn = 0

    def perturb(inputs: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal turn
        many = len(inputs) // len(task.inputs)
        mask = masks[turn : turn + many].repeat(len(task.inputs), 1, 1, 1)
        turn += many
        return mask, torch.where(mask > 0, task.baseline, inputs)

    found: Tensor = infidelity(
        lambda inputs: model(inputs).softmax(1),
        perturb,
        task.inputs,
        maps.view(task.inputs.shape),
        target=task.targets,
        n_perturb_samples=len(removed),
        max_examples_per_batch=setting.size or None,
        normalize=True,
    )
    return found


def largest_sensitivity(case: Case, setting: Chunk, neighbours: Tensor) -> Tensor:
    """Return Captum's maximum sensitivity [N] of the gradient over dealt neighbours [R, N, ...]."""
    saliency, task = Saliency(module(case, setting)), case.task
    turn = 0

    def perturb(inputs: Tensor) -> Tensor:
        nonlocal turn
        many = len(inputs) // len(task.inputs)
        found = neighbours[turn : turn + many].transpose(0, 1).flatten(0, 1)
        turn += many
        return found.clone()

    def explain(inputs: Tensor | tuple[Tensor], target: Tensor) -> Tensor | tuple[Tensor]:
        """Answer a tuple with a tuple: Captum asks in both ways."""
        rows = inputs[0] if isinstance(inputs, tuple) else inputs
        with torch.enable_grad():
            found: Tensor = saliency.attribute(rows.detach().requires_grad_(), target=target, abs=False)
        return (found,) if isinstance(inputs, tuple) else found

    found: Tensor = sensitivity_max(
        explain,
        task.inputs,
        perturb_func=perturb,
        n_perturb_samples=len(neighbours),
        max_examples_per_batch=setting.size or None,
        target=task.targets,
    )
    return found
