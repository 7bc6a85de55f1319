"""What tests of the command line share: a cache folder, one small run, and calls in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.conftest import cache  # noqa: F401 - a fixture that every test here uses
from tests.harness.runs import TOY, TOY_CONTENT, once, xaic
from xaic.cli.main import status

BOTH = ("--method", f"{TOY / 'forecast.py'}:Last", "--method", f"{TOY / 'forecast.py'}:Zero")


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:  # noqa: F811
    """The folder of a run of the toy family: one method passes, one fails. Beside it lies what the command said."""

    def make(run: Path) -> None:
        done = xaic("run", *TOY_CONTENT, "--profile", "toy", *BOTH, "--out", run, "--workers", "1")
        assert done.returncode == 0, done.stderr
        run.with_suffix(".output").write_text(done.stdout)
        run.with_suffix(".errors").write_text(done.stderr)

    return once(tmp_path_factory, "toy", make)


Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Call a command in this process; return its exit status, its output and its errors."""

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        capsys.readouterr()
        found = status([str(argument) for argument in arguments])
        out, errors = capsys.readouterr()
        return found, out, errors

    return call
