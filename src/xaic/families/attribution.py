"""The attribution family: a model, inputs and target classes go in; one real map per input comes out.

Contract: values are floating point, finite, on the task's device, shaped like the inputs or like the inputs with one
channel (a value a location). The method leaves model and inputs as they were, gives each row what the row alone
would get, and is deterministic unless its card says stochastic.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch

from xaic.documents.errors import BadData, ContractBreach
from xaic.families.base import Family, Material, Parcel, Posed, register_family
from xaic.families.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


@dataclass(frozen=True)
class AttributionTask:
    """Explain ``model`` at ``inputs`` for ``targets``.

    ``inputs`` [N, C, H, W] (image), [N, D] (tabular) or [N, C, T] (series); ``targets`` [N] class indices;
    ``baseline`` [...] one uninformative input; ``background`` [B, ...] a sample of the training distribution.
    """

    kind: str
    inputs: Tensor
    targets: Tensor
    baseline: Tensor
    background: Tensor
    model: Model
    units: tuple[str, ...]

    def select(self, rows: Sequence[int]) -> AttributionTask:
        """Return the task of some rows."""
        index = torch.as_tensor(list(rows), dtype=torch.long)
        return replace(
            self,
            inputs=self.inputs[index],
            targets=self.targets[index],
            units=tuple(self.units[r] for r in rows),
        )

    def with_model(self, model: Model) -> AttributionTask:
        """Return the task asked of another model."""
        return replace(self, model=model)

    def with_inputs(self, inputs: Tensor) -> AttributionTask:
        """Return the task at other inputs of the same shape (perturbed ones, say)."""
        return replace(self, inputs=inputs)

    def with_targets(self, targets: Tensor) -> AttributionTask:
        """Return the task for other target classes."""
        return replace(self, targets=targets)

    def pack(self) -> Parcel:
        """Return the task as tensors and plain data."""
        tensors = {
            "inputs": self.inputs,
            "targets": self.targets,
            "baseline": self.baseline,
            "background": self.background,
        }
        return Parcel(tensors, {"kind": self.kind, "units": list(self.units), "model": self.model.to_data()})


@dataclass(frozen=True)
class Attribution:
    """One map per input: ``values`` [N, ...] shaped like the inputs, or with one channel.

    ``total`` [N] is what the values share out, where the method knows it: they claim to sum to it.
    """

    values: Tensor
    total: Tensor | None = None


@register_family
class AttributionFamily(Family[AttributionTask, Attribution]):
    """Task, Output and contract of attribution methods."""

    id = "attribution"

    def pose(self, material: Material, protocol: Mapping[str, Any]) -> Posed[AttributionTask]:
        """Take the first ``protocol['units']`` rows; the baseline is the background's mean unless material says."""
        if material.model is None:
            raise BadData("an attribution benchmark needs a specimen variant with a model")
        n = min(int(protocol.get("units", len(material.units))), len(material.units))
        baseline = material.extra.get("baseline")
        task = AttributionTask(
            kind=material.kind,
            inputs=material.inputs[:n].contiguous(),
            targets=material.targets[:n].contiguous(),
            baseline=material.background.mean(0) if baseline is None else baseline,
            background=material.background,
            model=material.model,
            units=material.units[:n],
        )
        truths = {name: truth[:n] for name, truth in material.truths.items()} | {"labels": material.labels[:n]}
        return Posed(task, truths, clusters=(material.clusters or material.units)[:n])

    def unpack(self, parcel: Parcel) -> AttributionTask:
        """Return the task that ``AttributionTask.pack`` packed."""
        return AttributionTask(
            kind=parcel.data["kind"],
            units=tuple(parcel.data["units"]),
            model=Model.from_data(parcel.data["model"]),
            **parcel.tensors,
        )

    def pack_output(self, output: Attribution) -> Parcel:
        """Pack the map; a bare tensor is taken for one."""
        values = output.values if isinstance(output, Attribution) else output
        if not isinstance(values, torch.Tensor):
            raise ContractBreach(f"an attribution must be a tensor or Attribution, not {type(output).__name__}")
        tensors = {"values": values.detach().contiguous()}
        if isinstance(output, Attribution) and output.total is not None:
            tensors["total"] = output.total.detach().contiguous()
        return Parcel(tensors)

    def unpack_output(self, parcel: Parcel) -> Attribution:
        """Return the map that ``pack_output`` packed."""
        return Attribution(parcel.tensors["values"], parcel.tensors.get("total"))

    def check(self, task: AttributionTask, output: Attribution) -> None:
        """Raise ``ContractBreach`` on a wrong shape, type, device or a value that is not finite."""
        values, inputs = output.values, task.inputs
        allowed = {tuple(inputs.shape)}
        if inputs.ndim > 2:
            allowed.add((inputs.shape[0], 1, *inputs.shape[2:]))
        if tuple(values.shape) not in allowed:
            shapes = " or ".join(str(list(shape)) for shape in sorted(allowed))
            raise ContractBreach(f"the map has shape {list(values.shape)}; return {shapes}")
        if not values.is_floating_point():
            raise ContractBreach(f"the map has dtype {values.dtype}; return floating point")
        if values.device != inputs.device:
            raise ContractBreach(f"the map is on {values.device}, the inputs on {inputs.device}")
        if output.total is not None and (
            output.total.shape != (len(values),) or not bool(torch.isfinite(output.total).all())
        ):
            raise ContractBreach(f"the totals have shape {list(output.total.shape)}; return one finite number a map")
        bad = (~torch.isfinite(values)).flatten(1).any(1).nonzero().flatten().tolist()
        if bad:
            raise ContractBreach(
                f"NaN or infinite values in {len(bad)} of {len(values)} maps, first: {task.units[bad[0]]}"
            )

    def join(self, outputs: Sequence[Attribution]) -> Attribution:
        """Concatenate maps over rows."""
        totals = [output.total for output in outputs if output.total is not None]
        joined = torch.cat(totals) if len(totals) == len(outputs) else None
        return Attribution(torch.cat([output.values for output in outputs]), joined)

    def distance(self, one: Attribution, other: Attribution) -> Tensor:
        """Largest absolute difference over the largest magnitude of the two maps, per unit."""
        a, b = one.values.flatten(1), other.values.flatten(1)
        scale = torch.maximum(a.abs().amax(1), b.abs().amax(1)).clamp_min(torch.finfo(a.dtype).tiny)
        return (a - b).abs().amax(1) / scale
