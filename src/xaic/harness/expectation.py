"""Exit statuses by verdicts, and verdicts held against a committed file of expected ones, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaic.documents.errors import BadData
from xaic.documents.types import Expected, State

if TYPE_CHECKING:
    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun

ABSENT = "(none)"

ORDER = (State.FAIL, State.INCONCLUSIVE, State.PASS)
"""States that a bound decides between, in order."""

CLOSE = 1e-3
"""A bound this near to its margin may fall on the other side on another processor, whose last digits differ."""


@dataclass(frozen=True)
class Deviation:
    """A verdict that is not the expected one; ``close`` where another processor may explain it."""

    method: str
    criterion: str
    benchmark: str
    expected: str
    found: str
    close: bool = False


def verdict_status(made: LoadedRun) -> int:
    """Return 0 when all Required pass, 1 when some fail, 2 when none fails but some are open or none applied."""
    states = _states(made, "required")
    if State.FAIL in states:
        return 1
    decided = [state for state in states if state is not State.NOT_APPLICABLE]
    return 0 if decided and all(state is State.PASS for state in decided) else 2


def to_expected(made: LoadedRun) -> Expected:
    """Return a run's verdicts as a file of expected ones."""
    table: dict[str, dict[str, dict[str, str]]] = {}
    for verdict in made.verdict_list:
        place = table.setdefault(verdict.method, {}).setdefault(verdict.criterion, {})
        place[verdict.benchmark] = str(verdict.state)
    return Expected(made.plan.profile, made.plan.seed, table)


def deviations(made: LoadedRun, wanted: Expected) -> list[Deviation]:
    """Return every verdict that is not the expected one: worse, better, missing or new.

    Raises:
        BadData: the file of expected verdicts is of another profile or seed.
    """
    if (wanted.profile, wanted.seed) != (made.plan.profile, made.plan.seed):
        raise BadData(
            f"the expected verdicts are those of profile {wanted.profile} with seed {wanted.seed}; "
            f"the run has profile {made.plan.profile} and seed {made.plan.seed}"
        )
    expected, found = _flat(wanted), _flat(to_expected(made))
    verdicts = {(v.method, v.criterion, v.benchmark): v for v in made.verdict_list}
    return [
        Deviation(*key, before, now, close=_close(before, verdicts.get(key)))
        for key in sorted({*expected, *found})
        if (before := expected.get(key, ABSENT)) != (now := found.get(key, ABSENT))
    ]


def _close(before: str, verdict: Verdict | None) -> bool:
    """Tell whether a state is next to the expected one and a bound lies at the margin between the two."""
    if verdict is None or verdict.margin is None or before not in ORDER or verdict.state not in ORDER:
        return False
    if abs(ORDER.index(State(before)) - ORDER.index(verdict.state)) != 1:
        return False
    bounds = [row[side] for row in verdict.details for side in ("lower", "upper") if row.get(side) is not None]
    return any(
        abs(bound - verdict.margin) < CLOSE for bound in (*bounds, verdict.lower, verdict.upper) if bound is not None
    )


def _flat(document: Expected) -> dict[tuple[str, str, str], str]:
    return {
        (method, criterion, benchmark): state
        for method, by_criterion in document.verdicts.items()
        for criterion, by_benchmark in by_criterion.items()
        for benchmark, state in by_benchmark.items()
    }


def _states(made: LoadedRun, level: str) -> list[State]:
    """Return the states of methods' verdicts at an obligation level; controls and oracles do not count."""
    roles = {m["id"]: (m["card"] or {}).get("role", "method") for m in made.plan.methods}
    return [v.state for v in made.verdict_list if v.level == level and roles.get(v.method, "method") == "method"]
