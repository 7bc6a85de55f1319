"""What a program calls, as the command line does: make a run with its report, go on with one, load, judge, gate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xaic.documents.errors import UnknownName
from xaic.documents.types import Level
from xaic.gating import hold, read_waivers
from xaic.harness import LoadedRun, Settings, quiet, resume_run, start_run, verdict_status
from xaic.reporting import write_report

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xaic.documents.types import Gate
    from xaic.harness import Announce


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
    return make(Settings(chosen, profile, seed, tuple(content), tuple(plugins), limits), out, workers=workers)


def check(methods: str | Iterable[str], profile: str = "quick", **more: object) -> int:
    """Make a run and return the exit status of ``xaic check``: 0 pass, 1 fail, 2 inconclusive, 3 error."""
    made = run(methods, profile, **more)  # type: ignore[arg-type]
    return verdict_status(made) if made.whole else 3


def load_run(folder: str | Path) -> LoadedRun:
    """Return a run from its folder."""
    return LoadedRun.open(folder)


def gate(
    baseline: str | Path | LoadedRun,
    candidate: str | Path | LoadedRun,
    *,
    methods: Mapping[str, str] | None = None,
    level: str = "required",
    reruns: Iterable[str | Path | LoadedRun] = (),
    waivers: str | Path | None = None,
) -> Gate:
    """Hold a run against a baseline run, as ``xaic gate`` does.

    Args:
        baseline: a run, its folder, or its report.html or run.json.
        candidate: the same of the run to be judged.
        methods: id of a method in the baseline -> its id in the candidate, where it was renamed.
        level: required, recommended or optional: criteria of this level and above are compared.
        reruns: the baseline made again with other seeds; they widen margins where a method repeats itself badly.
        waivers: YAML file of regressions that are let pass.

    Returns:
        What was found; ``status`` is 0 no regression, 1 regression, 2 undecided, 3 a run is not whole. ``hold`` tells
        what is raised.
    """
    waived = read_waivers(Path(waivers)) if waivers is not None else ()
    return hold(baseline, candidate, renamed=methods, level=_level(level), reruns=reruns, waivers=waived)


def _level(name: str) -> Level:
    if name not in set(Level):
        raise UnknownName("obligation level", name, set(Level))
    return Level(name)


def make(
    settings: Settings, out: str | Path | None = None, *, workers: int = 0, announce: Announce = quiet
) -> LoadedRun:
    """Make a run, write its report beside it and return it; ``start_run`` tells what is raised."""
    return _reported(start_run(settings, out, workers=workers, announce=announce))


def go_on(folder: str | Path, *, workers: int = 0, announce: Announce = quiet) -> LoadedRun:
    """Go on with an interrupted run, write its report and return it; ``resume_run`` tells what is raised."""
    return _reported(resume_run(folder, workers=workers, announce=announce))


def _reported(made: LoadedRun) -> LoadedRun:
    write_report(made, made.folder)
    return made
