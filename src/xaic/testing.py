"""Checks of a method inside a test suite of one's own, one test a verdict; any runner will do.

import pytest, xaic.testing

@pytest.mark.parametrize("check", xaic.testing.checks("my_pkg:MyMethod", profile="quick"))
def test_my_method(check):
check()
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
import unittest
from dataclasses import dataclass
from hashlib import sha256
from inspect import getsourcefile, isclass
from pathlib import Path
from typing import TYPE_CHECKING

from xaic.checks import Check, Checks
from xaic.documents.errors import BadData
from xaic.harness import Settings
from xaic.reporting import told, unexecuted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SESSION = "PYTEST_XDIST_TESTRUNUID"
"""Names the variable by which workers of one test session know each other."""


class CheckFailed(AssertionError):
    """A Required criterion fails, or nothing could be measured; the message tells what the verdict rests on."""


def checks(
    methods: str | type | Iterable[str | type],
    profile: str = "quick",
    *,
    seed: int = 0,
    out: str | Path | None = None,
    workers: int = 0,
    content: Iterable[str | Path] = (),
    plugins: Iterable[str] = (),
    strict: bool = False,
    **limits: float,
) -> list[Callable[[], None]]:
    """Return a function for each criterion, method and benchmark; the first that is called makes the run for all.

    Each raises ``CheckFailed`` or is skipped (``unittest.SkipTest``, which pytest knows) with the verdict's reason:
    inconclusive (``strict`` makes that a failure where Required), not applicable, not tested, or a fail of what is
    not Required. The last one asks whether everything planned was executed. Methods only tell their cards here.

    Args:
        methods: ids, glob patterns, ``module:Class``, ``file.py:Class`` or classes.
        profile: id of a profile, or path of a profile's YAML file.
        seed: seeds every random draw.
        out: folder of the run; by default a new one below ``reports/``.
        workers: trials at a time; 0: one a core.
        content: folders of your own criteria, profiles, benchmarks or schemas.
        plugins: modules or files with families, metrics or specimens of your own.
        strict: a Required criterion that stays open is a failure.
        limits: ``call_seconds``, ``trial_seconds``, ``memory_gib``.
    """
    chosen = (methods,) if isinstance(methods, str | type) else tuple(methods)
    settings = Settings(
        tuple(one if isinstance(one, str) else reference(one) for one in chosen),
        profile,
        seed,
        tuple(map(str, content)),
        tuple(plugins),
        limits,
    )
    whole = Checks(settings, out, workers=workers, shared=_shared(settings, out))
    return [*(_Verdict(whole, check, strict) for check in whole.all), _Executed(whole)]


def reference(method: type) -> str:
    """Return how a class is found by another process: ``module:Class``, or ``file.py:Class`` of a lone file."""
    file = getsourcefile(method) if isclass(method) else None
    if file is None or "." in method.__qualname__:
        raise BadData(f"{method!r} is no class at the top of a module; name it as 'module:Class' or 'file.py:Class'")
    spec = importlib.util.find_spec(method.__module__) if method.__module__ != "__main__" else None
    alone = spec is None or spec.origin is None or Path(spec.origin).resolve() != Path(file).resolve()
    return f"{Path(file).resolve() if alone else method.__module__}:{method.__qualname__}"


@dataclass(frozen=True)
class _Verdict:
    """A check as a function."""

    whole: Checks
    check: Check
    strict: bool

    @property
    def __name__(self) -> str:
        return f"{self.check.reference}::{self.check.name}"

    def __call__(self) -> None:
        __tracebackhide__ = True
        verdict = self.whole.verdict(self.check)
        outcome, text = self.check.outcome(verdict, strict=self.strict), told(verdict)
        if outcome in {"failed", "error"}:
            raise CheckFailed(text)
        if outcome != "passed":
            raise unittest.SkipTest(f"not required; {text}" if outcome == "not required" else text)


@dataclass(frozen=True)
class _Executed:
    """Was everything executed that was planned?"""

    whole: Checks
    __name__ = "trials::executed"

    def __call__(self) -> None:
        __tracebackhide__ = True
        fault = unexecuted(self.whole.made())
        if fault:
            raise CheckFailed(fault)


def _shared(settings: Settings, out: str | Path | None) -> Path | None:
    """Return the folder through which the workers of a test session share one run; None where there is one process."""
    session = os.environ.get(SESSION)
    if not session:
        return None
    mark = sha256(repr((session, settings, out)).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"xaic-{mark}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
