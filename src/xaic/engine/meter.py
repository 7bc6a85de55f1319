"""Counting passes: how many rows went forward and backward through a model, and for which sweep."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class Passes:
    """Rows that went through a model."""

    forward: int = 0
    backward: int = 0

    def add(self, forward: int, backward: int = 0) -> None:
        """Count more rows."""
        self.forward += forward
        self.backward += backward


@dataclass
class Meter:
    """Passes by sweep. Counting goes to the innermost open sweep only, so that nothing is counted twice."""

    sweeps: dict[str, Passes] = field(default_factory=dict)
    _open: list[str] = field(default_factory=list)

    @contextmanager
    def counting(self, sweep: str) -> Iterator[None]:
        """Count what happens inside under ``sweep``."""
        self._open.append(sweep)
        self.sweeps.setdefault(sweep, Passes())
        try:
            yield
        finally:
            self._open.pop()

    def add(self, forward: int, backward: int = 0) -> None:
        """Count rows under the open sweep, or under 'unassigned'."""
        name = self._open[-1] if self._open else "unassigned"
        self.sweeps.setdefault(name, Passes()).add(forward, backward)

    def total(self) -> Passes:
        """Return the passes of all sweeps together."""
        made = self.sweeps.values()
        return Passes(sum(p.forward for p in made), sum(p.backward for p in made))
