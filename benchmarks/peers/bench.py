"""What every group of measurements is given: a case, the costs of its passes, and the peer's settings."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from bare import Bare, bare
from measuring import measured
from probing import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from cases import Case
    from measuring import Measured
    from quantus_side import Pilots

    from xaic.engine.runner import Tuning

T = TypeVar("T")


@dataclass(frozen=True)
class Bench:
    """A case on this machine. ``quick`` makes everything once and small."""

    case: Case
    cost: Bare
    pilots: Pilots
    quick: bool

    @property
    def tunings(self) -> dict[str, Tuning]:
        """What the runner needs to know."""
        return {self.case.model.digest: self.cost.chosen}

    def of(self, units: int, **protocol: Any) -> Bench:
        """Return the bench with fewer units and other settings."""
        return Bench(self.case.of(units, **protocol), self.cost, self.pilots, self.quick)

    @contextmanager
    def opened(
        self,
        method: str,
        *,
        derived: bool = False,
        cache: Path | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> Iterator[Any]:
        """Yield the sweeps of a method whose own maps are made already, as both sides are given them."""
        with opened(self.case, method, self.tunings, derived=derived, cache=cache, parameters=parameters) as sweeps:
            sweeps.output("method")
            yield sweeps

    def ours(self, work: Callable[[Any], T], ready: Callable[[Any], Any] = id) -> tuple[T, Measured]:
        """Do some work on fresh sweeps, as often as the clock asks; ``ready`` makes, off the clock, what is there."""

        @contextmanager
        def given() -> Iterator[Any]:
            with self.opened("attribution.gradient") as sweeps:
                ready(sweeps)
                yield sweeps

        return measured(work, given, once=self.quick)

    def cost_now(self) -> Bare:
        """Return the cost of passes as it is at this moment."""
        return self.cost.again(self.case, 0.02 if self.quick else 1.0)


def make_bench(case: Case, pilots: Callable[[Case], Pilots], *, quick: bool) -> Bench:
    """Measure what passes cost and which settings suit the peer."""
    return Bench(case, bare(case, 0.02 if quick else 1.0), pilots(case), quick)
