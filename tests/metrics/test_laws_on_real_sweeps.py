"""The laws of a bench on sweeps of a real model and a stochastic method: engine and metrics together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.metrics.laws import (
    EXEMPT,
    one_score_a_unit,
    order_of_units_is_free,
    splits_join,
    units_stand_alone,
)
from xaic.documents.types import MethodCard
from xaic.engine.attribution import AttributionSweeps
from xaic.engine.cache import Cache
from xaic.engine.runner import Runner, Tuning
from xaic.engine.streams import Streams
from xaic.families.attribution import Attribution, AttributionTask
from xaic.families.base import Posed
from xaic.families.model import build, make_model
from xaic.metrics.base import all_metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from xaic.families.model import Model
    from xaic.metrics.base import Metric

METRICS = {
    key: one
    for key, one in all_metrics().items()
    if one.function.__module__.startswith("xaic.metrics.") and one.family == "attribution"
}
OPERATORS = ("mean", "road")
PROTOCOL = {
    "steps": 4,
    "operators": list(OPERATORS),
    "subsets": 20,
    "draws": 2,
    "neighbours": 2,
    "noise": 0.05,
    "randomisations": 2,
    "mask_share": 0.2,
}
BUILDER, CONFIG = "xaic.specimens.networks:perceptron", {"widths": [108, 16, 3]}
ROUNDING = 2e-4
"""Other chunks round a single-precision model otherwise; relative stabilities divide by small values."""


CARD = MethodCard("m", "", "attribution", "", convergence="steps", parameters={"steps": 1}, truth="contribution")


@dataclass(frozen=True)
class Method:
    """Gradient x input with noise from each unit's own stream; the disturbed unit gets noise alone."""

    disturbed: str = ""
    card: MethodCard = CARD

    def run(self, task: AttributionTask, draw: int | str = 0, **params: float) -> Attribution:
        module, x = task.model.module(), task.inputs.clone().requires_grad_()
        scores = module(x).gather(1, task.targets[:, None]).sum()
        (gradient,) = torch.autograd.grad(scores, x)
        noise = torch.stack([self.noise(task, unit, draw) for unit in task.units])
        loud = torch.tensor([unit == self.disturbed for unit in task.units]).view(-1, 1, 1, 1)
        values = torch.where(loud, noise, task.inputs * gradient + 0.01 * noise)
        return Attribution(values, total=(task.inputs * gradient).flatten(1).sum(1))

    def repeat(self, task: AttributionTask, draw: int | str = 0, **params: float) -> Attribution:
        return self.run(task, draw, **params)

    def noise(self, task: AttributionTask, unit: str, draw: int | str) -> Tensor:
        seed = int.from_bytes(sha256(f"{unit}{draw}".encode()).digest()[:6], "big")
        return torch.randn(task.inputs.shape[1:], generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class RealBench:
    """Units of one task, scored by a method; sweeps are made once for all metrics."""

    posed: Posed[AttributionTask]
    cache: Cache
    method: Method
    made: dict[tuple[tuple[str, ...], str], AttributionSweeps]

    def __len__(self) -> int:
        return len(self.posed.task.units)

    def sweeps(self) -> AttributionSweeps:
        key = (self.posed.task.units, self.method.disturbed)
        if key not in self.made:
            tunings = {self.posed.task.model.digest: Tuning(chunk=16)}
            probes = {"method": self.method}
            self.made[key] = AttributionSweeps(self.posed, probes, PROTOCOL, Runner(tunings), Streams(3), self.cache)
        return self.made[key]

    def scores(self, metric: Metric) -> dict[str, Tensor]:
        sweeps = self.sweeps()
        parts: dict[str, Tensor] = {}
        for variant in OPERATORS if metric.variants else ("",):
            with sweeps.reading(metric.sweeps):
                found = metric.function(sweeps, "method", variant)
            named = {"": found} if isinstance(found, Tensor) else found
            parts |= {f"{variant}/{part}": values for part, values in named.items()}
        return parts

    def select(self, rows: Sequence[int]) -> RealBench:
        index = torch.tensor(list(rows))
        truths = {name: truth[index] for name, truth in self.posed.truths.items()}
        return replace(self, posed=Posed(self.posed.task.select(rows), truths))

    def disturb(self, row: int) -> RealBench:
        return replace(self, method=Method(self.posed.task.units[row]))


def a_model(path: Path) -> Model:
    module, generator = build(BUILDER, CONFIG), torch.Generator().manual_seed(1)
    state = {name: 0.3 * torch.randn(x.shape, generator=generator) for name, x in module.state_dict().items()}
    save_file(state, path)
    return make_model(BUILDER, CONFIG, path)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> RealBench:
    folder, n = tmp_path_factory.mktemp("real"), 6
    generator = torch.Generator().manual_seed(2)
    inputs, background = (torch.randn(size, 3, 6, 6, generator=generator) for size in (n, 12))
    model = a_model(folder / "model.safetensors")
    units = tuple(f"u{i}" for i in (3, 0, 5, 1, 4, 2))
    targets = model.module()(inputs).argmax(1)
    task = AttributionTask("image", inputs, targets, background.mean(0), background, model, units)
    mask = torch.zeros(n, 1, 6, 6, dtype=torch.bool)
    mask[:, :, 1:4, 2:5] = True
    truths = {
        "mask": mask,
        "other_mask": ~mask,
        "cells": mask,
        "decoys": ~mask,
        "relevant": mask,
        "contribution": torch.randn(inputs.shape, generator=generator),
        "sensitivity": torch.randn(inputs.shape, generator=generator),
    }
    return RealBench(Posed(task, truths), Cache(folder), Method(), {})


@pytest.mark.parametrize("law", [units_stand_alone, splits_join, order_of_units_is_free])
@pytest.mark.parametrize("metric", METRICS)
def test_metric_obeys_law_on_real_sweeps(metric: str, law: Callable[..., None], bench: RealBench) -> None:
    if (metric, law.__name__) in EXEMPT:
        with pytest.raises(AssertionError):
            law(METRICS[metric], bench, ROUNDING)
    else:
        law(METRICS[metric], bench, ROUNDING)


@pytest.mark.parametrize("metric", METRICS)
def test_metric_scores_every_unit_of_real_sweeps(metric: str, bench: RealBench) -> None:
    one_score_a_unit(METRICS[metric], bench)
    assert not all(values.isnan().all() for values in bench.scores(METRICS[metric]).values())


def test_the_disturbance_is_seen(bench: RealBench) -> None:
    metric = METRICS["faithfulness.correlation"]
    before, after = (one.scores(metric)["mean/"] for one in (bench, bench.disturb(2)))
    assert (before != after).nonzero().flatten().tolist() == [2]
