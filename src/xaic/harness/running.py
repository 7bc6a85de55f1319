"""Running: describe the methods, fix the plan, run the trials in processes of their own, judge, write.

A finished trial is never run again. A trial that cannot finish becomes an error with its reason, and nothing else does.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaic.documents import content, store
from xaic.documents.errors import BadData, MissingFile, Misuse
from xaic.documents.types import Plan, RunRecord, TrialRecord
from xaic.execution import FULL, Limits, NoRoom, Pool, Work
from xaic.harness.drafting import Wanted, cores, describe
from xaic.harness.folder import (
    LoadedRun,
    clear_to_record,
    clear_to_repeat,
    clear_verdicts,
    finished,
    hashes_of,
    held,
    new_folder,
    tidy,
    trial_folder,
    write_timing,
)
from xaic.harness.jobs import asked_of, job_of
from xaic.harness.judging import judge
from xaic.harness.settings import Settings
from xaic.harness.surroundings import look_around
from xaic.registry import load_plugins
from xaic.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from xaic.documents.types import PlannedTrial


Announce = Callable[[int, int, str], None]
"""Told how far a run is: trials done, trials planned, what is being done."""

REPEATING = ("plan.json", "verdicts.jsonl")
"""Documents of the run's folder that are the same from run to run, besides those of trials."""


def quiet(done: int, total: int, what: str) -> None:
    """Announce nothing."""


def start_run(
    settings: Settings, folder: str | Path | None = None, *, workers: int = 0, announce: Announce = quiet
) -> LoadedRun:
    """Plan and execute a run in a new folder.

    Raises:
        Misuse: the folder holds a run already, or another process is at work in it.
        UnknownName: a method, profile, criterion or benchmark has no such name.
        NoRoom: the disk is full.
    """
    settings = settings.anywhere()
    wanted = Wanted.of(settings)
    run = _folder(folder, settings.profile)
    with _at_work(run), Pool(workers or cores(), Limits(**settings.limits)) as pool:
        if (run / "plan.json").exists():
            raise Misuse(f"{run}: a run lies there; go on with it by --resume, or choose another folder")
        announce(0, 0, "reading the methods' cards")
        subjects = describe(pool, wanted.references, settings.plugins)
        announce(0, 0, "choosing chunk sizes")
        plan = wanted.plan(subjects)
        _warm(pool, plan)
        plan = replace(plan, tuning=_tune(pool, plan))
        store.write(plan, run / "plan.json")
        return _execute(pool, plan, run, announce)


def resume_run(folder: str | Path, *, workers: int = 0, announce: Announce = quiet) -> LoadedRun:
    """Go on with a run that was interrupted: finished trials are kept, the rest is run, then judged and written.

    Raises:
        MissingFile: nothing was planned there.
        BadData: a specimen is another than the one that was planned with.
        Misuse: another process is at work in the folder.
        NoRoom: the disk is full.
    """
    run = Path(folder)
    if not (run / "plan.json").is_file():
        raise MissingFile(run / "plan.json", "nothing was planned there; start anew with: xaic run")
    with _at_work(run):
        plan = store.read(Plan, run / "plan.json")
        content.overlay(*plan.content)
        load_plugins(plan.plugins)
        _refuse_other_specimens(plan)
        with Pool(workers or cores(), Limits(**plan.limits)) as pool:
            _warm(pool, plan)
            return _execute(pool, plan, run, announce)


@contextmanager
def _at_work(run: Path) -> Iterator[None]:
    """Hold the run's folder; say how to go on where the work is interrupted or the disk is full."""
    try:
        with held(run):
            tidy(run)
            yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"interrupted; finished trials are kept: go on with xaic run --resume {run}"
            if (run / "plan.json").is_file()
            else "interrupted before anything was planned"
        ) from None
    except OSError as fault:
        if fault.errno in FULL:
            raise NoRoom(fault) from fault
        raise


def _refuse_other_specimens(plan: Plan) -> None:
    from xaic.specimens.base import specimen_digest

    for name, digest in plan.specimens.items():
        if specimen_digest(*name.split("/", 1)) != digest:
            raise BadData(f"specimen {name} is another than the one the run was planned with; start a new run")


def _folder(folder: str | Path | None, profile: str) -> Path:
    run = Path(folder or "reports")
    try:
        if folder is None:
            return new_folder(run, profile)
        run.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as fault:
        raise Misuse(f"{run}: a file lies there; choose another folder") from fault
    return run


def _warm(pool: Pool, plan: Plan) -> None:
    """Have the plan's specimens loaded once, not by every worker."""
    variants = sorted({(b.specimen, b.variant) for b in plan.benchmarks})
    pool.warm("xaic.harness.trial:load_specimens", {"variants": variants})


