"""The report of a run as one HTML file: no network, no external file, every string of a method escaped."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from xaic import __version__
from xaic.documents.types import State
from xaic.harness.planning import SHARED
from xaic.reporting import drawing, pictures

if TYPE_CHECKING:
    from xaic.documents.types import Criterion, TrialRecord, Verdict
    from xaic.harness.folder import LoadedRun

SYMBOLS = {
    State.PASS: "●",
    State.FAIL: "✕",
    State.INCONCLUSIVE: "◐",
    State.NOT_APPLICABLE: "–",
    State.NOT_TESTED: "○",
    State.ERROR: "!",
}
CLASSES = {
    State.PASS: "pass",
    State.FAIL: "fail",
    State.INCONCLUSIVE: "open",
    State.NOT_APPLICABLE: "na",
    State.NOT_TESTED: "nt",
    State.ERROR: "error",
}
SPOKEN = (State.ERROR, State.FAIL, State.INCONCLUSIVE, State.PASS, State.NOT_TESTED, State.NOT_APPLICABLE)
"""Which verdict speaks for a cell of the summary: the first of these that occurs over its benchmarks."""


def render(run: LoadedRun) -> str:
    """Return the report of a run as HTML."""
    environment = Environment(
        loader=PackageLoader("xaic.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"sig": _sig, "anchor": anchor}
    return environment.get_template("report.html.j2").render(page=Page(run), version=__version__, svg=drawing)


def _sig(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def anchor(*names: str) -> str:
    """Return an id for a place in the page."""
    return "-".join("".join(c if c.isalnum() else "-" for c in name) for name in names)


@dataclass(frozen=True)
class Cell:
    """A method under a criterion: the state that speaks, and how many benchmarks stand behind each state."""

    state: State
    counts: dict[str, int]
    href: str

    @property
    def symbol(self) -> str:
        """A sign that does not need colour."""
        return SYMBOLS[self.state]

    @property
    def css(self) -> str:
        """Class name of the state."""
        return CLASSES[self.state]


@dataclass(frozen=True)
class Chart:
    """A drawing with the title that says what it shows."""

    benchmark: str
    drawing: Any


class Page:
    """What the template reads."""

    def __init__(self, run: LoadedRun) -> None:
        self.run, self.plan, self.record = run, run.plan, run.record
        self.cards = {m["id"]: m["card"] or {} for m in run.plan.methods}

    def role(self, method: str) -> str:
        """Role of a method; what could not be loaded was meant as a method."""
        return str(self.cards.get(method, {}).get("role", "method"))

    def title(self, method: str) -> str:
        """Title on the card, or the id."""
        return str(self.cards.get(method, {}).get("title") or method)

    @cached_property
    def criteria(self) -> list[Criterion]:
        """Criteria that have a verdict, in order."""
        seen = {verdict.criterion for verdict in self.run.verdict_list}
        return [criterion for criterion in self.plan.criteria if criterion.id in seen]

    @cached_property
    def groups(self) -> list[tuple[str, list[str]]]:
        """Methods first, then controls and oracles that were asked for: only methods count."""
        judged = list(dict.fromkeys(verdict.method for verdict in self.run.verdict_list))
        methods = [m for m in judged if self.role(m) == "method"]
        others = [m for m in judged if self.role(m) != "method"]
        return [(name, group) for name, group in (("Methods", methods), ("Controls and oracles", others)) if group]

    @cached_property
    def _cells(self) -> dict[tuple[str, str], list[Verdict]]:
        found: dict[tuple[str, str], list[Verdict]] = {}
        for verdict in self.run.verdict_list:
            found.setdefault((verdict.method, verdict.criterion), []).append(verdict)
        return found

    def cell(self, method: str, criterion: str) -> Cell | None:
        """Return the cell of the summary, or None where the criterion does not concern the method's family."""
        verdicts = self._cells.get((method, criterion))
        if not verdicts:
            return None
        states = [verdict.state for verdict in verdicts]
        spoken = next(state for state in SPOKEN if state in states)
        return Cell(spoken, dict(Counter(state.value for state in states)), f"#{anchor(criterion)}")

    def verdicts_of(self, criterion: str) -> list[Verdict]:
        """Verdicts of a criterion, methods first."""
        found = [v for v in self.run.verdict_list if v.criterion == criterion]
        return sorted(found, key=lambda v: (self.role(v.method) != "method", v.method, v.benchmark))

    def symbol(self, state: State) -> str:
        """A sign that does not need colour."""
        return SYMBOLS[state]

    def css(self, state: State) -> str:
        """Class name of a state."""
        return CLASSES[state]

    @cached_property
    def counts(self) -> list[tuple[State, int]]:
        """Verdicts of methods by state."""
        tally = Counter(v.state for v in self.run.verdict_list if self.role(v.method) == "method")
        return [
            (state, tally[state])
            for state in (
                State.PASS,
                State.FAIL,
                State.INCONCLUSIVE,
                State.ERROR,
                State.NOT_APPLICABLE,
                State.NOT_TESTED,
            )
            if tally[state]
        ]

    @cached_property
    def errors(self) -> list[TrialRecord]:
        """Trials that ended in an error."""
        return [trial for trial in self.run.trials if trial.state == "error"]

    @cached_property
    def skipped(self) -> list[TrialRecord]:
        """Trials that were not applicable, with their reasons."""
        return [trial for trial in self.run.trials if trial.state == "not applicable"]

    @cached_property
    def styles(self) -> dict[str, tuple[int, bool]]:
        """Line style of every method: its number, and whether it is drawn in grey (controls and oracles)."""
        trials = [t for t in self.run.trials if t.method != SHARED and t.state == "done"]
        methods = sorted(dict.fromkeys(t.method for t in trials), key=lambda m: (self.role(m) != "method", m))
        return {method: (i, self.role(method) != "method") for i, method in enumerate(methods)}

    @cached_property
    def charts(self) -> list[Chart]:
        """Deletion and insertion curves for each benchmark and operator."""
        found = []
        for benchmark in self.plan.benchmarks:
            loaded = {
                t.method: self.run.curves(t.id)
                for t in self.run.trials
                if t.benchmark == benchmark.id and "curves.safetensors" in t.files
            }
            for operator in benchmark.protocol.get("operators", []):
                found += self._pair(benchmark.id, operator, {m: c for m, c in loaded.items() if c})
        return found

    def _pair(self, benchmark: str, operator: str, loaded: dict[str, Any]) -> list[Chart]:
        removed, kept = [], []
        for method, arrays in loaded.items():
            base = f"removal/method/{operator}"
            if f"{base}/morf" not in arrays or method not in self.styles:
                continue
            x = arrays["fractions"].astype(np.float64)
            style, muted = self.styles[method]
            removed.append(drawing.curve_of(self.title(method), x, arrays[f"{base}/morf"], style, muted=muted))
            kept.append(
                drawing.curve_of(self.title(method), 1 - x[::-1], arrays[f"{base}/lerf"][:, ::-1], style, muted=muted)
            )
        if not removed:
            return []
        return [
            Chart(
                benchmark,
                drawing.chart(f"Deletion, {operator}", removed, "share removed, most relevant first", "score"),
            ),
            Chart(benchmark, drawing.chart(f"Insertion, {operator}", kept, "share kept, most relevant", "score")),
        ]

    @cached_property
    def gallery(self) -> dict[str, Any]:
        """Photographs and every method's heat map over them; empty where the run has none."""
        for benchmark in self.plan.benchmarks:
            photographs = self.run.pictures(benchmark.id)
            if photographs is not None:
                return self._gallery(benchmark.id, photographs)
        return {}

    def _gallery(self, benchmark: str, photographs: Any) -> dict[str, Any]:
        rows = []
        for trial in self.run.trials:
            values = self.run.maps(trial.id).get("values") if trial.benchmark == benchmark else None
            if values is not None and self.role(trial.method) == "method":
                rows.append((self.title(trial.method), [pictures.heat_map(one) for one in values]))
        return {
            "benchmark": benchmark,
            "photographs": [pictures.photograph(one) for one in photographs],
            "rows": sorted(rows),
        }

    @cached_property
    def costs(self) -> list[dict[str, Any]]:
        """Passes and seconds of every method, over all its trials; of what is shared, once."""
        seconds = self.run.timing.get("trials", {})
        found: dict[str, dict[str, Any]] = {}
        for trial in self.run.trials:
            row = found.setdefault(
                trial.method,
                {"method": trial.method, "forward": 0, "backward": 0, "seconds": 0.0, "trials": 0},
            )
            for made in trial.passes.values():
                if trial.method == SHARED or not made["shared"]:
                    row["forward"] += made["forward"]
                    row["backward"] += made["backward"]
            row["seconds"] += seconds.get(trial.id, 0.0)
            row["trials"] += trial.state == "done"
        return sorted(found.values(), key=lambda row: -row["seconds"])

    @cached_property
    def credits(self) -> list[tuple[str, str]]:
        """Origin and licence of every specimen that was used."""
        from xaic.specimens.base import all_specimens

        used = {benchmark.specimen for benchmark in self.plan.benchmarks}
        return [
            (record.title, f"{record.origin}. {record.licence} {record.notes}")
            for id, specimen in all_specimens().items()
            if id in used
            for record in [specimen.record()]
        ]
