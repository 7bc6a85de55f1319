"""What a decision rule says: a state with the figures behind it, in words that stand in a verdict."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from xaic.documents.types import State


@dataclass(frozen=True)
class Outcome:
    """The decision of one rule.

    Attributes:
        state: pass, fail or inconclusive.
        estimate: the figure the decision turned on; of the weakest comparison where there are several.
        lower: its one-sided lower bound; None where none can be formed.
        upper: its one-sided upper bound.
        n: independent units behind it (clusters where units come in clusters).
        margin: what the bounds are compared with.
        weakest: control and operator of that comparison.
        details: one row for each comparison.
        promise: how far the error of the decision is known.
        rule: the decision rule in words with its numbers.
        reason: why the state is what it is.
    """

    state: State
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    margin: float | None = None
    weakest: dict[str, Any] = field(default_factory=dict)
    details: tuple[dict[str, Any], ...] = ()
    promise: str = ""
    rule: str = ""
    reason: str = ""


def finite(value: float) -> float | None:
    """Return a finite number, or None: documents hold no NaN and no infinity."""
    return float(value) if np.isfinite(value) else None
