"""Names and texts of others never become markup, whatever they hold."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.reporting.made_run import BENCHMARKS, CARDS, CRITERIA, SHAPES, MadeRun, share, verdicts
from tests.reporting.pages import Page, parse
from xaic.documents.types import State
from xaic.reporting import render, to_junit

if TYPE_CHECKING:
    from xaic.documents.types import Criterion, MethodCard, Verdict

EVIL = "<img src=x onerror=alert(1)>"
ENDS = "</script></style></title></svg><script>alert(2)</script>"
QUOTES = '"\'`> <!-- ]]> &lt; &#x3c; onload="alert(3)"'
HARMLESS = "plain"


def poisoned(card: MethodCard, text: str) -> MethodCard:
    return replace(
        card,
        title=text,
        purpose=text,
        version=text,
        explains=text,
        cost=text,
        assumptions=(text,),
        limits=(text,),
        references=(text,),
        claims=tuple(replace(claim, property=text, scope=text) for claim in card.claims),
    )


def poisoned_verdict(verdict: Verdict, text: str) -> Verdict:
    return replace(
        verdict,
        reason=text,
        rule=text,
        promise=text,
        worst_units=(text,),
        weakest={"control": text, "operator": text},
        details=tuple({**row, "operator": text} for row in verdict.details[:1]),
    )


def poisoned_criterion(criterion: Criterion, text: str) -> Criterion:
    words = {"en": f"{text:_<3}", "ko": f"{text:_<3}"}
    return replace(criterion, title=words, statement=words, dimension=text, sources=(text,))


def run_of(text: str) -> MadeRun:
    """A run in which every text that comes from somewhere else is this one."""
    lost = replace(share(text, "EX-DOC-01", "card", "card", State.ERROR), reason=text, details=())
    return MadeRun(
        profile=text,
        cards=tuple(poisoned(card, text) for card in CARDS),
        benchmarks=tuple(replace(one, title=text, notes=text) for one in BENCHMARKS),
        criteria=tuple(poisoned_criterion(one, text) for one in CRITERIA),
        verdicts=[*(poisoned_verdict(v, text) for v in verdicts()), lost],
        unloadable={text: text},
        errors={("attribution.poor", SHAPES): text},
        command=("xaic", text),
        pictures=False,
    )


@cache
def harmless() -> tuple[Page, ET.Element]:
    return both(HARMLESS)


def both(text: str) -> tuple[Page, ET.Element]:
    with tempfile.TemporaryDirectory() as folder:
        run = run_of(text).write(Path(folder))
        return parse(render(run)), ET.fromstring(to_junit(run))


def test_markup_in_names_is_shown_as_text() -> None:
    page, junit = both(EVIL)
    assert page.all("img") == []
    assert page.text.count(EVIL) > 20
    assert EVIL in {suite.get("name") for suite in junit}


def test_nothing_ends_the_script() -> None:
    page, _ = both(ENDS)
    assert len(page.all("script")) == 1
    assert page.text.count("</script>") > 20


def text_of_others() -> st.SearchStrategy[str]:
    nasty = st.sampled_from(
        [EVIL, ENDS, QUOTES, "\x00\x1b\x7f", "\u202e\u2066", "{{ 7*7 }}", "{% raw %}", "a\r\nb\x0b\u2028", "C1"]
    )
    free = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    return st.lists(nasty | free, min_size=1, max_size=4).map("".join).filter(bool)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text_of_others())
@example(EVIL + ENDS + QUOTES)
def test_no_text_breaks_out(text: str) -> None:
    page, junit = both(text)
    plain, plain_junit = harmless()
    assert set(page.tags) == set(plain.tags)
    assert page.unbalanced == []
    assert {name for one in page.elements for name in one.attributes} == {
        name for one in plain.elements for name in one.attributes
    }
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert {element.tag for element in junit.iter()} == {element.tag for element in plain_junit.iter()}
