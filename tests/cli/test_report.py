"""``xaic report`` and verdicts that are expected: written from a run, held against another in both directions."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.conftest import BOTH, Say
from tests.harness.runs import TOY_CONTENT, load, xaic
from xaic.documents.errors import BadData
from xaic.documents.store import read
from xaic.documents.types import Expected, State
from xaic.harness import Deviation, deviations, to_expected, verdict_status
from xaic.library import load_run

LAST, ZERO = "forecast.last", "forecast.zero"


@pytest.fixture
def expected(toy: Path, say: Say, tmp_path: Path) -> Path:
    """The verdicts of the toy run as a file of expected ones."""
    path = tmp_path / "expected.json"
    status, out, errors = say("report", toy, "--out", tmp_path / "pages", "--expected", path)
    assert (status, errors) == (0, "")
    assert out.split() == [str(tmp_path / "pages" / "report.html"), str(path)]
    return path


def test_tables_for_a_document_are_written_on_demand(toy: Path, say: Say, tmp_path: Path) -> None:
    path = tmp_path / "verdicts.md"
    assert say("report", toy, "--out", tmp_path, "--markdown", path)[0] == 0
    assert "| last | P | 1 pass |" in path.read_text("utf-8")


def test_a_run_with_a_plug_in_is_rendered_by_a_process_that_never_saw_it(toy: Path, tmp_path: Path) -> None:
    done = xaic("report", toy, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert LAST in (tmp_path / "report.html").read_text("utf-8")


def change(path: Path, method: str, state: str | None) -> Expected:
    document = load(path)
    if state is None:
        del document["verdicts"][method]
    else:
        document["verdicts"][method] = {"EX-TOY-01": {"forecast/walks": state}}
    path.write_text(json.dumps(document))
    return read(Expected, path)


def test_expected_verdicts_are_those_of_the_run(toy: Path, expected: Path) -> None:
    document = read(Expected, expected)
    assert document == to_expected(load_run(toy))
    assert document.verdicts == {
        LAST: {"EX-TOY-01": {"forecast/walks": "pass"}},
        ZERO: {"EX-TOY-01": {"forecast/walks": "fail"}},
    }
    assert deviations(load_run(toy), document) == []


@pytest.mark.parametrize(
    ("method", "state", "found"),
    [
        (ZERO, "pass", "fail"),  # worse than expected
        (LAST, "fail", "pass"),  # better than expected: shown as well
        (LAST, "inconclusive", "pass"),
        (ZERO, None, "fail"),  # nobody expected it
        ("forecast.gone", "pass", "(none)"),  # it is not there any more
    ],
)
def test_every_difference_is_shown_whichever_way_it_goes(
    toy: Path, expected: Path, method: str, state: str | None, found: str
) -> None:
    wanted = change(expected, method, state)
    assert deviations(load_run(toy), wanted) == [
        Deviation(method, "EX-TOY-01", "forecast/walks", state or "(none)", found)
    ]


@pytest.mark.parametrize(
    ("before", "now", "lower", "close"),
    [
        (State.PASS, State.INCONCLUSIVE, 0.0996, True),
        (State.PASS, State.INCONCLUSIVE, 0.0980, False),
        (State.INCONCLUSIVE, State.PASS, 0.1001, True),
        (State.FAIL, State.PASS, 0.1001, False),
        (State.NOT_APPLICABLE, State.PASS, 0.1001, False),
        (State.ERROR, State.INCONCLUSIVE, 0.0996, False),
    ],
)
def test_only_a_bound_at_its_margin_is_a_close_call(
    toy: Path, expected: Path, before: State, now: State, lower: float, *, close: bool
) -> None:
    run = load_run(toy)
    changed = [
        replace(v, state=now, lower=lower, upper=0.9, margin=0.1, details=()) if v.method == LAST else v
        for v in run.verdict_list
    ]
    run.__dict__["verdict_list"] = changed
    (found,) = deviations(run, change(expected, LAST, before.value))
    assert (found.expected, found.found, found.close) == (before.value, now.value, close)


def test_check_exits_by_what_was_expected(expected: Path, tmp_path: Path) -> None:
    methods = [argument for argument in BOTH if argument != "--method"]

    def check(name: str) -> tuple[int, str]:
        done = xaic("check", *methods, *TOY_CONTENT, "--profile", "toy", "--out", tmp_path / name, "--expect", expected)
        return done.returncode, done.stdout

    status, out = check("as-expected")
    assert status == 0, out
    assert f"every verdict is as {expected} expects" in out
    change(expected, LAST, "fail")
    status, out = check("better")
    assert status == 1
    (row,) = (line.split() for line in out.splitlines() if line.startswith(LAST) and "forecast/walks" in line)
    assert row == [LAST, "EX-TOY-01", "forecast/walks", "fail", "pass"]


def test_verdicts_of_another_profile_or_seed_are_not_compared(toy: Path, expected: Path) -> None:
    document = load(expected)
    for key, other in (("profile", "quick"), ("seed", 7)):
        expected.write_text(json.dumps({**document, key: other}))
        with pytest.raises(BadData, match="the run has profile toy and seed 0"):
            deviations(load_run(toy), read(Expected, expected))


def test_a_report_is_rendered_again_from_the_documents_alone(toy: Path, say: Say, tmp_path: Path) -> None:
    status, out, _ = say("report", toy, "--out", tmp_path)
    assert status == 0
    assert out.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "junit.xml").read_bytes() == (toy / "junit.xml").read_bytes()


def test_only_methods_and_only_required_criteria_count(toy: Path) -> None:
    run = load_run(toy)
    assert verdict_status(run) == 1
    for method in run.plan.methods:
        if method["id"] == ZERO:
            method["card"]["role"] = "control"
    assert verdict_status(run) == 0
    for method in run.plan.methods:
        method["card"]["role"] = "control"
    assert verdict_status(run) == 2  # nothing was decided about a method: never 0
