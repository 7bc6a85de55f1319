"""xaic as a library: what ``run`` returns, and reading a run again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xaic
from tests.harness.runs import TOY, environment
from xaic.documents.errors import MissingFile
from xaic.harness.folder import MEASUREMENT_COLUMNS, VERDICT_COLUMNS, LoadedRun
from xaic.harness.trial import COLUMNS

SCRIPT = """
import json, sys, xaic
toy, out = sys.argv[1:]
family = f"{toy}/forecast.py"
toy_family = {"plugins": [family], "content": [toy]}
run = xaic.run(methods=[f"{family}:Last"], profile="toy", seed=5, out=f"{out}/run", call_seconds=50, **toy_family)
print(json.dumps({
    "folder": str(run.folder),
    "verdicts": list(run.verdicts.columns),
    "measurements": list(run.measurements.columns),
    "states": list(run.verdicts["state"]),
    "again": xaic.load_run(run.folder).verdicts.equals(run.verdicts),
    "seed": run.plan.seed,
    "limit": run.plan.limits["call_seconds"],
    "check": [xaic.check(f"{family}:{name}", "toy", out=f"{out}/{name}", **toy_family) for name in ("Zero", "Nobody")],
}))
"""


def test_a_program_runs_reads_and_checks(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(TOY), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "folder": str(tmp_path / "run"),
        "verdicts": list(VERDICT_COLUMNS),
        "measurements": list(MEASUREMENT_COLUMNS),
        "states": ["pass"],
        "again": True,
        "seed": 5,
        "limit": 50,
        "check": [1, 3],
    }


def test_verdicts_are_a_frame_with_one_row_for_each_decision(tiny: Path) -> None:
    run = xaic.load_run(tiny)
    frame = run.verdicts
    assert tuple(frame.columns) == VERDICT_COLUMNS
    assert len(frame) == len(run.verdict_list)
    assert not frame.duplicated(["method", "criterion", "benchmark"]).any()
    assert set(frame["state"]) <= {"pass", "fail", "inconclusive", "not applicable", "not tested", "error"}
    assert frame["n"].dtype == np.int64
    decided = frame[frame["criterion"] == "EX-REP-01"]
    assert (decided["lower"] <= decided["estimate"]).all()


def test_measurements_are_a_frame_with_one_row_for_each_score_of_each_unit(tiny: Path) -> None:
    frame = xaic.load_run(str(tiny)).measurements
    assert tuple(frame.columns) == MEASUREMENT_COLUMNS == ("trial", "method", "benchmark", *COLUMNS)
    key = ["trial", "metric", "variant", "subject", "part", "unit"]
    assert not frame.duplicated(key).any()
    counts = frame.groupby(key[:-1]).size()
    assert set(counts) == {24}
    assert frame["value"].dtype == np.float64


def test_columns_stay_where_nothing_was_measured(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xaic", "run", "--method", f"{tmp_path}/no.py:No", "--out", str(tmp_path / "run")],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 3
    run = LoadedRun.open(tmp_path / "run")
    assert tuple(run.measurements.columns) == MEASUREMENT_COLUMNS
    assert len(run.measurements) == 0
    assert list(run.verdicts["state"]) == ["error"]
    assert not run.whole


def test_a_folder_without_a_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="give the folder of a run"):
        xaic.load_run(tmp_path)


def test_names_are_imported_when_they_are_used() -> None:
    assert set(xaic.__all__) == {*xaic._HOMES, "__version__"}
    for name in xaic.__all__:
        assert getattr(xaic, name) is not None
    with pytest.raises(AttributeError, match="module 'xaic' has no attribute 'nothing'"):
        _ = xaic.nothing
