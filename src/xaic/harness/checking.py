"""One check of a criterion: gather the scores it compares, hand them to its decision rule, tell the outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xaic.documents.errors import BadData
from xaic.documents.types import State
from xaic.harness.inspection import INSPECTIONS
from xaic.metrics.base import Metric, get_metric
from xaic.statistics import (
    Outcome,
    agreement,
    change,
    change_and_floor,
    dominance,
    functional_below,
    functional_dominance,
    non_inferiority,
    proportion,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from xaic.documents.types import Benchmark, Check, MethodCard, TrialRecord
    from xaic.harness.evidence import Evidence, Scores

    Array = NDArray[np.float64]

WORST = 5
"""How many of the worst units a verdict names."""


@dataclass(frozen=True)
class Case:
    """A method on a benchmark before the judge; ``benchmark`` is None where only the card is looked at."""

    card: MethodCard
    benchmark: Benchmark | None
    evidence: Evidence
    seed: int

    def scores(self, method: str) -> Scores | None:
        """Return what a method's trial on this benchmark measured."""
        assert self.benchmark is not None
        return self.evidence.scores.get((method, self.benchmark.id))

    def record(self, method: str) -> TrialRecord | None:
        """Return what a method's trial on this benchmark did."""
        assert self.benchmark is not None
        return self.evidence.records.get((method, self.benchmark.id))

    def control(self, name: str) -> tuple[Scores | None, str]:
        """Return the scores that hold a control and the subject under which they stand there."""
        mine = self.scores(self.card.id)
        if mine is not None and any(key[2] == name for key in mine.values):
            return mine, name
        for (method, benchmark), record in self.evidence.records.items():
            if self.benchmark is not None and benchmark == self.benchmark.id and record.control == name:
                return self.scores(method), "method"
        return (self.scores(name), "method") if "." in name else (None, "")


@dataclass(frozen=True)
class CheckOutcome:
    """What a decision rule said of one check."""

    state: State
    reason: str
    rule: str = ""
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    margin: float | None = None
    n: int = 0
    weakest: dict[str, Any] = None  # type: ignore[assignment]
    details: tuple[dict[str, Any], ...] = ()
    promise: str = ""
    worst_units: tuple[str, ...] = ()
