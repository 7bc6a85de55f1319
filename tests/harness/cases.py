"""Synthetic evidence for judging: scores that are written down here, so that the right verdict is known."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xaic.documents.store import to_data
from xaic.documents.types import (
    Benchmark,
    Capabilities,
    Check,
    Criterion,
    MethodCard,
    Plan,
    Requirement,
    Rule,
    TrialRecord,
)
from xaic.harness.checking import Case
from xaic.harness.evidence import Evidence, Scores

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

MINE, OTHER, PLACE = "attribution.mine", "attribution.other", "attribution/there"
HIGHER, LOWER = "faithfulness.abpc", "robustness.max_sensitivity"
"""A metric of either direction; the tests look at the declarations and depend on nothing else of them."""

UNITS = tuple(f"u{i:03d}" for i in range(200))
CARD = MethodCard(MINE, "Mine", "attribution", "be judged", truth="contribution", capabilities=Capabilities())
BENCHMARK = Benchmark(
    PLACE, "There", "attribution", "none", "none", "2026.1", {"units": 40}, controls=("C1", "C2"), truths=("region",)
)


def spread(mean: float, deviation: float = 0.02, n: int = len(UNITS)) -> NDArray[np.float64]:
    """Return scores [n] of that mean and standard deviation, always the same ones."""
    values = np.sin(np.arange(n) * 12.9898) * 43758.5453
    values -= values.mean()
    return np.asarray(mean + deviation * values / values.std())


def scores(
    values: Mapping[tuple[str, ...], ArrayLike], units: tuple[str, ...] = UNITS, clusters: ArrayLike | None = None
) -> Scores:
    """Return what a trial measured: (metric, variant, subject, part), of which the last may be left out, -> values."""

    def whole(metric: str, variant: str = "", subject: str = "method", part: str = "") -> tuple[str, str, str, str]:
        return metric, variant, subject, part

    full = {whole(*key): np.asarray(value, dtype=float) for key, value in values.items()}
    return Scores(units, np.asarray(units if clusters is None else clusters, dtype=str), full)


def record(method: str = MINE, state: Any = "done", control: str = "", reason: str = "") -> TrialRecord:
    """Return what a trial did."""
    return TrialRecord(f"{method}-trial", method, PLACE, 0, state, reason, control)


def evidence(
    mine: Scores | None = None, others: Mapping[str, tuple[str, Scores | None]] | None = None, state: Any = "done"
) -> Evidence:
    """Return evidence of my trial and of others: method -> (the control it is or '', what it measured)."""
    records = {(MINE, PLACE): record(state=state, reason="" if state == "done" else "because")}
    found = {(MINE, PLACE): mine} if mine else {}
    for method, (control, measured) in (others or {}).items():
        records[method, PLACE] = record(method, "done" if measured else "error", control)
        if measured:
            found[method, PLACE] = measured
    return Evidence(found, records)


def case(found: Evidence, card: MethodCard = CARD, **benchmark: Any) -> Case:
    """Return my method before the judge."""
    return Case(card, replace(BENCHMARK, **benchmark), found)


def check(
    metric: str, rule: str, *controls: str, part: str = "", operators: tuple[str, ...] = (), **more: Any
) -> Check:
    """Return one check."""
    return Check(metric, Rule(rule, **more), part, controls, operators)


def criterion(*checks: Check, **more: Any) -> Criterion:
    """Return a criterion of these checks."""
    told: dict[str, Any] = {
        "id": "EX-FAI-99",
        "title": {"en": "Test"},
        "statement": {"en": "It holds."},
        "family": "attribution",
        "edition": "2026.1",
        "dimension": "test",
    }
    return Criterion(**{**told, **more}, checks=checks)


def plan(*criteria: Criterion, methods: tuple[MethodCard, ...] = (CARD,), **more: Any) -> Plan:
    """Return a plan that asks for every criterion on the benchmark."""
    told: dict[str, Any] = {
        "profile": "test",
        "seed": 0,
        "benchmarks": (BENCHMARK,),
        "requirements": tuple(Requirement(one.id, ("attribution/*",)) for one in criteria),
        "trials": (),
        "limits": {},
    }
    entries = tuple(
        {"id": card.id, "reference": card.id, "card": to_data(card), "asked": True, "fault": ""} for card in methods
    )
    return Plan(**{**told, **more}, criteria=criteria, methods=entries)
