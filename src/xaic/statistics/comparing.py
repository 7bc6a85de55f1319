"""One comparison inside a rule: a mean or another figure with both bounds, or the reason why it has none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xaic.documents.errors import Misuse
from xaic.statistics.bounds import cluster_means, mean_bound
from xaic.statistics.outcome import finite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import ArrayLike, NDArray

    from xaic.statistics.resampling import Interval

    Array = NDArray[np.float64]
    Range = tuple[float | None, float | None]

LEAST = 10
"""Fewer independent units than this decide nothing."""
_INFINITY = float("inf")


@dataclass(frozen=True)
class Comparison:
    """A mean, or another figure, with both bounds; a bound that cannot be formed is infinite."""

    name: dict[str, str]
    estimate: float
    lower: float
    upper: float
    n: int
    dropped: int = 0
    fault: str = ""

    def row(self) -> dict[str, Any]:
        """Return the comparison as plain data, None for what is not finite."""
        row: dict[str, Any] = dict(self.name)
        for key in ("estimate", "lower", "upper"):
            row[key] = finite(getattr(self, key))
        row |= {"n": self.n, "dropped": self.dropped}
        return row | ({"fault": self.fault} if self.fault else {})

    def __str__(self) -> str:
        """Return the figures in words."""
        if self.fault:
            return self.fault
        return f"{self.estimate:.3g}, bounds {self.lower:.3g} and {self.upper:.3g}, n = {self.n}"


@dataclass(frozen=True)
class Terms:
    """The range of a difference, the error of a bound, and which units belong together."""

    bounds: Range
    alpha: float
    clusters: ArrayLike | None


def compare(differences: Mapping[tuple[str, str], Array], terms: Terms, at: float) -> list[Comparison]:
    """Return every (control, operator) with its bounds; equal sets of defined units are computed together."""
    if not differences:
        raise Misuse("dominance needs at least one control to compare with")
    groups: dict[bytes, list[tuple[str, str]]] = {}
    for key, values in differences.items():
        groups.setdefault(np.isnan(values).tobytes(), []).append(key)
    found: dict[tuple[str, str], Comparison] = {}
    for keys in groups.values():
        names = [{"control": control, "operator": operator} for control, operator in keys]
        table = np.stack([np.asarray(differences[key], dtype=np.float64) for key in keys])
        found |= zip(keys, _means(names, table, terms, at), strict=True)
    return [found[key] for key in differences]


def single(name: str, values: Array, terms: Terms, at: float) -> Comparison:
    """Return the mean of one array [n] with its bounds, to be compared with ``at``."""
    return _means([{"comparison": name}], np.asarray(values, dtype=np.float64)[None], terms, at)[0]


def _means(names: list[dict[str, str]], table: Array, terms: Terms, at: float) -> list[Comparison]:
    """Return the means of a table [P, n], whose rows are undefined at the same units, with their bounds."""
    keep, ids = defined([table[0]], terms.clusters)
    values = cluster_means(table[:, keep], ids)
    n, dropped = values.shape[1], int((~keep).sum())
    if n < LEAST:
        mean = values.mean(axis=1) if n else np.full(len(table), np.nan)
        return [_boundless(name, float(mean[i]), n, dropped) for i, name in enumerate(names)]
    lower, upper = (mean_bound(values, terms.bounds, terms.alpha, side, at=at) for side in ("lower", "upper"))
    return [
        Comparison(name, float(values[i].mean()), float(lower[i]), float(upper[i]), n, dropped)
        if np.isfinite(lower[i])
        else _boundless(name, float(values[i].mean()), n, dropped)
        for i, name in enumerate(names)
    ]


def _boundless(name: dict[str, str], estimate: float, n: int, dropped: int) -> Comparison:
    """Return a comparison without bounds: there are too few units, or they do not vary."""
    fault = too_few(n, dropped) if n < LEAST else _no_spread(estimate, n)
    return Comparison(name, estimate, -_INFINITY, _INFINITY, n, dropped, fault)


def resampled(
    name: dict[str, str], interval: Callable[[], Interval], keep: NDArray[np.bool_], ids: ArrayLike | None
) -> Comparison:
    """Return a resampled figure; no bounds where there are too few units or where no resample differs."""
    n = int(keep.sum()) if ids is None else len(np.unique(np.asarray(ids)))
    dropped = int((~keep).sum())
    if n < LEAST:
        return _boundless(name, float("nan"), n, dropped)
    found = interval()
    if found.upper - found.lower <= 0:
        return _boundless(name, found.estimate, n, dropped)
    return Comparison(name, found.estimate, found.lower, found.upper, n, dropped)


def defined(arrays: Iterable[ArrayLike], clusters: ArrayLike | None) -> tuple[NDArray[np.bool_], ArrayLike | None]:
    """Return which units have a score in every array, and the cluster ids of those."""
    listed = [np.asarray(array, dtype=np.float64) for array in arrays]
    if len({len(array) for array in listed}) != 1:
        raise Misuse(f"arrays of {sorted({len(array) for array in listed})} units cannot be compared")
    keep = np.all([~np.isnan(array).reshape(len(array), -1).any(axis=1) for array in listed], axis=0)
    return keep, None if clusters is None else np.asarray(clusters)[keep]


def too_few(n: int, dropped: int = 0) -> str:
    """Return why nothing is decided."""
    return f"only {n} independent units have a score ({dropped} dropped); at least {LEAST} are needed"


def _no_spread(value: float, n: int) -> str:
    return f"all {n} units give {value:.3g}: without a known range, scores that do not vary bound nothing"
