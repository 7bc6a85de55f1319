"""Runs with scores made by hand, written by the documents' own writers and judged by the judge itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xaic.documents import store
from xaic.documents.types import (
    Benchmark,
    Check,
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
    TrialRecord,
)
from xaic.harness.folder import LoadedRun, trial_folder
from xaic.harness.judging import judge

Array = NDArray[np.float64]
Scores = dict[tuple[str, str, str], Array]  # (metric, operator, part) -> [n]

EDITION = "2026.1"
PLACE = "attribution/made"
MINE, RANDOM, ORACLE = "attribution.mine", "attribution.random", "attribution.oracle"
DELETION, STABLE, SAME = "faithfulness.deletion_auc", "robustness.stability", "repeatability.difference"
MPRT, CONFIDENCE, SIGNAL = "randomisation.mprt", "calibration.confidence", "repeatability.signal"
OPERATORS = ("mean", "blur")


def card(id: str, role: Any = "method", control: str | None = None) -> MethodCard:
    return MethodCard(id, id, "attribution", "made for a test", role=role, control=control)


def criterion(id: str, *checks: Check, **more: Any) -> Criterion:
    words = {"en": f"It holds by {id}"}
    return Criterion(id, words, words, "attribution", EDITION, "made", checks, **more)


CRITERIA = (
    criterion("EX-FAI-01", Check(DELETION, Rule("DR1"), controls=("C1",))),
    criterion("EX-REP-01", Check(SAME, Rule("DR3", tolerance=0.1))),
    criterion("EX-ROB-01", Check(STABLE, Rule("DR4", margin=0.2, reference=RANDOM))),
    criterion("EX-RND-01", Check(MPRT, Rule("DR2", margin=0.05))),
    criterion("EX-CAL-01", Check(CONFIDENCE, Rule("DR6", functional="ece", margin=0.2))),
    criterion("EX-REP-02", Check(SIGNAL, Rule("DR1", functional="icc"), controls=("C1",))),
    criterion("EX-DOC-01", Check("card", Rule("DR7"), part="claims")),
)
CARDS = (card(MINE), card(RANDOM, "control", "C1"), card(ORACLE, "oracle"))


def plain(n: int, seed: int = 0) -> dict[str, Scores]:
    """Scores of a good method, of random values and of an oracle: deletion 0.3, 0.7 and 0.1."""
    rng = np.random.default_rng(seed)
    around = {MINE: 0.3, RANDOM: 0.7, ORACLE: 0.1}
    found: dict[str, Scores] = {
        method: {(DELETION, operator, ""): rng.uniform(middle - 0.1, middle + 0.1, n) for operator in OPERATORS}
        for method, middle in around.items()
    }
    for method, stability in ((MINE, 0.9), (RANDOM, 0.5)):
        found[method][STABLE, "", ""] = rng.uniform(stability - 0.1, stability + 0.1, n)
    mine = found[MINE]
    mine[SAME, "", ""] = np.zeros(n)
    for part, level in (("repeat", 0.9), ("trained_random", 0.2), ("random_random", 0.2)):
        mine[MPRT, "", part] = rng.uniform(level - 0.05, level + 0.05, n)
    sure = rng.uniform(0.5, 1, n)
    mine[CONFIDENCE, "", "confidence"], mine[CONFIDENCE, "", "correct"] = sure, (rng.random(n) < sure).astype(float)
    for method, noise in ((MINE, 0.1), (RANDOM, 3.0)):
        signal = rng.normal(size=n)
        for draw in range(2):
            found[method][SIGNAL, "", f"draw-{draw}/f-00"] = signal + noise * rng.normal(size=n)
    return found


def changed(scores: Mapping[str, Scores], change: Mapping[tuple[str, str, str], Any]) -> dict[str, Scores]:
    """The same with scores of the method under test replaced."""
    n = len(next(iter(scores[MINE].values())))
    return {**scores, MINE: {**scores[MINE], **{key: np.broadcast_to(value, n) for key, value in change.items()}}}


def worse(scores: Mapping[str, Scores], by: Any) -> dict[str, Scores]:
    """The same with a method that deletes less well."""
    return changed(scores, {(DELETION, o, ""): scores[MINE][DELETION, o, ""] + by for o in OPERATORS})


@dataclass
class Made:
    """What a run will hold."""

    scores: Mapping[str, Scores]
    cards: tuple[MethodCard, ...] = CARDS
    criteria: tuple[Criterion, ...] = CRITERIA
    wanted: tuple[str, ...] = ("EX-FAI-01",)  # criteria that are required; the others of the list are recommended
    protocol: dict[str, Any] = field(default_factory=dict)
    edition: str = EDITION
    seed: int = 0
    units: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()  # methods whose trial ended in an error
    order: Any = None  # in which the units of the method's table stand

    def write(self, folder: Path) -> LoadedRun:
        """Write the run and open it."""
        n = len(next(iter(self.scores[self.cards[0].id].values())))
        self.units = self.units or tuple(f"unit-{i}" for i in range(n))
        records = [self._trial(folder, one) for one in self.cards]
        store.write(self._plan(records, n), folder / "plan.json")
        run = LoadedRun.open(folder)
        verdicts = judge(run.plan, run.evidence())
        store.write_all(list(verdicts), folder / "verdicts.jsonl")
        store.write(
            Environment("2026-01-02T03:04:05+00:00", "3", "Linux", "CPU", 2, 8, {}, {}, ()), folder / "environment.json"
        )
        states = [record.state for record in records]
        told = {str(v.state): sum(w.state is v.state for w in verdicts) for v in verdicts}
        names = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.name != "environment.json"]
        store.write(
            RunRecord(
                "made", self.seed, "0.1.0", len(records), states.count("done"), 0, states.count("error"), told,
                {p.relative_to(folder).as_posix(): store.file_digest(p) for p in names},
            ),
            folder / "run.json",
        )  # fmt: skip
        return LoadedRun.open(folder)

    def _plan(self, records: list[TrialRecord], n: int) -> Plan:
        methods = tuple(
            {"id": c.id, "reference": c.id, "digest": "", "parameters": {}, "card": store.to_data(c), "fault": ""}
            | {"asked": c.role == "method"}
            for c in self.cards
        )
        place = Benchmark(
            PLACE, "Made", "attribution", "made", "plain", self.edition, {"units": n, **self.protocol}, controls=("C1",)
        )
        requirements = tuple(
            Requirement(c.id, (PLACE,), Level.REQUIRED if c.id in self.wanted else Level.RECOMMENDED)
            for c in self.criteria
        )
        trials = tuple(PlannedTrial(r.id, r.method, r.benchmark, self.seed) for r in records)
        return Plan("made", self.seed, methods, (place,), self.criteria, requirements, trials, {})

    def _trial(self, folder: Path, one: MethodCard) -> TrialRecord:
        id = "".join(c if c.isalnum() or c in ".-_" else "-" for c in one.id)
        path = trial_folder(folder, id)
        files = {} if one.id in self.errors else self._table(path, id, self.scores[one.id])
        state: Any = "error" if one.id in self.errors else "done"
        reason = "it broke" if one.id in self.errors else ""
        record = TrialRecord(id, one.id, PLACE, self.seed, state, reason, one.control or "", files=files)
        store.write(record, path / "trial.json")
        return record

    def _table(self, path: Path, id: str, scores: Scores) -> dict[str, str]:
        order = np.arange(len(self.units)) if self.order is None else np.asarray(self.order)
        names = np.asarray(self.units)[order]
        blocks = [
            pd.DataFrame(
                {"metric": m, "variant": o, "subject": "method", "part": p, "unit": names, "cluster": names}
                | {"value": np.asarray(values)[order]}
            )
            for (m, o, p), values in scores.items()
        ]
        frame = pd.concat(blocks)
        digest = store.write_table(frame, path / "measurements.parquet")
        store.write(Measurement(id, "measurements.parquet", digest, len(frame), {}, ()), path / "measurements.json")
        return {name: store.file_digest(path / name) for name in ("measurements.parquet", "measurements.json")}
