"""JUnit XML: one test case for each method, criterion and benchmark; intervals travel as properties."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from xaic.documents.types import State

if TYPE_CHECKING:
    from xaic.documents.types import Verdict
    from xaic.harness.folder import LoadedRun

FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
FIGURES = ("level", "estimate", "lower", "upper", "margin", "n", "rule")
TAGS = {
    State.FAIL: "failure",
    State.ERROR: "error",
    State.INCONCLUSIVE: "skipped",
    State.NOT_APPLICABLE: "skipped",
    State.NOT_TESTED: "skipped",
}


def clean(text: object) -> str:
    """Return text without the characters XML 1.0 cannot hold."""
    return FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", str(text))


def to_junit(run: LoadedRun) -> bytes:
    """Return the verdicts of a run as JUnit XML: one suite a method."""
    suites = ET.Element("testsuites", name=clean(f"xaic {run.plan.profile}"))
    for method in dict.fromkeys(verdict.method for verdict in run.verdict_list):
        verdicts = [verdict for verdict in run.verdict_list if verdict.method == method]
        suite = ET.SubElement(suites, "testsuite", name=clean(method), tests=str(len(verdicts)))
        for tag, name in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            suite.set(name, str(sum(TAGS.get(verdict.state) == tag for verdict in verdicts)))
        for verdict in verdicts:
            _case(suite, verdict)
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def _case(suite: ET.Element, verdict: Verdict) -> None:
    name = clean(f"{verdict.criterion} on {verdict.benchmark}")
    case = ET.SubElement(suite, "testcase", classname=clean(verdict.method), name=name)
    properties = ET.SubElement(case, "properties")
    for figure in FIGURES:
        value = getattr(verdict, figure)
        if value not in (None, ""):
            ET.SubElement(properties, "property", name=figure, value=clean(value))
    tag = TAGS.get(verdict.state)
    if tag is not None:
        ET.SubElement(case, tag, message=clean(f"{verdict.state.value}: {verdict.reason}"))
