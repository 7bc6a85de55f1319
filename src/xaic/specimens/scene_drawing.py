"""How shape scenes are drawn: 32 x 32 RGB pictures of one or two objects with an exact mask for each class.

Scene ``i`` of a stream depends on (stream, i) alone. Random numbers are drawn scene by scene; all drawing is
vectorised over scenes. The specimen made of them lives in ``shape_scenes``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float32]

SIZE = 32
CLASSES = ("disk", "square", "triangle", "cross", "ring")
_GRID = 4  # background colours are random on a 4 x 4 grid, linear between
_STROKES = 4
_PLACES = 24  # pairs of centres tried before the fixed one
_SMALL, _LARGE = 4.5, 7.0  # radius of the circle around an object, pixels
_RANDOM = 3 * _GRID**2 + 7 * _STROKES + 4 * _PLACES + 2 * 5 + 2 + SIZE * SIZE


@dataclass(frozen=True)
class Scenes:
    """Pictures with their truth.

    ``images`` [N, 3, H, W] in [0, 1]; ``masks`` [N, K, H, W], one a class; ``classes`` [N, 2], the second -1 if there
    is one object only.
    """

    images: Array
    masks: NDArray[np.bool_]
    classes: NDArray[np.int64]

    @property
    def labels(self) -> Array:
        """Which classes are there: [N, K] of 0 and 1."""
        return np.asarray(self.masks.any((2, 3)), np.float32)


def draw_scenes(stream: int, indices: Sequence[int] | NDArray[np.int64], objects: int | None = None) -> Scenes:
    """Draw scenes ``indices`` of ``stream``; ``objects`` is 1, 2, or None for either with equal chance."""
    numbers = np.stack([np.random.default_rng((stream, int(i))).random(_RANDOM) for i in indices]).astype(np.float32)
    cut = iter(np.split(numbers, np.cumsum([3 * _GRID**2, 7 * _STROKES, 4 * _PLACES, 10, 2]), axis=1))
    colours, strokes, places, looks, kinds = (next(cut) for _ in range(5))
    grain = next(cut)
    images = _background(colours)
    images = _add_strokes(images, strokes)
    classes = _classes(kinds, looks[:, 9], objects)
    radius = _SMALL + (_LARGE - _SMALL) * looks[:, 0:2]
    centres = _centres(places, radius)
    masks = np.zeros((len(numbers), len(CLASSES), SIZE, SIZE), bool)
    rows = np.arange(len(numbers))
    for which in range(2):
        there = classes[:, which] >= 0
        cover = _cover(classes[:, which], centres[:, which], radius[:, which], looks[:, 2 + which] * 2 * np.pi)
        cover = cover * there[:, None, None]
        colour = _bright(looks[:, 4 + 2 * which : 6 + 2 * which])
        images = images * (1 - cover[:, None]) + colour[:, :, None, None] * cover[:, None]
        masks[rows[there], classes[there, which]] = cover[there] >= 0.5
    noise = 0.08 * (grain.reshape(-1, 1, SIZE, SIZE) - 0.5)
    return Scenes(np.clip(images + noise, 0, 1).astype(np.float32), masks, classes)


def _classes(kinds: Array, chance: Array, objects: int | None) -> NDArray[np.int64]:
    """Return two different classes [N, 2]; the second is -1 in scenes of one object."""
    first = (kinds[:, 0] * len(CLASSES)).astype(np.int64)
    second = (first + 1 + (kinds[:, 1] * (len(CLASSES) - 1)).astype(np.int64)) % len(CLASSES)
    two = chance < 0.5 if objects is None else np.full(len(kinds), objects == 2)
    return np.stack([first, np.where(two, second, -1)], axis=1)


def _centres(places: Array, radius: Array) -> Array:
    """Return centres [N, 2, (row, column)] in pixels: the first drawn pair whose circles keep apart."""
    margin = radius[:, None, :, None]
    drawn = margin + (SIZE - 1 - 2 * margin) * places.reshape(-1, _PLACES, 2, 2)
    corners = np.array([[8.0, 8.0], [SIZE - 9.0, SIZE - 9.0]], np.float32)
    tried = np.concatenate([drawn, np.broadcast_to(corners, (len(drawn), 1, 2, 2))], axis=1)
    apart = np.linalg.norm(tried[:, :, 0] - tried[:, :, 1], axis=-1) > 1.1 * radius.sum(1)[:, None] + 1
    return np.asarray(tried[np.arange(len(tried)), apart.argmax(1)], np.float32)


def _background(colours: Array) -> Array:
    """Return smooth, rather dark colour fields [N, 3, H, W]: bilinear between the points of a coarse grid."""
    grid = 0.1 + 0.4 * colours.reshape(-1, 3, _GRID, _GRID)
    at = np.linspace(0, _GRID - 1, SIZE)
    weights = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(_GRID))).astype(np.float32)  # [SIZE, GRID]
    return np.asarray(np.einsum("yi,ncij,xj->ncyx", weights, grid, weights, optimize=True))


def _add_strokes(images: Array, strokes: Array) -> Array:
    """Draw straight strokes about one pixel wide: things without a class."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    for part in strokes.reshape(-1, _STROKES, 7).swapaxes(0, 1):
        start, end = part[:, 0:2] * (SIZE - 1), part[:, 2:4] * (SIZE - 1)
        along = end - start
        length = np.maximum((along**2).sum(1), 1e-3)
        dy, dx = y - start[:, 0, None, None], x - start[:, 1, None, None]
        share = np.clip((dy * along[:, 0, None, None] + dx * along[:, 1, None, None]) / length[:, None, None], 0, 1)
        away = np.hypot(dy - share * along[:, 0, None, None], dx - share * along[:, 1, None, None])
        cover = np.clip(1.1 - away, 0, 1)[:, None]
        images = images * (1 - cover) + part[:, 4:7, None, None] * cover
    return images


def _bright(numbers: Array) -> Array:
    """Return light saturated colours [N, 3] from two numbers: one channel 1, one 0.35 to 1, one 0.2."""
    hue = (numbers[:, 0] * 6).astype(np.int64)
    orders = np.array([[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])[hue]
    levels = np.stack([np.ones(len(numbers)), 0.35 + 0.65 * numbers[:, 1], np.full(len(numbers), 0.2)], axis=1)
    return np.asarray(np.take_along_axis(levels, orders, axis=1), np.float32)


def _cover(kind: NDArray[np.int64], centre: Array, radius: Array, angle: Array) -> Array:
    """Return how much of each pixel an object covers [N, H, W]: 1/2 less its signed distance, clipped."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    dy, dx = y - centre[:, 0, None, None], x - centre[:, 1, None, None]
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    u, v = cosine * dx + sine * dy, cosine * dy - sine * dx
    r = radius[:, None, None]
    from_centre = np.hypot(u, v)
    arm = 0.33 * r
    bars = np.minimum(
        np.maximum(np.abs(u) - 0.95 * r, np.abs(v) - arm), np.maximum(np.abs(v) - 0.95 * r, np.abs(u) - arm)
    )
    third = np.sqrt(3) / 2
    distances = [
        from_centre - 0.9 * r,
        np.maximum(np.abs(u), np.abs(v)) - 0.75 * r,
        np.maximum.reduce([v, third * u - v / 2, -third * u - v / 2]) - r / 2,
        bars,
        np.abs(from_centre - 0.72 * r) - 0.24 * r,
    ]
    distance = np.choose(np.clip(kind, 0, None)[:, None, None], distances)
    return np.asarray(np.clip(0.5 - distance, 0, 1), np.float32)
