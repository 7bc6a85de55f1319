"""The report in headless Chromium: it opens from a file, calls nobody, and everything that can be operated works."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.reporting.browser import ENTER, ESCAPE, RIGHT, TAB, UP, Browser, missing
from tests.reporting.made_run import CARDS, CRITERIA, SHAPES, MadeRun, dominance, share, verdicts
from xaic.documents.types import State
from xaic.reporting import write_report

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.browser, pytest.mark.skipif(bool(missing()), reason=missing() or "installed")]

EVIL = "<img src=x onerror=alert(1)>"
DESK, PHONE = (1280, 800), (390, 844)

CONTRAST = """
const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = (c) => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const parts = (text) => { const p = text.match(/[\\d.]+/g).map(Number); return [p[0], p[1], p[2], p[3] ?? 1]; };
const paper = (one) => {
  for (; one; one = one.parentElement) {
    const found = parts(getComputedStyle(one).backgroundColor);
    if (found[3] === 1) return found;
  }
  return [255, 255, 255, 1];
};
const weak = [];
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
for (let node = walk.nextNode(); node; node = walk.nextNode()) {
  const one = node.parentElement;
  if (!node.textContent.trim() || ["SCRIPT", "STYLE", "TITLE", "OPTION"].includes(one.tagName.toUpperCase())) continue;
  if (!one.checkVisibility()) continue;
  const style = getComputedStyle(one);
  const ink = parts(one.closest("svg") ? style.fill : style.color);
  const [a, b] = [light(ink), light(paper(one))].sort((x, y) => y - x);
  const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
  seen += 1;
  const words = node.textContent.trim().slice(0, 40);
  if ((a + 0.05) / (b + 0.05) < (large ? 3 : 4.5)) weak.push(`${one.className}: ${words}`);
}
return [seen, weak];
"""

SHOWN = "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility()).length"
OPEN_ALL = "document.querySelectorAll('details').forEach((one) => { one.open = true; })"
FOCUS = "document.querySelector(arguments[0]).focus()"
CHOOSE = """
const list = document.getElementById(arguments[0]);
list.value = arguments[1];
list.dispatchEvent(new Event("input", {bubbles: true}));
"""
ROLES = "return [...document.querySelectorAll('tr.method:not([hidden])')].map((row) => row.dataset.role)"
STOPS = """
const tables = [...document.querySelectorAll(".matrix")];
return tables.map((one) => one.querySelectorAll('td.cell a[tabindex="0"]').length);
"""
SMALL = """
const cells = [...document.querySelectorAll(".matrix td.cell a")];
return cells.filter((one) => one.offsetHeight < 24 || one.offsetWidth < 24).length;
"""
FOCUSED = "return document.activeElement.getAttribute('aria-label')"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    one = Browser(tmp_path_factory.mktemp("profile"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with every state and role, an alarm, and a method that means harm."""
    harmful = replace(CARDS[1], title=EVIL, purpose="</script><script>alert(2)</script>")
    lost = replace(share(f"./{EVIL}.py", "EX-DOC-01", "card", "card", State.ERROR), reason=EVIL, details=())
    made = MadeRun(
        cards=(CARDS[0], harmful, *CARDS[2:]),
        verdicts=[*verdicts(), lost, dominance(State.INCONCLUSIVE, "attribution.noise", -0.1, 0.1)],
        unloadable={f"./{EVIL}.py": EVIL},
    )
    folder = tmp_path_factory.mktemp("full")
    return write_report(made.write(folder), folder)


@pytest.fixture
def page(browser: Browser, full: Path) -> Browser:
    browser.open(full, *DESK)
    return browser


def shown(page: Browser, css: str) -> int:
    return int(page.ask(SHOWN, css))


def style(page: Browser, css: str, name: str) -> Any:
    return page.ask("return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]", css, name)


def test_it_opens_from_a_file_without_a_word_and_calls_nobody(browser: Browser, full: Path) -> None:
    browser.console()
    list(browser.requests())
    browser.open(full, *DESK)
    assert browser.ask("return document.readyState") == "complete"
    browser.ask(OPEN_ALL)
    called = [address for address in browser.requests() if not address.startswith("data:")]
    assert called == [full.as_uri()]
    assert browser.console() == []


def test_names_that_mean_harm_are_shown_and_do_nothing(page: Browser) -> None:
    names = page.ask("return [...document.querySelectorAll('.matrix th.name a')].map((one) => one.textContent)")
    assert EVIL in names
    assert page.ask("return document.querySelectorAll('img[onerror], [src=x]').length") == 0
    page.click(f"a[aria-label^='{EVIL}']")
    assert page.ask("return document.getElementById('sheet-title').textContent") == f"{EVIL}: Removal"
    assert page.ask("return document.querySelectorAll('#sheet img').length") == 0


