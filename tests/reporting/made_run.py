"""Small runs written through the documents' own writers: two families with exhibits, and one that has none."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from safetensors.numpy import save_file

from xaic.documents import store
from xaic.documents.types import (
    Benchmark,
    Check,
    ClaimedProperty,
    Criterion,
    Environment,
    Level,
    Measurement,
    MethodCard,
    Plan,
    PlannedTrial,
    Requirement,
    Rule,
    RunRecord,
    State,
    TrialRecord,
    Verdict,
)
from xaic.harness.folder import LoadedRun, trial_folder, write_timing
from xaic.harness.planning import SHARED, shared_trial

if TYPE_CHECKING:
    from pathlib import Path

EDITION = "2026.1"
SHAPES, PHOTOGRAPHS = "attribution/shapes-single", "attribution/photographs"
FASHION, WALKS = "calibration/fashion", "forecast/walks"
OPERATORS = ["mean", "blur"]
UNITS = 12


def card(id: str, title: str, role: Any = "method", **more: Any) -> MethodCard:
    return MethodCard(id, title, id.partition(".")[0], "made for a test", role=role, **more)


CARDS = (
    card("attribution.good", "Good method", claims=(ClaimedProperty("completeness", 1e-5, "all models"),)),
    card("attribution.poor", "Poor method", limits=("much",)),
    card("attribution.noise", "Control C1: random", "control", control="C1"),
    card("attribution.edges", "Control C5: edges", "control", control="C5"),
    card("calibration.scaled", "Scaled"),
    card("forecast.last", "Last value"),
)


def benchmark(id: str, specimen: str, variant: str, **protocol: Any) -> Benchmark:
    family = id.partition("/")[0]
    return Benchmark(id, f"Title of {id}", family, specimen, variant, EDITION, {"units": UNITS, **protocol})


BENCHMARKS = (
    benchmark(SHAPES, "shape-scenes", "single", operators=OPERATORS),
    replace(benchmark(PHOTOGRAPHS, "photographs", "single"), gating=False),
    benchmark(FASHION, "fashion", "logits"),
    benchmark(WALKS, "walks", "plain"),
)


def criterion(id: str, title: str, family: str, *checks: Check) -> Criterion:
    words = {"en": f"{title} holds", "ko": "성립한다"}
    return Criterion(id, {"en": title, "ko": "제목"}, words, family, EDITION, title.lower(), checks)


CRITERIA = (
    criterion("EX-AAA-01", "Removal", "attribution", Check("made.removal", Rule("DR1"), controls=("C1", "C5"))),
    criterion("EX-BBB-01", "Sameness", "attribution", Check("made.sameness", Rule("DR3", tolerance=0.1))),
    criterion("EX-CCC-01", "Calibrated", "calibration", Check("made.gap", Rule("DR6", functional="ece", margin=0.03))),
    criterion("EX-DDD-01", "Hits", "forecast", Check("made.hit", Rule("DR3"))),
)
REQUIREMENTS = (
    Requirement("EX-AAA-01", (SHAPES,)),
    Requirement("EX-BBB-01", (SHAPES,), Level.RECOMMENDED),
    Requirement("EX-CCC-01", (FASHION,)),
    Requirement("EX-DDD-01", (WALKS,)),
)


def dominance(state: State, method: str, low: float, high: float, **more: Any) -> Verdict:
    """A verdict by DR1 on EX-AAA-01 that turned on C5 under blur; C1 is beaten under both operators."""
    turned = {"estimate": (low + high) / 2, "lower": low, "upper": high, "n": UNITS}
    rows = [
        {"control": c, "operator": o, "metric": "made.removal", "dropped": 0, "n": UNITS}
        | ({"estimate": 0.5, "lower": 0.4, "upper": 0.6} if (c, o) != ("C5", "blur") else turned)
        for o in OPERATORS
        for c in ("C1", "C5")
    ]
    return replace(
        Verdict(method, "EX-AAA-01", SHAPES, EDITION, "required", state, f"{state.value} against C5 under blur"),
        estimate=(low + high) / 2,
        lower=low,
        upper=high,
        margin=0.0,
        n=UNITS,
        rule="DR1: pass when above every control",
        promise="at most 5 %",
        weakest={"control": "C5", "operator": "blur"},
        details=tuple(rows),
        worst_units=("unit-3", "unit-1"),
        **more,
    )


def share(method: str, criterion: str, benchmark: str, metric: str, state: State, level: str = "required") -> Verdict:
    """A verdict by DR3: the share of units for which a property holds."""
    low, high = {State.PASS: (0.96, 1.0), State.FAIL: (0.2, 0.6)}.get(state, (0.8, 1.0))
    middle = (low + high) / 2
    row = {"metric": metric, "dropped": 1, "estimate": middle, "lower": low, "upper": high, "n": UNITS}
    return Verdict(
        method, criterion, benchmark, EDITION, level, state, f"share {middle:g}", "DR3: share", middle, low, high, 0.95,
        UNITS, details=(row,),
    )  # fmt: skip


def verdicts() -> list[Verdict]:
    """One of every state but error."""
    gap = {"metric": "made.gap", "figure": "ece", "estimate": 0.01, "lower": 0.0, "upper": 0.02, "n": 200, "dropped": 0}
    return [
        dominance(State.PASS, "attribution.good", 0.1, 0.3),
        dominance(State.FAIL, "attribution.poor", -0.3, -0.1),
        share("attribution.good", "EX-BBB-01", SHAPES, "made.sameness", State.INCONCLUSIVE, "recommended"),
        Verdict("attribution.poor", "EX-BBB-01", SHAPES, EDITION, "recommended", State.NOT_APPLICABLE, "claims it not"),
        Verdict(
            "calibration.scaled", "EX-CCC-01", FASHION, EDITION, "required", State.PASS, "figure below", "DR6: below",
            0.01, 0.0, 0.02, 0.03, 200, {"figure": "ece"}, (gap,), "asymptotic",
        ),
        Verdict("forecast.last", "EX-DDD-01", WALKS, EDITION, "required", State.NOT_TESTED, "not built"),
    ]  # fmt: skip


@dataclass
class MadeRun:
    """What a run will hold; change it before it is written."""

    profile: str = "made"
    cards: tuple[MethodCard, ...] = CARDS
    benchmarks: tuple[Benchmark, ...] = BENCHMARKS
    criteria: tuple[Criterion, ...] = CRITERIA
    verdicts: list[Verdict] = field(default_factory=verdicts)
    unloadable: dict[str, str] = field(default_factory=dict)  # reference -> fault
    errors: dict[tuple[str, str], str] = field(default_factory=dict)  # (method, benchmark) -> reason
    away: dict[tuple[str, str], str] = field(default_factory=lambda: {("attribution.poor", PHOTOGRAPHS): "too large"})
    command: tuple[str, ...] = ("/somewhere/bin/xaic", "run", "--profile", "made")
    pictures: bool = True

    def write(self, folder: Path) -> LoadedRun:
        """Write the run and open it."""
        trials = [self._trial(folder, *pair) for pair in self._pairs()]
        states = [trial.state for trial in trials]
        store.write(self._plan(trials), folder / "plan.json")
        store.write_all(list(self.verdicts), folder / "verdicts.jsonl")
        environment = Environment(
            "2026-01-02T03:04:05+00:00", "3.11.7", "Linux", "CPU", 2, 8.0, {"numpy": "2.0"}, {}, self.command
        )
        store.write(environment, folder / "environment.json")
        told = {str(v.state): sum(w.state is v.state for w in self.verdicts) for v in self.verdicts}
        record = RunRecord(
            profile=self.profile,
            seed=0,
            version="0.1.0",
            planned=len(trials),
            executed=states.count("done"),
            not_applicable=states.count("not applicable"),
            errored=states.count("error"),
            states=told,
            files={},
        )
        store.write(record, folder / "run.json")
        write_timing(folder / "timing.json", {"total": 12.5, "trials": {trial.id: 1.25 for trial in trials}})
        return LoadedRun.open(folder)

    def _pairs(self) -> list[tuple[str, str]]:
        found = [(SHARED, one.id) for one in self.benchmarks]
        found += [(c.id, b.id) for b in self.benchmarks for c in self.cards if c.family == b.family]
        return [*found, *[(name, "card") for name in self.unloadable]]

    def _plan(self, trials: list[TrialRecord]) -> Plan:
        methods = [
            {"id": c.id, "reference": c.id, "digest": "d" * 64, "parameters": {"steps": 3}, "card": store.to_data(c)}
            | {"fault": "", "asked": c.role == "method"}
            for c in self.cards
        ]
        methods += [
            {"id": name, "reference": name, "digest": "", "parameters": {}, "card": None, "fault": why, "asked": True}
            for name, why in self.unloadable.items()
        ]
        planned = tuple(PlannedTrial(t.id, t.method, t.benchmark, 0) for t in trials)
        return Plan(self.profile, 0, tuple(methods), self.benchmarks, self.criteria, REQUIREMENTS, planned, {})

    def _trial(self, folder: Path, method: str, benchmark: str) -> TrialRecord:
        place = benchmark.replace("/", "-")
        id = shared_trial(benchmark) if method == SHARED else f"trial-{len(method)}-{method[-8:]}-{place}"
        id = "".join(c if c.isalnum() or c in ".-_" else "-" for c in id)
        path = trial_folder(folder, id)
        if method in self.unloadable:
            record = TrialRecord(id, method, benchmark, 0, "error", f"cannot be loaded: {self.unloadable[method]}")
        elif (method, benchmark) in self.errors:
            record = TrialRecord(id, method, benchmark, 0, "error", self.errors[method, benchmark])
        elif (method, benchmark) in self.away:
            record = TrialRecord(id, method, benchmark, 0, "not applicable", self.away[method, benchmark])
        else:
            path.mkdir(parents=True)
            files = self._files(path, id, method, benchmark)
            passes = {"output": {"forward": 100, "backward": 20, "shared": method == SHARED}}
            record = TrialRecord(
                id, method, benchmark, 0, "done", units=UNITS, passes=passes, files=dict.fromkeys(files, "0" * 64)
            )
        store.write(record, path / "trial.json")
        return record

    def _files(self, path: Path, id: str, method: str, benchmark: str) -> list[str]:
        rng = np.random.default_rng(len(id))
        if method == SHARED:
            return photographs(path) if self.pictures and benchmark == PHOTOGRAPHS else []
        if benchmark == FASHION:
            return confidences(path, id, rng)
        if not self.pictures or not benchmark.startswith("attribution"):
            return []
        files = maps(path, rng, 224 if benchmark == PHOTOGRAPHS else 32)
        return files if benchmark == PHOTOGRAPHS else [*files, *curves(path, rng)]


def photographs(path: Path) -> list[str]:
    pixels = np.linspace(0, 255, 3 * 224 * 224 * 3).astype(np.uint8).reshape(3, 224, 224, 3)
    save_file({"pictures": pixels}, path / "pictures.safetensors")
    return ["pictures.safetensors"]


def maps(path: Path, rng: np.random.Generator, side: int) -> list[str]:
    save_file({"values": rng.standard_normal((3, side, side)).astype(np.float32)}, path / "maps.safetensors")
    return ["maps.safetensors"]


def curves(path: Path, rng: np.random.Generator) -> list[str]:
    fall = np.linspace(1, 0, 6, dtype=np.float32)
    arrays = {"fractions": 1 - fall}
    for operator in OPERATORS:
        for order in ("morf", "lerf"):
            arrays[f"removal/method/{operator}/{order}"] = fall * rng.random((UNITS, 1), dtype=np.float32)
    save_file(arrays, path / "curves.safetensors")
    return ["curves.safetensors"]


def confidences(path: Path, id: str, rng: np.random.Generator) -> list[str]:
    stated = rng.uniform(0.3, 1, 200)
    parts = {"confidence": stated, "correct": (rng.random(200) < stated).astype(float)}
    frame = pd.concat(
        pd.DataFrame(
            {
                "metric": "calibration.confidence",
                "variant": "",
                "subject": "method",
                "part": part,
                "unit": [f"unit-{i}" for i in range(200)],
                "cluster": [f"unit-{i}" for i in range(200)],
                "value": values,
            }
        )
        for part, values in parts.items()
    )
    digest = store.write_table(frame, path / "measurements.parquet")
    sidecar = Measurement(id, "measurements.parquet", digest, len(frame), {}, ())
    store.write(sidecar, path / "measurements.json")
    return ["measurements.parquet", "measurements.json"]
