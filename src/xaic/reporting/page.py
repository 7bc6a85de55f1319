"""What a report says of a run as a whole: the headline, the denominators, cost, material and how to repeat it."""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xaic.documents.store import file_digest
from xaic.documents.types import State
from xaic.harness.planning import SHARED
from xaic.reporting.chapters import Chapter, chapters
from xaic.reporting.dossiers import Dossier, dossiers
from xaic.reporting.exhibits.base import Exhibit, all_exhibits
from xaic.reporting.matrix import Matrix, matrices
from xaic.reporting.roster import ROLES, Roster
from xaic.reporting.sources import Source, sources_of
from xaic.reporting.words import SIGNS, UNVERIFIED, short, statement
from xaic.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from xaic.documents.types import TrialRecord, Verdict
    from xaic.harness.folder import LoadedRun

NAMED = 2
"""So many methods are named in a headline."""

STANDING = {
    State.ERROR: ("ended in an error", "ended in an error"),
    State.FAIL: ("fails at least one", "fail at least one"),
    State.INCONCLUSIVE: ("fails none but is inconclusive", "fail none but are inconclusive"),
    State.NOT_APPLICABLE: ("was asked nothing that applies", "were asked nothing that applies"),
}
"""How methods stand that do not pass, in the singular and the plural."""


@dataclass
class Cost:
    """What all trials of a method took."""

    method: str
    title: str
    trials: int = 0
    forward: int = 0
    backward: int = 0
    seconds: float = 0.0


def edition_of(run: LoadedRun) -> str:
    """Return the edition of the profile; of the criteria behind the verdicts, where an older run names none."""
    if run.plan.edition:
        return run.plan.edition
    editions = {verdict.edition for verdict in run.verdict_list} | {
        criterion.edition for criterion in run.plan.criteria
    }
    return ", ".join(sorted(editions - {""})) or "unknown"


def passing(by_state: Mapping[State, Sequence[str]]) -> str:
    """Return who passes all that is required, in one sentence, of the titles of methods by their state."""
    total, passed = sum(map(len, by_state.values())), by_state.get(State.PASS, ())
    if len(passed) == total:
        who = {1: "the method passes", 2: "both methods pass"}.get(total, f"all {total} methods pass")
        return f"{who} all required criteria"
    if total == 1:
        return "the method does not pass all required criteria"
    if not passed:
        return f"none of {total} methods passes all required criteria"
    verb = "passes" if len(passed) == 1 else "pass"
    named = f" ({', '.join(passed)})" if len(passed) <= NAMED else ""
    return f"{len(passed)} of {total} methods {verb} all required criteria{named}"


def others(by_state: Mapping[State, Sequence[str]]) -> str:
    """Return how the methods stand that do not pass; nothing where all do."""
    told = []
    for state, (one, many) in STANDING.items():
        titles = by_state.get(state, ())
        if titles:
            named = f" ({', '.join(titles)})" if len(titles) <= NAMED else ""
            told.append(f"{len(titles)} {one if len(titles) == 1 else many}{named}")
    return ", ".join(told)


