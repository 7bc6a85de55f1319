"""A verdict as plain text: some lines for a terminal or the log of a test runner, the state and its reason first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.reporting.words import SIGNS, bounds, count, figure, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun


def headline(verdict: Verdict) -> str:
    """Return the state and its reason in one line."""
    reason = " ".join((verdict.reason or SIGNS[verdict.state].meaning).split())
    return printable(f"{verdict.state.value}: {reason}")


def told(verdict: Verdict) -> str:
    """Return all that a verdict rests on: reason, estimate, interval, units, weakest control and the rule in words."""
    rows = [(name, text) for name, text in _rows(verdict) if text]
    return printable("\n".join((headline(verdict), *(f"  {name:<11}{text}" for name, text in rows))))


def _rows(verdict: Verdict) -> Iterator[tuple[str, str]]:
    yield "method", verdict.method
    yield "criterion", f"{verdict.criterion} on {verdict.benchmark}, {verdict.level}, edition {verdict.edition}"
    yield "estimate", figure(verdict.estimate)
    yield "interval", bounds(verdict.lower, verdict.upper)
    yield "margin", figure(verdict.margin)
    yield "n", count(verdict.n, "unit") if verdict.n else ""
    yield "weakest", ", ".join(f"{name} {value}" for name, value in verdict.weakest.items() if value not in (None, ""))
    yield "rule", verdict.rule
    yield "promise", verdict.promise
    yield "worst", ", ".join(verdict.worst_units)


def unexecuted(run: LoadedRun) -> str:
    """Return what keeps a run from being whole: its denominators, and a line for each trial in error; '' if nothing."""
    if run.whole:
        return ""
    record = run.record
    first = (
        f"{record.planned} trials planned, {record.executed} executed, {record.not_applicable} not applicable, "
        f"{record.errored} errored"
    )
    trials = [f"  {trial.id}: {trial.reason}" for trial in run.trials if trial.state == "error"]
    return printable("\n".join((first, *trials)))
