"""The family contract, tried on a method's own answers before anything is measured.

Shape, type, device and finiteness are checked at every call by the probe; what a call may not change (model, inputs)
is checked beside the method. Here: is a row's answer its own, and does a method that says so draw nothing?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xaic.documents.errors import ContractBreach

if TYPE_CHECKING:
    from xaic.families.base import Family, Task
    from xaic.methods.base import Probe

ROWS = 4
"""Rows that are also asked alone."""

TOLERANCE = 1e-2
"""Largest relative difference between a row's answer alone and in a batch. Kernels of another batch size change the
last digits, and a unit near a kink of the model may change more."""

SHARE = 0.5
"""Share of the rows that must stay within the tolerance: kinks are allowed, a method that mixes rows moves all."""

DETERMINED = 1e-6
"""Largest relative difference between two draws of a method that declares that it draws nothing."""


def examine(family: Family[Any, Any], task: Task, probe: Probe[Any, Any]) -> dict[str, Any]:
    """Return what was found; raise ``ContractBreach`` where the batch gives other answers than its rows alone.

    A stochastic method draws from a stream of each unit, so the same holds for it. Another draw of a method that is
    not declared stochastic must be the same answer: elsewhere it is taken to be, and not asked for again.
    """
    rows = list(range(min(ROWS, len(task.units))))
    whole, part = probe.run(task), probe.run(task.select(rows))
    if not probe.card.capabilities.stochastic:
        drawn = float(family.distance(probe.repeat(task.select(rows), draw="another"), part).max())
        if drawn > DETERMINED:
            raise ContractBreach(f"two draws differ by {drawn:.3g}, but the card does not say stochastic; let it")
    among = family.distance(part, _first(family, task, whole, rows))
    alone = [probe.run(task.select([row])) for row in rows]
    gaps = family.distance(family.join(alone), _first(family, task, whole, rows))
    within = float((gaps <= TOLERANCE).double().mean())
    if within < SHARE:
        raise ContractBreach(
            f"rows get other answers in a batch than alone: {int((1 - within) * len(rows))} of {len(rows)} differ by "
            f"more than {TOLERANCE:g} (largest {float(gaps.max()):.3g}); let each row depend on itself only"
        )
    return {
        "rows_tried": len(rows),
        "batch_independent_share": within,
        "largest_gap_alone": float(gaps.max()),
        "largest_gap_in_part": float(among.max()),
        "tolerance": TOLERANCE,
    }


def _first(family: Family[Any, Any], task: Task, output: Any, rows: list[int]) -> Any:
    """Return some rows of an output, by way of its parcel: every family packs tensors whose first axis is units."""
    parcel = family.pack_output(output)
    n = len(task.units)
    tensors = {
        name: value[rows] if value.ndim and value.shape[0] == n else value for name, value in parcel.tensors.items()
    }
    return family.unpack_output(type(parcel)(tensors, parcel.data))
