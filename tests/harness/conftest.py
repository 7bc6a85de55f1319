"""What tests of whole runs share: a cache folder, so that chunk sizes are measured once, and one run to read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.runs import SMALL, make, once
from xaic.documents import content
from xaic.registry import load_plugins
from xaic.specimens import base

TINY = ("--profile", "tiny", "--method", "attribution.gradient", "--method", "attribution.smoothgrad")


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A cache folder of this session's own, the same one for all its workers."""
    folder, before = once(tmp_path_factory, "cache", Path.mkdir), os.environ.get("XAIC_CACHE")
    os.environ["XAIC_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["XAIC_CACHE"]
    else:
        os.environ["XAIC_CACHE"] = before


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The folder of a whole run that nothing disturbed; it is only read."""
    return once(tmp_path_factory, "tiny", lambda run: make(run, *TINY, "--workers", "2"))


@pytest.fixture(scope="module")
def small_content(cache: Path) -> Iterator[None]:
    """The small specimen, benchmarks and profiles, known in this process for as long as a module's tests run."""
    load_plugins((str(SMALL / "small.py"),))
    content.overlay(SMALL)
    yield
    content.overlay()
    base._SPECIMENS.pop("small")
