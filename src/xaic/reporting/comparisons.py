"""The comparisons behind a verdict as tables: controls in rows, operators in columns, each with a state of its own.

A row of a verdict's details says what was compared and its bounds. Which side of which line is good follows from
the decision rule of the check that the row belongs to.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from xaic.documents.types import State

if TYPE_CHECKING:
    from xaic.documents.types import Check, Criterion, Rule, Verdict
    from xaic.reporting.roster import Roster

NAMES = ("control", "comparison", "figure")
"""Where a row keeps the name of what it is compared with, or of what is compared."""

TINY = 1e-12
"""Least width of an interval that is divided by."""

ITSELF = "the share of units"
"""The name of the only comparison of a rule that compares with nothing but its margin."""


@dataclass(frozen=True)
class Line:
    """The margin a comparison is held against.

    Attributes:
        margin: where the line stands.
        above: whether the good side lies above it.
        touch: what a bound on the line itself counts as: 'good', 'bad', or '' for neither.
    """

    margin: float
    above: bool = True
    touch: Literal["good", "bad", ""] = "bad"

    def state(self, lower: float | None, upper: float | None) -> State:
        """Return what the bounds of one comparison say on their own."""
        sign = 1 if self.above else -1
        toward, away = (lower, upper) if self.above else (upper, lower)
        if toward is not None and self._beyond(sign * (toward - self.margin), "good"):
            return State.PASS
        if away is not None and self._beyond(sign * (self.margin - away), "bad"):
            return State.FAIL
        return State.INCONCLUSIVE

    def _beyond(self, distance: float, side: str) -> bool:
        return distance > 0 or (distance == 0 and self.touch == side)


def line_of(rule: Rule, row: dict[str, Any]) -> Line | None:
    """Return the line a row of details is held against, or None where the rule is not known here."""
    if rule.id == "DR2":
        return Line(rule.margin, above=False, touch="good") if row.get("comparison") == "excess" else Line(0.0)
    return {
        "DR1": Line(rule.margin),
        "DR3": Line(rule.p0, touch="good"),
        "DR4": Line(-rule.margin),
        "DR6": Line(rule.margin, above=False, touch=""),
    }.get(rule.id)


@dataclass(frozen=True)
class Compared:
    """One comparison: its row of details, the line it is held against and its own state."""

    row: dict[str, Any]
    line: Line | None

    @property
    def state(self) -> State | None:
        """What this comparison says on its own; None where its rule is not known here or it has no bounds."""
        if self.line is None or self.row.get("estimate") is None:
            return None
        return self.line.state(self.row.get("lower"), self.row.get("upper"))


@dataclass(frozen=True)
class Grid:
    """The comparisons of one metric: names in rows, operators in columns."""

    metric: str
    operators: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Compared | None, ...]], ...]


def grids(verdict: Verdict, criterion: Criterion, roster: Roster) -> list[Grid]:
    """Return the comparisons behind a verdict, one table a metric, in the order of the details."""
    checks = {check.metric: check for check in criterion.checks}
    metrics = dict.fromkeys(str(row.get("metric", "")) for row in verdict.details)
    return [_grid(metric, checks.get(metric), verdict.details, roster) for metric in metrics]


def _grid(metric: str, check: Check | None, details: tuple[dict[str, Any], ...], roster: Roster) -> Grid:
    cells: dict[tuple[str, str], Compared] = {}
    for row in details:
        if str(row.get("metric", "")) == metric:
            line = line_of(check.rule, row) if check else None
            cells[_name(row), str(row.get("operator", ""))] = Compared(row, line)
    operators = tuple(dict.fromkeys(operator for _, operator in cells))
    names = dict.fromkeys(name for name, _ in cells)
    rows = tuple((roster.control(name), tuple(cells.get((name, o)) for o in operators)) for name in names)
    return Grid(metric, operators, rows)


def _name(row: dict[str, Any]) -> str:
    return next((str(row[key]) for key in NAMES if row.get(key)), ITSELF)


def deciding(verdict: Verdict, criterion: Criterion) -> Line | None:
    """Return the line of the comparison that the verdict turned on, or None where it is not among the details."""
    checks = {check.metric: check for check in criterion.checks}
    for row in verdict.details:
        same = all(row.get(name) == getattr(verdict, name) for name in ("estimate", "lower", "upper"))
        if same and row.get("metric") in checks:
            return line_of(checks[str(row["metric"])].rule, row)
    return None


def slack(verdict: Verdict, criterion: Criterion) -> float:
    """Return how far the bound that must hold lies on the good side, in widths of the interval; negative: beyond.

    What has no figures is as far on its side as can be.
    """
    line = deciding(verdict, criterion)
    if line is None or verdict.lower is None or verdict.upper is None:
        return math.inf if verdict.state is State.PASS else -math.inf
    distance = verdict.lower - line.margin if line.above else line.margin - verdict.upper
    return distance / max(verdict.upper - verdict.lower, TINY)


def weakest(verdict: Verdict, roster: Roster) -> str:
    """Return in words what the verdict turned on: a control under an operator, a part of the rule, a figure."""
    name = next((str(verdict.weakest[key]) for key in NAMES if verdict.weakest.get(key)), "")
    operator = str(verdict.weakest.get("operator") or "")
    return roster.control(name) + (f", {operator}" if name and operator else operator)
