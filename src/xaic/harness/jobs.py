"""From a planned trial to what its worker is told, and the digest by which a finished trial is known again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xaic.documents import store
from xaic.harness.folder import trial_folder
from xaic.harness.planning import SHARED, base_of
from xaic.harness.trial import Job

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from xaic.documents.types import Benchmark, Plan, PlannedTrial


def job_of(plan: Plan, run: Path, trial: PlannedTrial) -> Job:
    """Return a trial as the arguments of its worker."""
    methods = {method["id"]: method for method in plan.methods}
    benchmark = next(b for b in plan.benchmarks if b.id == trial.benchmark)
    method = methods.get(trial.method, {"id": SHARED, "card": None})
    return Job(
        trial=trial.id,
        method=method,
        base=methods.get(base_of(method)),
        benchmark=store.to_data(benchmark),
        seed=trial.seed,
        folder=str(trial_folder(run, trial.id).resolve()),
        cache=str((run / "cache").resolve()),
        tuning=plan.tuning,
        plugins=list(plan.plugins),
        controls=_derived(plan, benchmark) if _role(method) == "method" else [],
        asked=asked_of(plan, trial),
    )


def asked_of(plan: Plan, trial: PlannedTrial) -> str:
    """Return a digest of what the plan asks of a trial: a finished one is kept only as long as this stays the same.

    Methods go in by the digest of their source, wherever it lies, and so do the controls that are scored beside them.
    """
    own = next((m for m in plan.methods if m["id"] == trial.method), {"id": trial.method, "card": None})
    beside = [m for m in plan.methods if m["id"] == base_of(own) or base_of(m)]
    benchmark = next((b for b in plan.benchmarks if b.id == trial.benchmark), None)
    specimen, tuning = _material(plan, benchmark) if benchmark else ("", None)
    return store.digest(
        {
            "trial": trial,
            "methods": [[m["id"], m.get("digest"), m.get("parameters")] for m in (own, *beside)],
            "benchmark": benchmark,
            "specimen": specimen,
            "tuning": tuning,
        }
    )


def _material(plan: Plan, benchmark: Benchmark) -> tuple[str, Any]:
    """Return the digest of a benchmark's specimen and the tuning of its model; nothing where it cannot be loaded."""
    from xaic.specimens.facts import material_facts

    digest = plan.specimens.get(f"{benchmark.specimen}/{benchmark.variant}", "")
    model = material_facts(benchmark.specimen, benchmark.variant)["digest"] if digest else ""
    return digest, plan.tuning.get(model)


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
