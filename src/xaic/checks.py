"""Verdicts as checks that a test runner shows one by one: foreseen from a plan, decided by one run for all of them.

Several processes may share the checks (the workers of pytest-xdist): one of them drafts the plan and one makes the
run, under a lock in a folder that all know; the others wait and read.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from xaic.documents import store
from xaic.documents.errors import XaicError
from xaic.documents.types import Plan, State
from xaic.harness import LoadedRun, Settings, draft, foreseen, new_folder, quiet
from xaic.library import go_on, make

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from xaic.documents.types import Verdict
    from xaic.harness import Announce

Outcome = Literal["passed", "failed", "error", "inconclusive", "not required", "skipped"]
"""What a test runner shows. An error is never a fail; 'not required' is a fail that does not count."""

PLAN, FOLDER, DONE, FAULT = "plan.json", "folder", "done", "fault"
"""Names in the folder that processes share: the draft, where the run lies, that it is made, why it cannot be."""


class NotMade(XaicError):
    """The run that decides the checks cannot be made; the message says why."""


@dataclass(frozen=True)
class Check:
    """One criterion of one method on one benchmark, and whether a fail counts."""

    reference: str
    """The method as the user named it, or its id where a pattern did."""
    method: str
    criterion: str
    benchmark: str
    counts: bool
    """Required of a method; controls and oracles never count."""

    @property
    def name(self) -> str:
        """What tells it from the other checks of its method."""
        return f"{self.criterion}[{self.benchmark}]"

    def outcome(self, verdict: Verdict, *, strict: bool = False) -> Outcome:
        """Return what a verdict means here; with ``strict`` an open one that counts is a failure."""
        if verdict.state is State.INCONCLUSIVE:
            return "failed" if strict and self.counts else "inconclusive"
        if verdict.state is State.FAIL:
            return "failed" if self.counts else "not required"
        found: dict[State, Outcome] = {State.PASS: "passed", State.ERROR: "error"}
        return found.get(verdict.state, "skipped")


class Checks:
    """The checks of some methods. Nothing runs before the first verdict is asked for; methods only tell their cards."""

    def __init__(
        self,
        settings: Settings,
        out: str | Path | None = None,
        *,
        workers: int = 0,
        shared: str | Path | None = None,
        announce: Announce = quiet,
    ) -> None:
        """Take what a run takes, and a folder that all processes know which share these checks; none: one process."""
        self.settings, self.out, self.workers, self.announce = settings, out, workers, announce
        self._own = None if shared else tempfile.TemporaryDirectory(prefix="xaic-")
        self.shared = Path(shared or (self._own.name if self._own else ""))
        self._made: LoadedRun | None = None

    @cached_property
    def plan(self) -> Plan:
        """What would be run if all checks were asked for; raises what ``draft`` raises."""
        path = self.shared / PLAN
        with self._alone():
            if not path.is_file():
                store.write(draft(self.settings, workers=self.workers), path)
        return store.read(Plan, path)

    @cached_property
    def all(self) -> list[Check]:
        """Every check, in the order method, criterion, benchmark."""
        given = dict(zip(self.settings.anywhere().methods, self.settings.methods, strict=True))
        names = {m["id"]: given.get(str(m["reference"]), str(m["id"])) for m in self.plan.methods}
        cards = {m["id"]: m["card"] or {} for m in self.plan.methods}
        return [
            Check(
                names[one.method],
                one.method,
                one.criterion,
                one.benchmark,
                counts=one.level == "required" and cards[one.method].get("role", "method") == "method",
            )
            for one in foreseen(self.plan)
        ]

    @property
    def folder(self) -> Path | None:
        """Where the run lies; None where none was begun."""
        path = self.shared / FOLDER
        return Path(path.read_text("utf-8")) if path.is_file() else None

    def made(self, among: Collection[Check] = ()) -> LoadedRun:
        """Return the run; it is made when it is first asked for, of the checks named (none: of all).

        Raises:
            NotMade: the run cannot be made.
        """
        if self._made is None:
            everything = self.all  # before the lock: the plan is drafted under it as well
            with self._alone():
                self._made = self._make(among or everything)
        return self._made

    def verdict(self, check: Check, among: Collection[Check] = ()) -> Verdict:
        """Return the verdict on a check; ``made`` tells of the rest."""
        key = (check.method, check.criterion, check.benchmark)
        for verdict in self.made(among).verdict_list:
            if (verdict.method, verdict.criterion, verdict.benchmark) == key:
                return verdict
        raise NotMade(f"{self.folder}: the run brought no verdict on {' '.join(key)}; did a method's card change?")

    def _make(self, among: Collection[Check]) -> LoadedRun:
        fault, done, folder = self.shared / FAULT, self.shared / DONE, self.folder
        if fault.is_file():
            raise NotMade(fault.read_text("utf-8"))
        if folder is not None and done.is_file():
            return LoadedRun.open(folder)
        try:
            made = self._begun(folder, among)
        except XaicError as found:
            fault.write_text(str(found), "utf-8")
            raise NotMade(str(found)) from found
        done.touch()
        return made

    def _begun(self, folder: Path | None, among: Collection[Check]) -> LoadedRun:
        """Make the run, or go on with it where the process that made it was killed."""
        if folder is not None and (folder / "plan.json").is_file():
            return go_on(folder, workers=self.workers, announce=self.announce)
        folder = Path(self.out) if self.out else new_folder(Path("reports"), self.settings.profile)
        if not (folder / "plan.json").exists():
            (self.shared / FOLDER).write_text(str(folder.resolve()), "utf-8")
        return make(self._narrowed(among), folder, workers=self.workers, announce=self.announce)

    def _narrowed(self, among: Collection[Check]) -> Settings:
        """Return the settings of a run for some of the checks."""
        methods = {check.method for check in among}
        if methods != {check.method for check in self.all}:
            wanted = tuple(str(m["reference"]) for m in self.plan.methods if m["id"] in methods)
        else:
            wanted = self.settings.methods
        pairs = {(check.criterion, check.benchmark) for check in among}
        whole = {(check.criterion, check.benchmark) for check in self.all}
        return replace(self.settings, methods=wanted, only=() if pairs == whole else tuple(sorted(pairs)))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other process is at work on these checks; what it starts can import what this one can."""
        before = os.environ.get("PYTHONPATH")
        with (self.shared / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(path for path in sys.path if path))
            try:
                yield
            finally:
                if before is None:
                    del os.environ["PYTHONPATH"]
                else:
                    os.environ["PYTHONPATH"] = before
