"""Running: describe the methods, fix the plan, run the trials in processes of their own, judge, write.

A finished trial is never run again. A trial that cannot finish becomes an error with its reason, and nothing else does.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaic import __version__, content
from xaic.documents import store
from xaic.documents.errors import MissingFile, Misuse
from xaic.documents.types import Plan, RunRecord, State, TrialRecord
from xaic.execution import Limits, Pool, Work
from xaic.harness import catalogue
from xaic.harness.folder import LoadedRun, finished, trial_folder, write_timing
from xaic.harness.judging import judge
from xaic.harness.planning import SHARED, Subject, is_derived, make_plan, references
from xaic.harness.surroundings import look_around
from xaic.harness.trial import Job
from xaic.registry import load_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from xaic.documents.types import Benchmark, PlannedTrial

    Announce = Callable[[int, int, str], None]

DEFAULT_BASE = "attribution.integrated_gradients"
"""What a derived control is derived from when it is tried as a method of its own."""

REPEATING = ("plan.json", "verdicts.jsonl")
"""Documents of the run's folder that are the same from run to run, besides those of trials."""


@dataclass(frozen=True)
class Settings:
    """What the user asks for."""

    methods: tuple[str, ...] = ()
    profile: str = "quick"
    seed: int = 0
    content: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)


def quiet(done: int, total: int, what: str) -> None:
    """Announce nothing."""


def start_run(
    settings: Settings, folder: str | Path | None = None, *, workers: int = 0, announce: Announce = quiet
) -> LoadedRun:
    """Plan and execute a run in a new folder and write its report.

    Raises:
        Misuse: the folder holds a run already.
        UnknownName: a method, profile, criterion or benchmark has no such name.
    """
    run = _new_folder(folder, settings.profile)
    content.overlay(*settings.content)
    load_plugins(settings.plugins)
    profile = catalogue.get_profile(settings.profile)
    with Pool(workers or cores(), Limits(**settings.limits)) as pool:
        announce(0, 0, "reading the methods' cards")
        subjects = _describe(pool, references(_patterns(settings.methods), profile), settings.plugins)
        announce(0, 0, "choosing chunk sizes")
        plan = make_plan(
            profile,
            subjects,
            seed=settings.seed,
            limits=settings.limits,
            plugins=settings.plugins,
            content=tuple(str(Path(p).resolve()) for p in settings.content),
        )
        plan = replace(plan, tuning=_tune(pool, plan))
        store.write(plan, run / "plan.json")
        return _execute(pool, plan, run, announce)


def resume_run(folder: str | Path, *, workers: int = 0, announce: Announce = quiet) -> LoadedRun:
    """Go on with a run that was interrupted: finished trials are kept, the rest is run, then judged and written."""
    run = Path(folder)
    if not (run / "plan.json").is_file():
        raise MissingFile(run / "plan.json", "nothing was planned there; start anew with: xaic run")
    plan = store.read(Plan, run / "plan.json")
    content.overlay(*plan.content)
    load_plugins(plan.plugins)
    with Pool(workers or cores(), Limits(**plan.limits)) as pool:
        return _execute(pool, plan, run, announce)


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _new_folder(folder: str | Path | None, profile: str) -> Path:
    if folder is None:
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        folder = Path("reports") / f"{Path(profile).stem}-{stamp}"
    run = Path(folder)
    if (run / "plan.json").exists():
        raise Misuse(f"{run}: a run lies there; go on with it by --resume, or choose another folder")
    run.mkdir(parents=True, exist_ok=True)
    return run


def _patterns(methods: Iterable[str]) -> list[str]:
    from xaic.methods.discovery import installed

    return list(methods) or [id for id, method in installed().items() if method.role == "method"]


def _describe(pool: Pool, wanted: Mapping[str, bool], plugins: tuple[str, ...]) -> list[Subject]:
    """Ask every method's own process for its card."""
    works = [
        Work(reference, "xaic.harness.trial:describe", {"reference": reference, "plugins": list(plugins)})
        for reference in wanted
    ]
    told = {outcome.id: outcome for outcome in pool.run(works)}
    subjects = []
    for reference, asked in wanted.items():
        outcome = told[reference]
        if outcome.fault:
            subjects.append(Subject(reference, reference, fault=outcome.fault, asked=asked))
        else:
            card, digest = outcome.result["card"], outcome.result["digest"]
            subjects.append(
                Subject(card["id"], reference, digest, card, asked=asked, parameters=dict(card["parameters"]))
            )
    return subjects


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
        found.update(outcome.result or {})
    return found


