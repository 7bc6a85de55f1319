"""What attribution methods show: deletion and insertion curves, and heat maps side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from xaic.reporting import charts, images
from xaic.reporting.exhibits.base import Case, Exhibit, exhibits_of
from xaic.reporting.rendering import render_template
from xaic.reporting.sources import specimen_record

if TYPE_CHECKING:
    from markupsafe import Markup

    from xaic.documents.types import Benchmark, TrialRecord

MOST_PICTURES = 8
"""Pictures of a benchmark that are shown."""

LEAST_SIDE = 8
"""Fewest rows and columns of a map that is a picture."""

DELETION = charts.Frame("share removed, most relevant first", "score of the explained class")
INSERTION = charts.Frame("share kept, most relevant first", "score of the explained class")


@exhibits_of("attribution")
def exhibits(case: Case) -> Iterator[Exhibit]:
    """Yield curves and heat maps, each where the run has any."""
    boards = [board for benchmark in case.benchmarks for board in _boards(case, benchmark)]
    if boards:
        body = render_template("exhibits/curves.html.j2", boards=boards, keys=_keys(case), swatch=charts.swatch)
        yield Exhibit("curves", "Deletion and insertion curves", body)
    shelves = [shelf for benchmark in case.benchmarks if (shelf := _shelf(case, benchmark)) is not None]
    if shelves:
        shelves.sort(key=lambda shelf: not any(shelf.photographs))
        specimens = dict.fromkeys(shelf.benchmark.specimen for shelf in shelves if any(shelf.photographs))
        credits = [record for id in specimens if (record := specimen_record(id)) is not None]
        body = render_template("exhibits/gallery.html.j2", shelves=shelves, credits=credits)
        yield Exhibit("heat-maps", "Heat maps", body)


@dataclass(frozen=True)
class Key:
    """A method's line in all charts."""

    method: str
    title: str
    role: str
    find: str
    style: int

    @property
    def muted(self) -> bool:
        """Whether the line is drawn in grey: only methods have colours."""
        return self.role != "method"


def _keys(case: Case) -> dict[str, Key]:
    roster = case.roster
    methods = [method for method in roster.sort(roster.subjects) if _has_curves(case, method)]
    return {m: Key(m, roster.title(m), roster.role(m), roster.find(m), style) for style, m in enumerate(methods)}


def _has_curves(case: Case, method: str) -> bool:
    return any(t.method == method and "curves.safetensors" in t.files for t in case.run.trials)


@dataclass(frozen=True)
class Board:
    """The charts of a benchmark."""

    benchmark: Benchmark
    charts: list[Markup]


def _boards(case: Case, benchmark: Benchmark) -> Iterator[Board]:
    keys = _keys(case)
    loaded = {t.method: case.run.curves(t.id) for t in case.trials(benchmark.id) if t.method in keys}
    operators = benchmark.protocol.get("operators", [])
    drawn = [one for operator in operators for one in _pair(operator, loaded, keys)]
    if drawn:
        yield Board(benchmark, drawn)


def _pair(operator: str, loaded: dict[str, dict[str, Any]], keys: dict[str, Key]) -> Iterator[Markup]:
    base, removed, kept = f"removal/method/{operator}", [], []
    for method, arrays in loaded.items():
        if f"{base}/morf" not in arrays:
            continue
        key, x = keys[method], arrays["fractions"].astype(np.float64)
        values, backward = arrays[f"{base}/morf"], arrays[f"{base}/lerf"][:, ::-1]
        removed.append(charts.curve_of(method, key.title, x, values, key.style, muted=key.muted))
        kept.append(charts.curve_of(method, key.title, 1 - x[::-1], backward, key.style, muted=key.muted))
    if removed:
        yield charts.chart(f"Deletion, {operator}", removed, DELETION)
        yield charts.chart(f"Insertion, {operator}", kept, INSERTION)


@dataclass(frozen=True)
class MapRow:
    """A method's maps over the pictures of a shelf, or why it has none."""

    method: str
    title: str
    role: str
    find: str
    maps: list[str]
    reason: str = ""
    small: bool = False


@dataclass(frozen=True)
class Shelf:
    """The heat maps of a benchmark: pictures in columns, methods in rows; '' where a picture was not kept."""

    benchmark: Benchmark
    names: list[str]
    photographs: list[str]
    rows: list[MapRow]


def _shelf(case: Case, benchmark: Benchmark) -> Shelf | None:
    rows = [row for trial in case.trials(benchmark.id) if (row := _map_row(case, trial)) is not None]
    columns = max((len(row.maps) for row in rows), default=0)
    if columns == 0:
        return None
    pictures = case.run.pictures(benchmark.id)
    shown = [] if pictures is None else [images.photograph(one) for one in pictures[:columns]]
    return Shelf(benchmark, _names(case, benchmark.id, columns), shown + [""] * (columns - len(shown)), rows)


def _map_row(case: Case, trial: TrialRecord) -> MapRow | None:
    """Return the maps of a trial; a method that has none on this benchmark says why, a control is left out."""
    roster = case.roster
    names = (trial.method, roster.title(trial.method), roster.role(trial.method), roster.find(trial.method))
    values = case.run.maps(trial.id).get("values")
    if values is not None and values.ndim == 3 and min(values.shape[1:]) >= LEAST_SIDE:
        small = max(values.shape[1:]) < images.SMALL
        return MapRow(*names, [images.heat_map(one) for one in values[:MOST_PICTURES]], small=small)
    if values is None and trial.state != "done" and roster.role(trial.method) == "method":
        return MapRow(*names, [], f"{trial.state}: {trial.reason}")
    return None


def _names(case: Case, benchmark: str, columns: int) -> list[str]:
    """Return the units that the pictures show, as the scores name them."""
    for trial in case.trials(benchmark):
        if "measurements.parquet" in trial.files:
            units = list(dict.fromkeys(case.run.table(trial)["unit"]))
            return [str(unit) for unit in units[:columns]]
    return [f"picture {number + 1}" for number in range(columns)]
