"""Figures of all units together, computed inside every resample: mean, median, proportion, ICC, ECE, AUROC.

A functional reads parts of a metric, each an array whose first axes are resamples and units, and returns
one figure for each resample. ``prepare`` does once what no resample changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import rankdata

from xaic.documents.errors import BadData, UnknownName

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

Parts = Mapping[str, "Array"]
"""Part -> scores [n, ...] of the units."""

BINS = 15


@dataclass(frozen=True)
class Functional:
    """A figure of all units.

    Attributes:
        id: its name in a criterion.
        title: the figure in words.
        range: the least and the greatest figure, where the definition has them; bounds are clipped to it.
        prepare: parts as measured [n, ...] -> parts as ``compute`` reads them [n, ...].
        compute: parts [B, n, ...] -> figures [B].
        population: the figure if these units were the whole population, where ``compute`` corrects for the
            sampling of units. Resamples scatter around this one.
        finish: from the scale of ``compute`` to that of the figure; grows.
    """

    id: str
    title: str
    range: tuple[float, float]
    prepare: Callable[[Parts], dict[str, Array]]
    compute: Callable[[Parts], Array]
    population: Callable[[Parts], Array] | None = None
    finish: Callable[[float], float] = float

    def __call__(self, values: Parts) -> float:
        """Return the figure of units as measured."""
        ready = self.prepare(values)
        figure = float(self.compute({name: part[None] for name, part in ready.items()})[0])
        return float(np.clip(self.finish(figure), *self.range))


def _named(*names: tuple[str, ...]) -> Callable[[Parts], dict[str, Array]]:
    """Return a ``prepare`` that finds each part under any of its names."""

    def prepare(values: Parts) -> dict[str, Array]:
        return {aliases[0]: np.asarray(_find(values, aliases), dtype=np.float64) for aliases in names}

    return prepare


def _find(values: Parts, aliases: tuple[str, ...]) -> Array:
    for name in aliases:
        if name in values:
            return values[name]
    raise BadData(f"the scores have no part {aliases[0]!r}; they have {', '.join(map(repr, values)) or 'none'}")


def _mean(values: Parts) -> Array:
    return np.asarray(values["value"].mean(axis=-1))


def _median(values: Parts) -> Array:
    return np.asarray(np.median(values["value"], axis=-1))


def _proportion(values: Parts) -> Array:
    return np.asarray((values["value"] > 0).mean(axis=-1))


def _icc_parts(values: Parts) -> dict[str, Array]:
    """Reduce draws to each unit's mean [n, F] and its variance within, summed over features [n]."""
    cube = draws(values)
    if cube.shape[1] < 2:
        raise BadData("an intraclass correlation needs at least two draws of every unit")
    within = cube.var(axis=1, ddof=1).sum(axis=-1)
    return {"mean": cube.mean(axis=1), "within": within, "draws": np.full(len(cube), float(cube.shape[1]))}


def draws(values: Parts) -> Array:
    """Return parts as [n, draws, features].

    Either one part holds the whole array [n, draws] or [n, draws, features], or each part [n] is named
    after the numbers of its draw and feature, as in ``draw1.feature7`` or ``1.7``.
    """
    whole = [np.asarray(part, dtype=np.float64) for part in values.values() if np.ndim(part) > 1]
    if whole:
        return whole[0].reshape(*whole[0].shape[:2], -1)
    numbered = {tuple(map(int, re.findall(r"\d+", name))): part for name, part in values.items()}
    numbered = {(*key, 0)[:2]: part for key, part in numbered.items() if key}
    rows, columns = (sorted({key[axis] for key in numbered}) for axis in (0, 1))
    if not numbered or len(numbered) != len(rows) * len(columns):
        raise BadData(f"parts {', '.join(map(repr, values))} do not name every draw and feature by number")
    table = [[numbered[row, column] for column in columns] for row in rows]
    return np.moveaxis(np.asarray(table, dtype=np.float64), 2, 0)