class Page:
    """What the templates read."""

    version, unverified = __version__, UNVERIFIED

    def __init__(self, run: LoadedRun) -> None:
        self.run, self.plan, self.record = run, run.plan, run.record
        self.environment = run.environment
        self.roster = Roster(run)

    @cached_property
    def edition(self) -> str:
        """Edition of the criteria behind the verdicts."""
        return edition_of(self.run)

    @property
    def some_pass(self) -> bool:
        """Whether a method passes all that is required."""
        return any(row.state is State.PASS for matrix in self.matrices for _, rows in matrix.groups for row in rows)

    @property
    def version_made(self) -> str:
        """The xaic that made the run; another one may have rendered it."""
        return self.record.version

    @property
    def statement(self) -> str:
        """What stands beside every table of verdicts."""
        return statement(self.plan.profile, self.edition)

    @property
    def number(self) -> str:
        """What names this run: the start of the SHA-256 of its record."""
        return file_digest(self.run.folder / "run.json")[:12]

    @property
    def made(self) -> str:
        """When the run was made."""
        try:
            moment = datetime.fromisoformat(self.environment.created).astimezone(UTC)
        except ValueError:
            return self.environment.created
        return f"{moment.day} {moment:%B %Y, %H:%M} UTC"

    @cached_property
    def matrices(self) -> list[Matrix]:
        """Summary tables, one a family."""
        return matrices(self.run, self.roster)

    @cached_property
    def chapters(self) -> list[Chapter]:
        """Evidence by criterion."""
        return chapters(self.run, self.roster)

    @cached_property
    def dossiers(self) -> list[Dossier]:
        """Evidence by method."""
        return dossiers(self.run, self.roster, self.matrices)

    @cached_property
    def exhibits(self) -> list[Exhibit]:
        """Pictures of the families."""
        return all_exhibits(self.run, self.roster)

    @cached_property
    def headlines(self) -> list[tuple[str, str, str]]:
        """For every family that has methods: its name, who passes all that is required, and how the rest stand."""
        found = []
        for matrix in self.matrices:
            rows = [row for name, group in matrix.groups if name == ROLES["method"] for row in group]
            by_state: dict[State, list[str]] = {}
            for row in rows:
                by_state.setdefault(row.state, []).append(self.roster.title(row.method))
            if rows:
                found.append((matrix.family or "Not loaded", passing(by_state), others(by_state)))
        return found

    @property
    def sureness(self) -> str:
        """On how many units verdicts rest."""
        units = sorted({verdict.n for verdict in self.run.verdict_list if verdict.n})
        if not units:
            return "no verdict rests on units"
        return f"n = {units[0]:,}" if len(units) == 1 else f"n from {units[0]:,} to {units[-1]:,}"

    @cached_property
    def tally(self) -> list[tuple[State, int]]:
        """Verdicts on methods by state; controls and oracles do not count."""
        found = Counter(v.state for v in self.run.verdict_list if self.roster.role(v.method) == "method")
        return [(state, found[state]) for state in SIGNS]

    @cached_property
    def errors(self) -> list[TrialRecord]:
        """Trials that ended in an error."""
        return [trial for trial in self.run.trials if trial.state == "error"]

    @cached_property
    def undecided(self) -> list[Verdict]:
        """Verdicts that are errors although the trial ran: criterion and scores do not fit each other."""
        known = {(trial.method, trial.benchmark) for trial in self.errors}
        verdicts = [v for v in self.run.verdict_list if v.state is State.ERROR]
        return [verdict for verdict in verdicts if (verdict.method, verdict.benchmark) not in known]

    @cached_property
    def faults(self) -> dict[str, list[str]]:
        """What ended in an error, by reason: methods with their benchmarks."""
        return self._by_reason([*self.errors, *self.undecided])

    @cached_property
    def skipped(self) -> dict[str, list[str]]:
        """Trials that were not applicable, by reason: methods with their benchmarks."""
        return self._by_reason([trial for trial in self.run.trials if trial.state == "not applicable"])

    def _by_reason(self, told: Sequence[TrialRecord | Verdict]) -> dict[str, list[str]]:
        found: dict[str, dict[str, None]] = {}
        for one in told:
            found.setdefault(one.reason, {})[f"{self.roster.title(one.method)} on {short(one.benchmark)}"] = None
        return {reason: list(places) for reason, places in sorted(found.items(), key=lambda item: -len(item[1]))}

    @property
    def missing(self) -> int:
        """Trials that were planned, and neither ran nor were not applicable nor errored."""
        return self.record.planned - self.record.executed - self.record.not_applicable - self.record.errored

    @cached_property
    def costs(self) -> list[Cost]:
        """Passes and seconds of every method over all its trials, the dearest first; of what is shared, once."""
        seconds = self.run.timing.get("trials", {})
        found: dict[str, Cost] = {}
        for trial in self.run.trials:
            cost = found.setdefault(trial.method, Cost(trial.method, self.roster.title(trial.method)))
            for made in trial.passes.values():
                if trial.method == SHARED or not made["shared"]:
                    cost.forward += made["forward"]
                    cost.backward += made["backward"]
            cost.seconds += seconds.get(trial.id, 0.0)
            cost.trials += trial.state == "done"
        return sorted(found.values(), key=lambda cost: (-cost.seconds, cost.title))

    @property
    def dearest(self) -> float:
        """Most seconds of a method."""
        return max((cost.seconds for cost in self.costs), default=0.0) or 1.0

    @cached_property
    def sources(self) -> list[Source]:
        """Benchmarks with the provenance of their specimens."""
        return sources_of(self.run)

    @property
    def command(self) -> str:
        """The call that made the run, without the folders of the machine it was made on."""
        program, *arguments = self.environment.command or ("xaic",)
        name = "python -m xaic" if program.endswith("__main__.py") else Path(program).name
        return f"{name} {shlex.join(arguments)}"
