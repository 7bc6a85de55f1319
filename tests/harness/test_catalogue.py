"""The catalogue is whole, says the same in two languages, names only what is there and claims nothing it may not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from xaic.documents import content
from xaic.documents.schemas import validators
from xaic.documents.store import to_data
from xaic.documents.types import Criterion
from xaic.families.base import get_family
from xaic.harness import catalogue
from xaic.harness.inspection import THEMES
from xaic.methods.discovery import locate

ROOT = Path(__file__).parents[2]
EXPECTED = ROOT / "reports" / "reference" / "expected-quick.json"

COUNTS = (
    *(("DOC", 5), ("REP", 3), ("FAI", 8), ("RND", 4), ("ROB", 3), ("LOC", 3), ("CON", 2), ("AXI", 3), ("CPX", 1)),
    *(("INT", 2), ("KNL", 2), ("CAL", 2), ("OSR", 2), ("RPR", 3), ("CFX", 4), ("XMP", 3), ("HUM", 3), ("SEC", 3)),
    ("TST", 4),
)
IDS = [f"EX-{code}-{number:02d}" for code, last in COUNTS for number in range(1, last + 1)]

STAKEHOLDERS = {"user", "developer", "provider", "integrator", "evaluator", "auditor", "subject", "authority"}
STAGES = {
    *("inception", "design and development", "verification and validation", "deployment"),
    *("operation and monitoring", "continuous validation", "re-evaluation"),
}
HANGUL = re.compile("[\uac00-\ud7a3]")

FORBIDDEN = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"compl(y|ies|ian(t|ce)) with\b.*6254",
        r"conform(s|ity|ance|ant)? to\b.*6254",
        r"\b(ISO|IEC|xaic)[- ](certified|approved|accredited)",
        r"\bcertifi(es|ed|cate|cation)\b",
        r"AI Act[- ]complian(t|ce)",
        r"presumption of conformity",
        r"\baccredited\b",
        r"guarantee",
        r"\b(is|are) (explainable|faithful)\b(?! (to|on|at|under|for)\b)",
        r"6254.*(적합|준수|인증|부합)",
        r"(ISO|IEC) ?인증",
        r"공인 ?(시험|성적|인증)",
        r"적합성 추정",
        r"완전(히)? 설명",
        r"보장",
    )
]
"""Words that claim more than a test profile of xaic's own can show."""

DISCLAIMER = "is not an ISO or IEC document. TS 6254 provides guidance and sets no pass/fail criteria"
"""Allowed wherever it stands: it says what is not claimed."""


def criteria(status: str | None = None) -> list[Criterion]:
    """Return the shipped criteria without claims: of one status, or all."""
    content.overlay()
    known = catalogue.criteria().values()
    return [one for one in known if one.kind == "criterion" and status in {None, one.status}]


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


def claims(text: str) -> list[str]:
    plain = " ".join(text.split()).replace(DISCLAIMER, "")
    return [found.group() for pattern in FORBIDDEN if (found := pattern.search(plain))]


def test_all_sixty_are_there_once_each_in_a_file_of_its_name() -> None:
    assert len(IDS) == len(set(IDS)) == 60
    assert [one.id for one in criteria()] == sorted(IDS)
    assert sorted(content.files("conformance/criteria")) == sorted(IDS)


def by_id(one: Criterion) -> str:
    return one.id


@pytest.mark.parametrize("one", criteria(), ids=by_id)
def test_both_languages_say_it(one: Criterion) -> None:
    for words in (one.title, one.statement):
        assert set(words) == {"en", "ko"}
        assert words["en"].strip()
        assert HANGUL.search(words["ko"])
    english = to_data(one) | {"title": one.title["en"], "statement": one.statement["en"]}
    assert not [text for text in strings(english) if HANGUL.search(text)]


@pytest.mark.parametrize("one", criteria(), ids=by_id)
def test_every_field_that_the_page_shows_is_filled_from_known_words(one: Criterion) -> None:
    assert one.methods
    assert one.sources
    assert one.evidence
    assert one.tier
    assert set(one.stakeholders) <= STAKEHOLDERS
    assert one.stakeholders
    assert set(one.lifecycle) <= STAGES
    assert one.lifecycle or one.family == "harness"


