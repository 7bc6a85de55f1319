"""Shape scenes: masks against a second drawing, figure by figure, and what truths promise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from xaic.families.model import build
from xaic.specimens import get_specimen
from xaic.specimens.scene_drawing import draw_scenes
from xaic.specimens.shape_scenes import BUILDER, CONFIG, fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from xaic.specimens.scene_drawing import Scenes

SIZE = 32
CLASSES = ("disk", "square", "triangle", "cross", "ring")
DECOYS = ("half disk", "bar", "crescent", "angle")

# each shape in units of its radius, in coordinates turned with it: how deep a point lies inside, negative outside


def rectangle(left: float, right: float, top: float, bottom: float) -> Callable[[Any, Any], Any]:
    return lambda u, v: np.minimum.reduce([u - left, right - u, v - top, bottom - v])


def disk(radius: float, at: float = 0.0) -> Callable[[Any, Any], Any]:
    return lambda u, v: radius - np.hypot(u - at, v)


def triangle(u: Any, v: Any) -> Any:
    """Equilateral, corners on the unit circle, one at v = -1."""
    corners = [np.array([np.sin(a), -np.cos(a)]) for a in (0, 2 * np.pi / 3, 4 * np.pi / 3)]
    sides = []
    for a, b in zip(corners, corners[1:] + corners[:1], strict=True):
        along = (b - a) / np.linalg.norm(b - a)
        sides.append(along[0] * (v - a[1]) - along[1] * (u - a[0]))
    return np.minimum.reduce(sides)


def either(*parts: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda u, v: np.maximum.reduce([part(u, v) for part in parts])


def both(*parts: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda u, v: np.minimum.reduce([part(u, v) for part in parts])


def outside(part: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda u, v: -part(u, v)


SHAPES: dict[str, Callable[[Any, Any], Any]] = {
    "disk": disk(0.9),
    "square": rectangle(-0.7, 0.7, -0.7, 0.7),
    "triangle": triangle,
    "cross": either(rectangle(-0.95, 0.95, -0.33, 0.33), rectangle(-0.33, 0.33, -0.95, 0.95)),
    "ring": both(disk(0.96), outside(disk(0.48))),
    "half disk": both(disk(0.95), lambda u, _v: 0.15 - u),
    "bar": rectangle(-0.95, 0.95, -0.35, 0.35),
    "crescent": both(disk(0.95), outside(disk(0.75, at=0.5))),
    "angle": either(rectangle(-0.69, -0.15, -0.72, 0.72), rectangle(-0.69, 0.69, 0.18, 0.72)),
}


@dataclass
class Figure:
    """A figure as its scene's random numbers say."""

    kind: str
    row: float
    column: float
    radius: float
    angle: float
    colour: tuple[float, float]

    def depth(self) -> Any:
        """Return by how many pixels every pixel's centre lies inside the outline [SIZE, SIZE]; negative outside."""
        y, x = np.mgrid[:SIZE, :SIZE]
        turned = ((x - self.column) + 1j * (y - self.row)) * np.exp(-1j * self.angle) / self.radius
        return self.radius * SHAPES[self.kind](turned.real, turned.imag)


def figures(stream: int, index: int, objects: int | None) -> list[Figure]:
    """Read a scene's random numbers once more, in the order in which they are documented to be drawn."""
    numbers = iter(np.random.default_rng((stream, index)).random(3 * 16 + 7 * 4 + 2 * 3 * 48 + 3 * 5 + 1 + SIZE**2))

    def take(n: int) -> list[float]:
        return [float(np.float32(next(numbers))) for _ in range(n)]

    take(3 * 16 + 7 * 4)  # ground and strokes
    places = [[take(2) for _ in range(3)] for _ in range(48)]
    looks = [take(5) for _ in range(3)]
    (chance,) = take(1)
    radii = [4.2 + 1.6 * look[0] for look in looks]
    first = int(looks[0][4] * 5)
    second = (first + 1 + int(looks[1][4] * 4)) % 5
    decoys = [DECOYS[int(look[4] * 4)] for look in looks]
    two = chance < 0.5 if objects is None else objects == 2
    kinds = [CLASSES[first], CLASSES[second] if two else decoys[1], decoys[2]]
    centres = [(8.0, 8.0), (8.0, 23.0), (23.0, 15.5)]
    for tried in places:
        at = [tuple(r + (SIZE - 1 - 2 * r) * p for p in place) for r, place in zip(radii, tried, strict=True)]
        gaps = [
            np.hypot(at[i][0] - at[j][0], at[i][1] - at[j][1]) - radii[i] - radii[j] for i in range(3) for j in range(i)
        ]
        if min(gaps) > 1:
            centres = at  # type: ignore[assignment]
            break
    return [
        Figure(kind, *centre, radius, look[1] * 2 * np.pi, (look[2], look[3]))
        for kind, centre, radius, look in zip(kinds, centres, radii, looks, strict=True)
    ]


CASES = [(22, 1), (23, 2), (20, None)]


@pytest.mark.parametrize(("stream", "objects"), CASES)
def test_masks_agree_with_a_second_drawing(stream: int, objects: int | None) -> None:
    scenes, seen = draw_scenes(stream, range(60), objects), set()
    for index in range(60):
        drawn = figures(stream, index, objects)
        masks = np.zeros((len(CLASSES), SIZE, SIZE), bool)
        decoys, unsure = np.zeros((SIZE, SIZE), bool), np.zeros((SIZE, SIZE), bool)
        for figure in drawn:
            depth = figure.depth()
            unsure |= np.abs(depth) < 1e-4
            target = masks[CLASSES.index(figure.kind)] if figure.kind in CLASSES else decoys
            target |= depth > 0
        assert not ((scenes.masks[index] != masks) & ~unsure).any()
        assert not ((scenes.decoys[index] != decoys) & ~unsure).any()
        assert unsure.sum() < 5
        objects_ = [CLASSES.index(figure.kind) for figure in drawn if figure.kind in CLASSES]
        assert scenes.classes[index].tolist() == (objects_ if len(objects_) == 2 else [*objects_, -1])
        seen |= {figure.kind for figure in drawn}
    assert seen == {*CLASSES, *DECOYS}


