"""Sweeps that return given tensors: what a metric reads, without a model, a method or a pass.

``Readings`` carries one tensor for everything a sweep can return. ``TensorSweeps`` hands them out through
the real gate: a sweep that is not declared cannot be read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from xaic.documents.types import MethodCard
from xaic.engine.attribution import AttributionSweeps
from xaic.engine.readings import Masking, Neighbours, OtherTarget, Removal, SignedRemoval, Subsets
from xaic.engine.runner import Runner
from xaic.engine.streams import Streams
from xaic.engine.sweeps import sweep
from xaic.families.attribution import AttributionTask
from xaic.families.base import Posed
from xaic.families.model import Model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from xaic.families.model import Activation
    from xaic.metrics.base import Metric

UNIT_AXIS = {
    **dict.fromkeys(("inputs", "targets", "logits", "output", "again", "doubled", "other_maps", "other_targets"), 0),
    **dict.fromkeys(("clean_logits", "clean_features", "morf", "lerf", "hit", "cross", "drop"), 0),
    **dict.fromkeys(("before", "removed", "kept", "clean", "without_positive", "without_negative", "count"), 0),
    **dict.fromkeys(("mask", "other_mask", "cells", "decoys", "contribution", "sensitivity", "relevant", "labels"), 0),
    **dict.fromkeys(("probabilities", "total"), 0),
    **dict.fromkeys(("draws", "randomised", "neighbour_maps"), 1),
    **dict.fromkeys(("near_inputs", "near_logits", "near_features", "near_kept"), 1),
    **dict.fromkeys(("baseline", "baseline_logits", "fractions", "subsets", "sizes"), None),
}
"""Name of a reading -> its axis of units; None: all units share it."""

TRUTHS = ("mask", "other_mask", "cells", "decoys", "contribution", "sensitivity", "relevant", "labels")
MAPS = ("output", "again", "doubled", "other_maps", "draws", "randomised", "neighbour_maps")
"""The readings that a method makes."""

CURVES = ("morf", "lerf", "hit", "cross")


@dataclass(frozen=True)
class Readings:
    """All that metrics can read of N units."""

    tensors: dict[str, Tensor]
    units: tuple[str, ...]
    activation: Activation = "softmax"
    truth: str = "contribution"

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __len__(self) -> int:
        return len(self.units)

    def put(self, **tensors: Tensor) -> Readings:
        """Return the readings with other tensors in place of some."""
        assert not set(tensors) - set(UNIT_AXIS)
        return replace(self, tensors={**self.tensors, **tensors})

    def change(self, change: Callable[[Tensor], Tensor], *names: str) -> Readings:
        """Return the readings with some of them changed."""
        return self.put(**{name: change(self[name]) for name in names if name in self.tensors})

    def change_unit(self, row: int, change: Callable[[Tensor], Tensor], *names: str) -> Readings:
        """Return the readings with some of them changed for one unit; ``change`` sees the unit's slice."""

        def at_row(name: str) -> Tensor:
            axis = UNIT_AXIS[name]
            assert axis is not None
            changed = self[name].clone()
            changed.select(axis, row).copy_(change(changed.select(axis, row)))
            return changed

        return self.put(**{name: at_row(name) for name in names if name in self.tensors})

    def select(self, rows: Sequence[int]) -> Readings:
        """Return the readings of some units."""
        index = torch.tensor(list(rows))
        chosen = {
            name: tensor if UNIT_AXIS[name] is None else tensor.index_select(UNIT_AXIS[name] or 0, index)
            for name, tensor in self.tensors.items()
        }
        return replace(self, tensors=chosen, units=tuple(self.units[row] for row in rows))

    def drawn_anew(self, seed: int) -> Readings:
        """Return random readings of the same kind."""
        return random_readings(len(self), seed, image=self["inputs"].ndim == 4)

    def disturb(self, row: int) -> Readings:
        """Return the readings with everything of one unit drawn anew."""
        other = self.drawn_anew(97)
        fresh = dict(self.tensors)
        for name, axis in UNIT_AXIS.items():
            if axis is not None and name in fresh:
                fresh[name] = fresh[name].clone()
                fresh[name].select(axis, row).copy_(other[name].select(axis, row))
        return replace(self, tensors=fresh)

    def scores(self, metric: Metric) -> dict[str, Tensor]:
        """Return the parts of a metric, read through the gate of its declaration."""
        sweeps = TensorSweeps(self)
        with sweeps.reading(metric.sweeps):
            found = metric.function(sweeps, "method", "mean" if metric.variants else "")
        return {"": found} if isinstance(found, Tensor) else dict(found)

    def score(self, metric: Metric, part: str = "") -> Tensor:
        """Return one part."""
        return self.scores(metric)[part]