def _execute(pool: Pool, plan: Plan, run: Path, announce: Announce) -> LoadedRun:
    started = time.monotonic()
    seconds: dict[str, float] = dict(LoadedRun(run).timing.get("trials", {}))
    total, done = len(plan.trials), 0
    for stage in (0, 1):
        trials = [trial for trial in plan.trials if trial.stage == stage]
        todo = [trial for trial in trials if finished(run, trial.id) is None]
        done += len(trials) - len(todo)
        for trial, fault, spent in _run_trials(pool, plan, run, todo):
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
        shutil.rmtree(trial_folder(run, trial.id), ignore_errors=True)
        if trial.skip:
            _record(run, trial, "not applicable", trial.skip)
            yield trial, "", 0.0
        elif (fault := _fault(plan, trial)) != "":
            _record(run, trial, "error", fault)
            yield trial, fault, 0.0
        else:
            folder = trial_folder(run, trial.id)
            works.append(Work(trial.id, "xaic.harness.trial:run_trial", asdict(_job(plan, run, trial)), folder))
    known = {trial.id: trial for trial in todo}
    for outcome in pool.run(works):
        trial = known[outcome.id]
        if outcome.fault:
            _record(run, trial, "error", outcome.fault)
        yield trial, outcome.fault, outcome.seconds


def _fault(plan: Plan, trial: PlannedTrial) -> str:
    return next((str(m["fault"]) for m in plan.methods if m["id"] == trial.method), "")


def _record(run: Path, trial: PlannedTrial, state: Any, reason: str) -> None:
    """Write the record of a trial that measured nothing; nothing half done stays beside it but the log."""
    folder = trial_folder(run, trial.id)
    for path in folder.glob("*") if folder.is_dir() else []:
        if path.name != "log.txt":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    record = TrialRecord(trial.id, trial.method, trial.benchmark, trial.seed, state, reason)
    store.write(record, folder / "trial.json")


def _job(plan: Plan, run: Path, trial: PlannedTrial) -> Job:
    methods = {method["id"]: method for method in plan.methods}
    benchmark: Benchmark = next(b for b in plan.benchmarks if b.id == trial.benchmark)
    method = methods.get(trial.method, {"id": SHARED})
    derived = method["id"] != SHARED and is_derived(Subject(method["id"], method["reference"], card=method["card"]))
    return Job(
        trial=trial.id,
        method=method,
        base=methods[method["parameters"].get("base", DEFAULT_BASE)] if derived else None,
        benchmark=store.to_data(benchmark),
        seed=trial.seed,
        folder=str(trial_folder(run, trial.id).resolve()),
        cache=str((run / "cache").resolve()),
        tuning=plan.tuning,
        plugins=list(plan.plugins),
        controls=_derived(plan, benchmark) if _role(method) == "method" else [],
    )


def _role(method: Mapping[str, Any]) -> str:
    return str((method.get("card") or {}).get("role", ""))


def _derived(plan: Plan, benchmark: Benchmark) -> list[str]:
    """Return the references of the benchmark's derived controls."""
    cards = [(m["reference"], m["card"]) for m in plan.methods if m["card"]]
    return [
        reference
        for reference, card in cards
        if card["family"] == benchmark.family
        and card["parameters"].get("derived")
        and card["control"] in benchmark.controls
    ]


def _conclude(plan: Plan, run: Path, seconds: dict[str, float], spent: float, workers: int) -> LoadedRun:
    """Judge, write the head of the run and its report, and clear the cache."""
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
    from xaic.reporting import write_report

    shutil.rmtree(run / "cache", ignore_errors=True)
    made = LoadedRun(run)
    write_report(made, run)
    return made


def states_of(made: LoadedRun, level: str) -> list[State]:
    """Return the states of methods' verdicts at an obligation level; controls and oracles do not count."""
    roles = {m["id"]: (m["card"] or {}).get("role", "method") for m in made.plan.methods}
    return [v.state for v in made.verdict_list if v.level == level and roles.get(v.method, "method") == "method"]
