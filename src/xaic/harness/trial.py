"""What a worker does: one method on one benchmark with one seed, from the task to files of per-unit scores.

Runs in a trusted process; the method answers from a process of its own through a probe. Every file is written by
rename, and ``trial.json`` last: a folder that has one is finished.
"""

from __future__ import annotations

import fnmatch
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from xaic.documents import store
from xaic.documents.errors import BadData, XaicError
from xaic.documents.schemas import validate
from xaic.documents.types import Benchmark, Measurement, TrialRecord
from xaic.engine.cache import Cache
from xaic.engine.runner import Runner, Tuning
from xaic.engine.streams import Streams
from xaic.engine.sweeps import Sweeps, sweeps_class
from xaic.families.base import Posed, get_family
from xaic.harness.contract import examine
from xaic.harness.planning import SHARED
from xaic.methods.base import Control, ControlSetting
from xaic.methods.discovery import load_method
from xaic.metrics.base import Metric, all_metrics
from xaic.registry import load_plugins
from xaic.specimens.base import get_specimen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from xaic.methods.base import Probe

SCRATCH = "scratch"
"""Folder in that of the trial which a method may use; it outlives a kill and is removed with the last of the trial."""

COLUMNS = {
    "metric": "id of the metric",
    "variant": "perturbation operator or other variant; empty where there is one",
    "subject": "'method', or the control derived from it (C2, C3, C7, C8)",
    "part": "part of the metric's scores; empty for the main part",
    "unit": "id of the independent unit",
    "cluster": "id of the cluster the unit belongs to",
    "value": "score of the unit; missing where the metric is undefined",
}


@dataclass(frozen=True)
class Job:
    """Arguments of a trial, as plain data on the way from the harness to a worker."""

    trial: str
    method: dict[str, Any]
    base: dict[str, Any] | None  # the method a derived control is derived from
    benchmark: dict[str, Any]
    seed: int
    folder: str
    cache: str
    tuning: dict[str, Any]
    plugins: list[str]
    controls: list[str]  # references of the controls derived from the method's own output
    asked: str  # digest of what the plan asked


