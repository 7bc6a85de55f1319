"""Noisy linear imputation against a dense solve of its equations, one image at a time, in NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from xaic.engine.imputation import impute

if TYPE_CHECKING:
    from torch import Tensor

SIDE = [(8, 8), (16, 16), (5, 11)]


def weights(height: int, width: int) -> Any:
    """Return W [HW, HW]: 1/6 for direct and 1/12 for diagonal neighbours, rows scaled to sum to one."""
    w = np.zeros((height * width, height * width))
    for i, j in np.ndindex(height, width):
        for a, b in np.ndindex(3, 3):
            y, x = i + a - 1, j + b - 1
            if (a, b) != (1, 1) and 0 <= y < height and 0 <= x < width:
                w[i * width + j, y * width + x] = 1 / 6 if 1 in {a, b} else 1 / 12
    return w / w.sum(1, keepdims=True)


def solved(image: Tensor, hole: Tensor) -> Tensor:
    """Return an image [C, H, W] with the hole [H, W] filled: x_p = sum_q w_pq x_q for every p in it."""
    w, out = weights(*hole.shape), image.double().flatten(1).numpy().copy()
    p, q = np.flatnonzero(hole.flatten()), np.flatnonzero(~hole.flatten())
    out[:, p] = np.linalg.solve(np.eye(len(p)) - w[np.ix_(p, p)], w[np.ix_(p, q)] @ out[:, q].T).T
    return torch.from_numpy(out).view(image.shape)


def images(n: int, channels: int, side: tuple[int, int]) -> Tensor:
    return torch.rand(n, channels, *side, generator=torch.Generator().manual_seed(4))


def random_share(share: float) -> Callable[[int, int], Tensor]:
    def mask(height: int, width: int) -> Tensor:
        return torch.rand(height, width, generator=torch.Generator().manual_seed(5)) < share

    return mask


def inner(height: int, width: int) -> Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[1:-1, 1:-1] = True
    return mask


def all_but_a_corner(height: int, width: int) -> Tensor:
    mask = torch.ones(height, width, dtype=torch.bool)
    mask[0, -1] = False
    return mask


def upper_half(height: int, width: int) -> Tensor:
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[: height // 2] = True
    return mask


MASKS = {
    "one in ten": random_share(0.1),
    "half": random_share(0.5),
    "nine in ten": random_share(0.9),
    "inner": inner,
    "upper half": upper_half,
    "all but a corner": all_but_a_corner,
}


@pytest.mark.parametrize("side", SIDE, ids=str)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", MASKS)
def test_a_dense_solve_agrees(name: str, channels: int, side: tuple[int, int]) -> None:
    x, hole = images(2, channels, side), MASKS[name](*side)
    found = impute(x, hole.expand(2, 1, *side))
    for row in range(2):
        torch.testing.assert_close(found[row].double(), solved(x[row], hole), rtol=0, atol=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.8, 0.95])
def test_blobs_of_a_larger_image_agree_within_the_stated_error(share: float) -> None:
    x = images(4, 1, (28, 28))
    rough = gaussian_filter(np.random.default_rng(1).standard_normal((4, 28, 28)), (0, 2, 2))
    place = torch.from_numpy(rough).flatten(1).argsort(1).argsort(1)
    hole = (place >= (1 - share) * 784).view(4, 1, 28, 28)
    found = impute(x, hole)
    for row in range(4):
        torch.testing.assert_close(found[row].double(), solved(x[row], hole[row, 0]), rtol=0, atol=5e-3)


def test_every_image_has_a_mask_of_its_own() -> None:
    x = images(3, 2, (8, 8))
    holes = torch.stack([MASKS[name](8, 8) for name in ("half", "inner", "upper half")])[:, None]
    found = impute(x, holes)
    for row in range(3):
        torch.testing.assert_close(found[row].double(), solved(x[row], holes[row, 0]), rtol=0, atol=1e-3)
        torch.testing.assert_close(found[row : row + 1], impute(x[row : row + 1], holes[row : row + 1]))


def test_channels_are_solved_apart() -> None:
    x, hole = images(2, 3, (9, 9)), random_share(0.6)(9, 9).expand(2, 1, 9, 9)
    apart = torch.cat([impute(x[:, [c]], hole) for c in range(3)], 1)
    torch.testing.assert_close(impute(x, hole), apart, rtol=0, atol=1e-5)


def test_borders_share_the_weights_of_the_neighbours_that_exist() -> None:
    x = torch.tensor([[[[9.0, 1.0, 5.0], [2.0, 4.0, 6.0], [0.0, 3.0, 8.0]]]])
    hole = torch.zeros(1, 1, 3, 3, dtype=torch.bool)
    corner, edge, middle = hole.clone(), hole.clone(), hole.clone()
    corner[..., 0, 0] = edge[..., 0, 1] = middle[..., 1, 1] = True
    assert float(impute(x, corner)[0, 0, 0, 0]) == pytest.approx((1 / 6 * (1 + 2) + 1 / 12 * 4) / (5 / 12))
    assert float(impute(x, edge)[0, 0, 0, 1]) == pytest.approx((1 / 6 * (9 + 5 + 4) + 1 / 12 * (2 + 6)) / (8 / 12))
    assert float(impute(x, middle)[0, 0, 1, 1]) == pytest.approx(1 / 6 * (1 + 2 + 6 + 3) + 1 / 12 * (9 + 5 + 0 + 8))


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("start", [None, 0.0, 5.0])
def test_a_constant_image_stays_constant(name: str, start: float | None) -> None:
    x = torch.full((1, 2, 8, 8), 0.37)
    found = impute(x, MASKS[name](8, 8)[None, None], None if start is None else torch.full_like(x, start))
    torch.testing.assert_close(found, x, rtol=0, atol=2e-3)


def test_a_ramp_is_harmonic_away_from_the_border() -> None:
    y, x = torch.meshgrid(torch.arange(9.0), torch.arange(7.0), indexing="ij")
    ramp = (0.1 * y - 0.2 * x + 1)[None, None]
    torch.testing.assert_close(impute(ramp, inner(9, 7)[None, None]), ramp, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", MASKS)
def test_filled_values_lie_between_the_known_ones(name: str) -> None:
    x, hole = images(1, 1, (8, 8)), MASKS[name](8, 8)[None, None]
    known, filled = x[~hole], impute(x, hole)[hole]
    assert float(known.min()) - 1e-3 <= float(filled.min()) <= float(filled.max()) <= float(known.max()) + 1e-3


def test_nothing_removed_changes_nothing_and_known_values_are_never_touched() -> None:
    x = images(2, 3, (8, 8))
    none, half = torch.zeros(2, 1, 8, 8, dtype=torch.bool), random_share(0.5)(8, 8).expand(2, 1, 8, 8)
    assert torch.equal(impute(x, none, torch.full_like(x, 9)), x)
    kept = ~half.expand_as(x)
    assert torch.equal(impute(x, half)[kept], x[kept])


@pytest.mark.parametrize("side", [(4, 4), (8, 8), (28, 28)])
def test_with_everything_removed_the_start_stays(side: tuple[int, int]) -> None:
    x, start = images(2, 3, side), images(3, 3, side)[1:]
    everything = torch.ones(2, 1, *side, dtype=torch.bool)
    assert torch.equal(impute(x, everything, start), start)
    assert torch.equal(impute(x, everything), torch.zeros_like(x))
    mixed = everything.clone()
    mixed[1, :, : side[0] // 2] = False  # the other image is solved all the same
    found = impute(x, mixed, start)
    assert torch.equal(found[0], start[0])
    torch.testing.assert_close(found[1].double(), solved(x[1], mixed[1, 0]), rtol=0, atol=1e-3)


def test_dark_surroundings_give_darkness_wherever_solving_starts() -> None:
    x = torch.zeros(1, 1, 12, 12)
    for hole in (inner(12, 12), random_share(0.2)(12, 12)):
        found = impute(x, hole[None, None], torch.ones_like(x))
        assert float(found.abs().max()) < 1e-3


def test_removed_values_leave_no_trace() -> None:
    x, hole = images(1, 2, (16, 16)), random_share(0.8)(16, 16)[None, None]
    other = torch.where(hole, 1 - x, x)
    assert torch.equal(impute(x, hole), impute(other, hole))
