"""A specimen whose package is not installed does not stop a run, and never drops out of it unseen."""

from __future__ import annotations

from pathlib import Path

from tests.harness.runs import CONTENT, load, records, verdicts, xaic
from xaic.documents.checking import check_path

REASON = "variant 'absent' needs the extra 'nothing'; install it with: pip install 'xaic[nothing]'"


def test_an_error_where_the_benchmark_gates_and_not_applicable_where_it_does_not(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = xaic("run", *CONTENT, "--profile", "absent", "--method", "attribution.gradient", "--out", run)
    assert done.returncode == 3, done.stderr
    states = {
        (r["method"], r["benchmark"].rpartition("/")[2]): (r["state"], r["reason"]) for r in records(run).values()
    }
    assert states == {
        ("shared", "small-quick"): ("done", ""),
        ("attribution.gradient", "small-quick"): ("done", ""),
        ("attribution.random", "small-quick"): ("done", ""),
        ("shared", "small-absent"): ("error", REASON),
        ("attribution.gradient", "small-absent"): ("error", REASON),
        ("attribution.random", "small-absent"): ("error", REASON),
        ("shared", "small-absent-for-people"): ("not applicable", REASON),
        ("attribution.gradient", "small-absent-for-people"): ("not applicable", REASON),
    }
    found = verdicts(run)["attribution.gradient", "EX-REP-01", "attribution/small-absent"]
    assert (found["state"], found["reason"]) == ("error", REASON)
    head = load(run / "run.json")
    assert (head["planned"], head["executed"], head["not_applicable"], head["errored"]) == (8, 3, 2, 3)
    assert REASON in done.stdout
    check_path(run)
