"""Laws that every metric obeys, whatever it measures; one raises ``AssertionError`` where it is broken.

Laws of a ``Bench`` need nothing but scores of some units, so they serve for sweeps of real models as well;
laws of ``Readings`` change what the sweeps return.
"""

from __future__ import annotations

import random
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np
import torch
from torch.testing import assert_close

from tests.metrics.tensor_sweeps import (
    CURVES,
    MAPS,
    TRUTHS,
    UNIT_AXIS,
    Readings,
    TensorSweeps,
)
from xaic.engine.sweeps import UndeclaredSweep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from xaic.metrics.base import Metric

TOLERANCE = 1e-11
SINGLE = 2e-4
"""Readings in single precision may move a score by this much."""


class Bench(Protocol):
    """Something that scores some units with a metric."""

    def __len__(self) -> int: ...

    def scores(self, metric: Metric) -> dict[str, Tensor]: ...

    def select(self, rows: Sequence[int]) -> Self: ...

    def disturb(self, row: int) -> Self: ...


def same(found: dict[str, Tensor], wanted: dict[str, Tensor], tolerance: float = TOLERANCE) -> None:
    assert list(found) == list(wanted)
    for part, scores in wanted.items():
        try:
            assert_close(found[part], scores, rtol=tolerance, atol=tolerance, equal_nan=True)
        except AssertionError as fault:
            raise AssertionError(f"part {part!r}: {fault}") from None


def rows_of(scores: dict[str, Tensor], rows: Sequence[int]) -> dict[str, Tensor]:
    return {part: values[list(rows)] for part, values in scores.items()}


# laws of any bench


def one_score_a_unit(metric: Metric, bench: Bench) -> None:
    """Every part holds a floating score for every unit."""
    scores = bench.scores(metric)
    assert scores
    for values in scores.values():
        assert values.shape == (len(bench),)
        assert values.is_floating_point()


def units_stand_alone(metric: Metric, bench: Bench, tolerance: float = TOLERANCE) -> None:
    """What happens to one unit changes no other unit's score."""
    before = bench.scores(metric)
    for row in range(len(bench)):
        rest = [other for other in range(len(bench)) if other != row]
        same(rows_of(bench.disturb(row).scores(metric), rest), rows_of(before, rest), tolerance)


