"""Functions with known attributions: value, gradient, Shapley values in closed form, and their network.

Contributions are Shapley values of the game v(S) = f(x on S, b elsewhere) for a baseline b; they sum to
f(x) - f(b). All closed forms run in double precision. Data and material live in ``planted``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xaic.documents.errors import Misuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    Array = NDArray[np.float64]
    Network = tuple[str, dict[str, Any], dict[str, Tensor]]  # builder, config, weights

_STEEP = 1.25  # a gate's ramp lies within |x| < 0.5 / _STEEP = 0.4, where neither data nor baselines fall


@dataclass(frozen=True)
class Gate:
    """A linear term that a feature switches: 1[x_index > 0] * (weights · x + offset); weights[index] is 0."""

    index: int
    weights: Array  # [D]
    offset: float


class PlantedFunction(ABC):
    """A function f of D features with its truths in closed form. Rows are x [N, D], baselines b [D]."""

    @property
    def switches(self) -> tuple[int, ...]:
        """Features that switch others."""
        return ()

    @property
    @abstractmethod
    def relevant(self) -> NDArray[np.bool_]:
        """Which features [D] f depends on anywhere."""

    @abstractmethod
    def value(self, x: NDArray[Any]) -> Array:
        """Return f(x) [N]."""

    @abstractmethod
    def contribution(self, x: NDArray[Any], b: NDArray[Any]) -> Array:
        """Return the Shapley values [N, D] of f at x relative to b."""

    @abstractmethod
    def sensitivity(self, x: NDArray[Any]) -> Array:
        """Return the gradient [N, D] of f at x."""

    @abstractmethod
    def network(self) -> Network:
        """Return builder, configuration and weights of a module with logits (0, f(x))."""


@dataclass(frozen=True, eq=False)
class Linear(PlantedFunction):
    """f(x) = w · x + c; contribution w_i (x_i - b_i), gradient w."""

    weights: Array
    offset: float

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Features with a weight."""
        return np.asarray(self.weights != 0)

    def value(self, x: NDArray[Any]) -> Array:
        """Return w · x + c."""
        return np.asarray(_double(x) @ self.weights + self.offset)

    def contribution(self, x: NDArray[Any], b: NDArray[Any]) -> Array:
        """Return w_i (x_i - b_i)."""
        return np.asarray(self.weights * (_double(x) - _double(b)))

    def sensitivity(self, x: NDArray[Any]) -> Array:
        """Return w for every row."""
        return np.broadcast_to(self.weights, x.shape).copy()

    def network(self) -> Network:
        """Return one linear layer."""
        return _perceptron([], [], (self.weights, self.offset))


@dataclass(frozen=True, eq=False)
class Additive(PlantedFunction):
    """f(x) = c + Σ_i g_i(x_i), with g_i(x) = w_i x + r_i relu(x - rise) + q_i relu(-x - fall).

    Contribution: g_i(x_i) - g_i(b_i).
    """

    weights: Array
    rising: Array
    falling: Array
    rise: float
    fall: float
    offset: float

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Features with any term."""
        return np.asarray((self.weights != 0) | (self.rising != 0) | (self.falling != 0))

    def _terms(self, x: NDArray[Any]) -> Array:
        x = _double(x)
        up, down = np.maximum(x - self.rise, 0), np.maximum(-x - self.fall, 0)
        return np.asarray(self.weights * x + self.rising * up + self.falling * down)

    def value(self, x: NDArray[Any]) -> Array:
        """Return the sum of the terms g_i(x_i), plus c."""
        return np.asarray(self._terms(x).sum(-1) + self.offset)

    def contribution(self, x: NDArray[Any], b: NDArray[Any]) -> Array:
        """Return g_i(x_i) - g_i(b_i)."""
        return self._terms(x) - self._terms(b)

    def sensitivity(self, x: NDArray[Any]) -> Array:
        """Return w_i + r_i 1[x_i > rise] - q_i 1[-x_i > fall]."""
        return np.asarray(self.weights + self.rising * (x > self.rise) - self.falling * (-x > self.fall))

    def network(self) -> Network:
        """Return one hidden layer: the linear part's two signs, then the kinks."""
        eye = np.eye(len(self.weights))
        up, down = self.rising != 0, self.falling != 0
        rows = np.stack([self.weights, -self.weights, *eye[up], *-eye[down]])
        biases = np.array([0, 0, *[-self.rise] * up.sum(), *[-self.fall] * down.sum()])
        out = np.array([1.0, -1.0, *self.rising[up], *self.falling[down]])
        return _perceptron([rows], [biases], (out, self.offset))


