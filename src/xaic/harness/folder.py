"""The folder of a run: what lies where, and how it is read again.

plan.json            fixed before the first trial
trials/<trial>/      trial.json (written last), measurements.parquet and .json, curves, maps, log.txt;
                     scratch/ while the trial is not finished
verdicts.jsonl       every decision
run.json             denominators and the hash of every document that is the same from run to run
environment.json, timing.json, report.html, junit.xml
cache/               explanations and shared sweeps; removed when the run is whole
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaic.documents import store
from xaic.documents.errors import BadDocument, MissingFile, Misuse, UnknownSchema
from xaic.documents.types import Environment, Measurement, Plan, RunRecord, State, TrialRecord, Verdict
from xaic.execution.limits import LOG, shorten
from xaic.harness.evidence import Evidence, lay_out
from xaic.harness.planning import shared_trial
from xaic.harness.trial import COLUMNS, SCRATCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


VERDICT_COLUMNS = (
    "method",
    "criterion",
    "benchmark",
    "level",
    "state",
    "estimate",
    "lower",
    "upper",
    "n",
    "reason",
)
MEASUREMENT_COLUMNS = ("trial", "method", "benchmark", *COLUMNS)


class RunIsHeld(Misuse):
    """Another process is at work in the folder of the run."""


@contextmanager
def held(run: Path) -> Iterator[None]:
    """Hold a run's folder, so that no two processes work in it; the system lets go of it however this process ends.

    Raises:
        RunIsHeld: another process holds it.
    """
    folder = os.open(run, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: then nothing is held
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RunIsHeld(f"{run}: another xaic is at work there; wait for it or choose another folder") from None
        yield
    finally:
        os.close(folder)


def new_folder(reports: Path, profile: str) -> Path:
    """Make and return a folder for a run, named after its profile and the time; no two processes get the same."""
    name = f"{Path(profile).stem}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    reports.mkdir(parents=True, exist_ok=True)
    for number in count(1):
        run = reports / (name if number == 1 else f"{name}-{number}")
        with suppress(FileExistsError):
            run.mkdir()
            return run
    raise AssertionError("unreachable")


def clear(folder: Path, *keep: str) -> None:
    """Remove what lies in a folder, but for the names to keep."""
    for path in folder.iterdir() if folder.is_dir() else []:
        if path.name not in keep:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def tidy(run: Path) -> None:
    """Mend what a killed process left in the folders of the run and of finished trials: half-written files and logs."""
    for path in (*run.glob(".*.part"), *run.glob("trials/*/.*.part")):
        path.unlink()
    for log in run.glob(f"trials/*/{LOG}"):
        shorten(log)


def clear_to_repeat(folder: Path) -> None:
    """Remove what an unfinished trial left, but for the method's scratch folder: that outlives a kill."""
    clear(folder, SCRATCH)


def clear_verdicts(run: Path) -> None:
    """Remove what was concluded from trials of which some are made again: a run that is not whole has no verdicts."""
    for name in ("run.json", "verdicts.jsonl"):
        (run / name).unlink(missing_ok=True)


def clear_to_record(folder: Path) -> None:
    """Remove what a trial that measured nothing left, but for what its method printed."""
    clear(folder, LOG)


def trial_folder(run: Path, trial: str) -> Path:
    """Return the folder of a trial."""
    return run / "trials" / trial


def finished(run: Path, trial: str, asked: str, hashes: Mapping[str, str]) -> bool:
    """Tell whether a trial need not be run (again): its record is whole, of what is asked now, and all files are there.

    Args:
        run: the run's folder.
        trial: id of the trial.
        asked: digest of what the plan asks of it.
        hashes: those of the run's documents when it was last whole.

    Raises:
        UnknownSchema: the record is of a version that this xaic does not read.
    """
    path = trial_folder(run, trial) / "trial.json"
    if not path.is_file() or hashes.get(path.relative_to(run).as_posix()) not in {None, store.file_digest(path)}:
        return False
    try:
        record = store.read(TrialRecord, path)
    except UnknownSchema:
        raise
    except BadDocument:
        return False
    return record.asked == asked and all(
        (path.parent / name).is_file() and store.file_digest(path.parent / name) == digest
        for name, digest in record.files.items()
    )


def hashes_of(run: Path) -> dict[str, str]:
    """Return the hash of every document that a finished run wrote down; nothing of one that is not, or damaged."""
    path = run / "run.json"
    try:
        return store.read(RunRecord, path).files if path.is_file() else {}
    except UnknownSchema:
        raise
    except BadDocument:
        return {}


