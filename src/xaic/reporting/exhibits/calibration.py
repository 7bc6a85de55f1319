"""What calibration methods show: reliability diagrams with their consistency bands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

import numpy as np
import torch

from xaic.metrics.calibration import BINS, reliability
from xaic.reporting.charts import Frame
from xaic.reporting.exhibits.base import Case, Exhibit, exhibits_of
from xaic.reporting.rendering import render_template
from xaic.reporting.words import count

if TYPE_CHECKING:
    from markupsafe import Markup

    from xaic.documents.types import Benchmark, TrialRecord
    from xaic.metrics.calibration import Reliability

METRIC = "calibration.confidence"
STATED, CAME_TRUE = "mean confidence stated", "share that came true"
SHARE, GAP = "share of units, least confident first", "came true minus stated"
LEAST_REACH = 0.01


@exhibits_of("calibration")
def exhibits(case: Case) -> Iterator[Exhibit]:
    """Yield a reliability diagram for every method whose confidences were measured."""
    shelves = [shelf for benchmark in case.benchmarks if (shelf := _shelf(case, benchmark)).rows]
    if shelves:
        body = render_template("exhibits/reliability.html.j2", shelves=shelves, bins=BINS)
        yield Exhibit("reliability", "Reliability diagrams", body)


@dataclass(frozen=True)
class Row:
    """A method's diagrams: shares over confidences, and the gap between them bin by bin."""

    title: str
    role: str
    find: str
    diagrams: list[Markup]
    words: str


@dataclass(frozen=True)
class Shelf:
    """The diagrams of a benchmark."""

    benchmark: Benchmark
    rows: list[Row]


def _shelf(case: Case, benchmark: Benchmark) -> Shelf:
    measured = [trial for trial in case.trials(benchmark.id) if "measurements.parquet" in trial.files]
    return Shelf(benchmark, [row for trial in measured if (row := _row(case, trial)) is not None])


def _row(case: Case, trial: TrialRecord) -> Row | None:
    table = case.run.table(trial)
    mine = table[(table["metric"] == METRIC) & (table["subject"] == "method")]
    parts = {name: mine.loc[mine["part"] == name, "value"].to_numpy(float) for name in ("confidence", "correct")}
    defined = np.isfinite(parts["confidence"]) & np.isfinite(parts["correct"])
    if not defined.any():
        return None
    stated, correct = (torch.from_numpy(parts[name][defined]) for name in ("confidence", "correct"))
    found = reliability(stated, correct, torch.Generator().manual_seed(0))
    roster, title = case.roster, case.roster.title(trial.method)
    drawn = [diagram(title, found), gaps(title, found)]
    return Row(title, roster.role(trial.method), roster.find(trial.method), drawn, in_words(found))


def outside(found: Reliability) -> list[bool]:
    """Tell for each bin whether the share that came true lies outside of its consistency band."""
    return [bool(out) for out in (found.accuracy < found.low) | (found.accuracy > found.high)]


def in_words(found: Reliability) -> str:
    """Return what a diagram shows."""
    out = sum(outside(found))
    return f"{out} of {count(len(found.count), 'bin')} lie outside of the band; n = {int(found.count.sum()):,}"


def diagram(title: str, found: Reliability) -> Markup:
    """Return the classic diagram: share that came true over confidence, the band around the diagonal."""
    low = min(float(found.confidence.min()), float(found.accuracy.min()), float(found.low.min()))
    start = min(floor(10 * low) / 10, 0.9)
    frame = Frame(STATED, CAME_TRUE, (start, 1.0), (start, 1.0), 300, 260)
    parts = [frame.band(found.confidence, found.low, found.high), frame.line((start, 1), (start, 1), "ideal")]
    parts += _dots(frame, found.confidence, found.accuracy, found)
    return frame.figure("Reliability", f"{title}: {CAME_TRUE} over {STATED}; {in_words(found)}", parts)


def gaps(title: str, found: Reliability) -> Markup:
    """Return the gap of every bin side by side: what the diagram crowds into its corner stands apart here."""
    middle = (torch.cumsum(found.count, 0) - found.count / 2) / found.count.sum()
    gap, low, high = (values - found.confidence for values in (found.accuracy, found.low, found.high))
    reach = 1.1 * max(float(torch.stack([gap, low, high]).abs().max()), LEAST_REACH)
    frame = Frame(SHARE, GAP, (0.0, 1.0), (-reach, reach), 420, 260)
    parts = [frame.band(middle, low, high), frame.line((0, 1), (0, 0), "ideal")]
    return frame.figure("Gap by bin", f"{title}: {GAP} by {SHARE}", [*parts, *_dots(frame, middle, gap, found)])


def _dots(frame: Frame, x: torch.Tensor, y: torch.Tensor, found: Reliability) -> Iterator[Markup]:
    for i, out in enumerate(outside(found)):
        words = (
            f"{int(found.count[i])} units: stated {found.confidence[i]:.3f}, came true {found.accuracy[i]:.3f}, "
            f"band {found.low[i]:.3f} to {found.high[i]:.3f}"
        )
        yield frame.dot(float(x[i]), float(y[i]), words, "dot out" if out else "dot")
