"""The summary: one table a family, methods in rows, criteria in columns; which passed what, and why not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaic.documents.types import Criterion, Level, State
from xaic.reporting.comparisons import slack
from xaic.reporting.roster import ROLES
from xaic.reporting.words import SIGNS, count, short, spoken

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from xaic.documents.types import Plan, Verdict
    from xaic.harness.folder import LoadedRun
    from xaic.reporting.roster import Roster

LEVELS = tuple(Level)
FITTING = 21
"""So many columns fit into a window of 1280 pixels."""


@dataclass(frozen=True)
class Cell:
    """A method under a criterion: the state that speaks for all benchmarks, and on how many of them it passes."""

    method: str
    criterion: str
    state: State
    passed: int
    applicable: int

    @property
    def share(self) -> str:
        """Benchmarks passed of those that apply, where there are several."""
        return f"{self.passed}/{self.applicable}" if self.applicable > 1 else ""

    @property
    def words(self) -> str:
        """The cell in words."""
        of = count(self.applicable, "benchmark")
        return self.state.value + (f"; passes on {self.passed} of {of}" if self.applicable > 1 else "")


@dataclass(frozen=True)
class Column:
    """A criterion with the strongest level at which the profile asks for it."""

    criterion: Criterion
    level: str
    first: bool  # of its dimension

    @property
    def title(self) -> str:
        """The title in English, or the id."""
        return self.criterion.title.get("en") or self.criterion.id


@dataclass(frozen=True)
class Why:
    """What stands in the way of a pass, or the closest call where all passes."""

    verdict: Verdict
    title: str
    place: str
    reason: str
    more: str


@dataclass(frozen=True)
class Row:
    """A method: how it stands with all that is required of it, and its cells."""

    method: str
    state: State
    passed: int
    asked: int
    why: Why | None
    cells: tuple[Cell | None, ...]

    @property
    def states(self) -> str:
        """Class names of all states that occur in the row."""
        return " ".join(sorted({SIGNS[cell.state].css for cell in self.cells if cell}))


@dataclass(frozen=True)
class Matrix:
    """The verdicts of one family: methods first, then oracles and controls that were asked for."""

    family: str
    columns: tuple[Column, ...]
    groups: tuple[tuple[str, tuple[Row, ...]], ...]

    @property
    def wide(self) -> bool:
        """Whether the table may be wider than a window: then it scrolls in a box of its own."""
        return len(self.columns) > FITTING


def criteria_of(plan: Plan, verdicts: Iterable[Verdict]) -> list[Column]:
    """Return the criteria that verdicts speak of, in the order of the profile, those of a dimension together."""
    known = {criterion.id: criterion for criterion in plan.criteria}
    levels: dict[str, set[str]] = {}
    for verdict in verdicts:
        levels.setdefault(verdict.criterion, set()).add(verdict.level)
    order = dict.fromkeys(one.criterion for one in plan.requirements if one.criterion in levels)
    found = [known.get(id) or _unknown(id) for id in {**order, **levels}]
    dimensions = list(dict.fromkeys(criterion.dimension for criterion in found))
    found.sort(key=lambda criterion: dimensions.index(criterion.dimension))
    before = ["", *(criterion.dimension for criterion in found)]
    return [Column(c, _strongest(levels[c.id]), c.dimension != last) for c, last in zip(found, before, strict=False)]


def _strongest(levels: set[str]) -> str:
    return str(next((level for level in LEVELS if level in levels), min(levels)))


def _unknown(id: str) -> Criterion:
    """Return a stand-in for a criterion that the plan does not hold."""
    return Criterion(id, {"en": id}, {"en": ""}, "any", "", "other")


def matrices(run: LoadedRun, roster: Roster) -> list[Matrix]:
    """Return the summary tables of a run; what could not be loaded stands in a table of its own, first."""
    families = sorted({roster.family(method) for method in roster.judged})
    return [_matrix(family, run, roster) for family in families]


def _matrix(family: str, run: LoadedRun, roster: Roster) -> Matrix:
    methods = [method for method in roster.judged if roster.family(method) == family]
    verdicts = [verdict for verdict in run.verdict_list if verdict.method in set(methods)]
    columns = tuple(criteria_of(run.plan, verdicts))
    by_method = {method: [v for v in verdicts if v.method == method] for method in methods}
    rows = [_row(method, by_method[method], columns, roster) for method in methods]
    groups = [(ROLES[role], tuple(row for row in rows if roster.role(row.method) == role)) for role in ROLES]
    return Matrix(family, columns, tuple((name, some) for name, some in groups if some))


def _row(method: str, verdicts: list[Verdict], columns: Sequence[Column], roster: Roster) -> Row:
    required = [verdict for verdict in verdicts if verdict.level == Level.REQUIRED]
    by_criterion = {
        column.criterion.id: spoken(v.state for v in required if v.criterion == column.criterion.id)
        for column in columns
        if any(v.criterion == column.criterion.id for v in required)
    }
    asked = [state for state in by_criterion.values() if state is not State.NOT_APPLICABLE]
    state = _standing(asked)
    return Row(
        method,
        state,
        sum(one is State.PASS for one in asked),
        len(asked),
        _why(state, _telling(state, required), by_criterion, columns, roster),
        tuple(_cell(method, column, [v for v in verdicts if v.criterion == column.criterion.id]) for column in columns),
    )


def _standing(states: Iterable[State]) -> State:
    """Return how a method stands: what is open or not tested is no pass."""
    found = set(states)
    if not found:
        return State.NOT_APPLICABLE
    if found & {State.ERROR, State.FAIL}:
        return spoken(found)
    return State.PASS if found == {State.PASS} else State.INCONCLUSIVE


def _telling(state: State, verdicts: list[Verdict]) -> list[Verdict]:
    """Return the verdicts that make a method stand as it does."""
    found = [verdict for verdict in verdicts if verdict.state is state]
    return found or [verdict for verdict in verdicts if verdict.state is State.NOT_TESTED]


def _cell(method: str, column: Column, verdicts: list[Verdict]) -> Cell | None:
    if not verdicts:
        return None
    states = [verdict.state for verdict in verdicts]
    applicable = sum(state is not State.NOT_APPLICABLE for state in states)
    return Cell(method, column.criterion.id, spoken(states), states.count(State.PASS), applicable)


def _why(
    state: State,
    verdicts: list[Verdict],
    by_criterion: dict[str, State],
    columns: Sequence[Column],
    roster: Roster,
) -> Why | None:
    """Return the verdict furthest from a pass, or the closest call, of those that share the method's state."""
    if not verdicts:
        return None
    known = {column.criterion.id: column for column in columns}
    worst = min(verdicts, key=lambda v: slack(v, known[v.criterion].criterion))
    others = Counter(one for id, one in by_criterion.items() if id != worst.criterion)
    told = [
        f"{others[one]} more {SIGNS[one].word}"
        for one in (State.ERROR, State.FAIL, State.INCONCLUSIVE)
        if others[one] and state is not State.PASS
    ]
    place = short(worst.benchmark)
    return Why(worst, known[worst.criterion].title, place, roster.explain(worst.reason), ", ".join(told))