def splits_join(metric: Metric, bench: Bench, tolerance: float = TOLERANCE) -> None:
    """Halves, and single units, score what they score together."""
    whole, n = bench.scores(metric), len(bench)
    for rows in (range(n // 2), range(n // 2, n), [0], [n - 1]):
        same(bench.select(rows).scores(metric), rows_of(whole, rows), tolerance)


def order_of_units_is_free(metric: Metric, bench: Bench, tolerance: float = TOLERANCE) -> None:
    """Units in another order get the same scores."""
    order = [*range(1, len(bench), 2), *reversed(range(0, len(bench), 2))]
    same(bench.select(order).scores(metric), rows_of(bench.scores(metric), order), tolerance)


def no_global_chance(metric: Metric, bench: Bench) -> None:
    """Global random states are neither read nor moved."""
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002 - the global state is what is watched
        random.seed(seed)
        before = _global_states()
        found.append(bench.scores(metric))
        assert _global_states() == before
    same(found[0], found[1], 0.0)


def _global_states() -> list[Any]:
    numpy_state = np.random.get_state()  # noqa: NPY002 - the global state is what is watched
    return [
        torch.get_rng_state().tolist(),
        [part.tolist() if isinstance(part, np.ndarray) else part for part in numpy_state],
        random.getstate(),
    ]


BENCH_LAWS: tuple[Callable[..., None], ...] = (
    one_score_a_unit,
    units_stand_alone,
    splits_join,
    order_of_units_is_free,
    no_global_chance,
)


# laws of readings


def it_looks(metric: Metric, readings: Readings) -> None:
    """Other readings give other scores: the metric is no constant."""
    one, other = readings.scores(metric), readings.drawn_anew(41).scores(metric)
    assert any(not torch.equal(one[part], other[part]) for part in one)


def inputs_stay(metric: Metric, readings: Readings) -> None:
    """No reading is changed in place."""
    before = {name: tensor.clone() for name, tensor in readings.tensors.items()}
    readings.scores(metric)
    for name, tensor in before.items():
        assert torch.equal(readings[name], tensor), f"{name} was changed in place"


def calls_repeat(metric: Metric, readings: Readings) -> None:
    """A second call on the same sweeps gives the same."""
    sweeps = TensorSweeps(readings)
    variant = "mean" if metric.variants else ""
    first, second = (metric.function(sweeps, "method", variant) for _ in range(2))
    one, other = ({"": found} if isinstance(found, torch.Tensor) else dict(found) for found in (first, second))
    same(other, one, 0.0)


def precision_is_free(metric: Metric, readings: Readings) -> None:
    """Readings in single precision give the scores of the same values in double precision."""
    single = readings.change(lambda x: x.float() if x.is_floating_point() else x, *readings.tensors)
    found = single.scores(metric)
    assert all(values.is_floating_point() for values in found.values())
    as_double = {part: values.double() for part, values in found.items()}
    same(as_double, readings.scores(metric), SINGLE)


def nan_stays_nan(metric: Metric, readings: Readings) -> None:
    """A unit whose readings are NaN scores NaN in every part, and no other unit's score changes."""
    names = [name for name, axis in UNIT_AXIS.items() if axis is not None and readings[name].is_floating_point()]
    found = readings.change_unit(2, lambda x: torch.full_like(x, torch.nan), *names).scores(metric)
    for part, values in found.items():
        assert values[2].isnan(), f"{part!r} is {values[2]} where all readings are NaN"
    rest = [row for row in range(len(readings)) if row != 2]
    same(rows_of(found, rest), rows_of(readings.scores(metric), rest))


def flat_maps_are_no_infinity(metric: Metric, readings: Readings) -> None:
    """Zero and constant maps, of the method or of its variations only, score within the range or NaN."""
    for value in (0.0, 1.0, 0.1, -0.1):
        for names in (MAPS, ("output",), [name for name in MAPS if name != "output"]):
            within_range(metric, readings.change_unit(1, partial(torch.full_like, fill_value=value), *names))


def within_range(metric: Metric, readings: Readings) -> None:
    """Scores of the main part are NaN or finite and in the declared range; other parts are not infinite."""
    low, high = (
        bound if bound is not None else sign * torch.inf for bound, sign in zip(metric.range, (-1, 1), strict=True)
    )
    for part, values in readings.scores(metric).items():
        assert not values.isinf().any(), f"{part!r} is infinite"
        if part in {"", "confidence"}:
            defined = values[~values.isnan()]
            assert bool(((defined >= low - 1e-9) & (defined <= high + 1e-9)).all()), f"{part!r} leaves the range"


def hard_readings_keep_the_range(metric: Metric, readings: Readings) -> None:
    """Ties, huge and tiny maps, equal curves and certain predictions keep the range too."""
    within_range(metric, readings)
    within_range(metric, readings.change(torch.round, *MAPS, "contribution", "sensitivity"))
    within_range(metric, readings.change(lambda x: 1e30 * x, *MAPS))
    within_range(metric, readings.change(lambda x: 1e-30 * x, *MAPS))
    within_range(metric, readings.change(lambda x: -x.abs(), *MAPS))
    within_range(metric, readings.change(torch.ones_like, *CURVES, "without_positive", "without_negative"))
    within_range(metric, readings.change(torch.zeros_like, *CURVES, "drop", "count", "near_kept"))
    certain = readings.change(
        lambda x: (x == x.amax(1, keepdim=True)).double(), "before", "removed", "kept", "probabilities"
    )
    within_range(metric, certain)
    still = {
        "near_inputs": readings["inputs"],
        "near_logits": readings["clean_logits"],
        "neighbour_maps": readings["output"],
    }
    within_range(metric, readings.put(**{name: x.expand_as(readings[name]) for name, x in still.items()}))


def reads_what_it_declares(metric: Metric, readings: Readings) -> None:
    """Every declared sweep is read, and without its declaration it cannot be."""
    readings.scores(metric)
    for name in metric.sweeps:
        rest = tuple(other for other in metric.sweeps if other != name)
        assert _refused(replace(metric, sweeps=rest), readings) == name, f"{name} is declared and not read"


def _refused(metric: Metric, readings: Readings) -> str:
    """Return the sweep that the gate refuses to a metric; '' where it refuses none."""
    try:
        readings.scores(metric)
    except UndeclaredSweep as refusal:
        return str(refusal).split("'")[1]
    return ""


def order_of_repetitions_is_free(metric: Metric, readings: Readings) -> None:
    """Subsets, neighbours, random models and draws count alike, in any order: nothing accumulates."""

    def turned(x: Tensor) -> Tensor:
        return x.roll(1, 0).flip(0)

    near = ("near_inputs", "near_logits", "near_features", "near_kept", "neighbour_maps")
    other = readings.change(turned, *near, "randomised", "draws", "subsets", "sizes")
    other = other.change(lambda x: turned(x.T).T, "drop")
    same(other.scores(metric), readings.scores(metric))


def places_are_free(metric: Metric, readings: Readings) -> None:
    """Locations moved about alike in maps, inputs, truths and subsets change no score: no axis is special."""
    size, image = readings["subsets"].shape[1], readings["inputs"].ndim == 4
    order = torch.randperm(size, generator=torch.Generator().manual_seed(3))

    def moved(x: Tensor) -> Tensor:
        flat = x.flatten(-2) if image else x
        return flat[..., order].view(x.shape)

    spatial = ("inputs", "baseline", "near_inputs", *MAPS, *(name for name in TRUTHS if name != "labels"))
    other = readings.change(moved, *spatial).change(lambda x: x[:, order], "subsets")
    same(other.scores(metric), readings.scores(metric))


def steps_are_free(metric: Metric, readings: Readings) -> None:
    """A curve read at more points on its own straight lines has the same area."""

    def halved(x: Tensor) -> Tensor:
        middle = (x[..., :-1] + x[..., 1:]) / 2
        inner = torch.stack([x[..., :-1], middle], -1).flatten(-2)
        return torch.cat([inner, x[..., -1:]], -1)

    same(readings.change(halved, *CURVES, "fractions").scores(metric), readings.scores(metric))


def empty_truths_are_undefined(metric: Metric, readings: Readings) -> None:
    """A unit whose truths are empty scores NaN where the metric needs them, and the same where it doesn't."""
    spatial = [name for name in TRUTHS if name != "labels"]
    found = readings.change_unit(3, torch.zeros_like, *spatial).scores(metric)
    before = readings.scores(metric)
    if set(metric.needs) & set(spatial):
        assert all(values[3].isnan() for values in found.values())
        before = {part: values.index_fill(0, torch.tensor(3), torch.nan) for part, values in before.items()}
    same(found, before)


def scale_is_free(metric: Metric, readings: Readings) -> None:
    """Maps count up to a positive factor of their own."""
    factors = torch.tensor([2.0**power for power in range(-3, len(readings) - 3)]).double()

    def scaled(x: Tensor, axis: int) -> Tensor:
        return x * factors.view(-1, *[1] * (x.ndim - axis - 1))

    other = readings.put(**{name: scaled(readings[name], UNIT_AXIS[name] or 0) for name in MAPS})
    same(other.scores(metric), readings.scores(metric))


READING_LAWS: tuple[Callable[[Any, Readings], None], ...] = (
    it_looks,
    inputs_stay,
    calls_repeat,
    precision_is_free,
    nan_stays_nan,
    flat_maps_are_no_infinity,
    hard_readings_keep_the_range,
    reads_what_it_declares,
    order_of_repetitions_is_free,
    places_are_free,
    steps_are_free,
    empty_truths_are_undefined,
    scale_is_free,
)

LAWS: dict[str, Callable[..., None]] = {law.__name__: law for law in (*BENCH_LAWS, *READING_LAWS)}

PAIRS = "it compares a unit's map with the map of another unit of its class"
PLACES = "its projections are fixed vectors over places"
EXEMPT: dict[tuple[str, str], str] = {
    ("robustness.contrast", "units_stand_alone"): PAIRS,
    ("robustness.contrast", "splits_join"): PAIRS,
    ("robustness.contrast", "nan_stays_nan"): PAIRS,
    ("repeatability.signal", "order_of_repetitions_is_free"): "its parts are named by draw",
    ("robustness.contrast", "order_of_repetitions_is_free"): "the first draw is the output itself",
    ("repeatability.signal", "places_are_free"): PLACES,
    (
        "repeatability.signal",
        "reads_what_it_declares",
    ): "passes of draws are counted under the sweep of outputs",
    ("robustness.local_lipschitz", "scale_is_free"): "its unit is that of maps over that of inputs",
    ("axioms.completeness", "scale_is_free"): "attributions must sum to a difference of logits",
    ("axioms.conservation", "scale_is_free"): "relevance must sum to the total that is shared out",
}
"""(metric, law) -> why the definition itself breaks the law."""