def describe(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> dict[str, Any]:
    """Entry: return a method's card and source digest, as its own process tells them."""
    load_plugins(tuple(arguments["plugins"]))
    with open_probe(arguments["reference"], plugins=tuple(arguments["plugins"])) as probe:
        card = store.to_data(probe.card)
        validate(card, f"card of {arguments['reference']}", "card")
        return {"card": card, "digest": probe.source_digest}


def load_specimens(arguments: Mapping[str, Any]) -> None:
    """Entry: load variants of specimens, ``[[specimen, variant], ...]``, so that no worker has to; others stay out."""
    for specimen, variant in arguments["variants"]:
        with suppress(XaicError):
            get_specimen(specimen).load(variant)


def run_trial(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> dict[str, Any]:
    """Entry: make every measurement of a trial and write its folder; return nothing but its state."""
    job = Job(**arguments)
    load_plugins(tuple(job.plugins))
    benchmark = store.from_data(Benchmark, job.benchmark, job.trial)
    posed = _pose(benchmark)
    runner = Runner(tunings={digest: Tuning(**tuning) for digest, tuning in job.tuning.items()})
    streams = Streams(job.seed).at("benchmark", benchmark.id)
    sweeps = sweeps_class(benchmark.family)(
        posed, {}, benchmark.protocol, runner, streams, cache=Cache(Path(job.cache))
    )
    if job.method["id"] == SHARED:
        sweeps.prepare(frozenset(name for metric in chosen_metrics(benchmark, sweeps) for name in metric.sweeps))
        _finish(job, benchmark, sweeps, {}, {})
        return {"state": "done"}
    with _open(job, open_probe, sweeps) as probe:
        probe.fit(posed.fit)
        if job.base:
            sweeps.probes["method"] = _derive(_control(job.method["reference"]), probe, sweeps)
            contract = {}
        else:
            sweeps.probes.update(_subjects(probe, job, sweeps))
            sweeps.output("method")  # first, so that its passes are counted under its own name
            # pictures for people are no evidence: there a call of every row again would only cost
            contract = _examine(benchmark, sweeps, probe) if benchmark.gating else {}
        rows, costs = _measure(benchmark, sweeps, str(job.method["card"]["role"]))
        _finish(job, benchmark, sweeps, {"rows": rows, "costs": costs}, contract)
    return {"state": "done"}


def _examine(benchmark: Benchmark, sweeps: Sweeps, probe: Probe[Any, Any]) -> dict[str, Any]:
    with sweeps.meter.counting("contract"):
        return examine(get_family(benchmark.family), sweeps.task, probe)


def _pose(benchmark: Benchmark) -> Posed[Any]:
    material = get_specimen(benchmark.specimen).load(benchmark.variant)
    return get_family(benchmark.family).pose(material, benchmark.protocol)


def _open(job: Job, open_probe: Callable[..., Any], sweeps: Sweeps) -> Any:
    """Open the probe of the method, or of the method a derived control is derived from."""
    target = job.base or job.method
    return open_probe(
        target["reference"],
        method=target["id"],
        digest=target["digest"],
        parameters=_parameters(target["parameters"], sweeps.protocol),
        seed=job.seed,
        cache=Path(job.cache),
        scratch=Path(job.folder) / SCRATCH,
        meter=sweeps.meter,
        plugins=tuple(job.plugins),
    )


def _parameters(own: Mapping[str, Any], protocol: Mapping[str, Any]) -> dict[str, Any]:
    """Return a method's parameters, none greater than the benchmark allows: where every pass is dear."""
    most = protocol.get("at_most", {})
    return {name: min(value, most[name]) if name in most else value for name, value in own.items()}


def _subjects(probe: Probe[Any, Any], job: Job, sweeps: Sweeps) -> dict[str, Any]:
    """Return the probes a trial scores: the method and the controls derived from it."""
    found: dict[str, Any] = {"method": probe}
    for reference in job.controls:
        control = _control(reference)
        found[str(control.card.control)] = _derive(control, probe, sweeps)
    return found


def _control(reference: str) -> Control:
    control = load_method(reference)
    if not isinstance(control, Control):
        raise BadData(f"{reference} is no control that is derived from another method")
    return control


def _derive(control: Control, probe: Probe[Any, Any], sweeps: Sweeps) -> Probe[Any, Any]:
    generator = sweeps.streams.at("control", control.card.id).generator()
    return control.derive(probe, ControlSetting(posed=sweeps.posed, generator=generator, **sweeps.for_controls()))


def chosen_metrics(benchmark: Benchmark, sweeps: Sweeps, role: str = "method") -> list[Metric]:
    """Return the metrics a benchmark asks for and can feed. An oracle knows one answer, so only that is scored."""
    patterns = benchmark.metrics or ("*",)
    return [
        metric
        for metric in all_metrics().values()
        if metric.family == benchmark.family
        and (role != "oracle" or metric.subjects == "all")
        and any(fnmatch.fnmatchcase(metric.id, pattern) for pattern in patterns)
        and all(need in sweeps.posed.truths for need in metric.needs)
    ]


def _measure(benchmark: Benchmark, sweeps: Sweeps, role: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Score every metric for every subject and variant."""
    frames, costs = [], {}
    clusters = sweeps.posed.clusters or sweeps.task.units
    for metric in chosen_metrics(benchmark, sweeps, role):
        for subject, variant in _cells(metric, benchmark, sweeps):
            with sweeps.reading(metric.sweeps):
                scores = metric.function(sweeps, subject, variant)
            frames += _rows(metric, subject, variant, scores, sweeps.task.units, clusters)
        costs[metric.id] = {"sweeps": list(metric.sweeps)}
    frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(COLUMNS))
    return frame, costs


def _cells(metric: Metric, benchmark: Benchmark, sweeps: Sweeps) -> Iterator[tuple[str, str]]:
    variants = benchmark.protocol.get(metric.variants, []) if metric.variants else [""]
    subjects = list(sweeps.probes) if metric.subjects == "all" else ["method"]
    for variant in variants:
        for subject in subjects:
            yield subject, variant


def _rows(
    metric: Metric,
    subject: str,
    variant: str,
    scores: Mapping[str, Tensor] | Tensor,
    units: tuple[str, ...],
    clusters: tuple[str, ...],
) -> list[pd.DataFrame]:
    parts = {"": scores} if isinstance(scores, torch.Tensor) else dict(scores)
    return [
        pd.DataFrame(
            {
                "metric": metric.id,
                "variant": variant,
                "subject": subject,
                "part": part,
                "unit": list(units),
                "cluster": list(clusters),
                "value": values.double().cpu().numpy(),
            }
        )
        for part, values in parts.items()
    ]


def _finish(
    job: Job, benchmark: Benchmark, sweeps: Sweeps, measured: Mapping[str, Any], contract: dict[str, Any]
) -> None:
    """Write the trial's files, its record last."""
    folder = Path(job.folder)
    files: dict[str, str] = {}
    if "rows" in measured:
        used = sorted(measured["rows"]["metric"].unique())
        hash_ = store.write_table(measured["rows"], folder / "measurements.parquet")
        sidecar = Measurement(
            trial=job.trial,
            file="measurements.parquet",
            sha256=hash_,
            rows=len(measured["rows"]),
            columns=COLUMNS,
            metrics=tuple(all_metrics()[id].declaration() for id in used),
        )
        store.write(sidecar, folder / "measurements.json")
        files = {
            "measurements.parquet": hash_,
            "measurements.json": store.file_digest(folder / "measurements.json"),
        }
    for name, data in (sweeps.keepsakes() if files else sweeps.pictures() if not benchmark.gating else {}).items():
        store.write_bytes(folder / name, data)
        files[name] = store.file_digest(folder / name)
    passes = sweeps.passes()
    record = TrialRecord(
        id=job.trial,
        method=job.method["id"],
        benchmark=benchmark.id,
        seed=job.seed,
        state="done",
        control=str((job.method.get("card") or {}).get("control") or ""),
        units=len(sweeps.task.units),
        passes=passes,
        metrics=_costs(measured.get("costs", {}), passes),
        contract=contract,
        files=files,
        asked=job.asked,
    )
    shutil.rmtree(folder / SCRATCH, ignore_errors=True)
    store.write(record, folder / "trial.json")


def _costs(costs: Mapping[str, Any], passes: Mapping[str, Any]) -> dict[str, Any]:
    """Return for each metric the passes of the sweeps it reads: what it would cost if it alone were measured."""
    return {
        id: {
            "sweeps": cost["sweeps"],
            "forward": sum(passes.get(name, {}).get("forward", 0) for name in cost["sweeps"]),
            "backward": sum(passes.get(name, {}).get("backward", 0) for name in cost["sweeps"]),
        }
        for id, cost in costs.items()
    }


def tune(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> dict[str, Any]:  # noqa: ARG001 - an entry
    """Entry: return the tuning of a variant's model, by its digest; empty where it has no model."""
    from xaic.engine.tuning import measure

    load_plugins(tuple(arguments["plugins"]))
    material = get_specimen(arguments["specimen"]).load(arguments["variant"])
    if material.model is None:
        return {}
    return {material.model.digest: asdict(measure(material.model, material.inputs))}
