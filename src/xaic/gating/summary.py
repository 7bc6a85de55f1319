"""One line that a person can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.documents.types import Finding
from xaic.gating.entries import slack
from xaic.gating.waivers import covered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xaic.documents.types import GateRow, Shift


def summarise(rows: Sequence[GateRow], status: int, broken: Sequence[str] = ()) -> str:
    """Return what was found in one line: how many, and the one to look at first.

    Args:
        rows: the gravest first.
        status: what they come to.
        broken: why a run is not whole.
    """
    line = (_held, _regressed, _undecided, _lacking)[status](rows)
    waived = sum(map(covered, rows))
    return "; ".join([line, *broken, *([f"{waived} waived"] if waived else [])])


def where(row: GateRow) -> str:
    """Return of what a row speaks, in words."""
    return f"{row.criterion} on {row.benchmark} for {row.method}"


def what(shift: Shift) -> str:
    """Return what a shift compares, in words."""
    operator = f" under {shift.operator}" if shift.operator else ""
    quantity = f" ({shift.quantity})" if shift.quantity != "score" else ""
    return f"{shift.metric}{quantity}{operator}"


def _open(rows: Sequence[GateRow], *findings: Finding) -> list[GateRow]:
    return [row for row in rows if row.finding in findings and not covered(row)]


def _held(rows: Sequence[GateRow]) -> str:
    held = [row for row in rows if row.finding is Finding.HELD]
    line = f"no regression in {len(held)} of {len(rows)} comparisons"
    moved = [(slack(shift), row, shift) for row in held for shift in row.shifts if shift.lower is not None]
    if not moved:
        return f"{line}; no score moved"
    _, row, shift = min(moved, key=lambda one: one[0])
    return f"{line}; closest: {where(row)}, {what(shift)}: {shift.reason}"


def _regressed(rows: Sequence[GateRow]) -> str:
    worse = _open(rows, Finding.REGRESSION)
    first = min(worse, key=lambda row: slack(row.shifts[0]) if row.shifts else 0.0)
    return f"regression in {len(worse)} of {len(rows)} comparisons; worst: {where(first)}: {_told(first)}"


def _undecided(rows: Sequence[GateRow]) -> str:
    open_ = _open(rows, Finding.UNDECIDED)
    line = f"undecided in {len(open_)} of {len(rows)} comparisons, no regression shown"
    known = [(shift.needed, row, shift) for row in open_ for shift in row.shifts if shift.needed is not None]
    if not known:
        return f"{line}; first: {where(open_[0])}: {_told(open_[0])}"
    needed, row, shift = max(known, key=lambda one: one[0])
    more = f"about {needed:,} units would decide, {needed - shift.n:,} more than there are"
    return f"{line}; {more}: so many are needed by {where(row)}, {what(shift)}"


def _lacking(rows: Sequence[GateRow]) -> str:
    gone = _open(rows, Finding.ERROR, Finding.MISSING)
    if not gone:
        return f"{len(rows)} comparisons, but a run is not whole"
    return f"{len(gone)} of {len(rows)} comparisons could not be made; first: {where(gone[0])}: {_told(gone[0])}"


def _told(row: GateRow) -> str:
    return f"{what(row.shifts[0])}: {row.reason}" if row.shifts else row.reason
