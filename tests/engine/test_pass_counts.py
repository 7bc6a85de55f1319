"""Counts of passes: formulas, the meter and a model that counts in its own forward agree, for every sweep."""

from __future__ import annotations

from collections import Counter
from inspect import isgeneratorfunction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from method_adapters.attribution.gradient import Gradient
from tests.engine.material import SEEN, Local, Riemann, counted_cnn, random_task, sweeps_of
from xaic.engine.attribution import AttributionSweeps
from xaic.engine.meter import Passes

if TYPE_CHECKING:
    from xaic.families.attribution import AttributionTask

N, B = 5, 7  # units, background rows
T, S, D, R, M = 4, 6, 3, 2, 2  # steps, subsets, draws, neighbours, randomised models
METHODS = {"riemann": (Riemann, 3), "gradient": (Gradient, 1)}  # passes a row, forward and backward alike

Formula = dict[str, int]


def formulas(m: int, *, norm: bool, doubles: bool) -> dict[str, tuple[tuple[Any, ...], Formula, Formula]]:
    """Return sweep -> arguments, rows of the engine's own passes, rows of the method's (forward and as many back)."""
    base = {"predictions": N}
    own = {"output": N * m}
    near = {"neighbours": (R + 1) * N}
    models = {"random_model": M * B * norm}
    return {
        "predictions": ((), base, {}),
        "baseline_logits": ((), {"baseline_logits": 1}, {}),
        "emptied": (("mean",), {"emptied": N}, {}),
        "subsets": (("mean",), {**base, "subsets": S * N}, {}),
        "neighbours": ((), near, {}),
        "random_model": ((0,), {"random_model": B * norm}, {}),
        "output": (("method",), {}, own),
        "removal": (("method", "mean"), {**base, "emptied": N, "removal": 2 * N * (T - 1)}, own),
        "cross_removal": (
            ("method", "mean"),
            {**base, "emptied": N, "cross_removal": N * (T - 1)},
            {"other_target": N * m},
        ),
        "signed_removal": (("method", "mean"), {**base, "signed_removal": 2 * N}, own),
        "masking": (("method", "mean"), {**base, "masking": 2 * N}, own),
        "other_target": (("method",), base, {"other_target": N * m}),
        "draws": (("method",), {}, {"output": D * N * m}),
        "again": (("method",), {}, {"again": N * m}),
        "neighbour_maps": (("method",), near, {"neighbour_maps": R * N * m}),
        "randomised": (("method",), models, {"randomised": M * N * m}),
        "doubled": (("method",), {}, {"doubled": 2 * N * m * doubles}),
    }


NAMES = sorted(formulas(1, norm=False, doubles=False))


def every_sweep() -> list[str]:
    """Return the names of all methods that are sweeps: what the decorator wraps (and no context manager)."""
    wrapped = {name: getattr(getattr(AttributionSweeps, name), "__wrapped__", None) for name in dir(AttributionSweeps)}
    return sorted(name for name, inner in wrapped.items() if inner and not isgeneratorfunction(inner))


def counted(sweeps: AttributionSweeps) -> dict[str, Passes]:
    return {name: made for name, made in sweeps.meter.sweeps.items() if made != Passes()}


def wanted(engine: Formula, method: Formula) -> dict[str, Passes]:
    forward = Counter(engine) + Counter(method)
    return {name: Passes(rows, method.get(name, 0)) for name, rows in forward.items() if rows}


def test_the_table_of_formulas_has_every_sweep() -> None:
    assert every_sweep() == NAMES


