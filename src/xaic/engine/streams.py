"""Random streams: every draw comes from a generator seeded by the run and the purpose it serves.

The stream of a unit depends on the unit's id, not on its row: a batch gives what its rows give alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import torch


@dataclass(frozen=True)
class Streams:
    """A tree of random streams: ``Streams(seed).at('masks', 'mean').generator(unit)``."""

    seed: int
    path: tuple[str, ...] = ()

    def at(self, *names: str | int) -> Streams:
        """Return the streams below a name."""
        return Streams(self.seed, (*self.path, *map(str, names)))

    def number(self, unit: str = "") -> int:
        """Return a seed in [0, 2^63) that depends on the run's seed, the path and the unit alone."""
        text = "\x1f".join((str(self.seed), *self.path, unit))
        return int.from_bytes(sha256(text.encode()).digest()[:8], "big") >> 1

    def generator(self, unit: str = "", device: torch.device | str = "cpu") -> torch.Generator:
        """Return a fresh generator for a unit ('' for what all units share)."""
        return torch.Generator(device).manual_seed(self.number(unit))
