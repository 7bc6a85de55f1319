"""The calibration family: logits with labels to fit on, test logits go in; a predictive distribution comes out.

Contract: probabilities [N, K] are floating point, finite, in [0, 1] and sum to 1 over classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from xaic.documents.errors import BadData, ContractBreach
from xaic.families.base import Family, Material, Parcel, Posed, register_family

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

SUM_TOLERANCE = 1e-4


@dataclass(frozen=True)
class CalibrationTask:
    """Turn ``logits`` [N, K] into probabilities that can be believed."""

    logits: Tensor
    units: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> CalibrationTask:
        """Return the task of some rows."""
        index = torch.as_tensor(list(rows), dtype=torch.long)
        return replace(self, logits=self.logits[index], units=tuple(self.units[row] for row in rows))

    def pack(self) -> Parcel:
        """Return the task as tensors and plain data."""
        return Parcel({"logits": self.logits}, {"units": list(self.units)})


@dataclass(frozen=True)
class Distribution:
    """Predictive distribution: ``probabilities`` [N, K]."""

    probabilities: Tensor


@register_family
class CalibrationFamily(Family[CalibrationTask, Distribution]):
    """Task, Output and contract of calibration methods."""

    id = "calibration"

    def pose(self, material: Material, protocol: Mapping[str, Any]) -> Posed[CalibrationTask]:
        """Test rows are the material's inputs; the background with its labels is for fitting."""
        if material.background_labels is None:
            raise BadData("a calibration benchmark needs a specimen variant with background labels to fit on")
        n = min(int(protocol.get("units", len(material.units))), len(material.units))
        fit = Parcel({"logits": material.background, "labels": material.background_labels})
        task = CalibrationTask(material.inputs[:n].contiguous(), material.units[:n])
        return Posed(task, {"labels": material.labels[:n]}, fit, (material.clusters or material.units)[:n])

    def unpack(self, parcel: Parcel) -> CalibrationTask:
        """Return the task that ``CalibrationTask.pack`` packed."""
        return CalibrationTask(parcel.tensors["logits"], tuple(parcel.data["units"]))

    def pack_output(self, output: Distribution) -> Parcel:
        """Pack the probabilities; a bare tensor is taken for them."""
        values = output.probabilities if isinstance(output, Distribution) else output
        if not isinstance(values, torch.Tensor):
            raise ContractBreach(f"a distribution must be a tensor or Distribution, not {type(output).__name__}")
        return Parcel({"probabilities": values.detach().contiguous()})

    def unpack_output(self, parcel: Parcel) -> Distribution:
        """Return the distribution that ``pack_output`` packed."""
        return Distribution(parcel.tensors["probabilities"])

    def check(self, task: CalibrationTask, output: Distribution) -> None:
        """Raise ``ContractBreach`` unless every row is a probability distribution over the task's classes."""
        p = output.probabilities
        if p.shape != task.logits.shape:
            raise ContractBreach(f"probabilities have shape {list(p.shape)}; return {list(task.logits.shape)}")
        if not p.is_floating_point():
            raise ContractBreach(f"probabilities have dtype {p.dtype}; return floating point")
        if not bool(torch.isfinite(p).all()):
            raise ContractBreach("probabilities contain NaN or infinite values")
        off = (p.sum(1) - 1).abs().max().item()
        if bool((p < 0).any()) or off > SUM_TOLERANCE:
            raise ContractBreach(f"rows must be in [0, 1] and sum to 1; the worst sum is off by {off:.2g}")

    def join(self, outputs: Sequence[Distribution]) -> Distribution:
        """Concatenate rows."""
        return Distribution(torch.cat([output.probabilities for output in outputs]))

    def distance(self, one: Distribution, other: Distribution) -> Tensor:
        """Largest absolute difference of probability per unit."""
        return (one.probabilities - other.probabilities).abs().amax(1)
