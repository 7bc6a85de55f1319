"""A whole run with methods that misbehave: each costs its own trial, and every other document is as without them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.harness.runs import (
    CONTENT,
    HOSTILE,
    differing,
    documents,
    gone,
    load,
    make,
    new_mark,
    once,
    records,
    verdicts,
    xaic,
)
from xaic.documents.checking import check_path

ERRORS = {
    "Exits": "left with exit status 0 during 'run'",
    "KillsItself": "killed by SIGKILL during 'run'",
    "KillsParent": "the worker of the trial died",
    "KillsServer": "the fork server died during the trial",
    "Segfaults": "killed by SIGSEGV during 'run'",
    "Gluttonous": "memory",
    "Hangs": "no answer to 'run' within 3 s",
    "FitHangs": "no answer to 'fit' within 3 s",
    "DaemonisesAndHangs": "no answer to 'run' within 3 s",
    "Raises": "ValueError: I do not like these inputs",
    "SysExit": "SystemExit",
    "Interrupts": "KeyboardInterrupt",
    "ReturnsNaN": "NaN or infinite values in 16 of 16 maps",
    "WrongShape": r"the map has shape \[16, 1\]",
    "WrongType": "the map has dtype torch.int64",
    "ReturnsText": "an attribution must be a tensor",
    "MutatesModel": "changed the model's parameters",
    "ChangesInputs": "changed its task in place: inputs",
    "MixesRows": "rows get other answers in a batch than alone",
}
SOUND = ("Patches", "Chatters", "Forks", "Daemonises", "KeepsNotes")
"""Their answers are right, whatever else they do."""

ALONE = ("--method", f"{HOSTILE}:Sound")
LIMITS = ("--profile", "cheap", "--call-seconds", "3", "--memory-gib", "2", "--workers", "2")


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    return once(tmp_path_factory, "alone", lambda run: make(run, *LIMITS, *ALONE))


@pytest.fixture(scope="session")
def crowded(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of one sound method among all that misbehave; its mark lies beside it."""
    methods = [part for name in (*ERRORS, *SOUND) for part in ("--method", f"{HOSTILE}:{name}")]

    def among(run: Path) -> None:
        mark = new_mark()
        done = xaic("run", *CONTENT, *LIMITS, *methods, *ALONE, "--out", run, XAIC_TEST_MARK=mark)
        assert done.returncode == 3, done.stderr
        run.with_suffix(".mark").write_text(mark)

    return once(tmp_path_factory, "crowd", among)


def trial(name: str) -> str:
    return f"hostile.{name.lower()}--attribution-small-quick--s0"


@pytest.mark.parametrize("name", ERRORS)
def test_a_method_that_misbehaves_costs_its_own_trial_with_the_reason(crowded: Path, name: str) -> None:
    record = records(crowded)[trial(name)]
    assert record["state"] == "error"
    assert re.search(ERRORS[name], record["reason"]), record["reason"]
    assert "\n" not in record["reason"]
    left = {path.name for path in (crowded / "trials" / trial(name)).iterdir()}
    assert left <= {"trial.json", "log.txt"}
    verdict = verdicts(crowded)[f"hostile.{name.lower()}", "EX-REP-01", "attribution/small-quick"]
    assert (verdict["state"], verdict["reason"]) == ("error", record["reason"])


@pytest.mark.parametrize("name", SOUND)
def test_what_else_a_method_does_changes_none_of_its_own_scores(crowded: Path, name: str) -> None:
    folder = crowded / "trials" / trial(name)
    assert records(crowded)[trial(name)]["state"] == "done"
    scores = "measurements.parquet"
    assert (folder / scores).read_bytes() == (crowded / "trials" / trial("Sound") / scores).read_bytes()
    assert not (folder / "scratch").exists()


def test_all_other_documents_are_as_in_a_run_without_them(crowded: Path, undisturbed: Path) -> None:
    alone, among = documents(undisturbed), documents(crowded)
    of_trials = {name: data for name, data in alone.items() if name.startswith("trials/")}
    assert {name.split("/")[1] for name in of_trials} == {
        trial("Sound"),
        "shared--attribution-small-quick",
        "attribution.random--attribution-small-quick--s0",
    }
    assert differing(of_trials, {name: among.get(name, b"") for name in of_trials}) == []
    ours = ("hostile.sound", "EX-REP-01", "attribution/small-quick")
    assert verdicts(crowded)[ours] == verdicts(undisturbed)[ours]


def test_a_run_with_errors_is_whole_in_its_denominators_and_valid(crowded: Path) -> None:
    head = load(crowded / "run.json")
    assert head["errored"] == len(ERRORS)
    assert head["executed"] == len(SOUND) + 3
    assert head["planned"] == head["errored"] + head["executed"]
    check_path(crowded)


def test_what_a_method_printed_is_kept_beside_its_trial_and_cut(crowded: Path) -> None:
    log = (crowded / "trials" / trial("Chatters") / "log.txt").read_bytes()
    assert len(log) < 1.1 * 2**20
    assert b" bytes were written]" in log[-60:]
    assert b"I do not like these inputs" in (crowded / "trials" / trial("Raises") / "log.txt").read_bytes()


def test_no_process_is_left(crowded: Path) -> None:
    assert gone(crowded.with_suffix(".mark").read_text())
