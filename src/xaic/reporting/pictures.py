"""Photographs and heat maps as PNG data addresses: blue is against, red is for, white says nothing."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIZE = 160
SHARPEST = 99.0
"""Percentile of |a| at which a heat map reaches full colour: single outliers do not make the rest invisible."""

AGAINST, FOR = np.array([0x21, 0x66, 0xAC]), np.array([0xB2, 0x18, 0x2B])


def photograph(pixels: NDArray[np.uint8]) -> str:
    """Return a picture [H, W, 3] as a JPEG data address of 160 pixels a side."""
    return _address(Image.fromarray(pixels).resize((SIZE, SIZE), Image.Resampling.LANCZOS), "JPEG", quality=85)


def heat_map(values: NDArray[np.float32]) -> str:
    """Return a map [H, W] as a PNG data address: colour by sign, opacity by magnitude."""
    magnitude = np.abs(values)
    most = float(np.percentile(magnitude, SHARPEST)) or float(magnitude.max()) or 1.0
    strength = np.clip(magnitude / most, 0, 1)
    colour = np.where((values < 0)[..., None], AGAINST, FOR)
    pixels = np.concatenate([colour, (255 * strength)[..., None]], -1).round().astype(np.uint8)
    image = Image.fromarray(pixels, "RGBA").resize((SIZE, SIZE), Image.Resampling.BILINEAR)
    return _address(image.quantize(64, method=Image.Quantize.FASTOCTREE), "PNG", optimize=True)


def _address(image: Image.Image, form: str, **options: int | bool) -> str:
    data = io.BytesIO()
    image.save(data, form, **options)
    return f"data:image/{form.lower()};base64,{b64encode(data.getvalue()).decode()}"
