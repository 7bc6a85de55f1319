"""The methods one at a time: what the card says of each, and every verdict that is no pass with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xaic.documents.types import State
from xaic.reporting.matrix import Row, criteria_of
from xaic.reporting.words import figure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun
    from xaic.reporting.matrix import Matrix
    from xaic.reporting.roster import Roster

LISTS = {
    "assumptions": "Assumes",
    "simplifications": "Simplifies",
    "limits": "Limits",
    "unclaimed": "Does not claim",
    "references": "References",
}
SAID = (State.ERROR, State.FAIL, State.INCONCLUSIVE, State.NOT_TESTED)
"""States that a dossier gives reasons for, in its order."""


@dataclass(frozen=True)
class Dossier:
    """What is known of a method."""

    row: Row
    title: str
    role: str
    find: str
    facts: list[tuple[str, str]]
    reasons: list[tuple[str, Verdict]]  # title of the criterion, verdict


def dossiers(run: LoadedRun, roster: Roster, matrices: Iterable[Matrix]) -> list[Dossier]:
    """Return a dossier for every method that was judged."""
    titles = {column.criterion.id: column.title for column in criteria_of(run.plan, run.verdict_list)}
    rows = {row.method: row for matrix in matrices for _, group in matrix.groups for row in group}
    order = {state: place for place, state in enumerate(SAID)}
    found = []
    for method in roster.judged:
        mine = [v for v in run.verdict_list if v.method == method and v.state in order]
        mine.sort(key=lambda v: (order[v.state], list(titles).index(v.criterion), v.benchmark))
        reasons = [(titles[v.criterion], v) for v in mine]
        names = (roster.title(method), roster.role(method), roster.find(method))
        found.append(Dossier(rows[method], *names, list(_facts(roster, method)), reasons))
    return found


def _facts(roster: Roster, method: str) -> Iterator[tuple[str, str]]:
    subject, card = roster.subjects.get(method, {}), roster.card(method)
    if subject.get("fault"):
        yield "Could not be loaded", str(subject["fault"])
    if card:
        yield from _of_card(card)
    if subject.get("parameters"):
        yield "Parameters", ", ".join(f"{name} = {_value(value)}" for name, value in subject["parameters"].items())
    if subject.get("digest"):
        yield "SHA-256 of the source", str(subject["digest"])


def _of_card(card: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Purpose", str(card["purpose"])
    yield "Explains", str(card["explains"])
    if card["truth"]:
        yield "A value means", str(card["truth"])
    if card["claims"]:
        yield "Claims", "; ".join(_claim(claim) for claim in card["claims"])
    for name, words in LISTS.items():
        if card[name]:
            yield words, "; ".join(map(str, card[name]))
    if card["cost"]:
        yield "Stated cost", str(card["cost"])
    yield "Version of the card", str(card["version"])


def _claim(claim: dict[str, Any]) -> str:
    value = f" within {_value(claim['value'])}" if claim["value"] is not None else ""
    return str(claim["property"]) + value + (f" ({claim['scope']})" if claim["scope"] else "")


def _value(value: Any) -> str:
    return figure(value) if isinstance(value, float) else str(value)
