"""Intervals against their margin as inline SVG, on a scale that all rows of a group share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from xaic.reporting.words import SIGNS, bounds, figure

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xaic.documents.types import Verdict
    from xaic.reporting.comparisons import Line

WIDTH, HEIGHT, EDGE = 190, 22, 6
ROOM = 0.06
"""Share of the span that is left free on both sides."""


@dataclass(frozen=True)
class Scale:
    """What a row of pixels spans."""

    low: float
    high: float

    def at(self, value: float) -> float:
        """Return the place of a value in pixels."""
        return round(EDGE + (WIDTH - 2 * EDGE) * (value - self.low) / (self.high - self.low), 1)


def scale_of(verdicts: Iterable[Verdict]) -> Scale | None:
    """Return the scale on which all these verdicts can be drawn, or None where none has an estimate."""
    shown = [v for v in verdicts if v.estimate is not None and v.margin is not None]
    known = [x for v in shown for x in (v.lower, v.upper, v.estimate, v.margin) if x is not None]
    if not known:
        return None
    low, high = min(known), max(known)
    room = (high - low) * ROOM or max(abs(low), 1.0) * ROOM
    return Scale(low - room, high + room)


def interval(verdict: Verdict, line: Line | None, scale: Scale | None) -> Markup:
    """Return an interval with its estimate, the margin, and the side of it on which all of it must lie to pass."""
    if scale is None or verdict.estimate is None or verdict.margin is None:
        return Markup("")
    margin = scale.at(verdict.margin)
    left = scale.at(scale.low if verdict.lower is None else verdict.lower)
    right = scale.at(scale.high if verdict.upper is None else verdict.upper)
    words = (
        f"{figure(verdict.estimate)}, interval {bounds(verdict.lower, verdict.upper)}, "
        f"margin {figure(verdict.margin)}: {verdict.state.value}"
    )
    return Markup(
        '<svg class="ci {css}" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" aria-label="{words}">'
        '{good}<path class="margin" d="M{m} 1V{end}"/><path class="span" d="M{left} 11H{right}"/>'
        '<path class="stop" d="{stops}"/><circle cx="{e}" cy="11" r="3.6"/></svg>'
    ).format(
        css=SIGNS[verdict.state].css,
        w=WIDTH,
        h=HEIGHT,
        words=words,
        good=_good_side(line, margin),
        m=margin,
        end=HEIGHT - 1,
        left=left,
        right=right,
        stops=_stops(verdict, left, right),
        e=scale.at(verdict.estimate),
    )


def _good_side(line: Line | None, margin: float) -> Markup:
    if line is None:
        return Markup("")
    start, end = (margin, WIDTH - 1.0) if line.above else (1.0, margin)
    return Markup('<rect class="good" x="{}" y="1" width="{}" height="{}"/>').format(
        start, round(end - start, 1), HEIGHT - 2
    )


def _stops(verdict: Verdict, left: float, right: float) -> str:
    """Return the ends of an interval; a side without a bound has none."""
    ends = [x for x, bound in ((left, verdict.lower), (right, verdict.upper)) if bound is not None]
    return "".join(f"M{x:g} 7.5V14.5" for x in ends) or "M0 0"


def axis(scale: Scale | None) -> Markup:
    """Return the ends of a scale, for the head of a column."""
    if scale is None:
        return Markup("")
    return Markup('<span class="axis"><span>{}</span><span>{}</span></span>').format(
        figure(scale.low), figure(scale.high)
    )
