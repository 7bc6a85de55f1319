"""``kill -9`` at random moments: resumed, a run ends with the documents of one that nothing disturbed."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import IO

import pytest

from tests.harness.conftest import TINY
from tests.harness.runs import (
    CONTENT,
    HOSTILE,
    MARK,
    begin,
    differing,
    documents,
    environment,
    gone,
    load,
    marked,
    new_mark,
    records,
    wait,
    xaic,
)

KILLS = 5
CHAINS = 4
"""Chains times kills: twenty moments."""


def start(run: Path, mark: str, *arguments: str) -> subprocess.Popen[str]:
    """Begin a run, or go on with it where something was planned."""
    new = not (run / "plan.json").is_file()
    asked = (*CONTENT, *arguments, "--out", str(run)) if new else ("--resume", str(run))
    return begin("run", *asked, stdout=subprocess.DEVNULL, env=environment(**{MARK: mark}))


def told(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stderr is not None
    return process.stderr


@pytest.mark.parametrize("seed", range(CHAINS))
def test_a_run_killed_again_and_again_ends_as_if_nothing_had_happened(tiny: Path, tmp_path: Path, seed: int) -> None:
    chance, undisturbed = random.Random(seed), documents(tiny)
    kills = number = 0
    run = tmp_path / "run-0"
    while kills < KILLS:
        mark = new_mark()
        process = start(run, mark, *TINY)
        for _ in range(chance.randrange(10)):  # some lines of progress, then some time more: any moment of a run
            told(process).readline()
        time.sleep(chance.uniform(0, 0.5))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        assert gone(mark), "a process outlived the run"
        if process.returncode == 0:  # it came to its end before its moment: look at it, and begin another
            assert differing(undisturbed, documents(run)) == []
            number += 1
            run = tmp_path / f"run-{number}"
    last = start(run, new_mark(), *TINY)
    told(last).read()
    assert last.wait() == 0
    assert differing(undisturbed, documents(run)) == []


def test_what_a_method_started_dies_with_the_run(tmp_path: Path) -> None:
    mark = new_mark()
    method = ("--method", f"{HOSTILE}:DaemonisesAndHangs")
    process = start(tmp_path / "run", mark, "--profile", "cheap", *method, "--call-seconds", "500")
    trial = tmp_path / "run" / "trials" / "hostile.daemonisesandhangs--attribution-small-quick--s0"
    assert wait(trial.is_dir, 120)
    assert wait(lambda: len(marked(mark)) >= 5)  # parent, fork server, worker, host, and what the method left behind
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert gone(mark)


def test_an_interrupted_run_says_how_to_go_on_and_keeps_what_is_finished(tiny: Path, tmp_path: Path) -> None:
    run, mark = tmp_path / "run", new_mark()
    process = start(run, mark, *TINY, "--workers", "1")
    while "[4/12]" not in (line := told(process).readline()):
        assert line, "the run ended before it was interrupted"
    process.send_signal(signal.SIGINT)
    said = told(process).read()
    assert process.wait() == 130
    assert f"interrupted; finished trials are kept: go on with xaic run --resume {run}" in said
    assert "Traceback" not in said
    assert gone(mark)
    kept = {path: path.stat().st_mtime_ns for path in run.glob("trials/*/trial.json")}
    assert 4 <= len(kept) < 12
    assert xaic("report", run).returncode == 66  # a run that is not finished has no report
    done = xaic("run", "--resume", run)
    assert done.returncode == 0, done.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # none was made again
    assert differing(documents(tiny), documents(run)) == []


def test_a_finished_run_may_be_resumed_and_nothing_is_made_again(tiny: Path) -> None:
    before, when = documents(tiny), {path: path.stat().st_mtime_ns for path in tiny.glob("trials/*/*")}
    done = xaic("run", "--resume", tiny)
    assert done.returncode == 0, done.stderr
    assert "[12/12] measuring" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in tiny.glob("trials/*/*")} == when
    assert differing(before, documents(tiny)) == []


def test_scratch_outlives_a_kill_and_goes_with_the_trial(tmp_path: Path) -> None:
    run, trial = tmp_path / "run", "hostile.keepsnotes--attribution-small-quick--s0"
    method = ("--method", f"{HOSTILE}:KeepsNotes", "--method", f"{HOSTILE}:Hangs")
    process = start(run, new_mark(), "--profile", "cheap", *method, "--workers", "2", "--call-seconds", "500")
    while "hostile.keepsnotes" not in (line := told(process).readline()):
        assert line
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (run / "trials" / trial / "scratch").exists()  # this trial was finished
    (run / "trials" / trial / "trial.json").unlink()  # as if the kill had come a moment before its end
    scratch = run / "trials" / trial / "scratch"
    scratch.mkdir()
    (scratch / "notes.txt").write_text("an earlier life")
    plan = load(run / "plan.json")
    plan["limits"]["call_seconds"] = 2.0
    (run / "plan.json").write_text(json.dumps(plan))
    assert xaic("run", "--resume", run).returncode == 3  # Hangs has its limit now
    assert records(run)[trial]["state"] == "done"
    assert (run / "trials" / trial / "log.txt").read_text().startswith("found an earlier life")
    assert not scratch.exists()
