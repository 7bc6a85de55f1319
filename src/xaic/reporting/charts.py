"""Charts as inline SVG: lines with bands, and points, in a frame with axes. No script, and no font but the page's."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]

PALETTE = ("#332288", "#fe6100", "#648fff", "#661100", "#cc79a7")
"""Told apart with any kind of colour vision, and 3 : 1 against white; a test computes both."""

DASHES = ("", "7 3", "2 2.5", "9 3 2 3")
MUTED, MUTED_DASH = "#8a8a8a", "3 2"
STYLES = len(PALETTE) * len(DASHES)

LEFT, RIGHT, TOP, BOTTOM = 44, 14, 14, 38
MOST_POINTS = 60
"""A curve of more points is thinned to these: more cannot be seen at the size of a chart."""


def ink(style: int) -> tuple[str, str]:
    """Return colour and dash pattern of a line style: colours first, then patterns."""
    return PALETTE[style % len(PALETTE)], DASHES[style // len(PALETTE) % len(DASHES)]


def style_sheet() -> str:
    """Return the rules of all line styles."""
    rules = [f".k{i} .line{{stroke:{ink(i)[0]};stroke-dasharray:{ink(i)[1] or 'none'}}}" for i in range(STYLES)]
    rules += [f".k{i} .band{{fill:{ink(i)[0]}}}" for i in range(STYLES)]
    return "\n".join([*rules, f".muted .line{{stroke:{MUTED};stroke-dasharray:{MUTED_DASH};stroke-width:1}}"])


def ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Return round numbers from ``low`` to ``high``, about so many steps apart."""
    rough = (high - low) / about
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(index * step, 10) + 0.0 for index in range(first, last + 1)]


@dataclass(frozen=True)
class Frame:
    """Where a chart is drawn: what its axes span and what they mean."""

    x_label: str
    y_label: str
    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)
    width: int = 360
    height: int = 230

    def point(self, x: float, y: float) -> tuple[float, float]:
        """Return where a value stands, cut at the frame's edges."""
        across = (min(max(x, self.x[0]), self.x[1]) - self.x[0]) / (self.x[1] - self.x[0])
        up = (min(max(y, self.y[0]), self.y[1]) - self.y[0]) / (self.y[1] - self.y[0])
        return (
            round(LEFT + (self.width - LEFT - RIGHT) * across, 1),
            round(TOP + (self.height - TOP - BOTTOM) * (1 - up), 1),
        )

    def points(self, x: ArrayLike, y: ArrayLike) -> str:
        """Return places as SVG writes them."""
        pairs = zip(np.asarray(x), np.asarray(y), strict=True)
        return " ".join("{:g},{:g}".format(*self.point(float(a), float(b))) for a, b in pairs)

    def line(self, x: ArrayLike, y: ArrayLike, css: str = "line") -> Markup:
        """Return a line through points."""
        return Markup('<polyline class="{}" points="{}"/>').format(css, self.points(x, y))

    def band(self, x: ArrayLike, low: ArrayLike, high: ArrayLike) -> Markup:
        """Return the area between two lines."""
        around = np.concatenate([np.asarray(x), np.asarray(x)[::-1]])
        return Markup('<polygon class="band" points="{}"/>').format(
            self.points(around, np.concatenate([np.asarray(high), np.asarray(low)[::-1]]))
        )

    def dot(self, x: float, y: float, words: str, css: str) -> Markup:
        """Return a point that says its figures."""
        across, down = self.point(x, y)
        return Markup('<circle class="{}" cx="{}" cy="{}" r="3.2"><title>{}</title></circle>').format(
            css, across, down, words
        )

    def axes(self) -> Markup:
        """Return grid lines with their numbers and the names of the axes."""
        right, bottom = self.width - RIGHT, self.height - BOTTOM
        parts = []
        for value in ticks(*self.y):
            down = self.point(self.x[0], value)[1]
            parts.append(
                Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>').format(
                    LEFT, down, right, LEFT - 6, down + 4, f"{value:g}"
                )
            )
        for value in ticks(*self.x):
            across = self.point(value, self.y[0])[0]
            parts.append(
                Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(across, bottom + 15, f"{value:g}")
            )
        parts.append(
            Markup('<text class="label" x="{}" y="{}" text-anchor="end">{}</text>').format(
                right, self.height - 4, self.x_label
            )
        )
        parts.append(Markup('<text class="label" x="{}" y="{}">{}</text>').format(LEFT + 4, TOP + 10, self.y_label))
        return Markup("").join(parts)

    def figure(self, title: str, words: str, parts: Iterable[Markup]) -> Markup:
        """Return a whole figure: a caption, and a picture with what it says in words."""
        return Markup(
            '<figure class="chart"><figcaption>{}</figcaption><svg viewBox="0 0 {} {}" role="img" aria-label="{}">'
            "{}{}</svg></figure>"
        ).format(title, self.width, self.height, words, self.axes(), Markup("").join(parts))


@dataclass(frozen=True)
class Curve:
    """Mean [T] of a method's curves with a pointwise band, over x [T]."""

    method: str
    title: str
    x: Array
    mean: Array
    low: Array
    high: Array
    style: int
    muted: bool = False


def curve_of(method: str, title: str, x: Array, values: Array, style: int, *, muted: bool) -> Curve:
    """Return a curve from values [N, T]: mean and pointwise 95 % band of the mean by Student's t."""
    kept = np.unique(np.linspace(0, len(x) - 1, min(len(x), MOST_POINTS)).round().astype(int))
    x, values = np.asarray(x, float)[kept], np.asarray(values, float)[:, kept]
    n, mean = len(values), values.mean(0)
    half = stats.t.ppf(0.975, n - 1) * values.std(0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros_like(mean)
    return Curve(method, title, x, mean, mean - half, mean + half, style, muted)


def chart(title: str, curves: Iterable[Curve], frame: Frame) -> Markup:
    """Return curves as a figure: those that are muted beneath, without their bands."""
    drawn = sorted(curves, key=lambda curve: not curve.muted)
    return frame.figure(title, f"{title}: {frame.y_label} over {frame.x_label}", [_drawn(c, frame) for c in drawn])


def _drawn(curve: Curve, frame: Frame) -> Markup:
    band = Markup("") if curve.muted else frame.band(curve.x, curve.low, curve.high)
    return Markup('<g class="curve {}" data-method="{}">{}{}<title>{}</title></g>').format(
        "muted" if curve.muted else f"k{curve.style % STYLES}",
        curve.method,
        band,
        frame.line(curve.x, curve.mean),
        curve.title,
    )


def swatch(style: int, *, muted: bool = False) -> Markup:
    """Return a short piece of a line style, for legends."""
    return Markup(
        '<svg class="swatch {}" width="34" height="10" aria-hidden="true"><path class="line" d="M1 5H33"/></svg>'
    ).format("muted" if muted else f"k{style % STYLES}")
