"""Markdown tables: every verdict is there, letters stand for benchmarks in their order, and no text makes markup."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings

from tests.reporting.made_run import MadeRun, verdicts
from tests.reporting.test_escaping import ENDS, EVIL, QUOTES, run_of, text_of_others
from xaic.documents.types import State
from xaic.reporting import to_markdown
from xaic.reporting.markdown import LETTERS
from xaic.reporting.words import UNVERIFIED

if TYPE_CHECKING:
    from xaic.harness.folder import LoadedRun

CELL = re.compile(r"(?<!\\)\|")


def tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a text: rows of cells, the ruler left out."""
    found: list[list[list[str]]] = [[]]
    for line in text.split("\n"):
        if not line.startswith("|"):
            found.append([])
        elif not set(line) <= set("|-"):
            found[-1].append([cell.strip() for cell in CELL.split(line)[1:-1]])
    return [table for table in found if table]


def test_every_verdict_that_applies_has_a_line_with_its_figures(made_run: LoadedRun) -> None:
    figures = [row for table in tables(to_markdown(made_run)) if "estimate" in table[0] for row in table[1:]]
    told = [verdict for verdict in verdicts() if verdict.state is not State.NOT_APPLICABLE]
    assert len(figures) == len(told)
    assert sorted(row[3] for row in figures) == sorted(verdict.state.value for verdict in told)
    assert UNVERIFIED in to_markdown(made_run)


def test_a_cell_has_a_letter_for_each_benchmark(tmp_path: Path) -> None:
    from dataclasses import replace

    (one, *_) = (verdict for verdict in verdicts() if verdict.criterion == "EX-AAA-01")
    places = {"attribution/a": State.PASS, "attribution/b": State.FAIL, "attribution/d": State.ERROR}
    found = [replace(one, benchmark=place, state=state) for place, state in places.items()]
    other = replace(one, method="attribution.poor", benchmark="attribution/c", state=State.INCONCLUSIVE)
    text = to_markdown(MadeRun(verdicts=[*found, other]).write(tmp_path))
    matrix = tables(text)[0]
    assert matrix[0] == ["", "AAA-01", "required"]
    cells = {row[0]: row[1:] for row in matrix[1:]}
    assert cells["Good method"] == ["PF E", "1 pass, 1 fail, 1 error"]
    assert cells["Poor method"] == ["·", "1 inconclusive"]
    assert "AAA-01 a, b, c, d" in text


def test_each_state_has_a_letter_of_its_own() -> None:
    assert set(LETTERS) == set(State)
    assert len(set(LETTERS.values())) == len(State)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text_of_others())
@example(EVIL + ENDS + QUOTES)
@example("a|b\n| c | d |\n# head\n[x](javascript:y) <b>`z`")
def test_no_text_makes_markup(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        made = to_markdown(run_of(text).write(Path(folder)))
    for table in tables(made):
        assert {len(row) for row in table} == {len(table[0])}
    assert not re.search(r"(?<!\\)[<\[`]", made)
    headings = [line for line in made.split("\n") if line.startswith("#")]
    assert all(line.startswith("### ") for line in headings)
