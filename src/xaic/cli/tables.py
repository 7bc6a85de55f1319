"""Tables a person reads in a terminal: methods by criteria, and what differs from what was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from xaic.documents.types import State

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.documents.types import Verdict
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
NARROW = 40


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
