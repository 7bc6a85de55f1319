"""Tables a person reads in a terminal: methods by criteria, what differs from what was expected, what became worse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaic.documents.types import Finding, State

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.documents.types import Gate, GateRow, Verdict
    from xaic.harness import LoadedRun
    from xaic.harness.expectation import Deviation

SIGNS = {
    State.PASS: ("pass", "blue"),
    State.FAIL: ("FAIL", "bold red"),
    State.INCONCLUSIVE: ("open", "yellow"),
    State.NOT_APPLICABLE: ("n/a", "dim"),
    State.NOT_TESTED: ("-", "dim"),
    State.ERROR: ("ERROR", "bold magenta"),
}
FINDINGS = {
    Finding.HELD: ("held", "blue"),
    Finding.REGRESSION: ("WORSE", "bold red"),
    Finding.UNDECIDED: ("open", "yellow"),
    Finding.MISSING: ("MISSING", "bold magenta"),
    Finding.ERROR: ("ERROR", "bold magenta"),
}
NARROW = 40
MOST = 20
"""So many comparisons without a regression are shown; the document holds all."""


def print_summary(made: LoadedRun) -> None:
    """Print verdicts of methods by criteria (the worst over benchmarks), denominators and the report's path."""
    console = Console(highlight=False)
    roles = {m["id"]: (m["card"] or {}).get("role", "method") for m in made.plan.methods}
    for title, wanted in (("methods", {"method"}), ("controls and oracles", {"control", "oracle"})):
        verdicts = [v for v in made.verdict_list if roles.get(v.method) in wanted]
        if verdicts:
            _print_table(console, title, verdicts)
    record = made.record
    console.print(
        f"planned {record.planned}, executed {record.executed}, not applicable {record.not_applicable}, "
        f"errored {record.errored}; verdicts: "
        + ", ".join(f"{count} {state}" for state, count in sorted(record.states.items()))
    )
    for verdict in [v for v in made.verdict_list if v.state is State.ERROR][:5]:
        console.print(f"error: {verdict.method} on {verdict.benchmark}: {verdict.reason}", markup=False, soft_wrap=True)
    console.print(f"report: {made.folder / 'report.html'}", markup=False, soft_wrap=True)


def _print_table(console: Console, title: str, verdicts: list[Verdict]) -> None:
    """One line a method, one column a criterion; criteria are named by their short code."""
    criteria = sorted({v.criterion for v in verdicts})
    cells: dict[tuple[str, str], list[State]] = {}
    for verdict in verdicts:
        cells.setdefault((verdict.method, verdict.criterion), []).append(verdict.state)
    for start in range(0, len(criteria), _columns(console)):
        shown = criteria[start : start + _columns(console)]
        table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
        table.add_column("", no_wrap=True, max_width=NARROW)
        for id in shown:
            table.add_column(id.removeprefix("EX-"), no_wrap=True)
        for method in sorted({v.method for v in verdicts}):
            row = [cells.get((method, id)) for id in shown]
            table.add_row(escape(method), *[_cell(states) for states in row])
        console.print(table)
        console.print()


def _columns(console: Console) -> int:
    return max(4, (console.width - NARROW) // 8)


def _cell(states: list[State] | None) -> str:
    from xaic.reporting.words import spoken

    if not states:
        return ""
    word, style = SIGNS[spoken(states)]
    return f"[{style}]{word}[/]"


def print_deviations(found: list[Deviation], expected: Path) -> None:
    """Print where verdicts are not the expected ones."""
    console = Console(highlight=False)
    if not found:
        console.print(f"every verdict is as {expected} expects")
        return
    table = Table("method", "criterion", "benchmark", "expected", "found", "", box=None, pad_edge=False)
    for one in found:
        cells = (one.method, one.criterion, one.benchmark, one.expected, one.found, "close call" if one.close else "")
        table.add_row(*map(escape, cells))
    console.print(table)
    close = sum(one.close for one in found)
    told = f"{len(found) - close} of {len(found)} verdicts differ from {expected} by more than a bound at its margin"
    console.print(told, markup=False, soft_wrap=True)


def print_gate(found: Gate, path: Path) -> None:
    """Print figures, why each comparison that needs a person came out so, the line to act on, and the document."""
    from xaic.reporting.words import printable

    console = Console(highlight=False)
    grave = [row for row in found.rows if row.finding is not Finding.HELD]
    held = [row for row in found.rows if row.finding is Finding.HELD]
    _print_rows(console, f"gate, {found.level.value} and above", grave + held[:MOST])
    if len(held) > MOST:
        console.print(f"... and {len(held) - MOST} more without a regression")
    lines = [_told(row) for row in grave] + [f"note: {note}" for note in found.notes] + [found.summary, f"gate: {path}"]
    for line in lines:
        console.print(printable(line), markup=False, soft_wrap=True)


def _print_rows(console: Console, title: str, rows: list[GateRow]) -> None:
    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for name in ("finding", "criterion", "benchmark", "method"):
        table.add_column(name, overflow="fold", no_wrap=name == "criterion")
    for name in ("change", "bounds", "margin", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*_gate_cells(row))
    console.print(table)


def _gate_cells(row: GateRow) -> list[str]:
    from xaic.reporting.words import bounds, figure, printable, short

    word, style = FINDINGS[row.finding]
    names = (row.criterion.removeprefix("EX-"), short(row.benchmark), row.method)
    cells = [f"[{style}]{word}[/]{' waived' if row.waiver else ''}", *(escape(printable(name)) for name in names)]
    if not row.shifts:
        return [*cells, f"{row.before} to {row.after or 'none'}"]
    first = row.shifts[0]
    return [*cells, figure(first.estimate), bounds(first.lower, first.upper), figure(first.margin), str(first.n)]


def _told(row: GateRow) -> str:
    from xaic.gating.summary import where

    waived = f"; {row.waiver}" if row.waiver else ""
    return f"{row.finding.value}: {where(row)}: {row.reason}{waived}"
