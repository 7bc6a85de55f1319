"""The summary: which passed what, and why not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.reporting.made_run import CRITERIA, SHAPES, MadeRun, card, dominance, share, verdicts
from xaic.documents.types import State
from xaic.reporting.matrix import Matrix, Row, matrices
from xaic.reporting.page import Page, others, passing
from xaic.reporting.roster import Roster

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun

GOOD = "attribution.good"


def rows_of(run: LoadedRun) -> dict[str, Row]:
    tables = matrices(run, Roster(run))
    return {row.method: row for table in tables for _, rows in table.groups for row in rows}


def run_with(folder: Path, *more: Verdict) -> LoadedRun:
    return MadeRun(verdicts=[*verdicts(), *more], pictures=False).write(folder)


def test_one_table_a_family(made_run: LoadedRun) -> None:
    tables = matrices(made_run, Roster(made_run))
    assert [table.family for table in tables] == ["attribution", "calibration", "forecast"]
    assert [column.criterion.id for column in tables[0].columns] == ["EX-AAA-01", "EX-BBB-01"]
    assert [column.level for column in tables[0].columns] == ["required", "recommended"]


def test_only_what_is_required_counts(made_run: LoadedRun) -> None:
    rows = rows_of(made_run)
    assert (rows[GOOD].state, rows[GOOD].passed, rows[GOOD].asked) == (State.PASS, 1, 1)
    assert (rows["attribution.poor"].state, rows["attribution.poor"].passed) == (State.FAIL, 0)
    assert rows["forecast.last"].state is State.INCONCLUSIVE
    assert rows["forecast.last"].why is not None
    assert rows["forecast.last"].why.reason == "not built"


def test_a_cell_speaks_for_all_benchmarks(tmp_path: Path) -> None:
    other = replace(dominance(State.FAIL, GOOD, -0.5, -0.4), benchmark="attribution/series")
    away = replace(dominance(State.NOT_APPLICABLE, GOOD, 0, 0), benchmark="attribution/tabular")
    cell = rows_of(run_with(tmp_path, other, away))[GOOD].cells[0]
    assert cell is not None
    assert (cell.state, cell.share, cell.words) == (State.FAIL, "1/2", "fail; passes on 1 of 2 benchmarks")


def test_what_stands_in_the_way_is_furthest_from_a_pass(tmp_path: Path) -> None:
    near = replace(dominance(State.FAIL, GOOD, -0.2, -0.1), benchmark="attribution/near")
    far = replace(dominance(State.FAIL, GOOD, -0.9, -0.8), benchmark="attribution/far")
    row = rows_of(run_with(tmp_path, near, far))[GOOD]
    assert row.why is not None
    assert row.why.place == "far"
    assert row.why.reason == "fail against C5 (edges) under blur"


def test_the_closest_call_is_told_of_what_passes(tmp_path: Path) -> None:
    clear = replace(dominance(State.PASS, GOOD, 0.8, 0.9), benchmark="attribution/clear")
    why = rows_of(run_with(tmp_path, clear))[GOOD].why
    assert why is not None
    assert why.verdict.benchmark == SHAPES


def test_an_error_speaks_first_and_the_others_are_counted(tmp_path: Path) -> None:
    fault = replace(share(GOOD, "EX-ZZZ-01", SHAPES, "x", State.ERROR), reason="boom", details=())
    lost = share(GOOD, "EX-YYY-01", SHAPES, "x", State.FAIL)
    row = rows_of(run_with(tmp_path, fault, lost))[GOOD]
    assert row.state is State.ERROR
    assert row.why is not None
    assert (row.why.title, row.why.reason, row.why.more) == ("EX-ZZZ-01", "boom", "1 more fail")


def test_controls_stand_below_methods_and_are_not_in_the_headline(tmp_path: Path) -> None:
    run = run_with(tmp_path, dominance(State.FAIL, "attribution.noise", -0.3, -0.1))
    assert [name for name, _ in matrices(run, Roster(run))[0].groups] == ["methods", "controls"]
    assert Page(run).headlines[0][1] == "1 of 2 methods passes all required criteria (Good method)"
    assert dict(Page(run).tally)[State.FAIL] == 1


def test_what_cannot_be_loaded_has_a_table_of_its_own(tmp_path: Path) -> None:
    lost = replace(share("./lost.py", "EX-DOC-01", "card", "card", State.ERROR), details=(), reason="no such file")
    run = MadeRun(verdicts=[*verdicts(), lost], unloadable={"./lost.py": "no such file"}).write(tmp_path)
    first = matrices(run, Roster(run))[0]
    assert (first.family, first.groups[0][1][0].state) == ("", State.ERROR)
    assert Page(run).errors[0].method == "./lost.py"


@pytest.mark.parametrize(("columns", "wide"), [(21, False), (22, True)])
def test_a_table_of_many_criteria_scrolls(made_run: LoadedRun, columns: int, *, wide: bool) -> None:
    table = matrices(made_run, Roster(made_run))[0]
    assert Matrix("f", table.columns[:1] * columns, ()).wide is wide


def test_columns_of_a_dimension_stand_together(tmp_path: Path) -> None:
    again = replace(CRITERIA[0], id="EX-EEE-01")
    made = MadeRun(criteria=(*CRITERIA, again), pictures=False)
    made.verdicts.append(replace(dominance(State.PASS, GOOD, 0.1, 0.3), criterion=again.id))
    columns = matrices(run := made.write(tmp_path), Roster(run))[0].columns
    assert [c.criterion.id for c in columns] == ["EX-AAA-01", "EX-EEE-01", "EX-BBB-01"]
    assert [c.first for c in columns] == [True, False, True]


@pytest.mark.parametrize(
    ("by_state", "first", "rest"),
    [
        ({State.PASS: ["A"]}, "the method passes all required criteria", ""),
        ({State.PASS: ["A", "B"]}, "both methods pass all required criteria", ""),
        ({State.PASS: list("ABC")}, "all 3 methods pass all required criteria", ""),
        ({State.FAIL: ["A"]}, "the method does not pass all required criteria", "1 fails at least one (A)"),
        (
            {State.FAIL: list("ABC"), State.INCONCLUSIVE: ["D"]},
            "none of 4 methods passes all required criteria",
            "3 fail at least one, 1 fails none but is inconclusive (D)",
        ),
    ],
)
def test_headlines(by_state: dict[State, list[str]], first: str, rest: str) -> None:
    assert (passing(by_state), others(by_state)) == (first, rest)


def test_namesakes_show_their_ids(tmp_path: Path) -> None:
    twin = card("attribution.twin", "Good method")
    run = MadeRun(cards=(*MadeRun().cards, twin), pictures=False).write(tmp_path)
    assert Roster(run).namesakes == {GOOD, "attribution.twin"}


def test_control_codes_are_explained_once_whatever_their_titles_hold(tmp_path: Path) -> None:
    odd = replace(MadeRun().cards[2], title=r"Control C1: \1 \g<0>")
    roster = Roster(MadeRun(cards=(odd, *MadeRun().cards[3:]), verdicts=[], pictures=False).write(tmp_path))
    assert roster.explain("below C1, not C12; C1 again") == r"below C1 (\1 \g<0>), not C12; C1 again"
    assert roster.control("C5") == "C5 edges"
    assert roster.control("zero") == "zero"