def _tune(pool: Pool, plan: Plan) -> dict[str, Any]:
    """Choose chunk size and layout of every model's passes, in a worker: the same on this machine from run to run."""
    from xaic.specimens.facts import material_facts

    by_model = {
        material_facts(b.specimen, b.variant)["digest"]: (b.specimen, b.variant)
        for b in plan.benchmarks
        if f"{b.specimen}/{b.variant}" in plan.specimens
    }
    works = [
        Work(
            digest,
            "xaic.harness.trial:tune",
            {"specimen": place[0], "variant": place[1], "plugins": list(plan.plugins)},
        )
        for digest, place in by_model.items()
        if digest
    ]
    found: dict[str, Any] = {}
    for outcome in pool.run(works):
        if outcome.fault:
            raise BadData(f"the model of {'/'.join(by_model[outcome.id])} cannot be run: {outcome.fault}")
        found.update(outcome.result)
    return found


def _execute(pool: Pool, plan: Plan, run: Path, announce: Announce) -> LoadedRun:
    started = time.monotonic()
    seconds: dict[str, float] = dict(LoadedRun(run).timing.get("trials", {}))
    hashes = hashes_of(run)
    todo = [trial for trial in plan.trials if not finished(run, trial.id, asked_of(plan, trial), hashes)]
    total, done = len(plan.trials), len(plan.trials) - len(todo)
    if todo:
        clear_verdicts(run)
    announce(done, total, "measuring")
    for stage in (0, 1):
        for trial, fault, spent in _run_trials(pool, plan, run, [trial for trial in todo if trial.stage == stage]):
            done += 1
            seconds[trial.id] = round(spent, 3)
            announce(done, total, f"{trial.method} on {trial.benchmark}" + (f": {fault}" if fault else ""))
            write_timing(run / "timing.json", {"trials": seconds, "workers": pool.workers})
    return _conclude(plan, run, seconds, time.monotonic() - started, pool.workers)


def _run_trials(
    pool: Pool, plan: Plan, run: Path, todo: list[PlannedTrial]
) -> Iterator[tuple[PlannedTrial, str, float]]:
    """Run trials and yield each with its fault ('' where it went well) and seconds."""
    works = []
    for trial in todo:
        clear_to_repeat(trial_folder(run, trial.id))
        if trial.skip:
            _record(run, plan, trial, "not applicable", trial.skip)
            yield trial, "", 0.0
        elif trial.fault:
            _record(run, plan, trial, "error", trial.fault)
            yield trial, trial.fault, 0.0
        else:
            folder = trial_folder(run, trial.id)
            works.append(Work(trial.id, "xaic.harness.trial:run_trial", asdict(job_of(plan, run, trial)), folder))
    known = {trial.id: trial for trial in todo}
    for outcome in pool.run(works):
        trial = known[outcome.id]
        if outcome.fault:
            _record(run, plan, trial, "error", outcome.fault)
        yield trial, outcome.fault, outcome.seconds


def _record(run: Path, plan: Plan, trial: PlannedTrial, state: Any, reason: str) -> None:
    """Write the record of a trial that measured nothing; nothing half done stays beside it but the log."""
    folder = trial_folder(run, trial.id)
    clear_to_record(folder)
    record = TrialRecord(
        trial.id, trial.method, trial.benchmark, trial.seed, state, reason, asked=asked_of(plan, trial)
    )
    store.write(record, folder / "trial.json")


def _conclude(plan: Plan, run: Path, seconds: dict[str, float], spent: float, workers: int) -> LoadedRun:
    """Judge, write the head of the run, and clear the cache."""
    made = LoadedRun(run)
    verdicts = judge(plan, made.evidence())
    store.write_all(verdicts, run / "verdicts.jsonl")
    states = Counter(trial.state for trial in made.trials)
    repeating = [run / name for name in REPEATING] + sorted(run.glob("trials/*/*.json"))
    record = RunRecord(
        profile=plan.profile,
        seed=plan.seed,
        version=__version__,
        planned=len(plan.trials),
        executed=states["done"],
        not_applicable=states["not applicable"],
        errored=states["error"],
        states=dict(sorted(Counter(str(v.state) for v in verdicts).items())),
        files={path.relative_to(run).as_posix(): store.file_digest(path) for path in repeating},
    )
    store.write(record, run / "run.json")
    store.write(look_around(tuple(sys.argv)), run / "environment.json")
    write_timing(run / "timing.json", {"trials": seconds, "total": round(spent, 3), "workers": workers})
    shutil.rmtree(run / "cache", ignore_errors=True)
    return LoadedRun(run)