@dataclass(frozen=True, eq=False)
class Gated(PlantedFunction):
    """f(x) = v · x + c + Σ_k s_k(x) l_k(x), with s_k = 1[x_g > 0] for gate feature g and l_k = u_k · x + e_k.

    Every l_k keeps one sign within the bound: a network without large terms that cancel can then compute it.

    For one term, with switch s and linear part l at x and at b, the switched features contribute
    u_i (x_i - b_i) (s(x) + s(b)) / 2 and the gate (s(x) - s(b)) (l(x) + l(b)) / 2. ``bound`` is the largest |x_i|.
    Exact wherever the gate features keep 0.4 away from 0.
    """

    weights: Array
    offset: float
    gates: tuple[Gate, ...]
    bound: float

    @property
    def switches(self) -> tuple[int, ...]:
        """The gates' features."""
        return tuple(gate.index for gate in self.gates)

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Features with a weight anywhere, and the gates."""
        found = self.weights != 0
        for gate in self.gates:
            found = found | (gate.weights != 0)
            found[gate.index] = True
        return np.asarray(found)

    def value(self, x: NDArray[Any]) -> Array:
        """Return v · x + c + Σ_k s_k(x) l_k(x)."""
        total = _double(x) @ self.weights + self.offset
        for gate in self.gates:
            switch, linear = _parts(gate, x)
            total = total + switch * linear
        return np.asarray(total)

    def contribution(self, x: NDArray[Any], b: NDArray[Any]) -> Array:
        """Return the Shapley values by the formula above."""
        change = _double(x) - _double(b)
        total = self.weights * change
        for gate in self.gates:
            (switch, linear), (switch_b, linear_b) = _parts(gate, x), _parts(gate, b)
            total = total + gate.weights * change * ((switch + switch_b) / 2)[:, None]
            total[:, gate.index] += (switch - switch_b) * (linear + linear_b) / 2
        return np.asarray(total)

    def sensitivity(self, x: NDArray[Any]) -> Array:
        """Return v + Σ_k s_k(x) u_k: a gate's own derivative is 0."""
        total = np.broadcast_to(self.weights, x.shape)
        for gate in self.gates:
            total = total + gate.weights * _parts(gate, x)[0][:, None]
        return np.asarray(total)

    def network(self) -> Network:
        """Return two hidden layers: s l = σ relu(|l| + L s - L), for |l| <= L, s in {0, 1} and σ the sign of l.

        The first layer makes s = relu(k x + 1/2) - relu(k x - 1/2), |l|, and both signs of v · x.
        """
        count = len(self.gates)
        eye = np.eye(len(self.weights))
        sign = np.array([np.sign(gate.offset) for gate in self.gates])
        switch = _STEEP * np.stack([eye[gate.index] for gate in self.gates])
        linear = sign[:, None] * np.stack([gate.weights for gate in self.gates])
        shift = np.array([abs(gate.offset) for gate in self.gates])
        reach = np.abs(linear).sum(1) * self.bound
        if bool((reach > shift).any()):
            raise Misuse("a gated term may not change its sign within the bound; give it a larger offset")
        limit = reach + shift
        rows = np.concatenate([switch, switch, linear, self.weights[None], -self.weights[None]])
        half = np.full(count, 0.5)
        biases = np.concatenate([half, -half, shift, [0, 0]])
        one, L = np.eye(count), np.diag(limit)
        gated = np.concatenate([L, -L, one, np.zeros((count, 2))], axis=1)
        always = np.zeros((2, 3 * count + 2))
        always[:, -2:] = [[1, -1], [-1, 1]]
        biases2 = np.concatenate([-limit, [0, 0]])
        out = np.concatenate([sign, [1, -1]])
        return _perceptron([rows, np.concatenate([gated, always])], [biases, biases2], (out, self.offset))


