"""JUnit XML: well formed whatever it tells, and counts that add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from tests.reporting.made_run import SHAPES, MadeRun, dominance, verdicts
from xaic.documents.types import State
from xaic.reporting import to_junit
from xaic.reporting.words import UNVERIFIED, statement

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.harness.folder import LoadedRun

COUNTS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


@pytest.fixture(scope="module")
def suites(made_run: LoadedRun) -> ET.Element:
    return ET.fromstring(to_junit(made_run))


def case(suites: ET.Element, method: str, name: str) -> ET.Element:
    (found,) = suites.findall(f"testsuite/testcase[@classname='{method}'][@name='{name}']")
    return found


def properties(element: ET.Element) -> dict[str | None, Any]:
    return {one.get("name"): one.get("value") for one in element.findall("properties/property")}


def test_one_case_a_verdict_and_one_for_the_trials(suites: ET.Element) -> None:
    assert [suite.get("name") for suite in suites] == [
        "attribution.good",
        "attribution.poor",
        "calibration.scaled",
        "forecast.last",
        "trials",
    ]
    assert len(suites.findall("testsuite/testcase")) == len(verdicts()) + 1


def test_counts_add_up(suites: ET.Element) -> None:
    for suite in suites:
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        for tag, name in COUNTS.items():
            assert int(suite.get(name, "")) == len(suite.findall(f"testcase/{tag}"))
    for name in ("tests", *COUNTS.values()):
        assert int(suites.get(name, "")) == sum(int(suite.get(name, "")) for suite in suites)
    assert (suites.get("failures"), suites.get("errors"), suites.get("skipped")) == ("1", "0", "3")


def test_intervals_travel_as_properties(suites: ET.Element) -> None:
    found = properties(case(suites, "attribution.poor", f"EX-AAA-01 on {SHAPES}"))
    assert {name: found[name] for name in ("state", "lower", "upper", "n", "margin", "level")} == {
        "state": "fail",
        "lower": "-0.3",
        "upper": "-0.1",
        "n": "12",
        "margin": "0.0",
        "level": "required",
    }
    assert (found["weakest.control"], found["weakest.operator"]) == ("C5", "blur")


def test_states_are_kept_apart(suites: ET.Element) -> None:
    failed = case(suites, "attribution.poor", f"EX-AAA-01 on {SHAPES}").find("failure")
    assert failed is not None
    assert failed.get("message") == "fail: fail against C5 under blur"
    assert failed.text == "DR1: pass when above every control"
    skipped = case(suites, "attribution.good", f"EX-BBB-01 on {SHAPES}").find("skipped")
    assert skipped is not None
    assert str(skipped.get("message")).startswith("inconclusive: ")
    assert list(case(suites, "attribution.good", f"EX-AAA-01 on {SHAPES}"))[1:] == []


def test_every_suite_carries_the_statement(suites: ET.Element) -> None:
    for suite in suites:
        assert properties(suite)["statement"] == f"{statement('made', '2026.1')} {UNVERIFIED}"


def test_controls_do_not_count(tmp_path: Path) -> None:
    told = [*verdicts(), dominance(State.FAIL, "attribution.noise", -0.3, -0.1)]
    suites = ET.fromstring(to_junit(MadeRun(verdicts=told, pictures=False).write(tmp_path)))
    skipped = case(suites, "attribution.noise", f"EX-AAA-01 on {SHAPES}").find("skipped")
    assert skipped is not None
    assert str(skipped.get("message")).startswith("control, does not count: fail: ")
    assert suites.get("failures") == "1"


def test_an_errored_trial_is_never_missing(tmp_path: Path) -> None:
    made = MadeRun(errors={("attribution.good", "attribution/photographs"): "out of memory"}, pictures=False)
    suites = ET.fromstring(to_junit(made.write(tmp_path)))
    errors = [one.get("message") for one in suites.findall("testsuite[@name='trials']/testcase/error")]
    assert errors == [
        "14 planned, 12 executed, 1 not applicable, 1 errored",
        "out of memory",
    ]


def test_characters_that_xml_cannot_hold_are_replaced(tmp_path: Path) -> None:
    text = "bell \x07, null \x00, escape \x1b[31m, lone \ufffe, tab \t, <![CDATA[ ]]> & 'quotes\""
    made = MadeRun(unloadable={text: text}, pictures=False)
    suites = ET.fromstring(to_junit(made.write(tmp_path)))
    messages = [str(one.get("message")) for one in suites.iter("error")]
    assert any("bell \ufffd, null \ufffd, escape \ufffd[31m" in one for one in messages)
    assert any("<![CDATA[ ]]> & 'quotes\"" in one for one in messages)
