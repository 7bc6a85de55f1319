"""Exit statuses, each by a real call: a script tells failed, undecided, broken, misused and interrupted apart.

0 of ``run`` is what most tests of whole runs ask for, 0 of ``check`` those of new methods and of expected verdicts.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Say
from tests.harness.runs import CONTENT, SMALL, TOY, TOY_CONTENT, begin, command, environment, load, xaic

LAST, ZERO = f"{TOY / 'forecast.py'}:Last", f"{TOY / 'forecast.py'}:Zero"


def check(out: Path, *methods: str, profile: str = "toy", content: tuple[str, ...] = TOY_CONTENT) -> tuple[int, str]:
    done = xaic("check", *methods, *content, "--profile", profile, "--out", out / "run")
    return done.returncode, done.stdout


def test_1_where_one_fails_though_others_pass(tmp_path: Path) -> None:
    status, out = check(tmp_path, LAST, ZERO)
    assert status == 1, out
    assert load(tmp_path / "run" / "run.json")["states"] == {"fail": 1, "pass": 1}


def test_2_where_none_fails_and_units_are_too_few(tmp_path: Path) -> None:
    status, out = check(tmp_path, "attribution.gradient", profile="few", content=CONTENT)
    assert status == 2, out
    assert load(tmp_path / "run" / "run.json")["states"] == {"inconclusive": 1}


def test_3_where_a_method_errs_though_another_fails(tmp_path: Path) -> None:
    status, out = check(tmp_path, ZERO, f"{TOY / 'forecast.py'}:Nobody")
    assert status == 3, out
    assert "'Nobody' is no xaic method; methods there: Last, Zero" in out


ODD = {
    "criteria/EX-TOY-02.yaml": """
        schema: xaic/criterion/1
        id: EX-TOY-02
        title: {en: Odd}
        statement: {en: It asks for a part that the metric does not have.}
        family: forecast
        edition: "2026.1"
        dimension: accuracy
        checks: [{metric: forecast.hit, part: none, rule: {id: DR1}}]
    """,
    "profiles/odd.yaml": """
        schema: xaic/profile/1
        id: odd
        title: Odd
        edition: "2026.1"
        purpose: A criterion that does not fit its metric.
        requirements: [{criterion: EX-TOY-02, benchmarks: [forecast/*], level: optional}]
    """,
}


def test_3_where_a_criterion_cannot_be_decided_though_every_trial_was_executed(tmp_path: Path) -> None:
    for name, text in ODD.items():
        path = tmp_path / "conformance" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    content = (*TOY_CONTENT, "--content", str(tmp_path))
    done = xaic("run", *content, "--profile", "odd", "--method", LAST, "--out", tmp_path / "run")
    assert done.returncode == 3, done.stderr
    assert "planned 2, executed 2, not applicable 0, errored 0; verdicts: 1 error" in done.stdout
    assert "cannot be decided: forecast.hit has no part 'none'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("run", "--methd", "x"), "No such option: --methd"),
        (("bogus",), "No such command 'bogus'"),
        (("run", "--seed", "soon"), "Invalid value for '--seed'"),
        (("run", "--workers", "-1"), "Invalid value for '--workers'"),
        (("check",), "Missing argument"),
        (("run", "--method", "attribution.gradeint"), "did you mean attribution.gradient"),
        (("run", "--profile", "quik"), "no profile is called 'quik'; did you mean quick?"),
        (("run", "--resume", "there", "--method", "x"), "--resume goes on with what was planned: leave out --method"),
        (("run", "--method", "attribution.gradient", "--out", __file__), "a file lies there; choose another folder"),
    ],
)
def test_64_usage(say: Say, arguments: tuple[str, ...], told: str) -> None:
    status, out, errors = say(*arguments)
    assert (status, out) == (64, "")
    assert told in errors
    assert "Traceback" not in errors


def test_65_bad_data(say: Say, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("{schema: xaic/profile/1, id: bad, requirements: []}")
    broken = tmp_path / "broken.py"
    broken.write_text("x = 1 +")
    for arguments, told in (
        (("run", "--profile", bad), "at /requirements: [] should be non-empty"),
        (("run", "--plugin", broken), "broken.py: cannot be imported: SyntaxError"),
        (("check", "attribution.gradient", "--expect", bad), "at /schema: a expected document is needed here"),
    ):
        status, out, errors = say(*arguments)
        assert (status, out) == (65, "")
        assert told in errors


def test_66_missing_file(say: Say, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    for arguments in (
        ("run", "--resume", nowhere),
        ("run", "--content", nowhere),
        ("run", "--plugin", f"{nowhere}.py"),
        ("run", "--profile", f"{nowhere}.yaml"),
        ("check", "attribution.gradient", "--expect", nowhere),
        ("report", nowhere),
        ("validate", nowhere),
    ):
        status, out, errors = say(*arguments)
        assert (status, out) == (66, "")
        assert str(nowhere) in errors


def test_70_a_fault_inside_shows_where_and_asks_for_a_report(tmp_path: Path) -> None:
    faulty = ("--plugin", str(SMALL / "faulty.py"), "--content", str(SMALL))
    done = xaic("run", *faulty, "--profile", "cheap", "--method", "attribution.gradient", "--out", tmp_path / "run")
    assert done.returncode == 70
    assert "ZeroDivisionError" in done.stderr
    assert done.stderr.rstrip().endswith("xaic: internal fault; please report the lines above")


def test_130_interrupted_before_anything_was_planned(tmp_path: Path) -> None:
    asked = ("run", *TOY_CONTENT, "--profile", "toy", "--method", LAST, "--out", tmp_path / "run")
    process = begin(*asked, env=environment())
    assert process.stderr is not None
    assert "reading the methods' cards" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait() == 130
    assert said.strip().endswith("interrupted before anything was planned")


def test_141_where_nobody_reads_the_output_and_never_0() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command("list", "metrics"), stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=environment()
    )
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


def test_70_without_a_traceback_where_the_system_refuses() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command("list", "metrics"), stdout=full, stderr=subprocess.PIPE, text=True, check=False, env=environment()
        )
    assert done.returncode == 70
    assert done.stderr.startswith("xaic: [Errno 28] No space left on device")
