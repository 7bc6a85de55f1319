"""A verdict as plain text: what it rests on, line by line, and nothing that a terminal would obey."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tests.reporting.made_run import dominance
from xaic.documents import store
from xaic.documents.types import State, Verdict
from xaic.harness.folder import LoadedRun
from xaic.reporting import headline, told, unexecuted

FAIL = dominance(State.FAIL, "attribution.poor", -0.3, -0.1)


def rows(verdict: Verdict) -> dict[str, str]:
    lines = told(verdict).splitlines()[1:]
    return {line[2:13].strip(): line[13:] for line in lines}


def test_the_state_and_its_reason_stand_first_in_one_line() -> None:
    assert told(FAIL).splitlines()[0] == headline(FAIL) == f"fail: {FAIL.reason}"
    assert headline(replace(FAIL, reason="two\nlines")) == "fail: two lines"
    assert headline(replace(FAIL, reason="", state=State.NOT_TESTED)) == "not tested: not built yet"


def test_all_that_a_verdict_rests_on_is_told() -> None:
    found = rows(FAIL)
    assert found["method"] == "attribution.poor"
    assert found["criterion"] == f"{FAIL.criterion} on {FAIL.benchmark}, {FAIL.level}, edition {FAIL.edition}"
    assert found["interval"] == "−0.3 to −0.1"
    assert found["n"] == f"{FAIL.n} units"
    assert found["rule"] == FAIL.rule
    for name, value in FAIL.weakest.items():
        assert f"{name} {value}" in found["weakest"]


def test_what_is_not_there_takes_no_line() -> None:
    bare = Verdict("m.m", "EX-A-01", "none", "2026.1", "required", State.NOT_APPLICABLE, "no sign")
    assert set(rows(bare)) == {"method", "criterion"}


def test_a_terminal_is_not_commanded() -> None:
    assert "\x1b" not in told(replace(FAIL, reason="\x1b[2J", method="\x1b]0;m"))


def test_a_whole_run_leaves_nothing_unexecuted_and_another_names_its_errors(
    made_run: LoadedRun, tmp_path: Path
) -> None:
    record = made_run.record
    fault = unexecuted(made_run)
    errors = [trial.id for trial in made_run.trials if trial.state == "error"]
    assert bool(fault) is not made_run.whole
    for id in errors:
        assert f"\n  {id}: " in fault
    whole = replace(record, planned=1, executed=1, not_applicable=0, errored=0, states={"pass": 1})
    store.write(whole, tmp_path / "run.json")
    assert unexecuted(LoadedRun(tmp_path)) == ""
