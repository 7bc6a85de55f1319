"""The evidence a criterion at a time: what is asked, the rule in words, and every verdict with its comparisons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from xaic.documents.types import State
from xaic.reporting.comparisons import Grid, deciding, grids, weakest
from xaic.reporting.intervals import Scale, axis, interval, scale_of
from xaic.reporting.matrix import Column, criteria_of
from xaic.reporting.words import SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from markupsafe import Markup

    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun
    from xaic.reporting.roster import Roster


@dataclass(frozen=True)
class Entry:
    """One verdict as a line of a table."""

    verdict: Verdict
    title: str
    role: str
    find: str
    plot: Markup
    weakest: str
    grids: list[Grid]

    @property
    def css(self) -> str:
        """Class name of the state."""
        return SIGNS[self.verdict.state].css


@dataclass(frozen=True)
class Group:
    """The verdicts of a criterion on one benchmark, drawn on one scale; what is not applicable stands by reason."""

    benchmark: str
    axis: Markup
    entries: list[Entry]
    away: dict[str, list[Entry]] = field(default_factory=dict)


@dataclass(frozen=True)
class Chapter:
    """A criterion with all that was decided on it."""

    column: Column
    counts: list[tuple[State, int]]
    rules: list[str]
    promises: list[str]
    groups: list[Group]


def chapters(run: LoadedRun, roster: Roster) -> list[Chapter]:
    """Return a chapter for every criterion that has a verdict, in the order of the profile."""
    found: dict[str, list[Verdict]] = {}
    for verdict in run.verdict_list:
        found.setdefault(verdict.criterion, []).append(verdict)
    columns = criteria_of(run.plan, run.verdict_list)
    return [_chapter(column, found[column.criterion.id], roster) for column in columns]


def _chapter(column: Column, verdicts: list[Verdict], roster: Roster) -> Chapter:
    tally = Counter(verdict.state for verdict in verdicts if roster.role(verdict.method) == "method")
    benchmarks = dict.fromkeys(verdict.benchmark for verdict in verdicts)
    return Chapter(
        column,
        [(state, tally[state]) for state in SIGNS if tally[state]],
        distinct(verdict.rule for verdict in verdicts),
        distinct(verdict.promise for verdict in verdicts),
        [_group(name, [v for v in verdicts if v.benchmark == name], column, roster) for name in benchmarks],
    )


def distinct(texts: Iterable[str]) -> list[str]:
    """Return the different texts that are not empty, the most frequent first."""
    return [text for text, _ in Counter(text for text in texts if text).most_common()]


def _group(benchmark: str, verdicts: list[Verdict], column: Column, roster: Roster) -> Group:
    order = {method: place for place, method in enumerate(roster.judged)}
    scale = scale_of(verdicts)
    entries, away = [], dict[str, list[Entry]]()
    for verdict in sorted(verdicts, key=lambda v: order[v.method]):
        entry = _entry(verdict, column, scale, roster)
        if verdict.state is State.NOT_APPLICABLE:
            away.setdefault(verdict.reason, []).append(entry)
        else:
            entries.append(entry)
    return Group(benchmark, axis(scale), entries, away)


def _entry(verdict: Verdict, column: Column, scale: Scale | None, roster: Roster) -> Entry:
    return Entry(
        verdict,
        roster.title(verdict.method),
        roster.role(verdict.method),
        roster.find(verdict.method),
        interval(verdict, deciding(verdict, column.criterion), scale),
        weakest(verdict, roster),
        grids(verdict, column.criterion, roster),
    )
