"""Drawings as inline SVG: intervals against a margin, and curves with bands. No script, and no font but the page's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from scipy import stats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
"""Okabe and Ito 2008: told apart by people with any kind of colour vision."""

DASHES = ("", "6 3", "2 2", "8 3 2 3")
WIDTH, HEIGHT = 360, 230
LEFT, RIGHT, TOP, BOTTOM = 38, 12, 10, 30


@dataclass(frozen=True)
class Curve:
    """Mean [T] of a method's curves with a pointwise band, over x [T]."""

    name: str
    x: Array
    mean: Array
    low: Array
    high: Array
    style: int
    muted: bool = False


def curve_of(name: str, x: Array, values: Array, style: int, *, muted: bool) -> Curve:
    """Return a curve from values [N, T]: mean and pointwise 95 % band of the mean by Student's t."""
    n = len(values)
    half = (
        stats.t.ppf(0.975, max(n - 1, 1)) * values.std(0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(values.shape[1])
    )
    mean = values.mean(0)
    return Curve(name, x, mean, mean - half, mean + half, style, muted)


def ink(style: int) -> tuple[str, str]:
    """Return colour and dash pattern of a line style: colours first, then patterns."""
    return PALETTE[style % len(PALETTE)], DASHES[style // len(PALETTE) % len(DASHES)]


def interval(lower: float | None, upper: float | None, estimate: float | None, margin: float | None) -> Markup:
    """Return an interval against its margin: a line, a dot, and a tick where the margin stands."""
    if estimate is None or margin is None:
        return Markup("")
    known = [v for v in (lower, upper, estimate, margin) if v is not None]
    low, high = min(known), max(known)
    room = (high - low) * 0.12 or 0.1
    low, high = low - room, high + room

    def at(value: float) -> float:
        return round(4 + 132 * (value - low) / (high - low), 1)

    left, right = at(lower if lower is not None else low), at(upper if upper is not None else high)
    words = f"estimate {estimate:.3g}, interval {_told(lower)} to {_told(upper)}, margin {margin:.3g}"
    return Markup(
        '<svg class="ci" width="140" height="18" role="img" aria-label="{words}"><title>{words}</title>'
        '<line class="margin" x1="{m}" x2="{m}" y1="1" y2="17"/>'
        '<line class="span" x1="{left}" x2="{right}" y1="9" y2="9"/><circle cx="{e}" cy="9" r="3.2"/></svg>'
    ).format(words=words, m=at(margin), left=left, right=right, e=at(estimate))


def _told(value: float | None) -> str:
    return "open" if value is None else f"{value:.3g}"


def chart(title: str, curves: list[Curve], x_label: str, y_label: str) -> Markup:
    """Return curves over [0, 1] x [0, 1] as SVG; bands only behind curves that are not muted."""
    parts = [_axes(x_label, y_label)]
    parts += [_band(curve) for curve in curves if not curve.muted]
    parts += [_line(curve) for curve in sorted(curves, key=lambda c: not c.muted)]
    head = Markup('<figure><figcaption>{}</figcaption><svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
        title, WIDTH, HEIGHT, f"{title}: {y_label} over {x_label}"
    )
    return head + Markup("").join(parts) + Markup("</svg></figure>")


def _point(x: float, y: float) -> str:
    across = LEFT + (WIDTH - LEFT - RIGHT) * x
    down = TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(max(y, 0.0), 1.0))
    return f"{across:.1f},{down:.1f}"


def _axes(x_label: str, y_label: str) -> Markup:
    lines = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x, y = (float(v) for v in _point(tick, tick).split(","))
        lines.append(
            Markup(
                '<line class="grid" x1="{l}" x2="{r}" y1="{y}" y2="{y}"/>'
                '<text x="{t}" y="{yt}" text-anchor="end">{v}</text>'
                '<text x="{x}" y="{b}" text-anchor="middle">{v}</text>'
            ).format(
                l=LEFT,
                r=WIDTH - RIGHT,
                y=y,
                t=LEFT - 5,
                yt=y + 3.5,
                v=f"{tick:g}",
                x=x,
                b=HEIGHT - BOTTOM + 13,
            )
        )
    labels = Markup(
        '<text class="label" x="{x}" y="{y}" text-anchor="end">{xl}</text>'
        '<text class="label" x="{l}" y="{t}" text-anchor="start">{yl}</text>'
    ).format(x=WIDTH - RIGHT, y=HEIGHT - 3, xl=x_label, l=LEFT + 4, t=TOP + 8, yl=y_label)
    return Markup("").join([*lines, labels])


def _band(curve: Curve) -> Markup:
    upper = [_point(x, y) for x, y in zip(curve.x, curve.high, strict=True)]
    lower = [_point(x, y) for x, y in zip(curve.x, curve.low, strict=True)][::-1]
    return Markup('<polygon fill="{}" fill-opacity=".1" points="{}"/>').format(
        ink(curve.style)[0], " ".join(upper + lower)
    )


def _line(curve: Curve) -> Markup:
    colour, dash = ("#9a9a9a", "3 2") if curve.muted else ink(curve.style)
    points = " ".join(_point(x, y) for x, y in zip(curve.x, curve.mean, strict=True))
    return Markup(
        '<polyline fill="none" stroke="{}" stroke-width="{}" stroke-dasharray="{}" points="{}">'
        "<title>{}</title></polyline>"
    ).format(colour, 1 if curve.muted else 1.8, dash, points, curve.name)


def swatch(style: int, *, muted: bool = False) -> Markup:
    """Return a short piece of a line style, for legends."""
    colour, dash = ("#9a9a9a", "3 2") if muted else ink(style)
    return Markup(
        '<svg class="swatch" width="34" height="10" aria-hidden="true"><line x1="1" x2="33" y1="5" y2="5" stroke="{}" '
        'stroke-width="2.4" stroke-dasharray="{}"/></svg>'
    ).format(colour, dash)
