"""Charts and intervals: known answers, and colours that everyone can tell apart, by computation."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.reporting.made_run import dominance
from xaic.documents.types import State
from xaic.reporting import charts
from xaic.reporting.charts import Frame, chart, curve_of, ink, style_sheet, ticks
from xaic.reporting.comparisons import Line
from xaic.reporting.intervals import EDGE, HEIGHT, WIDTH, Scale, axis, interval, scale_of

SEEN = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}
"""Machado, Oliveira and Fernandes 2009, severity 1: how linear RGB is seen."""


def linear(colour: str) -> Any:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def lab(rgb: Any) -> Any:
    """CIE 1976 L*a*b* of linear sRGB under D65."""
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    x, y, z = np.cbrt(np.maximum(to_xyz @ np.clip(rgb, 0, 1) / [0.9505, 1, 1.089], (6 / 29) ** 3))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("vision", SEEN)
def test_line_colours_are_told_apart(vision: str) -> None:
    seen = [lab(np.array(SEEN[vision]) @ linear(colour)) for colour in charts.PALETTE]
    assert min(float(np.linalg.norm(a - b)) for a, b in combinations(seen, 2)) > 30


@pytest.mark.parametrize("colour", [*charts.PALETTE, charts.MUTED])
def test_lines_stand_out_from_paper(colour: str) -> None:
    assert 1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) > 2.99


def test_styles_differ_and_are_all_in_the_style_sheet() -> None:
    styles = [ink(i) for i in range(charts.STYLES)]
    assert len(set(styles)) == len(styles) == 20
    assert all(f".k{i} .line" in style_sheet() for i in range(charts.STYLES))


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [
        (0, 1, [0, 0.25, 0.5, 0.75, 1]),
        (0.4, 1, [0.4, 0.6, 0.8, 1.0]),
        (-0.06, 0.06, [-0.05, 0, 0.05]),
        (0, 300, [0, 100, 200, 300]),
    ],
)
def test_ticks_are_round(low: float, high: float, wanted: list[float]) -> None:
    assert ticks(low, high) == pytest.approx(wanted)


def test_corners_of_a_frame() -> None:
    frame = Frame("x", "y", (0.0, 2.0), (-1.0, 1.0))
    assert frame.point(0, -1) == (charts.LEFT, frame.height - charts.BOTTOM)
    assert frame.point(2, 1) == (frame.width - charts.RIGHT, charts.TOP)
    assert frame.point(1, 0) == ((charts.LEFT + frame.width - charts.RIGHT) / 2, (charts.TOP + 230 - charts.BOTTOM) / 2)
    assert frame.point(9, 9) == frame.point(2, 1)


def test_a_curve_is_a_mean_with_its_band() -> None:
    values = np.array([[1.0, 0.2], [0.6, 0.2], [0.8, 0.2]])
    curve = curve_of("m", "M", np.array([0.0, 1.0]), values, 0, muted=False)
    half = stats.t.ppf(0.975, 2) * 0.2 / np.sqrt(3)
    assert curve.mean == pytest.approx([0.8, 0.2])
    assert curve.high - curve.mean == pytest.approx([half, 0])
    assert curve.mean - curve.low == pytest.approx([half, 0])


def test_one_unit_has_no_band() -> None:
    curve = curve_of("m", "M", np.array([0.0, 1.0]), np.array([[1.0, 0.5]]), 0, muted=False)
    assert curve.low.tolist() == curve.high.tolist() == [1.0, 0.5]


def test_long_curves_are_thinned_and_keep_their_ends() -> None:
    x = np.linspace(0, 1, 5001)
    curve = curve_of("m", "M", x, np.stack([x, x]), 0, muted=False)
    assert len(curve.x) == charts.MOST_POINTS
    assert (curve.x[0], curve.x[-1]) == (0.0, 1.0)


def test_controls_lie_beneath_without_bands() -> None:
    x = np.array([0.0, 1.0])
    method = curve_of("m", "Method <b>", x, np.array([[1.0, 0.0], [0.5, 0.5]]), 3, muted=False)
    control = curve_of("c", "Control", x, np.array([[1.0, 1.0], [0.5, 0.5]]), 4, muted=True)
    drawn = str(chart("Title & more", [method, control], Frame("x", "y")))
    assert drawn.index("Control") < drawn.index("Method &lt;b&gt;")
    assert drawn.count("<polygon") == 1
    assert "Title &amp; more" in drawn


def test_intervals_of_a_group_share_a_scale() -> None:
    one, other = dominance(State.PASS, "a", 0.1, 0.3), dominance(State.FAIL, "b", -0.7, -0.5)
    scale = scale_of([one, other])
    assert scale is not None
    assert (scale.low, scale.high) == pytest.approx((-0.76, 0.36))
    assert (scale.at(scale.low), scale.at(scale.high)) == (EDGE, WIDTH - EDGE)
    assert str(interval(one, None, scale)).count(f'd="M{scale.at(0.0)} 1V{HEIGHT - 1}"') == 1


@pytest.mark.parametrize(("above", "left"), [(True, 95.0), (False, 1.0)])
def test_the_side_that_passes_is_shaded(above: bool, left: float) -> None:  # noqa: FBT001
    drawn = str(interval(dominance(State.PASS, "a", 0.1, 0.3), Line(0.0, above=above), Scale(-1, 1)))
    assert f'class="good" x="{left}"' in drawn


def test_an_interval_says_its_figures() -> None:
    drawn = str(interval(dominance(State.FAIL, "a", -0.3, -0.1), Line(0.0), Scale(-1, 1)))
    assert 'aria-label="−0.2, interval −0.3 to −0.1, margin 0: fail"' in drawn


def test_an_open_side_runs_to_the_edge_and_has_no_end() -> None:
    verdict = replace(dominance(State.FAIL, "a", -0.3, -0.1), lower=None)
    drawn = str(interval(verdict, Line(0.0), Scale(-1, 1)))
    assert f'class="span" d="M{float(EDGE)} 11' in drawn
    assert drawn.count("7.5V14.5") == 1


def test_nothing_is_drawn_without_an_estimate() -> None:
    verdict = replace(dominance(State.ERROR, "a", 0, 0), estimate=None)
    assert scale_of([verdict]) is None
    assert interval(verdict, None, None) == axis(None) == ""


def test_a_scale_of_one_point_has_room() -> None:
    verdict = replace(dominance(State.PASS, "a", 0, 0), margin=0.0)
    scale = scale_of([verdict])
    assert scale is not None
    assert scale.low < 0 < scale.high