@dataclass(frozen=True, eq=False)
class Interaction(PlantedFunction):
    """f(x) = v · x + c + Σ k x_i x_j over pairs (i, j, k): each of a pair gets half of what the two do together.

    Contribution of i in a pair: k (x_i - b_i) (x_j + b_j) / 2.
    """

    weights: Array
    offset: float
    pairs: tuple[tuple[int, int, float], ...]

    @property
    def relevant(self) -> NDArray[np.bool_]:
        """Features with a weight or in a pair."""
        return np.asarray((self.weights != 0) | (np.abs(self._form).sum(0) != 0))

    @property
    def _form(self) -> Array:
        """The symmetric matrix A [D, D] with x' A x / 2 = Σ k x_i x_j."""
        form = np.zeros((len(self.weights),) * 2)
        for i, j, k in self.pairs:
            form[i, j] += k
            form[j, i] += k
        return form

    def value(self, x: NDArray[Any]) -> Array:
        """Return v · x + c + x' A x / 2."""
        x = _double(x)
        return np.asarray(x @ self.weights + self.offset + (x @ self._form * x).sum(-1) / 2)

    def contribution(self, x: NDArray[Any], b: NDArray[Any]) -> Array:
        """Return (x_i - b_i) (v_i + (A (x + b))_i / 2)."""
        x, b = _double(x), _double(b)
        return np.asarray((x - b) * (self.weights + (x + b) @ self._form / 2))

    def sensitivity(self, x: NDArray[Any]) -> Array:
        """Return v + A x."""
        return np.asarray(self.weights + _double(x) @ self._form)

    def network(self) -> Network:
        """Return squares: x y = ((x + y)² - (x - y)²) / 4, and z = ((z + 1)² - (z - 1)²) / 4 for the linear part."""
        eye = np.eye(len(self.weights))
        rows = [eye[i] + sign * eye[j] for i, j, _ in self.pairs for sign in (1, -1)]
        out = [sign * k / 4 for _, _, k in self.pairs for sign in (1, -1)]
        first = np.stack([*rows, self.weights, self.weights])
        biases = np.array([0.0] * len(rows) + [1.0, -1.0])
        _, config, state = _perceptron([first], [biases], (np.array([*out, 0.25, -0.25]), self.offset))
        inputs, forms, classes = config["widths"]
        sizes = {"inputs": inputs, "forms": forms, "classes": classes}
        return "xaic.specimens.networks:quadratic", sizes, state


def _double(x: NDArray[Any]) -> Array:
    return np.asarray(x, np.float64)


def _parts(gate: Gate, x: NDArray[Any]) -> tuple[Array, Array]:
    """Return switch and linear part of a gate at rows x [N, D], or at one row [D] with a row's axis added."""
    x = np.atleast_2d(_double(x))
    return (x[:, gate.index] > 0).astype(np.float64), np.asarray(x @ gate.weights + gate.offset)


def _perceptron(rows: Sequence[Array], biases: Sequence[Array], out: tuple[Array, float]) -> Network:
    """Return an MLP of hidden layers ``rows``, ``biases`` and logits (0, out[0] · h + out[1])."""
    last, offset = out
    head = np.stack([np.zeros_like(last), last])
    matrices, shifts = [*rows, head], [*biases, np.array([0.0, offset])]
    state = {}
    for number, (matrix, shift) in enumerate(zip(matrices, shifts, strict=True), 1):
        state[f"linear{number}.weight"] = torch.from_numpy(np.ascontiguousarray(matrix, np.float32))
        state[f"linear{number}.bias"] = torch.from_numpy(np.ascontiguousarray(shift, np.float32))
    widths = [matrices[0].shape[1], *(len(matrix) for matrix in matrices)]
    return "xaic.specimens.networks:perceptron", {"widths": widths}, state
