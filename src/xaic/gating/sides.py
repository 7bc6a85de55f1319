"""One run as the gate reads it: by which path it was named, who was tried, what was decided and measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaic.documents.checking import check_path
from xaic.documents.errors import MissingFile, Misuse
from xaic.documents.store import digest, from_data
from xaic.documents.types import MethodCard
from xaic.harness.checking import Case
from xaic.harness.folder import LoadedRun
from xaic.registry import load_plugins

if TYPE_CHECKING:
    from xaic.documents.types import Benchmark, Criterion, Verdict
    from xaic.harness.evidence import Evidence

FILES = {"report.html", "run.json", "plan.json"}
"""Files that stand for the run in whose folder they lie."""


def open_run(run: str | Path | LoadedRun) -> LoadedRun:
    """Return a run by its folder, or by its report.html, run.json or plan.json.

    Raises:
        MissingFile: nothing is there, or no run.
        Misuse: the path is another file.
        BadData: a document is not the one that was written.
    """
    found = run if isinstance(run, LoadedRun) else LoadedRun.open(_folder(Path(run)))
    if finished(found):
        check_path(found.folder / "run.json")
    return found


def _folder(path: Path) -> Path:
    if not path.exists():
        raise MissingFile(path, "give the folder of a run, or its report.html or run.json")
    if path.is_file() and path.name not in FILES:
        raise Misuse(f"{path}: names no run; give the folder of a run, or its report.html or run.json")
    return path.parent if path.is_file() else path


def finished(run: LoadedRun) -> bool:
    """Tell whether a run came to its end."""
    return (run.folder / "run.json").is_file()


@dataclass(frozen=True)
class Side:
    """A finished run with what the gate asks it for."""

    run: LoadedRun

    @classmethod
    def of(cls, run: LoadedRun) -> Side:
        """Return a run with its plug-ins loaded, so that its metrics are known."""
        load_plugins(run.plan.plugins)
        return cls(run)

    @cached_property
    def evidence(self) -> Evidence:
        """Scores and records."""
        return self.run.evidence()

    @cached_property
    def cards(self) -> dict[str, MethodCard | None]:
        """Card of every subject; None for what could not be loaded."""
        return {m["id"]: m["card"] and from_data(MethodCard, m["card"], m["reference"]) for m in self.run.plan.methods}

    @cached_property
    def verdicts(self) -> dict[tuple[str, str, str], Verdict]:
        """(method, criterion, benchmark) -> verdict on a method; controls and oracles never gate."""
        return {
            (v.method, v.criterion, v.benchmark): v for v in self.run.verdict_list if self.role(v.method) == "method"
        }

    @cached_property
    def benchmarks(self) -> dict[str, Benchmark]:
        """Benchmarks as they were run, by id."""
        return {benchmark.id: benchmark for benchmark in self.run.plan.benchmarks}

    @cached_property
    def criteria(self) -> dict[str, Criterion]:
        """Criteria as they were decided, by id."""
        return {criterion.id: criterion for criterion in self.run.plan.criteria}

    @property
    def methods(self) -> set[str]:
        """Ids of the methods that verdicts speak of."""
        return {key[0] for key in self.verdicts}

    def role(self, method: str) -> str:
        """Return method, control or oracle; what could not be loaded was meant as a method."""
        card = self.cards.get(method)
        return card.role if card else "method"

    def case(self, method: str, benchmark: str) -> Case | None:
        """Return a method on a benchmark; None where it has no card."""
        card = self.cards.get(method)
        return Case(card, self.benchmarks.get(benchmark), self.evidence) if card else None

    def name(self) -> dict[str, Any]:
        """Return which run this is, as plain data."""
        return name_of(self.run)


def name_of(run: LoadedRun) -> dict[str, Any]:
    """Return which run this is: where it lies, what it was made with, and the digest of its plan."""
    plan = run.plan
    version = run.record.version if finished(run) else ""
    return {
        "folder": str(run.folder),
        "profile": plan.profile,
        "edition": plan.edition,
        "seed": plan.seed,
        "version": version,
        "plan": digest(plan),
    }
