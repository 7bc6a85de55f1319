"""How shape scenes are drawn: 32 x 32 RGB pictures of objects and decoys, with an exact mask for each class.

Every scene holds three figures of one size and brightness: one or two objects of the five classes, the others decoys
of shapes that belong to no class. So neither brightness, nor edges, nor place tell where the evidence is: only the
shape does. Scene ``i`` of a stream depends on (stream, i) alone. Random numbers are drawn scene by scene; all drawing
is vectorised over scenes. The specimen made of them lives in ``shape_scenes``.
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
DECOYS = ("half disk", "bar", "crescent", "angle")
FIGURES = 3
_GRID = 4  # background colours are random on a 4 x 4 grid, linear between
_STROKES = 4
_PLACES = 48  # arrangements of centres tried before the fixed one
_SMALL, _LARGE = 4.2, 5.8  # radius of the circle around a figure, pixels
_FIXED = ((8.0, 8.0), (8.0, 23.0), (23.0, 15.5))
_LOOKS = 5  # numbers a figure takes: radius, angle, two of colour, kind
_CUTS = np.cumsum([3 * _GRID**2, 7 * _STROKES, 2 * FIGURES * _PLACES, FIGURES * _LOOKS, 1])
_RANDOM = int(_CUTS[-1]) + SIZE * SIZE


@dataclass(frozen=True)
class Scenes:
    """Pictures with their truth.

    ``images`` [N, 3, H, W] in [0, 1]; ``masks`` [N, K, H, W], one a class; ``decoys`` [N, H, W], all decoys together;
    ``classes`` [N, 2], the second -1 if there is one object only.
    """

    images: Array
    masks: NDArray[np.bool_]
    decoys: NDArray[np.bool_]
    classes: NDArray[np.int64]

    @property
    def labels(self) -> Array:
        """Which classes are there: [N, K] of 0 and 1."""
        return np.asarray(self.masks.any((2, 3)), np.float32)


def draw_scenes(stream: int, indices: Sequence[int] | NDArray[np.int64], objects: int | None = None) -> Scenes:
    """Draw scenes ``indices`` of ``stream``; ``objects`` is 1, 2, or None for either with equal chance."""
    drawn = [np.random.default_rng((stream, int(i))).random(_RANDOM) for i in indices]
    numbers = np.stack(drawn).astype(np.float32)
    colours, strokes, places, looks, chance, grain = np.split(numbers, _CUTS, axis=1)
    looks = looks.reshape(-1, FIGURES, _LOOKS)
    images = _add_strokes(_background(colours), strokes)
    kinds, classes = _kinds(looks[:, :, 4], chance[:, 0], objects)
    radius = _SMALL + (_LARGE - _SMALL) * looks[:, :, 0]
    centres = _centres(places, radius)
    masks = np.zeros((len(numbers), len(CLASSES) + len(DECOYS), SIZE, SIZE), bool)
    rows = np.arange(len(numbers))
    for which in range(FIGURES):
        cover = _cover(kinds[:, which], centres[:, which], radius[:, which], looks[:, which, 1] * 2 * np.pi)
        colour = _bright(looks[:, which, 2:4])
        images = images * (1 - cover[:, None]) + colour[:, :, None, None] * cover[:, None]
        masks[rows, kinds[:, which]] |= cover >= 0.5
    noise = 0.08 * (grain.reshape(-1, 1, SIZE, SIZE) - 0.5)
    pictures = np.clip(images + noise, 0, 1).astype(np.float32)
    return Scenes(pictures, masks[:, : len(CLASSES)], np.asarray(masks[:, len(CLASSES) :].any(1)), classes)


def _kinds(numbers: Array, chance: Array, objects: int | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the kinds [N, FIGURES] of the figures (classes first, then decoys) and the classes [N, 2].

    The first figure is an object; the second is one of another class, or a decoy; the rest are decoys.
    """
    first = (numbers[:, 0] * len(CLASSES)).astype(np.int64)
    second = (first + 1 + (numbers[:, 1] * (len(CLASSES) - 1)).astype(np.int64)) % len(CLASSES)
    decoys = len(CLASSES) + (numbers * len(DECOYS)).astype(np.int64)
    two = chance < 0.5 if objects is None else np.full(len(numbers), objects == 2)
    kinds = np.concatenate([first[:, None], np.where(two, second, decoys[:, 1])[:, None], decoys[:, 2:]], axis=1)
    return kinds, np.stack([first, np.where(two, second, -1)], axis=1)


def _centres(places: Array, radius: Array) -> Array:
    """Return centres [N, FIGURES, (row, column)] in pixels: the first drawn arrangement whose circles keep apart."""
    margin = radius[:, None, :, None]
    drawn = margin + (SIZE - 1 - 2 * margin) * places.reshape(-1, _PLACES, FIGURES, 2)
    fixed = np.broadcast_to(np.array(_FIXED, np.float32), (len(drawn), 1, FIGURES, 2))
    tried = np.concatenate([drawn, fixed], axis=1)
    apart = np.ones(tried.shape[:2], bool)
    for one in range(FIGURES):
        for other in range(one):
            gap = np.linalg.norm(tried[:, :, one] - tried[:, :, other], axis=-1)
            apart &= gap > (radius[:, one] + radius[:, other])[:, None] + 1
    apart[:, -1] = True
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
    """Return how much of each pixel a figure covers [N, H, W]: 1/2 less its signed distance, clipped."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    dy, dx = y - centre[:, 0, None, None], x - centre[:, 1, None, None]
    cosine, sine = np.cos(angle)[:, None, None], np.sin(angle)[:, None, None]
    u, v = cosine * dx + sine * dy, cosine * dy - sine * dx
    distances = [*_objects(u, v, radius[:, None, None]), *_decoys(u, v, radius[:, None, None])]
    distance = np.choose(kind[:, None, None], distances)
    return np.asarray(np.clip(0.5 - distance, 0, 1), np.float32)


def _objects(u: Array, v: Array, r: Array) -> list[Array]:
    """Return the signed distance to each class's shape [N, H, W] in turned coordinates; negative inside."""
    from_centre = np.hypot(u, v)
    third = np.sqrt(3) / 2
    return [
        from_centre - 0.9 * r,
        np.maximum(np.abs(u), np.abs(v)) - 0.7 * r,
        np.maximum.reduce([v, third * u - v / 2, -third * u - v / 2]) - r / 2,
        np.minimum(_box(u, v, 0.95 * r, 0.33 * r), _box(u, v, 0.33 * r, 0.95 * r)),
        np.abs(from_centre - 0.72 * r) - 0.24 * r,
    ]


def _decoys(u: Array, v: Array, r: Array) -> list[Array]:
    """Return the signed distance to each decoy's shape, as ``_objects`` does."""
    from_centre = np.hypot(u, v)
    return [
        np.maximum(from_centre - 0.95 * r, u - 0.15 * r),
        _box(u, v, 0.95 * r, 0.35 * r),
        np.maximum(from_centre - 0.95 * r, 0.75 * r - np.hypot(u - 0.5 * r, v)),
        np.minimum(_box(u + 0.42 * r, v, 0.27 * r, 0.72 * r), _box(u, v - 0.45 * r, 0.69 * r, 0.27 * r)),
    ]


def _box(u: Array, v: Array, width: Array, height: Array) -> Array:
    return np.asarray(np.maximum(np.abs(u) - width, np.abs(v) - height))