def test_an_upright_disk_by_hand() -> None:
    """The first disk of the stream: its mask is the pixels within 0.9 of its radius, and no others."""
    index = next(i for i in range(50) if figures(22, i, 1)[0].kind == "disk")
    figure = figures(22, index, 1)[0]
    mask = draw_scenes(22, [index], 1).masks[0, 0]
    for row in range(SIZE):
        for column in range(SIZE):
            inside = (row - figure.row) ** 2 + (column - figure.column) ** 2 < (0.9 * figure.radius) ** 2
            assert bool(mask[row, column]) == inside


def test_figures_are_painted_where_the_masks_are() -> None:
    """Well inside its outline a figure has one colour: a channel at 1, one at 0.2, but for noise of 0.04."""
    scenes = draw_scenes(22, range(40), 1)
    for index in range(40):
        for figure in figures(22, index, 1):
            inner = scenes.images[index][:, figure.depth() > 0.6]
            levels = np.sort(inner.mean(1)) if inner.size else np.array([])
            if inner.shape[1] < 5:
                continue
            assert levels[0] == pytest.approx(0.2, abs=0.03)
            assert levels[2] == pytest.approx(1 - 0.01, abs=0.03)  # noise is cut off at 1
            assert levels[1] == pytest.approx(0.35 + 0.65 * figure.colour[1], abs=0.04)


@cache
def streams() -> list[Scenes]:
    return [draw_scenes(20, range(1000)), draw_scenes(22, range(1000), 1), draw_scenes(23, range(1000), 2)]


def test_decoys_and_objects_never_overlap() -> None:
    for scenes in streams():
        assert not (scenes.masks.any(1) & scenes.decoys).any()
        assert int(scenes.masks.sum(1).max()) == 1


def test_every_object_and_some_decoy_can_be_seen() -> None:
    for scenes in streams():
        rows = np.arange(len(scenes.masks))
        assert scenes.masks[rows, scenes.classes[:, 0]].sum((1, 2)).min() >= 15
        assert scenes.decoys.sum((1, 2)).min() >= 5
        assert scenes.images.min() >= 0
        assert scenes.images.max() <= 1
        assert np.array_equal(scenes.labels > 0, scenes.masks.any((2, 3)))


@pytest.mark.parametrize(("stream", "objects"), CASES)
def test_a_scene_does_not_depend_on_the_batch(stream: int, objects: int | None) -> None:
    many = draw_scenes(stream, [7, 3, 250, 11, 3], objects)
    for row, index in enumerate((7, 3, 250, 11, 3)):
        alone = draw_scenes(stream, [index], objects)
        for name in ("images", "masks", "decoys", "classes"):
            assert np.array_equal(getattr(many, name)[row], getattr(alone, name)[0]), name
    assert not np.array_equal(draw_scenes(stream, [3], objects).images, draw_scenes(stream + 1, [3], objects).images)


@pytest.mark.parametrize("variant", ["single", "pairs"])
def test_material_carries_the_scenes_that_its_units_name(variant: str) -> None:
    material = get_specimen("shape-scenes").load(variant)
    stream, objects = {"single": (22, 1), "pairs": (23, 2)}[variant]
    for row in (0, 57, 399):
        index = int(material.units[row].split("-")[1])
        scene = draw_scenes(stream, [index], objects)
        assert np.array_equal(material.inputs[row].numpy(), scene.images[0])
        target = int(material.targets[row])
        assert target == scene.classes[0, 0]
        assert np.array_equal(material.truths["mask"][row, 0].numpy(), scene.masks[0, target])
        assert np.array_equal(material.truths["decoys"][row, 0].numpy(), scene.decoys[0])
        assert np.array_equal(material.truths["masks"][row].numpy(), scene.masks[0])


def test_the_other_object_is_known_in_pairs_only() -> None:
    pairs, single = (get_specimen("shape-scenes").load(variant) for variant in ("pairs", "single"))
    assert not {"other_mask", "other_target"} & set(single.truths)
    other = pairs.truths["other_target"]
    assert bool((other != pairs.targets).all())
    rows = torch.arange(400)
    assert torch.equal(pairs.truths["other_mask"][:, 0], pairs.truths["masks"][rows, other])
    assert not bool((pairs.truths["other_mask"] & pairs.truths["mask"]).any())
    wanted = torch.zeros(400, 5).scatter(1, torch.stack([pairs.targets, other], 1), 1.0)
    assert torch.equal(pairs.labels, wanted)


def test_folding_batch_norm_away_changes_no_output_not_at_borders_either() -> None:
    generator = torch.Generator().manual_seed(1)
    trained = build(BUILDER, {**CONFIG, "norm": True})
    state = trained.state_dict()
    for name, value in state.items():
        if value.is_floating_point():
            noise = torch.randn(value.shape, generator=generator)
            state[name] = noise.abs() + 0.3 if "running_var" in name else 0.3 * noise
    trained.load_state_dict(state)
    trained.eval()
    inputs = torch.from_numpy(draw_scenes(22, range(8), 1).images)
    with torch.no_grad():
        wanted, found = trained(inputs), fold(trained)(inputs)
        maps = trained.get_submodule("features")(inputs), fold(trained).get_submodule("features")(inputs)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(maps[1], maps[0], rtol=1e-4, atol=1e-4)
