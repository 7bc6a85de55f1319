"""A gate as Markdown and JUnit: what stands there, and that no name can break out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.gating.made import MINE, PLACE, Made, plain, worse
from xaic.documents.store import read, write
from xaic.documents.types import Finding, Gate
from xaic.gating import gate_to_junit, gate_to_markdown, hold

EVIL = "a|b`<img src=x onerror=alert(1)>\n**c** [d](e) \x1b[31m \u202e & \"'"


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Gate:
    folder = tmp_path_factory.mktemp("rendered")
    Made(plain(100), wanted=("EX-FAI-01", "EX-REP-01")).write(folder / "before")
    Made(worse(plain(100), 0.2), wanted=("EX-FAI-01", "EX-REP-01")).write(folder / "after")
    return hold(folder / "before", folder / "after")


def test_markdown_has_the_line_to_act_on_first_and_the_rest_folded(gate: Gate) -> None:
    lines = gate_to_markdown(gate).splitlines()
    assert lines[0] == "## xaic gate: Regression"
    assert lines[2].startswith("regression in 1 of 2 comparisons; worst: EX-FAI-01 on attribution/made")
    first = next(line for line in lines if line.startswith("| **"))
    assert first.startswith("| **regression** | EX-FAI-01 | attribution/made | attribution.mine |")
    assert "<details><summary>No regression in 1 comparison</summary>" in lines
    sources = [line for line in lines if "from attribution.random to attribution.oracle" in line]
    assert len(sources) == 2  # one for each operator


def test_a_document_comes_back_as_it_was(gate: Gate, tmp_path: Path) -> None:
    write(gate, tmp_path / "gate.json")
    assert read(Gate, tmp_path / "gate.json") == gate


def test_junit_counts_a_regression_as_a_failure_and_a_waived_one_as_skipped(gate: Gate) -> None:
    suites = ET.fromstring(gate_to_junit(gate))
    assert [suites.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["3", "1", "0", "0"]
    case = suites.find(f"testsuite/testcase[@name='EX-FAI-01 on {PLACE}']")
    assert case is not None
    assert case.get("classname") == MINE
    properties = {one.get("name"): one.get("value") for one in case.iter("property")}
    assert properties["finding"] == "regression"
    assert "5 % of the distance" in str(properties["source"])
    waived = replace(gate, rows=tuple(replace(row, waiver="by Ada") for row in gate.rows[:1]))
    suites = ET.fromstring(gate_to_junit(waived))
    assert [suites.get(name) for name in ("tests", "failures", "skipped")] == ["2", "0", "1"]


def test_what_is_missing_is_an_error(gate: Gate) -> None:
    gone = replace(gate, status=3, rows=(replace(gate.rows[0], finding=Finding.MISSING, after=""),))
    suites = ET.fromstring(gate_to_junit(gone))
    assert [suites.get(name) for name in ("tests", "failures", "errors")] == ["2", "0", "2"]


def test_no_name_breaks_out(gate: Gate) -> None:
    rows = tuple(
        replace(row, method=EVIL, formerly=EVIL, reason=EVIL, benchmark=EVIL, waiver=EVIL) for row in gate.rows
    )
    evil = replace(gate, rows=rows, notes=(EVIL,), summary=EVIL)
    page = gate_to_markdown(evil)
    lines = page.splitlines()
    assert "<img" not in page.replace("\\<img", "")
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert not [line for line in lines if line.startswith("**c**")]
    ET.fromstring(gate_to_junit(evil))
