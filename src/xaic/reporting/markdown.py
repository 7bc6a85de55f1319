"""Markdown: verdicts as tables for documents and pull requests: subjects by criteria, then each with its figures.

A cell holds a letter for each benchmark of its column, in the order in which the column's benchmarks are listed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.documents.types import Level, State
from xaic.reporting.matrix import criteria_of
from xaic.reporting.page import edition_of
from xaic.reporting.roster import ROLES, Roster
from xaic.reporting.words import UNVERIFIED, bounds, figure, printable, short, statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun

LETTERS = {
    State.PASS: "P",
    State.FAIL: "F",
    State.INCONCLUSIVE: "·",
    State.ERROR: "E",
    State.NOT_APPLICABLE: "–",
    State.NOT_TESTED: "?",
}
SPECIAL = str.maketrans({character: f"\\{character}" for character in "\\`*_{}[]<>#|&~"} | {"\n": " ", "\r": " "})


def to_markdown(run: LoadedRun) -> str:
    """Return the verdicts of a run: one table a family and role, then every verdict that applies, with its figures."""
    roster = Roster(run)
    groups = [
        (family, role, subjects)
        for family in sorted({roster.family(method) for method in roster.judged})
        for role in ROLES
        if (subjects := [m for m in roster.judged if (roster.family(m), roster.role(m)) == (family, role)])
    ]
    lines = [f"{text(statement(run.plan.profile, edition_of(run)))} {UNVERIFIED}", ""]
    letters = ", ".join(f"{letter} {state.value}" for state, letter in LETTERS.items())
    lines += [f"Seed {run.plan.seed}. {letters}; one letter for each benchmark of a column.", ""]
    for family, role, subjects in groups:
        lines += [f"### {text(family or 'not loaded')}: {ROLES[role]}", "", *_matrix(run, roster, subjects), ""]
    for family, role, subjects in groups:
        lines += [f"### Figures: {text(family or 'not loaded')}, {ROLES[role]}", ""]
        lines += [*_figures(run, roster, subjects), ""]
    return printable("\n".join(lines))


def text(value: object) -> str:
    """Return a value as the text of a cell: no markup of its own, no line of its own."""
    return str(value).translate(SPECIAL)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _matrix(run: LoadedRun, roster: Roster, subjects: list[str]) -> Iterator[str]:
    chosen = [verdict for verdict in run.verdict_list if verdict.method in set(subjects)]
    columns = [column.criterion.id for column in criteria_of(run.plan, chosen)]
    places = {id: sorted({v.benchmark for v in chosen if v.criterion == id}) for id in columns}
    states = {(v.method, v.criterion, v.benchmark): v.state for v in chosen}
    yield from table(
        ["", *(text(id.removeprefix("EX-")) for id in columns), "required"],
        (
            [
                text(roster.title(method)),
                *(_letters(states.get((method, id, place)) for place in places[id]) for id in columns),
                _required([v.state for v in chosen if v.method == method and v.level == Level.REQUIRED]),
            ]
            for method in subjects
        ),
    )
    yield ""
    yield "Benchmarks: " + "; ".join(
        f"{text(id.removeprefix('EX-'))} {', '.join(text(short(place)) for place in places[id])}" for id in columns
    )


def _letters(states: Iterable[State | None]) -> str:
    return "".join(LETTERS[state] if state else " " for state in states)


def _required(states: list[State]) -> str:
    """Return how many required verdicts came out how, of those that apply."""
    told = [f"{states.count(one)} {one.value}" for one in LETTERS if one in states and one is not State.NOT_APPLICABLE]
    return ", ".join(told) or "none applies"


def _figures(run: LoadedRun, roster: Roster, subjects: list[str]) -> Iterator[str]:
    order = {method: place for place, method in enumerate(subjects)}
    told = [v for v in run.verdict_list if v.method in order and v.state is not State.NOT_APPLICABLE]
    yield from table(
        ["", "criterion", "benchmark", "verdict", "estimate", "bounds", "margin", "n", "closest", "reason"],
        (
            [
                text(roster.title(v.method)),
                text(v.criterion),
                text(short(v.benchmark)),
                v.state.value,
                figure(v.estimate),
                bounds(v.lower, v.upper),
                figure(v.margin),
                str(v.n or ""),
                text(_closest(v)),
                text(v.reason),
            ]
            for v in sorted(told, key=lambda v: (v.criterion, v.benchmark, order[v.method]))
        ),
    )


def _closest(verdict: Verdict) -> str:
    return " / ".join(str(one) for one in verdict.weakest.values() if one)
