"""Bootstrap bounds of functionals: units, or whole clusters, are drawn again and the figure computed anew.

What is resampled is the unit (all its parts together), so a functional need not be a mean of units. The
bounds are asymptotic: ``sizes`` tells how often they were seen to err.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from xaic.documents.errors import Misuse
from xaic.statistics.bounds import RESAMPLES, Side, bca_level, quantiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import ArrayLike, NDArray

    from xaic.statistics.functionals import Functional, Parts

    Array = NDArray[np.float64]
    Index = NDArray[np.intp]
    Figure = Callable[[Index], Array]  # rows [B, n] -> figures [B]

Kind = Literal["bca", "percentile", "basic"]
GROUPS = 100
"""The jackknife leaves out one of at most this many groups of clusters at a time."""
_CHUNK = 1 << 21


@dataclass(frozen=True)
class Interval:
    """A figure with its two one-sided bounds, each at level 1 - alpha."""

    estimate: float
    lower: float
    upper: float


def bootstrap_interval(
    figure: Figure,
    n: int,
    alpha: float,
    *,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
    kind: Kind = "bca",
    centre: float | None = None,
    width: int = 1,
) -> Interval:
    """Return both bootstrap bounds of a figure of n units.

    Args:
        figure: rows [B, n'] -> figures [B].
        n: number of units.
        alpha: nominal error of each bound.
        clusters: an id for every unit; clusters are then drawn whole.
        rng: source of the resamples; without it a fixed one.
        resamples: how many.
        kind: ``bca`` (Efron 1987), ``percentile``, or ``basic``: the estimate less the resamples' errors.
        centre: what resamples scatter around (default: the estimate); only ``basic`` can heed it.
        width: numbers a unit brings into the figure; only for the use of memory.
    """
    members = _members(n, clusters)
    if len(members) < 2:
        raise Misuse("a bootstrap needs at least two units, or two clusters of them")
    generator = np.random.default_rng(0) if rng is None else rng
    estimate = float(figure(np.arange(n)[None])[0])
    rows = max(1, _CHUNK // (n * width))
    replicates = np.concatenate([figure(block) for block in _resamples(members, generator, resamples, rows)])
    replicates = np.sort(replicates)[:, None]
    levels = np.array([alpha, 1 - alpha])
    if kind == "bca":
        speed = _acceleration(figure, members, n)
        levels = np.concatenate([bca_level(replicates, estimate, speed, level) for level in levels])
    lower, upper = (float(quantiles(replicates, levels[i : i + 1])[0]) for i in (0, 1))
    if kind == "basic":
        whole = estimate if centre is None else centre
        lower, upper = estimate + whole - upper, estimate + whole - lower
    return Interval(estimate, lower, upper)


def bootstrap_bound(
    values: Parts,
    functional: Functional,
    alpha: float,
    side: Side,
    *,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> float:
    """Return one bound of a functional of parts [n, ...]; see ``functional_interval``."""
    found = functional_interval(values, functional, alpha, clusters=clusters, rng=rng, resamples=resamples)
    return found.lower if side == "lower" else found.upper


def functional_interval(
    values: Parts,
    functional: Functional,
    alpha: float,
    *,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return a functional of units with both bounds, clipped to the range of the functional.

    The bounds are BCa, but basic where the functional corrects for sampling: in a resample it corrects for
    the resampling alone, so its figures scatter around the uncorrected one. BCa would take that for a bias of
    the estimate; on the calibration error it then erred in half of all cases.
    """
    ready = functional.prepare(values)
    n, width = _extent(ready)
    found = bootstrap_interval(
        lambda rows: functional.compute(_taken(ready, rows)),
        n,
        alpha,
        clusters=clusters,
        rng=rng,
        resamples=resamples,
        kind="bca" if functional.population is None else "basic",
        centre=_centre(functional, ready),
        width=width,
    )
    ends = (functional.finish(end) for end in (found.estimate, found.lower, found.upper))
    return Interval(*(float(np.clip(end, *functional.range)) for end in ends))


def difference_interval(
    one: Parts,
    other: Parts,
    functional: Functional,
    alpha: float,
    *,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
    resamples: int = RESAMPLES,
) -> Interval:
    """Return functional(one) - functional(other) with both bounds, the same units drawn for both.

    The difference is taken on the scale of ``compute``: for the calibration error, of squares.
    """
    first, second = functional.prepare(one), functional.prepare(other)
    (n, width), (m, _) = _extent(first), _extent(second)
    if n != m:
        raise Misuse(f"{n} units cannot be paired with {m}")
    centres = _centre(functional, first), _centre(functional, second)
    return bootstrap_interval(
        lambda rows: functional.compute(_taken(first, rows)) - functional.compute(_taken(second, rows)),
        n,
        alpha,
        clusters=clusters,
        rng=rng,
        resamples=resamples,
        kind="bca" if functional.population is None else "basic",
        centre=None if centres[0] is None or centres[1] is None else centres[0] - centres[1],
        width=width,
    )


def _centre(functional: Functional, parts: Mapping[str, Array]) -> float | None:
    if functional.population is None:
        return None
    return float(functional.population({name: part[None] for name, part in parts.items()})[0])


def _extent(parts: Mapping[str, Array]) -> tuple[int, int]:
    """Return the number of units and how many numbers each of them brings."""
    sizes = {len(part) for part in parts.values()}
    if len(sizes) != 1:
        raise Misuse(f"the parts have different numbers of units: {sorted(sizes)}")
    n = sizes.pop()
    return n, sum(part.size // max(n, 1) for part in parts.values())


def _taken(parts: Mapping[str, Array], rows: Index) -> dict[str, Array]:
    return {name: part[rows] for name, part in parts.items()}


def _members(n: int, clusters: ArrayLike | None) -> list[Index]:
    """Return the rows of every cluster; without clusters each row is one."""
    if clusters is None:
        return list(np.arange(n)[:, None])
    _, place = np.unique(np.asarray(clusters), return_inverse=True)
    if len(place) != n:
        raise Misuse(f"{len(place)} cluster ids were given for {n} units; give one id a unit")
    order = np.argsort(place, kind="stable")
    return list(np.split(order, np.cumsum(np.bincount(place))[:-1]))


def _resamples(members: list[Index], rng: np.random.Generator, count: int, rows: int) -> Iterator[Index]:
    """Yield blocks of row indices [b, n']; clusters of unequal size make blocks of one resample."""
    sizes = {len(rows_) for rows_ in members}
    table = np.stack(members) if len(sizes) == 1 else None
    for start in range(0, count, rows):
        picks = rng.integers(len(members), size=(min(rows, count - start), len(members)))
        if table is not None:
            yield table[picks].reshape(len(picks), -1)
            continue
        for pick in picks:
            yield np.concatenate([members[i] for i in pick])[None]


def _acceleration(figure: Figure, members: list[Index], n: int) -> float:
    """Return a = sum d^3 / (6 (sum d^2)^1.5) of the jackknife over groups of clusters."""
    groups = np.array_split(np.arange(len(members)), min(GROUPS, len(members)))
    left = []
    for group in groups:
        keep = np.ones(n, dtype=bool)
        keep[np.concatenate([members[i] for i in group])] = False
        left.append(float(figure(np.flatnonzero(keep)[None])[0]))
    d = np.mean(left) - np.asarray(left)
    square = float((d**2).sum())
    # groups need no correction: their skewness is smaller by the root of their size, their number by the size
    return float((d**3).sum() / (6 * square**1.5)) if square > 1e-24 else 0.0
