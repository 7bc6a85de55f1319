"""JUnit XML: one test case for each method, criterion and benchmark; intervals travel as properties.

Only verdicts on methods count as failures: those on controls and oracles are told and skipped. Trials that ended in
an error stand in a suite of their own, so that none is missing where no verdict rests on it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from xaic.documents.types import State
from xaic.reporting.page import edition_of
from xaic.reporting.roster import Roster
from xaic.reporting.words import UNVERIFIED, guarded, statement

if TYPE_CHECKING:
    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FIGURES = ("level", "edition", "estimate", "lower", "upper", "margin", "n", "promise")
TAGS = {
    State.FAIL: "failure",
    State.ERROR: "error",
    State.INCONCLUSIVE: "skipped",
    State.NOT_APPLICABLE: "skipped",
    State.NOT_TESTED: "skipped",
}
COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}
TRIALS = "trials"
"""Name of the suite that says whether everything planned was executed."""


def clean(text: object) -> str:
    """Return text without the characters XML 1.0 cannot hold."""
    return guarded(FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(text)))


def to_junit(run: LoadedRun) -> bytes:
    """Return the verdicts of a run as JUnit XML: one suite a method, and one for trials."""
    roster = Roster(run)
    suites = ET.Element("testsuites", name=clean(f"xaic {run.plan.profile}"))
    seconds = run.timing.get("trials", {})
    for method in roster.judged:
        verdicts = [verdict for verdict in run.verdict_list if verdict.method == method]
        spent = sum(seconds.get(trial.id, 0.0) for trial in run.trials if trial.method == method)
        suite = _suite(suites, method, run, spent)
        for verdict in verdicts:
            _case(suite, verdict, roster.role(method))
    _trials(suites, run)
    for suite in suites:
        count_cases(suite)
    for name in ("tests", *COUNTED.values()):
        suites.set(name, str(sum(int(suite.get(name, 0)) for suite in suites)))
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def _suite(suites: ET.Element, name: str, run: LoadedRun, seconds: float) -> ET.Element:
    suite = ET.SubElement(suites, "testsuite", name=clean(name), time=f"{seconds:.3f}")
    properties = ET.SubElement(suite, "properties")
    add_property(properties, "statement", f"{statement(run.plan.profile, edition_of(run))} {UNVERIFIED}")
    return suite


def add_property(properties: ET.Element, name: str, value: object) -> None:
    """Add a property; nothing where there is no value."""
    if value not in (None, ""):
        ET.SubElement(properties, "property", name=clean(name), value=clean(value))


def _case(suite: ET.Element, verdict: Verdict, role: str) -> None:
    name = clean(f"{verdict.criterion} on {verdict.benchmark}")
    case = ET.SubElement(suite, "testcase", classname=clean(verdict.method), name=name)
    properties = ET.SubElement(case, "properties")
    add_property(properties, "state", verdict.state.value)
    for figure in FIGURES:
        add_property(properties, figure, getattr(verdict, figure))
    for key, value in verdict.weakest.items():
        add_property(properties, f"weakest.{key}", value)
    tag = TAGS.get(verdict.state)
    if role != "method" and tag is not None:
        tag = "skipped"
    if tag is not None:
        told = f"{verdict.state.value}: {verdict.reason}"
        message = told if role == "method" else f"{role}, does not count: {told}"
        ET.SubElement(case, tag, message=clean(message)).text = clean(verdict.rule)


def _trials(suites: ET.Element, run: LoadedRun) -> None:
    """Add the denominators: a case that all was executed, and a case for each trial that was not."""
    suite, record = _suite(suites, TRIALS, run, run.timing.get("total", 0.0)), run.record
    case = ET.SubElement(suite, "testcase", classname=TRIALS, name="everything planned was executed")
    told = (
        f"{record.planned} planned, {record.executed} executed, {record.not_applicable} not applicable, "
        f"{record.errored} errored"
    )
    add_property(ET.SubElement(case, "properties"), "denominators", told)
    if not run.whole:
        ET.SubElement(case, "error", message=told)
    for trial in run.trials:
        if trial.state == "error":
            errored = ET.SubElement(suite, "testcase", classname=TRIALS, name=clean(trial.id))
            ET.SubElement(errored, "error", message=clean(trial.reason))


def count_cases(suite: ET.Element) -> None:
    """Write into a suite how many cases it has, and how many failed, erred or were skipped."""
    suite.set("tests", str(len(suite.findall("testcase"))))
    for tag, name in COUNTED.items():
        suite.set(name, str(len(suite.findall(f"testcase/{tag}"))))