def _icc(values: Parts) -> Array:
    """Return ICC(1,1) = (MSB - MSW) / (MSB + (k - 1) MSW), mean squares pooled over features.

    Source: Shrout and Fleiss 1979.
    """
    k = values["draws"][0, 0]
    between = k * values["mean"].var(axis=1, ddof=1).sum(axis=-1)
    within = values["within"].mean(axis=1)
    whole = between + (k - 1) * within
    return np.asarray(np.divide(between - within, whole, out=np.zeros_like(whole), where=whole > 0))


def _binned(values: Parts) -> tuple[Array, Array, Array]:
    """Return squared gap, its sampling variance and the mass of every bin of equal mass, [B, bins] each.

    Units of equal confidence are kept in the order given.
    """
    order = np.argsort(values["confidence"], axis=-1, kind="stable")
    n = order.shape[-1]
    edges = np.linspace(0, n, max(1, min(BINS, n // 2)) + 1).round().astype(int)
    size = np.diff(edges)
    said, hit = (
        np.add.reduceat(np.take_along_axis(values[part], order, axis=-1), edges[:-1], axis=-1) / size
        for part in ("confidence", "correct")
    )
    return (said - hit) ** 2, hit * (1 - hit) / np.maximum(size - 1, 1), size / n


def _ece(values: Parts) -> Array:
    """Debiased squared calibration error: sum_b n_b/n ((c_b - h_b)^2 - h_b (1 - h_b) / (n_b - 1)).

    Here c_b is the mean confidence, h_b the hit rate and n_b the number of units of bin b. Unbiased for the
    squared error of the binned confidences. Sources: Broecker 2012; Kumar, Liang and Ma 2019.
    """
    square, noise, mass = _binned(values)
    return np.asarray(((square - noise) * mass).sum(axis=-1))


def _ece_population(values: Parts) -> Array:
    square, _, mass = _binned(values)
    return np.asarray((square * mass).sum(axis=-1))


def _signed_root(square: float) -> float:
    return float(np.sign(square) * np.sqrt(abs(square)))


def _auroc(values: Parts) -> Array:
    """Return the Mann-Whitney statistic of midranks; 0.5 where a resample has one class only."""
    positive = values["label"] > 0
    n, ones = positive.shape[-1], positive.sum(axis=-1)
    ranks = rankdata(values["score"], axis=-1)
    pairs = ones * (n - ones)
    wins = (ranks * positive).sum(axis=-1) - ones * (ones + 1) / 2
    return np.asarray(np.divide(wins, pairs, out=np.full(wins.shape, 0.5), where=pairs > 0))


_VALUE = _named(("value", ""))
_INFINITY = float("inf")

FUNCTIONALS: dict[str, Functional] = {
    one.id: one
    for one in (
        Functional("mean", "mean", (-_INFINITY, _INFINITY), _VALUE, _mean),
        Functional("median", "median", (-_INFINITY, _INFINITY), _VALUE, _median),
        Functional("proportion", "share of units above zero", (0.0, 1.0), _VALUE, _proportion),
        Functional("icc", "intraclass correlation ICC(1,1) over draws", (-1.0, 1.0), _icc_parts, _icc),
        Functional(
            "ece",
            f"root of the debiased squared calibration error in {BINS} bins of equal mass",
            (0.0, 1.0),
            _named(("confidence", ""), ("correct", "correctness", "hit")),
            _ece,
            _ece_population,
            _signed_root,
        ),
        Functional(
            "auroc",
            "area under the ROC curve",
            (0.0, 1.0),
            _named(("score", ""), ("label", "positive")),
            _auroc,
        ),
    )
}


def get_functional(id: str) -> Functional:
    """Return one functional; raise ``UnknownName``."""
    if id not in FUNCTIONALS:
        raise UnknownName("functional", id, FUNCTIONALS)
    return FUNCTIONALS[id]
