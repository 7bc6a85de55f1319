"""Specimen ``planted``: functions whose attributions are known exactly, as modules built by hand.

The closed forms live in ``planted_functions``; here they get data and become material. Nothing is trained. The
logits are (0, f(x)), so that the softmax score of class 1 is sigmoid(f(x)); class 1 is what is explained.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file
from scipy.ndimage import gaussian_filter

from xaic.families.base import Material
from xaic.families.model import make_model
from xaic.specimens.base import Specimen, register_specimen
from xaic.specimens.planted_functions import Additive, Gate, Gated, Interaction, Linear, PlantedFunction

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

SIZE = 16  # pixels a side of the image variants
UNITS, BACKGROUND = 256, 512
_FEATURES = 12
_SEEDS = {"linear": 1, "additive": 2, "gated": 3, "interaction": 4, "linear-image": 5, "gated-image": 6}
_THRESHOLD = 0.25  # units have f(x) above it: class 1 is what the model says
_REPRESENTATIONS = {
    "linear": "linear1",
    "linear-image": "linear1",
    "interaction": "square",
    "additive": "relu1",
}


def _vector(size: int, entries: dict[int, float]) -> Array:
    vector = np.zeros(size)
    vector[list(entries)] = list(entries.values())
    return vector


def _blob(row: float, column: float, width: float) -> Array:
    """Return a smooth bump of height 1 [SIZE * SIZE], exactly 0 beyond two widths from its centre."""
    y, x = np.mgrid[:SIZE, :SIZE]
    squared = ((y - row) ** 2 + (x - column) ** 2) / width**2
    return np.where(squared < 4, np.exp(-squared / 2), 0.0).ravel()


def _gated_image() -> Gated:
    """Return four gate pixels, each switching a smooth patch of its own, and one patch that is always on."""
    signs = {(3, 3): 1.0, (3, 12): -1.0, (12, 3): 1.0, (12, 12): 1.0}
    gates = []
    for (row, column), sign in signs.items():
        weights = 0.06 * sign * _blob(row, column, 1.6)
        weights[row * SIZE + column] = 0.0  # the gate itself is no part of what it switches
        gates.append(Gate(row * SIZE + column, weights, 1.5 * sign))
    return Gated(0.15 * _blob(7.5, 7.5, 1.2), -0.2, tuple(gates), bound=1.5)


def planted_function(variant: str) -> PlantedFunction:
    """Return the function of a variant, with its closed-form truths."""
    if variant == "linear":
        weights = {0: 1.2, 2: -0.9, 3: 0.6, 5: -0.4, 8: 0.8, 10: -1.5, 11: 0.3}
        return Linear(_vector(_FEATURES, weights), -0.3)
    if variant == "additive":
        weights, rising, falling = {1: 0.8, 4: -0.6}, {1: -1.6, 3: 1.4, 6: 0.9}, {4: 1.1, 6: -0.7, 9: 1.3}
        linear, up, down = (_vector(_FEATURES, part) for part in (weights, rising, falling))
        return Additive(linear, up, down, rise=0.4, fall=0.2, offset=-0.6)
    if variant == "gated":
        gates = (
            Gate(2, _vector(_FEATURES, {0: 0.44, 5: -0.32, 7: 0.24}), 2.6),
            Gate(9, _vector(_FEATURES, {5: 0.28, 10: -0.4}), -1.8),
        )
        return Gated(_vector(_FEATURES, {3: 0.7, 0: -0.3}), -0.3, gates, bound=2.5)
    if variant == "interaction":
        pairs = ((0, 4, 1.0), (2, 7, -0.8), (4, 9, 0.6))
        return Interaction(_vector(_FEATURES, {0: 0.5, 5: -0.7, 9: 0.4}), -0.2, pairs)
    if variant == "linear-image":
        weights_ = 0.22 * _blob(5, 5, 2.5) - 0.18 * _blob(10, 11, 2.0)
        return Linear(weights_, 0.0)
    return _gated_image()


def _gate_values(uniform: Array, low: float, high: float) -> Array:
    """Turn uniform [0, 1) numbers into gate inputs: a quarter in [low, high), the rest in (-high, -low]."""
    on = uniform < 0.25
    within = np.where(on, uniform * 4, (uniform - 0.25) / 0.75)
    return np.asarray(np.where(on, 1.0, -1.0) * (low + (high - low) * within))


def _draw_rows(function: PlantedFunction, count: int, generator: np.random.Generator) -> Array:
    """Draw rows [count, D] in [-2.5, 2.5]: sums of three uniforms, nearly normal, standard deviation 5/6."""
    rows = np.asarray(5 / 3 * (generator.random((count, _FEATURES, 3)).sum(-1) - 1.5))
    for index in function.switches:
        rows[:, index] = _gate_values(generator.random(count), 0.5, 1.5)
    return rows


def _draw_images(function: PlantedFunction, count: int, generator: np.random.Generator) -> Array:
    """Draw smooth noise images [count, SIZE * SIZE] in [-1.5, 1.5]."""
    noise = generator.random((count, SIZE, SIZE)) - 0.5
    smooth = gaussian_filter(noise, (0, 1.2, 1.2), mode="wrap")
    images = np.asarray(np.clip(smooth * (0.6 / smooth.std()) + 0.3 * noise, -1.5, 1.5)).reshape(count, -1)
    for index in function.switches:
        images[:, index] = _gate_values(generator.random(count), 0.5, 1.0)
    return images


@register_specimen
class Planted(Specimen):
    """Functions of 12 features and of 16 x 16 images, with exact Shapley values and gradients."""

    id = "planted"

    def _load(self, variant: str) -> Material:
        function = planted_function(variant)
        image = variant.endswith("-image")
        draw = _draw_images if image else _draw_rows
        generator = np.random.default_rng(_SEEDS[variant])
        background = draw(function, BACKGROUND, generator).astype(np.float32)
        rows = draw(function, 6 * UNITS, generator).astype(np.float32)
        rows = rows[function.value(rows) > _THRESHOLD][:UNITS]
        baseline = background.mean(0, dtype=np.float64).astype(np.float32)
        shape = (1, SIZE, SIZE) if image else (_FEATURES,)
        relevant = torch.from_numpy(function.relevant).reshape(shape).expand(len(rows), *shape).clone()
        contribution = _tensor(function.contribution(rows, baseline), shape)
        truths = {
            "contribution": contribution,
            "sensitivity": _tensor(function.sensitivity(rows), shape),
            "relevant": relevant,
            **({"mask": contribution != 0} if image else {}),
        }
        builder, config, _ = function.network()
        ones = torch.ones(len(rows), dtype=torch.long)
        return Material(
            kind="image" if image else "tabular",
            inputs=_tensor(rows, shape),
            labels=ones,
            targets=ones,
            units=tuple(f"{variant}-{i:03d}" for i in range(len(rows))),
            background=_tensor(background, shape),
            background_labels=torch.from_numpy((function.value(background) > 0).astype(np.int64)),
            model=make_model(
                builder,
                config,
                self.file(f"{variant}.safetensors"),
                representation=_REPRESENTATIONS.get(variant, "relu2"),
                classes=("off", "on"),
            ),
            truths=truths,
            extra={"baseline": _tensor(baseline[None], shape)[0]},
        )

    def build(self, out: Path, **options: Any) -> dict[str, float]:  # noqa: ARG002 - nothing to choose
        """Write the weights that the constructions give."""
        for variant in _SEEDS:
            _, _, state = planted_function(variant).network()
            save_file(state, out / f"{variant}.safetensors")
        return {}


def _tensor(array: NDArray[Any], shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array, np.float32)).reshape(-1, *shape)