def test_markup_that_slipped_through_could_not_run(page: Browser) -> None:
    page.ask("document.body.insertAdjacentHTML('beforeend', '<p onclick=\"window.ran = 1\" id=planted>x</p>')")
    page.ask("document.getElementById('planted').click()")
    assert page.ask("return window.ran === undefined") is True
    assert any("Content Security Policy" in line for line in page.console())


def test_the_filter_by_text(page: Browser) -> None:
    assert shown(page, "tr.method") == 6
    page.type("#filter-text", "good")
    assert page.ask("return document.getElementById('filter-count').textContent") == "1 of 6 shown"
    assert shown(page, "tr.method") == 1
    assert shown(page, ".scroll:has(> .matrix)") == 1
    assert shown(page, "#methods > details") == 1
    page.ask(OPEN_ALL)
    assert shown(page, "tr.entry") == 2
    assert shown(page, "tr.behind") == 2
    assert shown(page, "g.curve:not([hidden])") == 4
    assert style(page, "g.curve[hidden]", "display") == "none"
    page.click("#filter-on")
    assert shown(page, "tr.method") == 6
    assert shown(page, "#filter-on") == 0


def test_the_filter_by_state_and_role(page: Browser) -> None:
    page.click("#filter input[value=fail]")
    assert shown(page, "tr.method") == 1
    page.click("#filter input[value=error]")
    assert shown(page, "tr.method") == 2
    page.click("#filter-clear")
    page.ask(CHOOSE, "filter-role", "control")
    assert page.ask(ROLES) == ["control"]
    page.type("#filter-text", "nobody")
    assert shown(page, "#filter-none") == 1


def test_a_cell_shows_its_figures(page: Browser) -> None:
    page.click("td.cell.fail a")
    text = page.ask("return document.getElementById('sheet').innerText")
    for words in (
        f"{EVIL}: Removal",
        "shapes-single",
        "fail",
        "C5 (edges) under blur (−0.2, −0.3 to −0.1, n = 12)",
        "unverified",
    ):
        assert words in text
    assert shown(page, "#sheet svg.ci") == 1
    page.click("#sheet-link")
    assert page.ask("return document.getElementById('EX-AAA-01').open") is True
    assert page.ask("return document.querySelector(':target').dataset.criterion") == "EX-AAA-01"
    page.press(ESCAPE)
    assert shown(page, "#sheet") == 0


def test_cells_are_reached_by_keys(page: Browser) -> None:
    stops = page.ask(STOPS)
    assert stops == [1] * len(stops)
    page.ask(FOCUS, ".matrix td.cell a[data-method='attribution.good']")
    first = page.ask(FOCUSED)
    page.press(RIGHT)
    assert page.ask(FOCUSED) == "Good method, Sameness: inconclusive"
    page.press(UP)
    assert page.ask(FOCUSED) == f"{EVIL}, Sameness: not applicable"
    page.press(ENTER)
    assert "claims it not" in page.ask("return document.getElementById('sheet').innerText")
    page.press(ESCAPE)
    assert first == "Good method, Removal: pass"


def test_focus_is_visible_and_the_first_stop_skips_to_the_verdicts(page: Browser) -> None:
    page.press(TAB)
    assert page.ask("return document.activeElement.className") == "skip"
    assert page.ask("return document.activeElement.getBoundingClientRect().left >= 0") is True
    assert style(page, ".skip", "outlineStyle") == "solid"


def test_heat_maps_can_be_made_weaker_grey_and_large(page: Browser) -> None:
    assert style(page, ".over .map", "opacity") == "0.9"
    page.ask("const s = document.getElementById('strength'); s.value = 30; s.dispatchEvent(new Event('input'))")
    assert style(page, ".over .map", "opacity") == "0.3"
    assert "grayscale" in style(page, ".over .under", "filter")
    page.click("#grey")
    assert style(page, ".over .under", "filter") == "none"
    page.click(".over[data-column='1']")
    title = "return document.getElementById('large-title').textContent"
    assert page.ask(title) == "Good method on picture 2"
    assert page.ask("return document.getElementById('large-map').naturalWidth") == 112
    page.press(RIGHT)
    assert page.ask(title) == "Good method on picture 3"
    page.press(RIGHT)
    assert page.ask(title) == "Good method on picture 1"
    page.click("#large-close")
    assert page.ask("return document.getElementById('large').open") is False
    page.wait(FOCUSED, "Enlarge Good method on picture 1")  # the browser tells of the end in a task of its own


