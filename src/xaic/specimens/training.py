"""Training of the specimens' small models: one seeded loop, one thread, global random state put back."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file
from torch import nn

from xaic.families.model import build
from xaic.specimens.masking import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from torch import Tensor


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Seed torch's initialisers, which know only the global generator, and put it back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def train(
    builder: str,
    config: Mapping[str, Any],
    inputs: Tensor,
    labels: Tensor,
    *,
    epochs: int,
    seed: int,
    rate: float = 3e-3,
    batch: int = 128,
    decay: float = 1e-4,
) -> nn.Module:
    """Train a network with AdamW and a one-cycle schedule on masked rows; return it in evaluation mode.

    Labels [N] of integers are classes (cross-entropy); labels [N, K] of floats are multi-label (binary
    cross-entropy).
    """
    with _seeded(seed):
        module = build(builder, config)
        lead = module.to(memory_format=torch.channels_last) if inputs.ndim == 4 else module  # type: ignore[call-overload]
        loss = nn.CrossEntropyLoss() if labels.ndim == 1 else nn.BCEWithLogitsLoss()
        steps = epochs * -(-len(inputs) // batch)
        optimizer = torch.optim.AdamW(lead.parameters(), lr=rate, weight_decay=decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
        mean = inputs.mean(0)
        for _ in range(epochs):
            for rows in torch.split(torch.randperm(len(inputs)), batch):
                optimizer.zero_grad()
                loss(lead(masked(inputs[rows], mean)), labels[rows]).backward()
                optimizer.step()
                schedule.step()
    return module.eval()


@torch.no_grad()
def logits(module: nn.Module, inputs: Tensor, chunk: int = 500) -> Tensor:
    """Return a module's logits [N, K] in chunks."""
    return torch.cat([module(part) for part in torch.split(inputs, chunk)])


def save(module: nn.Module, path: Path) -> None:
    """Write a module's state as safetensors."""
    save_file({name: value.contiguous() for name, value in module.state_dict().items()}, path)
    path.chmod(0o644)  # safetensors writes for the owner alone


def interleave(labels: Tensor, rows: Tensor) -> list[int]:
    """Order rows so that classes take turns: the first of each class, then the second of each, and so on.

    ``labels`` [len(rows)] are the classes of ``rows``; within a class the order of ``rows`` is kept.
    """
    turn = torch.zeros(len(rows), dtype=torch.long)
    for label in torch.unique(labels):
        own = labels == label
        turn[own] = torch.arange(int(own.sum()))
    order = sorted(range(len(rows)), key=lambda row: (int(turn[row]), int(labels[row])))
    return [int(rows[row]) for row in order]
