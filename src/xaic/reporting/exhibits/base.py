"""What an exhibit is, and how the maker of a family's exhibits becomes known."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from xaic.registry import load_room

if TYPE_CHECKING:
    from markupsafe import Markup

    from xaic.documents.types import Benchmark, TrialRecord
    from xaic.harness.folder import LoadedRun
    from xaic.reporting.roster import Roster


@dataclass(frozen=True)
class Exhibit:
    """One section of a report: pictures with what they show in words. Its markup must have been escaped."""

    id: str
    title: str
    body: Markup


@dataclass(frozen=True)
class Case:
    """What a maker is given: a run, who was tried in it, and the benchmarks of the family."""

    run: LoadedRun
    roster: Roster
    benchmarks: tuple[Benchmark, ...]

    def trials(self, benchmark: str) -> list[TrialRecord]:
        """Return the trials of methods on a benchmark, in reading order."""
        found = {t.method: t for t in self.run.trials if t.benchmark == benchmark and t.method in self.roster.subjects}
        return [found[method] for method in self.roster.sort(found)]


Maker: TypeAlias = Callable[[Case], Iterable[Exhibit]]

_MAKERS: dict[str, Maker] = {}


def exhibits_of(family: str) -> Callable[[Maker], Maker]:
    """Decorator: make a function known as the maker of a family's exhibits."""

    def register(maker: Maker) -> Maker:
        _MAKERS[family] = maker
        return maker

    return register


def all_exhibits(run: LoadedRun, roster: Roster) -> list[Exhibit]:
    """Return the exhibits of every family that has benchmarks in a run and a maker."""
    load_room("xaic.reporting.exhibits")
    families = dict.fromkeys(benchmark.family for benchmark in run.plan.benchmarks)
    found: list[Exhibit] = []
    for family in families:
        if family in _MAKERS:
            mine = tuple(benchmark for benchmark in run.plan.benchmarks if benchmark.family == family)
            found += _MAKERS[family](Case(run, roster, mine))
    return found