def test_the_viewer_goes_from_method_to_method(page: Browser) -> None:
    page.ask(OPEN_ALL)
    page.click(".over[data-shelf='1'][data-title^='Good']")
    page.press(UP)
    assert page.ask("return document.getElementById('large-title').textContent") == f"{EVIL} on picture 1"
    page.press(ESCAPE)
    assert page.ask("return document.getElementById('large').open") is False


def test_a_line_is_brought_forward(page: Browser) -> None:
    assert style(page, "g.curve[data-method='attribution.poor'] .band", "display") != "none"
    page.click(".pick[data-method='attribution.good']")
    assert style(page, "g.curve[data-method='attribution.poor'] .band", "display") == "none"
    assert float(style(page, "g.curve[data-method='attribution.good'] .line", "strokeWidth")[:-2]) > 2
    page.click(".pick[data-method='attribution.good']")
    assert style(page, "g.curve[data-method='attribution.poor'] .band", "display") != "none"


def test_a_reason_leads_to_its_evidence(page: Browser) -> None:
    page.click("tr.method[data-states~=fail] th.name a")
    page.click("#methods details[open] .reasons a")
    assert page.ask("return document.querySelector(':target').closest('details').open") is True
    assert page.ask("return document.querySelector(':target').getBoundingClientRect().top") < DESK[1]


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_all_text_stands_out_from_its_ground(browser: Browser, full: Path, size: tuple[int, int]) -> None:
    browser.open(full, *size)
    browser.ask(OPEN_ALL)
    browser.click("td.cell.fail a")
    seen, weak = browser.ask(CONTRAST)
    assert seen > 300
    assert weak == []


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1280])
def test_the_page_is_never_wider_than_the_window(browser: Browser, full: Path, width: int) -> None:
    browser.open(full, width, 800)
    browser.ask(OPEN_ALL)
    wide = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    needed, there = browser.ask(wide)
    assert needed <= there


def test_on_a_phone_every_method_is_a_card(browser: Browser, full: Path) -> None:
    browser.open(full, *PHONE)
    assert style(browser, "tr.method", "display") == "grid"
    assert browser.ask(SMALL) == 0
    assert shown(browser, ".cell .what") > 0
    browser.click("td.cell.fail a")
    assert browser.ask("return document.getElementById('sheet').getBoundingClientRect().bottom") <= PHONE[1]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of so many criteria that its summary scrolls."""
    criteria = [replace(CRITERIA[0], id=f"EX-AAA-{i:02d}", dimension=f"dimension {i // 3}") for i in range(34)]
    told = [replace(dominance(State.PASS, "attribution.good", 0.1, 0.3), criterion=one.id) for one in criteria]
    folder = tmp_path_factory.mktemp("wide")
    return write_report(MadeRun(criteria=tuple(criteria), verdicts=told, pictures=False).write(folder), folder)


def test_a_wide_summary_scrolls_under_its_header(browser: Browser, wide: Path) -> None:
    browser.open(wide, *DESK)
    browser.ask("document.querySelector('.scroll').scrollLeft = 400")
    assert browser.ask("return document.querySelector('.scroll').scrollLeft") > 100
    name = "return document.querySelector('tr.method th.name').getBoundingClientRect().left"
    assert browser.ask(name) == browser.ask(name.replace("tr.method th.name", ".scroll"))


@pytest.mark.parametrize("report", ["full", "wide"])
def test_on_paper_nothing_is_cut(browser: Browser, request: pytest.FixtureRequest, report: str) -> None:
    page = browser
    page.open(request.getfixturevalue(report), *DESK)
    page.command("Emulation.setDeviceMetricsOverride", width=1039, height=710, deviceScaleFactor=1, mobile=False)
    page.command("Emulation.setEmulatedMedia", media="print")
    page.ask("dispatchEvent(new Event('beforeprint'))")
    assert page.ask("return document.querySelectorAll('details[data-print]:not([open])').length") == 0
    cut = """return [...document.querySelectorAll('table, figure')].filter((one) => one.checkVisibility())
      .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1).length"""
    assert page.ask(cut) == 0
    assert [shown(page, css) for css in ("nav", "#filter", ".viewer")] == [0, 0, 0]
    page.ask("dispatchEvent(new Event('afterprint'))")
    assert page.ask("return document.querySelectorAll('#criteria details[open]').length") == 0
    page.command("Emulation.setEmulatedMedia", media="")


def test_it_prints(page: Browser) -> None:
    printed = page.command("Page.printToPDF", preferCSSPageSize=True)["data"]
    assert len(printed) > 50_000


def test_the_size_stays_reasonable(full: Path) -> None:
    assert full.stat().st_size < 400_000
    assert SHAPES in full.read_text("utf-8")
