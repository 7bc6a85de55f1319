"""Photographs and heat maps as data addresses: blue is against, red is for, what is clear says nothing."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

PICTURE_SIDE, MAP_SIDE = 224, 112
"""Most pixels a side; larger maps are averaged, larger pictures resampled."""

SMALL = 64
"""Below so many pixels a side, what is shown is enlarged square by square."""

SHARPEST = 99.0
"""Percentile of |a| at which a heat map reaches full colour: single outliers do not make the rest invisible."""

LEVELS = 32
"""Steps of opacity for each sign."""

AGAINST, FOR = (0x21, 0x66, 0xAC), (0xB2, 0x18, 0x2B)


def photograph(pixels: NDArray[np.uint8]) -> str:
    """Return a picture [H, W, 3] as a data address: JPEG, or PNG where it is small."""
    image = _within(Image.fromarray(np.ascontiguousarray(pixels)), PICTURE_SIDE, Image.Resampling.LANCZOS)
    return _address(image, "PNG", optimize=True) if max(image.size) < SMALL else _address(image, "JPEG", quality=82)


def heat_map(values: NDArray[np.float32]) -> str:
    """Return a map [H, W] as a PNG data address: colour by sign, opacity by magnitude."""
    plane = np.asarray(_within(Image.fromarray(values.astype(np.float32)), MAP_SIDE, Image.Resampling.BOX))
    plane = np.nan_to_num(plane)  # a control that has no map for a unit says NaN: nothing to show
    magnitude = np.abs(plane)
    most = float(np.percentile(magnitude, SHARPEST)) or float(magnitude.max()) or 1.0
    step = np.clip(magnitude / most * (LEVELS - 1), 0, LEVELS - 1).round().astype(np.uint8)
    image = Image.fromarray(np.where(plane < 0, step, step + LEVELS).astype(np.uint8), "P")
    image.putpalette([part for colour in (AGAINST, FOR) for _ in range(LEVELS) for part in colour])
    opacity = bytes(round(255 * level / (LEVELS - 1)) for level in range(LEVELS))
    return _address(image, "PNG", optimize=True, transparency=opacity * 2)


def _within(image: Image.Image, side: int, filter: Image.Resampling) -> Image.Image:
    share = side / max(image.size)
    if share >= 1:
        return image
    size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
    return image.resize(size, filter)


def _address(image: Image.Image, form: str, **options: int | bytes) -> str:
    data = io.BytesIO()
    image.save(data, form, **options)
    return f"data:image/{form.lower()};base64,{b64encode(data.getvalue()).decode()}"