@pytest.mark.parametrize("one", criteria(), ids=by_id)
def test_what_informed_it_is_named_and_no_other_relation_is(one: Criterion) -> None:
    assert one.crosswalk
    assert {row.relation for row in one.crosswalk} == {"informed by"}
    for row in one.crosswalk:
        if "6254" in row.source:  # its clauses are never cited, only themes by our codes
            assert set(row.topic.split(", ")) <= set(THEMES)


def test_the_schema_allows_no_other_relation() -> None:
    document = to_data(criteria()[0])
    document["crosswalk"] = [{"source": "a standard", "topic": "a topic", "relation": "fulfils"}]
    faults = [fault.json_path for fault in validators()["criterion"].iter_errors(document)]
    assert faults == ["$.crosswalk[0].relation"]


@pytest.mark.parametrize("one", criteria("planned"), ids=by_id)
def test_a_planned_one_checks_nothing_and_says_why_and_what_it_will_do(one: Criterion) -> None:
    assert one.checks == ()
    assert one.reason
    assert one.outline
    assert (one.examples.passed, one.examples.failed, one.examples.inapplicable) == ((), (), ())


@pytest.mark.parametrize("one", criteria("active"), ids=by_id)
def test_an_active_one_checks_something_of_a_family_that_is_there(one: Criterion) -> None:
    assert one.checks
    assert not one.reason
    assert not one.outline
    assert one.family == "any" or get_family(one.family)


@pytest.mark.parametrize("one", criteria("active"), ids=by_id)
def test_every_example_can_be_located(one: Criterion) -> None:
    named = (*one.examples.passed, *one.examples.failed, *one.examples.inapplicable)
    assert one.examples.passed
    assert len(named) == len(set(named))
    for reference in named:
        assert one.family in {"any", locate(reference).card.family}


@pytest.mark.parametrize("one", criteria("active"), ids=by_id)
def test_examples_do_as_the_expected_verdicts_say(one: Criterion) -> None:
    """Mutants are not among the expected verdicts; the rest is held against them."""
    expected = json.loads(EXPECTED.read_text("utf-8"))["verdicts"]

    def states(method: str) -> set[str]:
        return set(expected.get(method, {}).get(one.id, {}).values())

    for method in one.examples.passed:
        assert "pass" in states(method), method
        assert "fail" not in states(method), method
    for method in one.examples.failed:
        assert "fail" in states(method) or method not in expected, method
    for method in one.examples.inapplicable:
        assert states(method) == {"not applicable"}, method


@pytest.mark.parametrize("path", sorted((ROOT / "conformance").rglob("*.yaml")), ids=lambda path: path.stem)
def test_no_document_claims_what_it_may_not(path: Path) -> None:
    for text in strings(yaml.safe_load(path.read_text("utf-8"))):
        assert not claims(text), text


def test_the_page_claims_nothing_it_may_not() -> None:
    assert not claims((ROOT / "docs" / "catalogue.md").read_text("utf-8"))


@pytest.mark.parametrize(
    "text",
    [
        "This method complies with ISO/IEC TS 6254:2025.",
        "conformance to the\n  themes of TS 6254",
        "an ISO-certified explanation",
        "AI Act compliant",
        "the truth is guaranteed",
        "Its maps are faithful.",
        "ISO/IEC TS 6254에 적합하다",
        "공인시험성적서",
        "정확성을 보장한다",
    ],
)
def test_a_planted_claim_is_found(text: str) -> None:
    assert claims(text)


@pytest.mark.parametrize(
    "text",
    [
        f"Profile P v1 {DISCLAIMER}.",
        "each is more faithful to its own class",
        "ISO/IEC TS 6254:2025 (informed by its themes)",
        "시험 기준은 방법의 주장을 확인한다",
    ],
)
def test_what_may_be_said_is_not_found(text: str) -> None:
    assert not claims(text)
