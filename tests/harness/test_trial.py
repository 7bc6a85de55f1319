"""What a worker is told to do with a method's parameters."""

from __future__ import annotations

from xaic.harness.trial import _parameters


def test_a_benchmark_may_bound_what_a_method_spends_and_never_raises_it() -> None:
    own = {"n_steps": 32, "samples": 20, "level": 0.1}
    assert _parameters(own, {}) == own
    assert _parameters(own, {"at_most": {"samples": 128, "n_steps": 16, "grid": 3}}) == {**own, "n_steps": 16}
