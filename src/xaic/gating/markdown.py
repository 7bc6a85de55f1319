"""A gate as Markdown, for a pull request: the line to act on, what needs a person, and all the rest folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.documents.types import Finding
from xaic.gating.summary import what
from xaic.gating.waivers import covered
from xaic.reporting.markdown import table, text
from xaic.reporting.words import UNVERIFIED, bounds, count, figure, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xaic.documents.types import Gate, GateRow

TITLES = {
    0: "No regression",
    1: "Regression",
    2: "Undecided: more units are needed",
    3: "Not whole: a run or a comparison is missing",
}
"""What each status says."""

HEAD = ("finding", "criterion", "benchmark", "method", "compared", "change", "bounds", "margin", "n", "why")


def gate_to_markdown(gate: Gate) -> str:
    """Return what was found as Markdown; every name is escaped."""
    first = [row for row in gate.rows if row.finding is not Finding.HELD]
    rest = [row for row in gate.rows if row.finding is Finding.HELD]
    lines = [f"## xaic gate: {TITLES[gate.status]}", "", text(gate.summary), ""]
    if first:
        lines += [*table(HEAD, map(_cells, first)), ""]
    if rest:
        told = count(len(rest), "comparison")
        lines += [f"<details><summary>No regression in {told}</summary>", "", *table(HEAD, map(_cells, rest)), ""]
        lines += ["</details>", ""]
    lines += [*_margins(gate.rows), *(f"* {text(note)}" for note in gate.notes), *([""] if gate.notes else [])]
    lines += [f"{text(gate.rule)}. Changes are candidate minus baseline; higher is better. {UNVERIFIED}", ""]
    return printable("\n".join(lines))


def _cells(row: GateRow) -> list[str]:
    first = row.shifts[0] if row.shifts else None
    method = f"{row.method} (was {row.formerly})" if row.formerly else row.method
    why = f"{row.reason}; {row.waiver}" if covered(row) else row.reason
    return [
        f"**{row.finding.value}**{' (waived)' if covered(row) else ''}",
        *map(text, (row.criterion, row.benchmark, method, what(first) if first else "verdict")),
        figure(first.estimate) if first else f"{row.before} to {row.after or 'nothing'}",
        bounds(first.lower, first.upper) if first else "",
        figure(first.margin) if first else "",
        str(first.n) if first else "",
        text(why),
    ]


def _margins(rows: Iterable[GateRow]) -> Iterator[str]:
    """Yield where the margins come from, folded away: one line for each thing that is compared."""
    told = {
        (row.benchmark, row.method, what(shift)): (figure(shift.margin), text(shift.source))
        for row in rows
        for shift in row.shifts
    }
    if told:
        yield "<details><summary>Margins and where they come from</summary>"
        yield ""
        yield from table(
            ("benchmark", "method", "compared", "margin", "source"),
            ([*map(text, key), *value] for key, value in sorted(told.items())),
        )
        yield from ("", "</details>", "")
