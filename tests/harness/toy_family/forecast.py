"""A family of its own in one plug-in: forecasts of the next value of a series. Nothing in xaic knows of it.

It brings a family, a specimen, a metric, two methods and, beside this file, a benchmark, a criterion and a profile.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xaic.documents.errors import ContractBreach
from xaic.documents.types import Capabilities, MethodCard, SpecimenRecord
from xaic.families.base import Family, Material, Parcel, Posed, register_family
from xaic.methods.base import Context, Method, State
from xaic.metrics.base import metric
from xaic.specimens.base import Specimen, register_specimen


@dataclass(frozen=True)
class Past:
    values: Tensor  # [N, T]
    units: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> Past:
        return replace(self, values=self.values[list(rows)], units=tuple(self.units[r] for r in rows))

    def pack(self) -> Parcel:
        return Parcel({"values": self.values}, {"units": list(self.units)})


@register_family
class Forecast(Family[Past, Tensor]):
    id = "forecast"

    def pose(self, material: Material, protocol: Mapping[str, Any]) -> Posed[Past]:
        n = int(protocol["units"])
        return Posed(Past(material.inputs[:n], material.units[:n]), {"next": material.truths["next"][:n]})

    def unpack(self, parcel: Parcel) -> Past:
        return Past(parcel.tensors["values"], tuple(parcel.data["units"]))

    def pack_output(self, output: Tensor) -> Parcel:
        if not isinstance(output, Tensor):
            raise ContractBreach("a forecast is a tensor")
        return Parcel({"forecast": output.contiguous()})

    def unpack_output(self, parcel: Parcel) -> Tensor:
        return parcel.tensors["forecast"]

    def check(self, task: Past, output: Tensor) -> None:
        if output.shape != (len(task.units),) or not bool(torch.isfinite(output).all()):
            raise ContractBreach("return one finite number a series")

    def join(self, outputs: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(outputs))

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        return (one - other).abs()


@register_specimen
class Walks(Specimen):
    id = "walks"

    def record(self) -> SpecimenRecord:
        return SpecimenRecord(
            id="walks",
            title="Random walks",
            kind="procedural",
            origin="generated",
            licence="Apache-2.0",
            rebuild="none needed",
            truths={"next": "drawn with the walk"},
            variants={"plain": "steps of variance 1"},
            files={},
        )

    def _load(self, variant: str) -> Material:
        steps = torch.randn(80, 21, generator=torch.Generator().manual_seed(1))
        walks = steps.cumsum(1)
        return Material(
            kind="walk",
            inputs=walks[:, :20],
            labels=torch.zeros(80, dtype=torch.long),
            targets=torch.zeros(80, dtype=torch.long),
            units=tuple(f"walk-{i}" for i in range(80)),
            background=walks[:4, :20],
            truths={"next": walks[:, 20]},
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:
        return {}


@metric(
    id="forecast.hit",
    family="forecast",
    title="Forecast within two of the next value",
    property="accuracy",
    unit="share",
    range=(0.0, 1.0),
    direction="higher",
    source="definition",
    sweeps=("output",),
)
def hit(sweeps: Any, subject: str, variant: str) -> Tensor:
    """1 where the forecast is within two of the truth, else 0."""
    result: Tensor = ((sweeps.output(subject) - sweeps.truth("next")).abs() < 2).double()
    return result


def card(name: str, role: Any = "method") -> MethodCard:
    return MethodCard(
        id=f"forecast.{name}",
        title=name,
        family="forecast",
        purpose="say the next value",
        role=role,
        truth="prediction",
        capabilities=Capabilities(access="outputs", inputs=("walk",)),
    )


class Last(Method[Any, Past, Tensor]):
    card = card("last")

    def run(self, task: Past, state: State, ctx: Context) -> Tensor:
        return task.values[:, -1]


class Zero(Method[Any, Past, Tensor]):
    card = card("zero")

    def run(self, task: Past, state: State, ctx: Context) -> Tensor:
        return torch.zeros(len(task.units))
