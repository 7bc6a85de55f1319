"""What a metric is: a pure function of sweeps, with its declaration right above it.

A metric never calls a model or a method. It names the sweeps it needs, reads them from ``Sweeps`` and returns
a score for every unit, never only a mean.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from xaic.documents.errors import BadData, UnknownName

if TYPE_CHECKING:
    from torch import Tensor

Scores = Mapping[str, "Tensor"]
"""Part -> scores [N]. The main part is called '' ; others carry what a rule or functional needs besides."""

Range = tuple[float | None, float | None]
"""The least and the greatest value that the definition allows; None where it has no bound."""

MetricFunction = Callable[..., "Scores | Tensor"]


@dataclass(frozen=True)
class Metric:
    """A metric with its declaration. ``range`` bounds are None where the definition has no bound."""

    id: str
    family: str
    title: str
    property: str
    unit: str
    range: Range
    direction: Literal["higher", "lower", "none"]
    source: str
    sweeps: tuple[str, ...]
    function: MetricFunction
    variants: str = ""  # name of the protocol entry that lists variants (operators); '' : one variant
    subjects: Literal["all", "method"] = "all"  # also scored for derived controls?
    needs: tuple[str, ...] = ()  # truths or offers of the benchmark it cannot do without
    part_ranges: Mapping[str, Range] = field(default_factory=dict)  # of parts whose bounds are not those of the score

    def range_of(self, part: str) -> Range:
        """Return the least and the greatest value of a part."""
        return self.part_ranges.get(part, self.range)

    def declaration(self) -> dict[str, Any]:
        """Return the declaration as plain data."""
        return {
            "id": self.id,
            "family": self.family,
            "title": self.title,
            "property": self.property,
            "unit": self.unit,
            "range": list(self.range),
            "direction": self.direction,
            "source": self.source,
            "sweeps": list(self.sweeps),
            "variants": self.variants,
            "subjects": self.subjects,
            "needs": list(self.needs),
            "part_ranges": {part: list(bounds) for part, bounds in sorted(self.part_ranges.items())},
        }


_METRICS: dict[str, Metric] = {}


def metric(**declaration: Any) -> Callable[[MetricFunction], MetricFunction]:
    """Declare the function below to be a metric; the id must be new."""

    def register(function: MetricFunction) -> MetricFunction:
        entry = Metric(function=function, **declaration)
        known = _METRICS.get(entry.id)
        if known is not None and known.function.__module__ != function.__module__:
            modules = f"{known.function.__module__} and {function.__module__}"
            raise BadData(f"two metrics are called {entry.id!r}: in {modules}")
        _METRICS[entry.id] = entry
        return function

    return register


def all_metrics() -> Mapping[str, Metric]:
    """Return every known metric by id."""
    from xaic.registry import load_room

    load_room("xaic.metrics")
    return dict(sorted(_METRICS.items()))


def get_metric(id: str) -> Metric:
    """Return one metric; raise ``UnknownName``."""
    known = all_metrics()
    if id not in known:
        raise UnknownName("metric", id, known)
    return known[id]
