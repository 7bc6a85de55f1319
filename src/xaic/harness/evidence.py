"""The per-unit scores of a run, laid out for judging: one array for each metric, variant, subject and part."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from xaic.documents.types import TrialRecord

Array = "NDArray[np.float64]"


@dataclass(frozen=True)
class Scores:
    """What one trial measured. ``values[metric, variant, subject, part]`` is [N], in the order of ``units``."""

    units: tuple[str, ...]
    clusters: NDArray[np.str_]
    values: dict[tuple[str, str, str, str], NDArray[np.float64]] = field(default_factory=dict)

    def get(self, metric: str, variant: str, subject: str = "method", part: str = "") -> NDArray[np.float64] | None:
        """Return scores [N], or None where they were not measured."""
        return self.values.get((metric, variant, subject, part))

    def parts(self, metric: str, variant: str, subject: str = "method") -> dict[str, NDArray[np.float64]]:
        """Return part -> scores [N] of a metric."""
        return {k[3]: v for k, v in self.values.items() if k[:3] == (metric, variant, subject)}

    @cached_property
    def subjects(self) -> frozenset[str]:
        """The method and the controls derived from it that were scored."""
        return frozenset(key[2] for key in self.values)

    def variants(self, metric: str) -> list[str]:
        """Return the variants (operators) a metric was measured under."""
        return list(dict.fromkeys(key[1] for key in self.values if key[0] == metric))


def lay_out(table: pd.DataFrame) -> Scores:
    """Return the table of one trial as arrays; every block of rows has the same units."""
    values: dict[tuple[str, str, str, str], NDArray[np.float64]] = {}
    units: tuple[str, ...] = ()
    clusters = np.array([], dtype=str)
    for key, block in table.groupby(["metric", "variant", "subject", "part"], sort=False):
        if not units:
            units = tuple(block["unit"])
            clusters = block["cluster"].to_numpy(dtype=str)
        values[tuple(map(str, key))] = block["value"].to_numpy(dtype=np.float64)  # type: ignore[index]
    return Scores(units, clusters, values)


@dataclass
class Evidence:
    """Everything a judge may look at: what trials measured and how they ended."""

    scores: dict[tuple[str, str], Scores]  # (method, benchmark)
    records: dict[tuple[str, str], TrialRecord]

    @cached_property
    def controls(self) -> dict[tuple[str, str], str]:
        """(control, benchmark) -> the method that was tried as that control; the first by id where there are more."""
        found = {(record.control, key[1]): key[0] for key, record in sorted(self.records.items(), reverse=True)}
        return {key: method for key, method in found.items() if key[0]}