@dataclass(frozen=True)
class LoadedRun:
    """A run read from its folder, every document checked against its schema."""

    folder: Path

    @classmethod
    def open(cls, folder: str | Path) -> LoadedRun:
        """Return the run in a folder; raise ``MissingFile`` where there is none."""
        path = Path(folder)
        if not (path / "plan.json").is_file():
            raise MissingFile(path / "plan.json", "give the folder of a run")
        return cls(path)

    @cached_property
    def plan(self) -> Plan:
        """What was planned."""
        return store.read(Plan, self.folder / "plan.json")

    @cached_property
    def record(self) -> RunRecord:
        """Denominators and hashes."""
        return store.read(RunRecord, self.folder / "run.json")

    @property
    def whole(self) -> bool:
        """Whether everything planned was executed or not applicable, and no trial or verdict is an error."""
        record = self.record
        errors = record.errored + record.states.get(State.ERROR, 0)
        return errors == 0 and record.executed + record.not_applicable == record.planned

    @cached_property
    def environment(self) -> Environment:
        """Where the run was made."""
        return store.read(Environment, self.folder / "environment.json")

    @cached_property
    def timing(self) -> dict[str, Any]:
        """Seconds by trial; not part of the documents that repeat, so that a damaged file counts as none."""
        path = self.folder / "timing.json"
        try:
            found = store.parse(path) if path.is_file() else {}
        except BadDocument:
            found = {}
        return found if isinstance(found, dict) else {}

    @cached_property
    def trials(self) -> list[TrialRecord]:
        """What every planned trial did, in the order of the plan; raise ``MissingFile`` where one is not finished."""
        paths = [trial_folder(self.folder, planned.id) / "trial.json" for planned in self.plan.trials]
        for path in paths:
            if not path.is_file():
                raise MissingFile(path, f"the run is not finished; go on with: xaic run --resume {self.folder}")
        return [store.read(TrialRecord, path) for path in paths]

    @cached_property
    def verdict_list(self) -> list[Verdict]:
        """Every verdict as a document."""
        return store.read_all(Verdict, self.folder / "verdicts.jsonl")

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row for each method, criterion and benchmark."""
        import pandas as pd

        rows = [{name: getattr(verdict, name) for name in VERDICT_COLUMNS} for verdict in self.verdict_list]
        frame = pd.DataFrame(rows, columns=list(VERDICT_COLUMNS))
        frame["state"] = frame["state"].map(str)
        return frame

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row for each score of each unit, of every finished trial."""
        import pandas as pd

        frames = [self.table(record) for record in self.trials if "measurements.parquet" in record.files]
        if not frames:
            return pd.DataFrame(columns=list(MEASUREMENT_COLUMNS))
        return pd.concat(frames, ignore_index=True)

    def table(self, record: TrialRecord) -> pd.DataFrame:
        """Return the scores of one trial, with the trial's name before them."""
        folder = trial_folder(self.folder, record.id)
        sidecar = store.read(Measurement, folder / "measurements.json")
        table = store.read_table(folder / sidecar.file, sidecar.sha256)
        table.insert(0, "benchmark", record.benchmark)
        table.insert(0, "method", record.method)
        table.insert(0, "trial", record.id)
        return table

    def evidence(self) -> Evidence:
        """Return what the judge needs."""
        keys = {(record.method, record.benchmark): record for record in self.trials}
        scores = {
            key: lay_out(self.table(record)) for key, record in keys.items() if "measurements.parquet" in record.files
        }
        return Evidence(scores, keys)

    def curves(self, trial: str) -> dict[str, NDArray[np.float32]]:
        """Return the removal curves of a trial: 'removal/<subject>/<operator>/morf' [N, T+1], 'lerf', 'fractions'."""
        return self._arrays(trial, "curves.safetensors")

    def maps(self, trial: str) -> dict[str, NDArray[np.float32]]:
        """Return the location maps of a trial: 'values' [N, H, W]."""
        return self._arrays(trial, "maps.safetensors")

    def _arrays(self, trial: str, name: str) -> dict[str, NDArray[np.float32]]:
        from safetensors.numpy import load_file

        path = trial_folder(self.folder, trial) / name
        return dict(load_file(path)) if path.is_file() else {}

    def pictures(self, benchmark: str) -> NDArray[np.uint8] | None:
        """Return the pictures [N, H, W, 3] of a benchmark whose specimen can be shown, or None."""
        found: Any = self._arrays(shared_trial(benchmark), "pictures.safetensors")
        pictures: NDArray[np.uint8] | None = found.get("pictures")
        return pictures


def write_timing(path: Path, timing: dict[str, Any]) -> None:
    """Write seconds beside the documents; they are no part of them."""
    store.write_bytes(path, (json.dumps(timing, indent=1, sort_keys=True) + "\n").encode())
