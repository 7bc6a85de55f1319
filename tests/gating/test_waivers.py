"""Waivers lie over regressions: who answers for what, until when."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.gating.made import MINE, PLACE, Made, plain, worse
from xaic.documents.errors import BadDocument
from xaic.documents.types import Finding, Gate, Waiver
from xaic.gating import hold, read_waivers

TODAY = date(2026, 6, 1)


def waiver(**more: Any) -> Waiver:
    given = {"criterion": "EX-FAI-01", "benchmark": PLACE, "method": MINE, "reason": "known", "owner": "Ada"}
    return Waiver(**{**given, "expires": "2026-06-01", **more})


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("waived")
    Made(plain(100)).write(folder / "before")
    Made(worse(plain(100), 0.2)).write(folder / "after")
    return folder


def gate(runs: Path, *waivers: Waiver, candidate: str = "after") -> Gate:
    return hold(runs / "before", runs / candidate, waivers=waivers, today=TODAY)


def test_a_waived_regression_is_shown_as_waived_and_does_not_fail(runs: Path) -> None:
    assert gate(runs).status == 1
    found = gate(runs, waiver())
    assert found.status == 0
    assert found.rows[0].finding is Finding.REGRESSION  # an overlay, no verdict
    assert found.rows[0].waiver == "waived until 2026-06-01 by Ada: known"
    assert found.summary.endswith("; 1 waived")


def test_patterns_are_allowed(runs: Path) -> None:
    assert gate(runs, waiver(criterion="EX-FAI-*", benchmark="*/made", method="attribution.*")).status == 0
    assert gate(runs, waiver(method="calibration.*")).status == 1


def test_an_expired_waiver_fails_and_says_so(runs: Path) -> None:
    found = gate(runs, waiver(expires="2026-05-31"))
    assert found.status == 1
    assert found.rows[0].waiver == ""
    assert "the waiver of Ada expired on 2026-05-31" in found.rows[0].reason
    assert "expired on 2026-05-31" in found.summary


def test_a_waiver_that_covers_nothing_is_told(runs: Path) -> None:
    idle = waiver(method="attribution.other")
    found = gate(runs, waiver(), idle)
    assert found.status == 0
    told = f"the waiver of Ada for EX-FAI-01 on {PLACE}, attribution.other covers no regression; remove it"
    assert [note for note in found.notes if "waiver" in note] == [told]
    same = gate(runs, waiver(), candidate="before")
    assert any("covers no regression" in note for note in same.notes)


def test_a_waiver_covers_no_missing_comparison(runs: Path) -> None:
    Made(plain(100), errors=(MINE,)).write(runs / "broken")
    assert gate(runs, waiver(), candidate="broken").status == 3


@pytest.mark.parametrize("day", ["2026-12-31", "'2026-12-31'"])
def test_a_file_is_read_with_its_dates(tmp_path: Path, day: str) -> None:
    path = tmp_path / "waivers.yaml"
    entry = f"{{criterion: EX-FAI-01, benchmark: '*', method: '*', reason: r, owner: o, expires: {day}}}"
    path.write_text(f"schema: xaic/waivers/1\nwaivers:\n- {entry}\n")
    assert read_waivers(path) == (Waiver("EX-FAI-01", "*", "*", "r", "o", "2026-12-31"),)


@pytest.mark.parametrize("day", ["2026-02-30", "soon", "12", "2026-1-1"])
def test_a_date_that_is_none_is_refused(tmp_path: Path, day: str) -> None:
    path = tmp_path / "waivers.yaml"
    entry = f"{{criterion: EX-FAI-01, benchmark: '*', method: '*', reason: r, owner: o, expires: {day}}}"
    path.write_text(f"schema: xaic/waivers/1\nwaivers:\n- {entry}\n")
    with pytest.raises(BadDocument, match="/waivers/0/expires"):
        read_waivers(path)
