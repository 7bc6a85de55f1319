"""What tests of the gate share: the small real run."""

from __future__ import annotations

from tests.harness.conftest import cache, tiny

__all__ = ["cache", "tiny"]