class TensorSweeps(AttributionSweeps):
    """Sweeps of one method whose readings are given."""

    def __init__(self, readings: Readings) -> None:
        self.readings = r = readings
        model = Model("", {}, Path(), "", activation=r.activation)
        task = AttributionTask("", r["inputs"], r["targets"], r["baseline"], r["inputs"], model, r.units)
        truths = {name: r[name] for name in TRUTHS if name in r.tensors}
        card = MethodCard("m", "", "attribution", "", truth=r.truth)  # type: ignore[arg-type]
        super().__init__(Posed(task, truths), {"method": SimpleNamespace(card=card)}, {}, Runner(), Streams(0))

    @sweep
    def output(self, subject: str, draw: int = 0) -> Any:
        given = self.readings.tensors
        return SimpleNamespace(values=given["output"], probabilities=given["probabilities"], total=given.get("total"))

    @sweep(shared=True)
    def predictions(self) -> Tensor:
        return self.readings["logits"]

    @sweep(shared=True)
    def baseline_logits(self) -> Tensor:
        return self.readings["baseline_logits"]

    @sweep
    def removal(self, subject: str, operator: str) -> Removal:
        return Removal(*(self.readings[name] for name in ("fractions", "morf", "lerf", "hit")))

    @sweep
    def cross_removal(self, subject: str, operator: str) -> Tensor:
        return self.readings["cross"]

    @sweep(shared=True)
    def subsets(self, operator: str) -> Subsets:
        return Subsets(*(self.readings[name] for name in ("subsets", "drop", "sizes")))

    @sweep(shared=True)
    def neighbours(self) -> Neighbours:
        names = ("near_inputs", "near_logits", "clean_logits", "near_features", "clean_features", "near_kept")
        return Neighbours(*(self.readings[name] for name in names))

    @sweep
    def neighbour_maps(self, subject: str) -> Tensor:
        return self.readings["neighbour_maps"]

    @sweep
    def signed_removal(self, subject: str, operator: str) -> SignedRemoval:
        names = ("clean", "without_positive", "without_negative", "count")
        return SignedRemoval(*(self.readings[name] for name in names))

    @sweep
    def masking(self, subject: str, operator: str) -> Masking:
        return Masking(*(self.readings[name] for name in ("before", "removed", "kept")))

    @sweep
    def other_target(self, subject: str) -> OtherTarget:
        return OtherTarget(self.readings["other_targets"], self.readings["other_maps"])

    @sweep
    def draws(self, subject: str) -> Tensor:
        return self.readings["draws"]

    @sweep
    def again(self, subject: str) -> Tensor:
        return self.readings["again"]

    @sweep
    def randomised(self, subject: str) -> Tensor:
        return self.readings["randomised"]

    @sweep
    def doubled(self, subject: str) -> Tensor | None:
        return self.readings.tensors.get("doubled")


