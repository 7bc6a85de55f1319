"""Sweeps: made once, read only when declared, counted under their own names."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch

from xaic.documents.errors import BadData
from xaic.engine.runner import Runner
from xaic.engine.streams import Streams
from xaic.engine.sweeps import Sweeps, UndeclaredSweep, sweep, sweeps_class, sweeps_for
from xaic.families.base import Posed


class Toy(Sweeps):
    """Sweeps that count how often they are made, and one that fails at first."""

    def __init__(self, protocol: dict[str, Any] | None = None) -> None:
        task = SimpleNamespace(units=("a", "b"))
        posed: Posed[Any] = Posed(task, {"labels": torch.tensor([1, 0])})
        super().__init__(posed, {}, protocol or {}, Runner(), Streams(0))
        self.made: list[str] = []
        self.broken = True

    @sweep(shared=True)
    def base(self) -> int:
        self.made.append("base")
        self.meter.add(2)
        return 10

    @sweep
    def level(self, subject: str, height: int = 0) -> int:
        self.made.append(f"level {subject} {height}")
        self.meter.add(3, 1)
        return self.base() + height

    @sweep
    def named(self, *, depth: int = 0) -> int:
        self.made.append(f"named {depth}")
        return depth

    @sweep
    def fails_once(self) -> int:
        self.meter.add(1)
        if self.broken:
            raise RuntimeError("not yet")
        return 1


def test_a_sweep_is_made_once_however_often_it_is_read() -> None:
    toy = Toy()
    assert [toy.base() for _ in range(3)] == [10] * 3
    assert toy.made == ["base"]


def test_arguments_tell_sweeps_apart() -> None:
    toy = Toy()
    assert (toy.level("m", 1), toy.level("m", 2), toy.level("c", 1)) == (11, 12, 11)
    assert toy.made == ["level m 1", "base", "level m 2", "level c 1"]


def test_arguments_by_place_by_name_or_by_default_are_the_same_sweep() -> None:
    toy = Toy()
    found = {toy.level("m"), toy.level("m", 0), toy.level("m", height=0), toy.level(height=0, subject="m")}
    assert found == {10}
    assert toy.made == ["level m 0", "base"]
    assert toy.meter.total().forward == 5


def test_arguments_that_have_a_name_only_tell_sweeps_apart_too() -> None:
    toy = Toy()
    assert (toy.named(depth=1), toy.named(depth=2), toy.named(), toy.named(depth=0)) == (1, 2, 0, 0)
    assert toy.made == ["named 1", "named 2", "named 0"]


def test_wrong_arguments_are_refused_and_nothing_is_made() -> None:
    toy = Toy()
    with pytest.raises(TypeError):
        toy.level("m", depth=1)  # type: ignore[call-arg]
    assert toy.made == []


def test_reading_what_was_not_declared_is_refused_with_the_mend() -> None:
    toy = Toy()
    with toy.reading(("base",)):
        assert toy.base() == 10
        with pytest.raises(UndeclaredSweep, match="sweep 'level' was read but not declared; add it to the metric's"):
            toy.level("m")
    assert toy.made == ["base"]
    assert toy.level("m") == 10  # outside of a metric everything may be read


def test_a_sweep_that_was_made_before_is_refused_all_the_same() -> None:
    toy = Toy()
    toy.level("m")
    with toy.reading(("base",)), pytest.raises(UndeclaredSweep):
        toy.level("m")


def test_sweeps_may_read_sweeps() -> None:
    toy = Toy()
    with toy.reading(("level",)):
        assert toy.level("m", 1) == 11
        with pytest.raises(UndeclaredSweep):  # but the metric may not
            toy.base()


def test_gates_close_again_after_a_fault_and_lie_in_each_other() -> None:
    toy = Toy()

    def fail() -> None:
        with toy.reading(("level",)):
            toy.level("m")
            raise ZeroDivisionError

    with toy.reading(("base",)):
        with pytest.raises(ZeroDivisionError):
            fail()
        toy.base()
        with pytest.raises(UndeclaredSweep):
            toy.level("m")
        with toy.free():
            assert toy.level("m") == 10
        with pytest.raises(UndeclaredSweep):
            toy.level("m")


def test_a_sweep_that_failed_is_not_kept_and_leaves_no_gate_open() -> None:
    toy = Toy()
    with toy.reading(("fails_once",)):
        with pytest.raises(RuntimeError, match="not yet"):
            toy.fails_once()
        with pytest.raises(UndeclaredSweep):
            toy.base()
        toy.broken = False
        assert toy.fails_once() == 1


def test_passes_are_told_by_sweep_and_shared_ones_are_marked() -> None:
    toy = Toy()
    toy.level("m", 1)
    toy.level("m", 2)
    assert toy.passes() == {
        "base": {"forward": 2, "backward": 0, "shared": True},
        "level": {"forward": 6, "backward": 2, "shared": False},
    }


def test_the_callers_protocol_and_probes_are_copied() -> None:
    protocol: dict[str, Any] = {"steps": 4}
    toy = Toy(protocol)
    toy.protocol["steps"] = 5
    toy.probes["method"] = object()
    assert protocol == {"steps": 4}


def test_a_truth_that_is_not_offered_is_named() -> None:
    toy = Toy()
    assert toy.truth("labels").tolist() == [1, 0]
    with pytest.raises(BadData, match=r"offers no truth 'mask'; it offers \['labels'\]"):
        toy.truth("mask")


def test_a_family_has_its_own_sweeps_and_any_other_the_plain_ones() -> None:
    from xaic.engine.attribution import AttributionSweeps

    assert sweeps_class("attribution") is AttributionSweeps
    assert sweeps_class("a family of tomorrow") is Sweeps
    sweeps_for("a family of tests")(Toy)
    assert sweeps_class("a family of tests") is Toy
