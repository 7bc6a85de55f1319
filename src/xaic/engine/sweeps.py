"""Sweeps: the passes that metrics read. Each is made once a trial, however many metrics read it.

A family may derive its own class and register it with ``@sweeps_for``; a family without one reads outputs and truths.
A metric may read only the sweeps it declares; reading another raises ``UndeclaredSweep``.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from xaic.documents.errors import BadData
from xaic.engine.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from torch import Tensor

    from xaic.engine.runner import Runner
    from xaic.engine.streams import Streams
    from xaic.families.base import Posed

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Sweeps")


class UndeclaredSweep(BadData):
    """A metric read a sweep that its declaration does not name."""


def sweep(
    function: Callable[Concatenate[S, P], R] | None = None, *, shared: bool = False
) -> Any:
    """Make a method of ``Sweeps`` a sweep: memoised by its arguments, counted, read only when declared.

    A shared sweep does not depend on the method under test: its passes are counted once a benchmark.
    """

    def decorate(inner: Callable[Concatenate[S, P], R]) -> Callable[Concatenate[S, P], R]:
        name = inner.__name__

        @wraps(inner)
        def read(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
            self.permit(name)
            key = (name, args, tuple(sorted(kwargs.items())))
            if key not in self.memo:
                with self.meter.counting(name), self.within(name):
                    self.memo[key] = inner(self, *args, **kwargs)
                if shared:
                    self.shared_names.add(name)
            return self.memo[key]  # type: ignore[no-any-return]

        return read

    return decorate if function is None else decorate(function)


class Sweeps:
    """What a metric reads: outputs of the method and of its derived controls, and the benchmark's truths.

    ``probes`` maps a subject to its probe: 'method' is the method itself; 'C2', 'C3', 'C7', 'C8' its derived controls.
    """

    def __init__(
        self,
        posed: Posed[Any],
        probes: Mapping[str, Any],
        protocol: Mapping[str, Any],
        runner: Runner,
        streams: Streams,
    ) -> None:
        self.posed, self.probes, self.protocol = posed, dict(probes), dict(protocol)
        self.runner, self.streams = runner, streams
        self.meter: Meter = runner.meter
        self.memo: dict[Any, Any] = {}
        self.shared_names: set[str] = set()
        self._declared: frozenset[str] | None = None
        self._depth = 0

    @property
    def task(self) -> Any:
        """The benchmark's task."""
        return self.posed.task

    def truth(self, name: str) -> Tensor:
        """Return a truth of the benchmark; raise ``BadData`` where it offers none of that name."""
        if name not in self.posed.truths:
            raise BadData(f"the benchmark offers no truth {name!r}; it offers {sorted(self.posed.truths)}")
        return self.posed.truths[name]

    @sweep
    def output(self, subject: str, draw: int = 0) -> Any:
        """The output of a subject for the whole task."""
        return self.probes[subject].run(self.task, draw=draw)

    @contextmanager
    def reading(self, declared: tuple[str, ...]) -> Iterator[None]:
        """Allow only the declared sweeps to be read inside."""
        before, self._declared = self._declared, frozenset(declared)
        try:
            yield
        finally:
            self._declared = before

    def permit(self, name: str) -> None:
        """Raise ``UndeclaredSweep`` where a metric reads what it did not declare; sweeps may read sweeps."""
        if self._depth == 0 and self._declared is not None and name not in self._declared:
            raise UndeclaredSweep(f"sweep {name!r} was read but not declared; add it to the metric's sweeps")

    @contextmanager
    def within(self, name: str) -> Iterator[None]:  # noqa: ARG002
        """Mark that a sweep is being made: what it reads itself needs no declaration."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1


_SWEEPS: dict[str, type[Sweeps]] = {}


def sweeps_for(family: str) -> Callable[[type[S]], type[S]]:
    """Class decorator: the sweeps of a family."""

    def register(cls: type[S]) -> type[S]:
        _SWEEPS[family] = cls
        return cls

    return register


def sweeps_class(family: str) -> type[Sweeps]:
    """Return the sweeps of a family, or the plain ones."""
    from xaic.registry import load_room

    load_room("xaic.engine")
    return _SWEEPS.get(family, Sweeps)
