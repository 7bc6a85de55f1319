"""What families show: each its own, and a family that shows nothing is reported all the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from markupsafe import Markup

from tests.reporting.made_run import PHOTOGRAPHS, MadeRun
from tests.reporting.pages import parse
from xaic.metrics.calibration import Reliability, reliability
from xaic.reporting import render
from xaic.reporting.exhibits import base
from xaic.reporting.exhibits.base import Exhibit, all_exhibits, exhibits_of
from xaic.reporting.exhibits.calibration import diagram, gaps, in_words, outside
from xaic.reporting.roster import Roster

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.reporting.pages import Page
    from xaic.harness.folder import LoadedRun
    from xaic.reporting.exhibits.base import Case


def bins(accuracy: list[float]) -> Reliability:
    stated = torch.tensor([0.6, 0.9], dtype=torch.float64)
    return Reliability(torch.tensor([50, 50]), stated, torch.tensor(accuracy), stated - 0.1, stated + 0.1)


def test_every_family_shows_its_own(made_run: LoadedRun) -> None:
    assert [one.id for one in all_exhibits(made_run, Roster(made_run))] == ["curves", "heat-maps", "reliability"]


def test_a_family_without_exhibits_is_reported(tmp_path: Path) -> None:
    made = MadeRun()
    only = [v for v in made.verdicts if v.method.startswith("forecast")]
    cards = tuple(c for c in made.cards if c.family == "forecast")
    run = MadeRun(cards=cards, benchmarks=made.benchmarks[-1:], verdicts=only).write(tmp_path)
    page = parse(render(run))
    assert all_exhibits(run, Roster(run)) == []
    assert [one.attributes["id"] for one in page.all("section")] == [
        "verdicts",
        "methods",
        "criteria",
        "cost",
        "material",
        "repeat",
    ]
    assert "Forecast" in page.text
    for word in ("ttribution", "Heat map", "eletion", "hotograph", "alibration"):
        assert word not in page.text


def test_a_plug_in_adds_an_exhibit(made_run: LoadedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_MAKERS", dict(base._MAKERS))

    @exhibits_of("forecast")
    def walks(case: Case) -> Iterator[Exhibit]:
        yield Exhibit("walks", "Walks <i>", Markup("<p>{}</p>").format(case.benchmarks[0].id))

    page = parse(render(made_run))
    (section,) = page.all("section", id="walks")
    assert "Walks <i>" in section.text
    assert "forecast/walks" in section.text
    assert [one.text for one in page.all("a", href="#walks")] == ["Walks <i>"]


def test_curves_for_every_operator(page: Page) -> None:
    captions = [one.text for one in page.all("figcaption")]
    assert captions[:4] == ["Deletion, mean", "Insertion, mean", "Deletion, blur", "Insertion, blur"]
    lines = [one.attributes for one in page.elements if one.tag == "g"]
    assert len(lines) == 4 * 4
    assert {one["data-method"] for one in lines if one["class"] == "curve muted"} == {
        "attribution.noise",
        "attribution.edges",
    }


def test_heat_maps_of_every_method_side_by_side(page: Page) -> None:
    rows = [one for one in page.all("tr", class_="maprow") if one.text.startswith(("Good", "Poor"))]
    assert [row.text for row in rows] == [
        "Good method",
        "Poor methodnot applicable: too large",
        *["Good method", "Poor method"],
    ]
    shown = [b for b in page.all("button", class_="over") if b.attributes["data-shelf"] == "0"]
    assert [b.attributes["data-title"] for b in shown[:3]] == [f"Good method on picture {i}" for i in (1, 2, 3)]
    assert len(page.all("image")) == 3


def test_photographs_are_credited_beside_the_maps(page: Page) -> None:
    (section,) = page.all("section", id="heat-maps")
    for words in ("danielbuechele", "vultilion", "CC-BY"):
        assert words in section.text
    (material,) = page.all("section", id="material")
    assert "CC-BY" in material.text
    assert PHOTOGRAPHS in material.text


def test_bins_outside_of_the_band() -> None:
    assert outside(bins([0.65, 0.7])) == [False, True]
    assert in_words(bins([0.65, 0.7])) == "1 of 2 bins lie outside of the band; n = 100"
    drawn = diagram("M", bins([0.65, 0.7]))
    assert drawn.count('class="dot out"') == 1
    assert "stated 0.900, came true 0.700, band 0.800 to 1.000" in drawn


def test_gaps_stand_in_the_order_of_confidence() -> None:
    drawn = gaps("M", bins([0.65, 0.85]))
    heights = [float(part.split('cy="')[1].split('"')[0]) for part in drawn.split("<circle")[1:]]
    assert heights[0] < heights[1]


def test_a_truthful_forecaster_stays_in_its_band() -> None:
    stated = torch.linspace(0.3, 0.99, 3000, dtype=torch.float64)
    hit = (torch.rand(3000, generator=torch.Generator().manual_seed(3)) < stated).double()
    found = reliability(stated, hit, torch.Generator().manual_seed(0))
    assert sum(outside(found)) <= 3
    assert sum(outside(reliability(stated, (hit * 0), torch.Generator().manual_seed(0)))) == 15
