"""The meter counts every row once: under the innermost open sweep."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaic.engine.meter import Meter, Passes


def test_rows_go_to_the_innermost_open_sweep_only() -> None:
    meter = Meter()
    with meter.counting("outer"):
        meter.add(2)
        with meter.counting("inner"):
            meter.add(3, 4)
        meter.add(0, 5)
    assert meter.sweeps == {"outer": Passes(2, 5), "inner": Passes(3, 4)}


def test_rows_outside_of_any_sweep_are_unassigned_never_lost() -> None:
    meter = Meter()
    meter.add(7)
    with meter.counting("one"):
        meter.add(1)
    meter.add(0, 2)
    assert meter.sweeps["unassigned"] == Passes(7, 2)
    assert meter.total() == Passes(8, 2)


def test_a_sweep_inside_itself_counts_once() -> None:
    meter = Meter()
    with meter.counting("one"), meter.counting("one"):
        meter.add(3)
    assert meter.total() == meter.sweeps["one"] == Passes(3, 0)


def test_a_sweep_that_raises_is_closed() -> None:
    meter = Meter()

    def fail() -> None:
        with meter.counting("bad"):
            meter.add(1)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    meter.add(5)
    assert meter.sweeps == {"bad": Passes(1, 0), "unassigned": Passes(5, 0)}


def test_a_sweep_without_passes_is_known_with_none() -> None:
    meter = Meter()
    with meter.counting("idle"):
        pass
    assert meter.sweeps == {"idle": Passes(0, 0)}


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9), st.integers(0, 9))))
def test_totals_are_sums_however_sweeps_lie_in_each_other(steps: list[tuple[str, int, int]]) -> None:
    meter = Meter()

    def nest(rest: list[tuple[str, int, int]]) -> None:
        if rest:
            (name, forward, backward), *deeper = rest
            with meter.counting(name):
                nest(deeper)
                meter.add(forward, backward)

    nest(steps)
    assert meter.total() == Passes(sum(f for _, f, _ in steps), sum(b for *_, b in steps))
    for name in "abc":
        own = [(f, b) for n, f, b in steps if n == name]
        if own:
            assert meter.sweeps[name] == Passes(sum(f for f, _ in own), sum(b for _, b in own))
