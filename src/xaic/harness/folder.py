"""The folder of a run: what lies where, and how it is read again.

plan.json            fixed before the first trial
trials/<trial>/      trial.json (written last), measurements.parquet and .json, curves, maps, timing.json, log.txt
verdicts.jsonl       every decision
run.json             denominators and the hash of every document that is the same from run to run
environment.json, timing.json, report.html, junit.xml
cache/               explanations and shared sweeps; removed when the run is whole
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaic.documents import store
from xaic.documents.errors import MissingFile
from xaic.documents.types import Environment, Measurement, Plan, RunRecord, TrialRecord, Verdict
from xaic.harness.evidence import Evidence, lay_out
from xaic.harness.planning import shared_trial

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray


def trial_folder(run: Path, trial: str) -> Path:
    """Return the folder of a trial."""
    return run / "trials" / trial


def finished(run: Path, trial: str) -> TrialRecord | None:
    """Return the record of a finished trial, or None where it must be run (again)."""
    path = trial_folder(run, trial) / "trial.json"
    if not path.is_file():
        return None
    record = store.read(TrialRecord, path)
    whole = all(
        (path.parent / name).is_file() and store.file_digest(path.parent / name) == digest
        for name, digest in record.files.items()
    )
    return record if whole else None


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
        """Whether everything planned was executed or not applicable, and nothing errored."""
        record = self.record
        return record.errored == 0 and record.executed + record.not_applicable == record.planned

    @cached_property
    def environment(self) -> Environment:
        """Where the run was made."""
        return store.read(Environment, self.folder / "environment.json")

    @cached_property
    def timing(self) -> dict[str, Any]:
        """Seconds by trial; not part of the documents that repeat."""
        path = self.folder / "timing.json"
        return dict(store.parse(path)) if path.is_file() else {}

    @cached_property
    def trials(self) -> list[TrialRecord]:
        """What every planned trial did, in the order of the plan."""
        return [
            store.read(TrialRecord, trial_folder(self.folder, planned.id) / "trial.json")
            for planned in self.plan.trials
        ]

    @cached_property
    def verdict_list(self) -> list[Verdict]:
        """Every verdict as a document."""
        return store.read_all(Verdict, self.folder / "verdicts.jsonl")

    @cached_property
    def verdicts(self) -> pd.DataFrame:
        """One row for each method, criterion and benchmark."""
        import pandas as pd

        columns = (
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
        rows = [{name: getattr(verdict, name) for name in columns} for verdict in self.verdict_list]
        frame = pd.DataFrame(rows, columns=list(columns))
        frame["state"] = frame["state"].map(str)
        return frame

    @cached_property
    def measurements(self) -> pd.DataFrame:
        """One row for each score of each unit, of every finished trial."""
        import pandas as pd

        frames = [self.table(record) for record in self.trials if "measurements.parquet" in record.files]
        if not frames:
            return pd.DataFrame(columns=["trial", "method", "benchmark", "metric", "unit", "value"])
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
