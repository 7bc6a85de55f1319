"""The harness: plan, run, judge. ``run`` and ``check`` are what a program calls; the command line calls the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.harness.expectation import Deviation, deviations, to_expected, verdict_status
from xaic.harness.folder import LoadedRun
from xaic.harness.running import Settings, resume_run, start_run

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "Deviation",
    "LoadedRun",
    "Settings",
    "check",
    "deviations",
    "load_run",
    "resume_run",
    "run",
    "start_run",
    "to_expected",
    "verdict_status",
]


def run(
    methods: str | Iterable[str] = (),
    profile: str = "quick",
    *,
    seed: int = 0,
    out: str | Path | None = None,
    workers: int = 0,
    plugins: Iterable[str] = (),
    content: Iterable[str] = (),
    **limits: float,
) -> LoadedRun:
    """Make a run and return it.

    Args:
        methods: ids, glob patterns, ``module:Class`` or ``file.py:Class``; none: every shipped method.
        profile: id of a profile, or path of a profile's YAML file.
        seed: seeds every random draw.
        out: folder of the run; by default a new one below ``reports/``.
        workers: trials at a time; 0: one a core.
        plugins: modules or files with families, metrics or specimens of your own.
        content: folders of your own criteria, profiles, benchmarks or schemas.
        limits: ``call_seconds``, ``trial_seconds``, ``memory_gib``.

    Returns:
        The run: ``verdicts`` and ``measurements`` are pandas DataFrames.
    """
    chosen = (methods,) if isinstance(methods, str) else tuple(methods)
    settings = Settings(chosen, profile, seed, tuple(content), tuple(plugins), limits)
    return start_run(settings, out, workers=workers)


def check(methods: str | Iterable[str], profile: str = "quick", **more: object) -> int:
    """Make a run and return the exit status of ``xaic check``: 0 pass, 1 fail, 2 inconclusive, 3 error."""
    made = run(methods, profile, **more)  # type: ignore[arg-type]
    return verdict_status(made) if made.whole else 3


def load_run(folder: str | Path) -> LoadedRun:
    """Return a run from its folder."""
    return LoadedRun.open(folder)