def random_readings(n: int = 8, seed: int = 0, *, image: bool = True) -> Readings:
    """Return random readings that have the shapes and ranges of real ones: float64 with float32's digits."""
    g = torch.Generator().manual_seed(seed)
    shape = (1, 4, 5) if image else (20,)
    channels = (3, 4, 5) if image else shape
    k, steps, r, s, cells = 4, 6, 3, 24, 20

    def normal(*size: int) -> Tensor:
        return torch.randn(size, generator=g).double()

    def uniform(*size: int) -> Tensor:
        return torch.rand(size, generator=g).double()

    def some(*size: int, share: float = 0.4) -> Tensor:
        return torch.rand(size, generator=g) < share

    def classes() -> Tensor:
        return torch.randint(0, k, (n,), generator=g)

    mask = some(n, *shape)
    mask.view(n, -1)[:, 0], mask.view(n, -1)[:, 1] = True, False
    clean_logits = normal(n, k)
    output = normal(n, *channels)
    sizes = torch.tensor([2, 5, 9]).repeat(s // 3)
    order = torch.rand(s, cells, generator=g).argsort(1).argsort(1)
    fractions = torch.cat([torch.zeros(1), uniform(steps - 1).sort().values, torch.ones(1)]).double()
    kept = some(r, n, share=0.7)
    kept[0] = True
    tensors = {
        "inputs": normal(n, *channels),
        "targets": classes(),
        "baseline": normal(*channels),
        "logits": clean_logits,
        "baseline_logits": normal(k),
        "output": output,
        "again": output + 1e-3 * normal(n, *channels),
        "doubled": output + 0.1 * normal(n, *channels),
        "draws": torch.stack([output, *(output + 0.3 * normal(n, *channels) for _ in range(r - 1))]),
        "randomised": normal(r, n, *channels),
        "neighbour_maps": output + 0.3 * normal(r, n, *channels),
        "other_maps": normal(n, *channels),
        "other_targets": classes(),
        "near_inputs": normal(r, n, *channels),
        "near_logits": clean_logits + 0.1 * normal(r, n, k),
        "clean_logits": clean_logits,
        "near_features": normal(r, n, 6),
        "clean_features": normal(n, 6),
        "near_kept": kept,
        "fractions": fractions,
        "morf": uniform(n, steps + 1),
        "lerf": uniform(n, steps + 1),
        "hit": some(n, steps + 1).double(),
        "cross": uniform(n, steps + 1),
        "subsets": order < sizes[:, None],
        "drop": normal(n, s).tanh(),
        "sizes": sizes,
        "before": normal(n, k).softmax(1),
        "removed": normal(n, k).softmax(1),
        "kept": normal(n, k).softmax(1),
        "clean": uniform(n),
        "without_positive": uniform(n),
        "without_negative": uniform(n),
        "count": torch.randint(1, 5, (n,), generator=g),
        "mask": mask,
        "other_mask": ~mask,
        "cells": mask,
        "decoys": ~mask,
        "contribution": normal(n, *channels),
        "sensitivity": normal(n, *channels),
        "relevant": mask,
        "labels": classes(),
        "probabilities": (2 * normal(n, k)).softmax(1),
        "total": normal(n),
    }
    return Readings(tensors, tuple(f"unit-{i:02d}" for i in torch.randperm(n, generator=g).tolist()))


def table(maps: Any, **tensors: Any) -> Readings:
    """Return readings of hand-written maps [N, L] of a table, with other readings as given."""
    output = torch.tensor(maps, dtype=torch.float64)
    n = len(output)
    given = {name: value if isinstance(value, Tensor) else torch.tensor(value) for name, value in tensors.items()}
    given = {name: value.double() if value.is_floating_point() else value for name, value in given.items()}
    base = {"inputs": torch.zeros_like(output), "targets": torch.zeros(n, dtype=torch.long)}
    rest = {"baseline": torch.zeros(output.shape[1]), "output": output, "probabilities": output}
    return Readings({**base, **rest, **given}, tuple(f"u{i}" for i in range(n)))
