"""Heat maps and photographs: colour says the sign, opacity the size."""

from __future__ import annotations

import io
from base64 import b64decode
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from xaic.reporting.images import AGAINST, FOR, MAP_SIDE, PICTURE_SIDE, heat_map, photograph

if TYPE_CHECKING:
    from numpy.typing import NDArray


def opened(address: str) -> Image.Image:
    head, data = address.split(",")
    assert head in {"data:image/png;base64", "data:image/jpeg;base64"}
    return Image.open(io.BytesIO(b64decode(data)))


def pixels(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.asarray(opened(heat_map(values)).convert("RGBA"))


def test_signs_and_strengths() -> None:
    found = pixels(np.array([[1, -1, 0, 0.5]], np.float32).repeat(3, 0))
    assert [tuple(one[:3]) for one in found[0, :2]] == [FOR, AGAINST]
    assert found[0, :, 3].tolist() == pytest.approx([255, 255, 0, 127], abs=5)


def test_an_outlier_does_not_hide_the_rest() -> None:
    values = np.full((20, 20), 0.1, np.float32)
    values[0, 0] = 1000
    assert pixels(values)[5, 5, 3] == 255


def test_an_empty_map_is_clear() -> None:
    assert pixels(np.zeros((9, 9), np.float32))[..., 3].max() == 0


def test_a_map_that_does_not_exist_is_clear_and_warns_nobody(recwarn: pytest.WarningsRecorder) -> None:
    assert pixels(np.full((9, 9), np.nan, np.float32))[..., 3].max() == 0
    assert not recwarn.list


def test_one_spike_is_seen() -> None:
    values = np.zeros((30, 30), np.float32)
    values[3, 4] = -2
    assert pixels(values)[3, 4].tolist() == [*AGAINST, 255]


def test_large_maps_are_averaged_and_small_ones_kept() -> None:
    assert opened(heat_map(np.ones((224, 224), np.float32))).size == (MAP_SIDE, MAP_SIDE)
    assert opened(heat_map(np.ones((28, 28), np.float32))).size == (28, 28)
    blocks = np.kron(np.array([[1, -1], [-1, 1]], np.float32), np.ones((112, 112), np.float32))
    assert tuple(pixels(blocks.astype(np.float32))[0, -1, :3]) == AGAINST


def test_photographs_are_within_their_size() -> None:
    assert opened(photograph(np.zeros((500, 400, 3), np.uint8))).size == (round(PICTURE_SIDE * 0.8), PICTURE_SIDE)
    small = opened(photograph(np.full((28, 28, 3), 7, np.uint8)))
    assert (small.format, small.size, small.getpixel((3, 3))) == ("PNG", (28, 28), (7, 7, 7))
