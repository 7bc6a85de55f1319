"""A run that is made once a session, with its report taken apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reporting.made_run import MadeRun
from tests.reporting.pages import Page, parse
from xaic.reporting import write_report

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.harness.folder import LoadedRun


@pytest.fixture(scope="session")
def made_run(tmp_path_factory: pytest.TempPathFactory) -> LoadedRun:
    """A whole run of three families."""
    return MadeRun().write(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def report(made_run: LoadedRun) -> Path:
    """The report of that run."""
    return write_report(made_run, made_run.folder)


@pytest.fixture(scope="session")
def page(report: Path) -> Page:
    """The same, taken apart."""
    return parse(report.read_text("utf-8"))
