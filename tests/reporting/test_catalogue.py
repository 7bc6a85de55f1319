"""The page of the catalogue: as committed, whole, in both languages."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from xaic.documents import content
from xaic.documents.types import Check, Criterion, Rule
from xaic.harness import applicability, catalogue
from xaic.harness.checking import RULES
from xaic.reporting import catalogue_page
from xaic.reporting.catalogue import NEEDS, WORDED, rule_in_words
from xaic.reporting.markdown import text

PAGE = Path(__file__).parents[2] / "docs" / "catalogue.md"


@pytest.fixture(scope="module")
def page() -> str:
    content.overlay()
    return catalogue_page()


def entry(page: str, id: str) -> str:
    return page.partition(f"### {id} ")[2].partition("\n### ")[0].partition("\n## ")[0]


def test_the_committed_page_is_what_the_command_makes(page: str) -> None:
    """Where this fails: xaic list criteria --markdown > docs/catalogue.md."""
    assert PAGE.read_text("utf-8") == page


def test_every_criterion_stands_there_once_with_all_it_says(page: str) -> None:
    for one in catalogue.criteria().values():
        assert page.count(f"### {one.id} ") == (one.kind == "criterion")
        if one.kind != "criterion":
            continue
        told = entry(page, one.id)
        for words in (*one.title.values(), *one.statement.values(), one.reason, one.outline, *one.evidence):
            assert text(words) in told
        for row in one.crosswalk:
            assert text(row.source) in told
            assert text(row.topic) in told
        for check in one.checks:
            assert text(rule_in_words(check)) in told
        for method in (*one.examples.passed, *one.examples.failed, *one.examples.inapplicable):
            assert f"`{method}`" in told


def test_the_criteria_of_a_dimension_stand_together(page: str) -> None:
    headings = [line for line in page.splitlines() if line.startswith("## ")]
    assert len(headings) == len(set(headings)) == len({one.dimension for one in criteria()})


def criteria() -> list[Criterion]:
    return [one for one in catalogue.criteria().values() if one.kind == "criterion"]


def test_the_disclaimer_stands_before_the_first_criterion(page: str) -> None:
    head = " ".join(page.partition("## ")[0].split())
    assert "is not an ISO or IEC document. TS 6254 provides guidance and sets no pass/fail criteria" in head


def test_every_prerequisite_and_rule_that_is_decided_has_its_words(page: str) -> None:
    assert set(NEEDS) == set(applicability.NEEDS)
    assert set(WORDED) == set(RULES)
    assert "| needs | a benchmark that offers mask and other\\_mask |" in entry(page, "EX-LOC-03")
    assert "| needs | access to gradients or outputs |" in entry(page, "EX-RND-01")


def test_rules_are_told_with_their_own_numbers() -> None:
    check = Check("axioms.completeness", Rule("DR3", alpha=0.01, p0=0.9, tolerance=0.5))
    told = rule_in_words(check)
    assert "lower 99 % Clopper-Pearson bound" in told
    assert "at least 0.9" in told
    assert "axioms.completeness at most 0.5" in told
    other = replace(check, rule=Rule("DR4", margin=0.25, reference="attribution.lime"))
    assert "to attribution.lime is above -0.25" in rule_in_words(other)
    assert rule_in_words(replace(check, rule=Rule("DR9"))) == "DR9"
