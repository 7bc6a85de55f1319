"""Waivers: regressions that somebody answers for, until a day. They lie over findings and change none."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from xaic.documents.store import read
from xaic.documents.types import Finding, Waivers

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from xaic.documents.types import GateRow, Waiver


def read_waivers(path: Path) -> tuple[Waiver, ...]:
    """Return the waivers of a file; raise ``MissingFile`` or ``BadDocument``."""
    return read(Waivers, path).waivers


def waive(rows: Iterable[GateRow], waivers: Sequence[Waiver], today: date) -> tuple[list[GateRow], list[str]]:
    """Return rows with what is waived written beside their regressions, and notes on waivers that cover nothing.

    A waiver counts on its last day. One that is past it covers nothing: the regression fails, and the row says so.
    """
    found = [_waived(row, waivers, today) for row in rows]
    notes = [f"the waiver {_who(waiver)} covers no regression; remove it" for waiver in waivers if _idle(waiver, found)]
    return found, notes


def covered(row: GateRow) -> bool:
    """Tell whether a regression is let pass."""
    return bool(row.waiver)


def _waived(row: GateRow, waivers: Sequence[Waiver], today: date) -> GateRow:
    mine = [waiver for waiver in waivers if row.finding is Finding.REGRESSION and _matches(waiver, row)]
    for waiver in mine:
        if date.fromisoformat(waiver.expires) >= today:
            return replace(row, waiver=f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}")
    if mine:
        last = max(mine, key=lambda waiver: waiver.expires)
        expired = f"the waiver of {last.owner} expired on {last.expires}"
        return replace(row, reason=f"{row.reason}; {expired}")
    return row


def _matches(waiver: Waiver, row: GateRow) -> bool:
    pairs = ((waiver.criterion, row.criterion), (waiver.benchmark, row.benchmark), (waiver.method, row.method))
    return all(fnmatchcase(name, pattern) for pattern, name in pairs)


def _idle(waiver: Waiver, rows: Iterable[GateRow]) -> bool:
    return not any(row.finding is Finding.REGRESSION and _matches(waiver, row) for row in rows)


def _who(waiver: Waiver) -> str:
    return f"of {waiver.owner} for {waiver.criterion} on {waiver.benchmark}, {waiver.method}"
