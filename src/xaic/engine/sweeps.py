"""Sweeps: the passes that metrics read. Each is made once a trial, however many metrics read it.

A family may derive its own class and register it with ``@sweeps_for``; a family without one reads outputs and truths.
A metric may read only the sweeps it declares; reading another raises ``UndeclaredSweep``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeAlias, TypeVar, overload

from xaic.documents.errors import BadData
from xaic.engine.meter import Meter

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from xaic.engine.cache import Cache
    from xaic.engine.runner import Runner
    from xaic.engine.streams import Streams
    from xaic.families.base import Posed

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S", bound="Sweeps")
Made: TypeAlias = Callable[Concatenate[S, P], R]


class UndeclaredSweep(BadData):
    """A metric read a sweep that its declaration does not name."""


@overload
def sweep(function: Made[S, P, R]) -> Made[S, P, R]: ...


@overload
def sweep(*, shared: bool) -> Callable[[Made[S, P, R]], Made[S, P, R]]: ...


def sweep(function: Made[S, P, R] | None = None, *, shared: bool = False) -> Any:
    """Make a method of ``Sweeps`` a sweep: memoised by its arguments, counted, read only when declared.

    It is made once, whether its arguments are given by place or by name. A shared sweep does not depend on the method
    under test: its passes are counted once a benchmark.
    """

    def decorate(inner: Made[S, P, R]) -> Any:
        name, signature = inner.__name__, inspect.signature(inner)

        @wraps(inner)
        def read(self: S, *args: P.args, **kwargs: P.kwargs) -> R:
            self.permit(name)
            bound = signature.bind(self, *args, **kwargs)
            bound.apply_defaults()
            key = (name, bound.args[1:], tuple(sorted(bound.kwargs.items())))
            if key not in self.memo:
                with self.meter.counting(name), self.within(name):
                    self.memo[key] = inner(self, *args, **kwargs)
                if shared:
                    self.shared_names.add(name)
            found: R = self.memo[key]
            return found

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
        cache: Cache | None = None,
    ) -> None:
        self.posed, self.probes, self.protocol = posed, dict(probes), dict(protocol)
        self.runner, self.streams, self.cache = runner, streams, cache
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
    def free(self) -> Iterator[None]:
        """Allow every sweep inside: for what is no metric."""
        before, self._declared = self._declared, None
        try:
            yield
        finally:
            self._declared = before

    @contextmanager
    def within(self, name: str) -> Iterator[None]:  # noqa: ARG002
        """Mark that a sweep is being made: what it reads itself needs no declaration."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def prepare(self, wanted: frozenset[str]) -> None:
        """Make what every method of the benchmark shares, of the sweeps that are ``wanted``; by default nothing is."""

    def for_controls(self) -> dict[str, Any]:
        """Return what derived controls of the family need besides the task."""
        return {}

    def keepsakes(self) -> dict[str, bytes]:
        """Return files, by name, that a report shows."""
        return {}

    def pictures(self) -> dict[str, bytes]:
        """Return files, by name, that show the inputs themselves."""
        return {}

    def passes(self) -> dict[str, dict[str, Any]]:
        """Return rows that went forward and backward by sweep, and whether the sweep is shared by all methods.

        What was read from a cache counts as if it had been made here: counts do not tell how a run was interrupted.
        """
        return {
            name: {"forward": made.forward, "backward": made.backward, "shared": name in self.shared_names}
            for name, made in sorted(self.meter.sweeps.items())
        }


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
