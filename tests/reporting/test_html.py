"""The page as a whole: what it must say, what it must not, and that it needs nothing else."""

from __future__ import annotations

import re
from base64 import b64encode
from collections import Counter
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

from tests.reporting.made_run import CARDS, EDITION, SHAPES, MadeRun, share, verdicts
from tests.reporting.pages import parse
from xaic.documents.types import State
from xaic.reporting import render
from xaic.reporting.words import UNVERIFIED, statement

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reporting.pages import Page
    from xaic.harness.folder import LoadedRun

SAID = f"{statement('made', EDITION)} {UNVERIFIED}"


def test_the_markup_is_balanced_and_ids_are_unique(page: Page) -> None:
    assert page.unbalanced == []
    assert page.open == []
    ids = Counter(one.attributes["id"] for one in page.elements if "id" in one.attributes)
    assert [id for id, times in ids.items() if times > 1] == []


def test_every_link_leads_somewhere_in_the_page(page: Page) -> None:
    ids = {one.attributes.get("id") for one in page.elements}
    links = [one.attributes["href"] for one in page.elements if one.tag in {"a", "use"} and "href" in one.attributes]
    assert links
    assert [link for link in links if link[0] != "#" or link[1:] not in ids] == []


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    loaded = [one.attributes.get("src", "") for one in page.elements if "src" in one.attributes]
    loaded += [one.attributes.get("href", "") for one in page.elements if one.tag in {"link", "image"}]
    assert loaded
    assert [address for address in loaded if not address.startswith("data:")] == []
    sheet = page.all("style")[0].text
    assert [a for a in re.findall(r"url\(([^)]*)", sheet) if not a.startswith('"data:')] == []
    assert "@import" not in sheet


def test_the_policy_allows_this_script_and_this_style_sheet_only(page: Page) -> None:
    (policy,) = [one.attributes["content"] for one in page.all("meta") if "http-equiv" in one.attributes]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; img-src data:; ")
    for tag in ("script", "style"):
        (element,) = page.all(tag)
        assert f"'sha256-{b64encode(sha256(element.text.encode()).digest()).decode()}'" in policy
    assert [one for one in page.elements if "style" in one.attributes] == []
    assert [name for one in page.elements for name in one.attributes if name.startswith("on")] == []


def test_the_statement_stands_at_every_table_of_verdicts(page: Page) -> None:
    captions = [one for one in page.all("caption") if SAID in one.text]
    tables = [
        t for t in page.all("table") if set(t.attributes.get("class", "").split()) & {"matrix", "evidence", "reasons"}
    ]
    assert len(captions) == len(tables) > 6
    header, footer, sheet = page.all("header")[0], page.all("footer")[0], page.all("aside")[0]
    assert all(SAID in place.text for place in (header, footer, sheet))


def test_the_denominators_stand_at_the_top(page: Page, made_run: LoadedRun) -> None:
    (header,) = page.all("header")
    record = made_run.record
    told = " ".join(header.text.split())
    for number, word in ((record.planned, "planned"), (record.executed, "run"), (record.errored, "errored")):
        assert f"{number} {word}" in told
    assert f"{record.not_applicable} not applicable" in told
    assert "too large: Poor method on photographs" in told


def test_every_verdict_stands_with_its_figures(page: Page) -> None:
    (entry,) = [one for one in page.all("tr", class_="entry") if one.text.strip().startswith("Poor method")]
    told = " ".join(entry.text.split())
    for words in ("fail", "−0.2", "−0.3 to −0.1", "12", "C5 edges, blur"):
        assert words in told
    (chapter,) = page.all("details", id="EX-AAA-01")
    for words in (
        "DR1: pass when above every control",
        "at most 5 %",
        "worst units",
        "unit-3, unit-1",
        "4 comparisons",
    ):
        assert words.lower() in chapter.text.lower()


def test_what_is_not_applicable_says_why(page: Page) -> None:
    (chapter,) = page.all("details", id="EX-BBB-01")
    assert "Not applicable on shapes-single: Poor method (claims it not)." in " ".join(chapter.text.split())


def test_cost_environment_and_how_to_repeat(page: Page) -> None:
    (cost,) = page.all("section", id="cost")
    assert re.search(r"Good method\s*2\s*200\s*40\s*2\.5", cost.text)
    assert "shared by all methods" in cost.text
    (repeat,) = page.all("section", id="repeat")
    for words in ("xaic run --profile made", "Python 3.11.7", "numpy 2.0", "Linux", "2 cores", "Seed"):
        assert words in repeat.text
    assert "/somewhere" not in page.text


def test_cards_are_told(page: Page) -> None:
    (methods,) = page.all("section", id="methods")
    for words in ("completeness within 1×10⁻⁵ (all models)", "Limits", "much", "steps = 3", "d" * 64):
        assert words in methods.text


def test_a_run_that_is_not_whole_says_so_first(tmp_path: Path) -> None:
    lost = replace(share("attribution.good", "EX-BBB-01", SHAPES, "x", State.ERROR), reason="parts do not fit")
    errors = {("attribution.poor", SHAPES): "killed after 9 s"}
    page = parse(render(MadeRun(verdicts=[*verdicts()[:2], lost], errors=errors).write(tmp_path)))
    (alarm,) = page.all("div", class_="alarm")
    assert alarm.attributes["role"] == "alert"
    told = " ".join(alarm.text.split())
    assert "1 trial ended in an error" in told
    assert "Poor method on shapes-single: killed after 9 s" in told
    assert "1 verdict could not be decided" in told
    assert "parts do not fit" in told


def test_a_whole_run_raises_no_alarm(page: Page) -> None:
    assert page.all("div", class_="alarm") == []


def test_no_report_says_that_anything_conforms(tmp_path: Path) -> None:
    boast = replace(CARDS[0], purpose="It complies with ISO/IEC TS 6254 and conforms to TS 6254:2025.")
    page = parse(render(MadeRun(cards=(boast, *CARDS[1:]), pictures=False).write(tmp_path)))
    assert not re.search(r"(compl|conform)\w*\s+(with|to)\s[^.]{0,80}6254", page.text, re.IGNORECASE)
    assert "[left out: a claim about TS 6254, which sets no criteria]" in page.text


def test_a_run_without_verdicts_still_has_a_report(tmp_path: Path) -> None:
    page = parse(render(MadeRun(verdicts=[]).write(tmp_path)))
    assert page.unbalanced == []
    assert "How to repeat" in page.text


def test_the_same_run_gives_the_same_bytes(made_run: LoadedRun) -> None:
    assert render(made_run) == render(made_run)
