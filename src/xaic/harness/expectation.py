"""Exit statuses by verdicts, and verdicts held against a committed file of expected ones, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.documents import store
from xaic.documents.types import Expected, State
from xaic.harness.running import states_of

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.harness.folder import LoadedRun

ABSENT = "(none)"


def verdict_status(made: LoadedRun) -> int:
    """Return 0 when all Required pass, 1 when some fail, 2 when none fails but some are open or none applied."""
    states = states_of(made, "required")
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


def deviations(made: LoadedRun, path: Path) -> list[dict[str, str]]:
    """Return every verdict that is not the expected one: worse, better, missing or new."""
    expected = _flat(store.read(Expected, path))
    found = _flat(to_expected(made))
    return [
        {
            "method": key[0],
            "criterion": key[1],
            "benchmark": key[2],
            "expected": expected.get(key, ABSENT),
            "found": found.get(key, ABSENT),
        }
        for key in sorted({*expected, *found})
        if expected.get(key) != found.get(key)
    ]


def _flat(document: Expected) -> dict[tuple[str, str, str], str]:
    return {
        (method, criterion, benchmark): state
        for method, by_criterion in document.verdicts.items()
        for criterion, by_benchmark in by_criterion.items()
        for benchmark, state in by_benchmark.items()
    }
