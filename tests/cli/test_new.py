"""``xaic new method``: what it writes is ready to run, and is what the criteria on documents ask for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Say
from tests.harness.runs import environment, load, records, verdicts, xaic


def test_what_is_written_runs_its_own_test_passes_and_its_card_is_whole(say: Say, tmp_path: Path) -> None:
    found, out, _ = say("new", "method", "FooMap", "--folder", tmp_path)
    assert found == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["foo_map.py", "test_foo_map.py"]
    assert f"run it with: xaic run --method {tmp_path}/foo_map.py:FooMap" in out
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(tmp_path / "out"), "."],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment(),
    )
    assert done.returncode == 0, done.stdout
    (run,) = {path.resolve() for path in (tmp_path / "out").glob("*/run")}
    states = {key[1]: v["state"] for key, v in verdicts(run).items()}
    assert (states["EX-DOC-01"], states["EX-DOC-02"]) == ("pass", "pass")
    assert records(run)["my.foo_map--attribution-tabular--s0"]["state"] == "done"


def test_check_exits_0_where_its_card_is_all_that_is_asked_for(say: Say, tmp_path: Path) -> None:
    assert say("new", "method", "FooMap", "--folder", tmp_path)[0] == 0
    profile = tmp_path / "documents.yaml"
    profile.write_text(
        "{schema: xaic/profile/1, id: documents, title: Documents, edition: '2026.1', purpose: The card., "
        "requirements: [{criterion: EX-DOC-01, benchmarks: ['*']}, {criterion: EX-DOC-02, benchmarks: ['*']}]}"
    )
    done = xaic("check", f"{tmp_path}/foo_map.py:FooMap", "--profile", profile, "--out", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert load(tmp_path / "run" / "run.json")["states"] == {"pass": 2}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Foo Map", "is no Python class name"),
        ("class", "is no Python class name"),
        ("1st", "is no Python class name"),
        ("Random", "a module 'random' is installed already; choose another name"),
        ("Torch", "a module 'torch' is installed already"),
    ],
)
def test_names_that_would_not_work_are_refused(say: Say, tmp_path: Path, name: str, told: str) -> None:
    found, _, errors = say("new", "method", name, "--folder", tmp_path)
    assert found == 64
    assert told in errors
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(say: Say, tmp_path: Path) -> None:
    (tmp_path / "test_foo_map.py").write_text("mine")
    found, _, errors = say("new", "method", "FooMap", "--folder", tmp_path)
    assert found == 64
    assert "test_foo_map.py is there already; choose another name or folder" in errors
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
