"""A gate as JUnit XML: one suite a method, one case a comparison; a waived regression is skipped and says by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from xaic.documents.types import Finding
from xaic.gating.summary import what
from xaic.gating.waivers import covered
from xaic.reporting.junit import COUNTED, add_property, clean, count_cases

if TYPE_CHECKING:
    from xaic.documents.types import Gate, GateRow, Shift

TAGS = {
    Finding.REGRESSION: "failure",
    Finding.UNDECIDED: "skipped",
    Finding.MISSING: "error",
    Finding.ERROR: "error",
}
FIGURES = ("estimate", "lower", "upper", "margin", "source", "n", "p", "needed", "promise")
WHOLE = "runs"
"""Name of the suite that says whether both runs are whole and what they came to."""


def gate_to_junit(gate: Gate) -> bytes:
    """Return what was found as JUnit XML."""
    suites = ET.Element("testsuites", name="xaic gate")
    for method in sorted({row.method for row in gate.rows}):
        suite = ET.SubElement(suites, "testsuite", name=clean(method))
        for row in gate.rows:
            if row.method == method:
                _case(suite, row)
    _whole(suites, gate)
    for suite in suites:
        count_cases(suite)
    for name in ("tests", *COUNTED.values()):
        suites.set(name, str(sum(int(suite.get(name, 0)) for suite in suites)))
    ET.indent(suites)
    return bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True))


def _case(suite: ET.Element, row: GateRow) -> None:
    name = clean(f"{row.criterion} on {row.benchmark}")
    case = ET.SubElement(suite, "testcase", classname=clean(row.method), name=name)
    properties = ET.SubElement(case, "properties")
    for field in ("finding", "level", "before", "after", "formerly", "waiver"):
        add_property(properties, field, getattr(row, field))
    for shift in row.shifts[:1]:
        _figures(properties, shift)
    tag = "skipped" if covered(row) else TAGS.get(row.finding)
    if tag is not None:
        told = f"{row.finding.value}: {row.reason}"
        ET.SubElement(case, tag, message=clean(f"{row.waiver}; {told}" if covered(row) else told))


def _figures(properties: ET.Element, shift: Shift) -> None:
    add_property(properties, "compared", what(shift))
    for figure in FIGURES:
        add_property(properties, figure, getattr(shift, figure))


def _whole(suites: ET.Element, gate: Gate) -> None:
    """Add a case for the gate as a whole, so that a run that is not whole is never silently green."""
    suite = ET.SubElement(suites, "testsuite", name=WHOLE)
    case = ET.SubElement(suite, "testcase", classname=WHOLE, name="both runs are whole and can be compared")
    add_property(ET.SubElement(case, "properties"), "summary", gate.summary)
    if gate.status == 3:
        ET.SubElement(case, "error", message=clean(gate.summary))