@pytest.mark.parametrize("norm", [False, True], ids=["plain", "bn"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_formula_meter_and_model_agree(tmp_path: Path, name: str, method: str, *, norm: bool) -> None:
    kind, m = METHODS[method]
    task = random_task(counted_cnn(tmp_path, norm=norm), (2, 6, 6), N)
    sweeps = sweeps_of(task, kind(), folder=tmp_path / "cache", chunk=4)
    arguments, engine, own = formulas(m, norm=norm, doubles=method == "riemann")[name]
    SEEN.clear()
    getattr(sweeps, name)(*arguments)
    assert counted(sweeps) == wanted(engine, own)
    assert Passes(SEEN.forward, SEEN.backward) == sweeps.meter.total()


def all_of_them(sweeps: AttributionSweeps) -> None:
    for name, (arguments, *_) in formulas(1, norm=True, doubles=True).items():
        getattr(sweeps, name)(*arguments)


@pytest.fixture
def task(tmp_path: Path) -> AttributionTask:
    return random_task(counted_cnn(tmp_path, norm=True), (2, 6, 6), N)


def test_all_sweeps_of_a_trial_share_what_they_read(task: AttributionTask, tmp_path: Path) -> None:
    sweeps = sweeps_of(task, folder=tmp_path / "cache")
    SEEN.clear()
    all_of_them(sweeps)
    m = 3
    engine = N + 1 + N + S * N + (R + 1) * N + M * B + 3 * N * (T - 1) + 2 * N + 2 * N
    method = N * m * (D + 1 + 1 + R + M + 2)  # draws, other target, again, neighbours, random models, doubled
    assert sweeps.meter.total() == Passes(engine + method, method)
    assert Passes(SEEN.forward, SEEN.backward) == sweeps.meter.total()


def test_shared_sweeps_are_marked_and_read_no_method(task: AttributionTask, tmp_path: Path) -> None:
    sweeps = sweeps_of(task, folder=tmp_path / "cache")
    all_of_them(sweeps)
    shared = {name for name, made in sweeps.passes().items() if made["shared"]}
    assert shared == {"predictions", "baseline_logits", "emptied", "subsets", "neighbours", "random_model"}
    lonely = sweeps_of(task, folder=tmp_path / "other")
    for name in shared:
        getattr(lonely, name)(*formulas(1, norm=True, doubles=True)[name][0])
    probe = lonely.probes["method"]
    assert isinstance(probe, Local)
    assert probe.asked == []


@pytest.mark.parametrize("first", ["subsets", "predictions", "emptied", "neighbours"])
def test_what_another_trial_made_counts_as_if_made_here(task: AttributionTask, tmp_path: Path, first: str) -> None:
    """Whichever sweep comes first, and whether its passes were made or read: the counts are the same."""
    cache = tmp_path / "cache"
    one = sweeps_of(task, folder=cache)
    arguments, *_ = formulas(3, norm=True, doubles=True)[first]
    getattr(one, first)(*arguments)
    all_of_them(one)
    SEEN.clear()
    other = sweeps_of(task, folder=cache)
    all_of_them(other)
    assert counted(other) == counted(one)
    method = N * 3 * (D + 1 + 1 + R + M + 2)
    curves = 3 * N * (T - 1) + 2 * N + 2 * N
    assert SEEN.forward == method + curves  # nothing that is shared was made again


def test_a_trial_that_prepares_makes_what_is_wanted_and_nothing_else(task: AttributionTask, tmp_path: Path) -> None:
    def prepared(*names: str) -> dict[str, Passes]:
        sweeps = sweeps_of(task, folder=tmp_path / "-".join(names))
        sweeps.probes.clear()
        sweeps.prepare(frozenset(names))
        return counted(sweeps)

    base = {"predictions": Passes(N)}
    assert prepared("again") == base
    assert prepared("removal") == prepared("cross_removal") == {**base, "emptied": Passes(N)}
    assert prepared("subsets") == {**base, "subsets": Passes(S * N)}
    assert prepared("neighbours") == {**base, "neighbours": Passes((R + 1) * N)}
    assert prepared("randomised") == {**base, "random_model": Passes(M * B)}
    assert prepared("baseline_logits") == {**base, "baseline_logits": Passes(1)}
