"""Random streams: a draw depends on the run's seed, the purpose and the unit's id, and on nothing else."""

from __future__ import annotations

import subprocess
import sys

import torch
from hypothesis import given
from hypothesis import strategies as st

from xaic.engine.streams import Streams

NAMES = st.text("abc/ 01", max_size=4)


def first(streams: Streams, unit: str = "") -> float:
    return float(torch.rand((), generator=streams.generator(unit), dtype=torch.float64))


def test_a_stream_is_known_by_seed_path_and_unit() -> None:
    one = Streams(3).at("masks", "mean")
    assert one == Streams(3).at("masks").at("mean")
    assert first(one, "u") == first(Streams(3).at("masks", "mean"), "u")
    others = [
        first(Streams(4).at("masks", "mean"), "u"),
        first(Streams(3).at("masks", "blur"), "u"),
        first(Streams(3).at("mean", "masks"), "u"),
        first(Streams(3).at("masks"), "u"),
        first(one, "v"),
        first(one),
    ]
    assert len({first(one, "u"), *others}) == 7


@given(st.lists(st.tuples(st.integers(0, 9), st.lists(NAMES, max_size=3), NAMES), min_size=2, max_size=20))
def test_other_names_are_other_streams(places: list[tuple[int, list[str], str]]) -> None:
    keys = {(seed, tuple(path), unit) for seed, path, unit in places}
    assert len({Streams(seed, path).number(unit) for seed, path, unit in keys}) == len(keys)


def test_numbers_are_names_too() -> None:
    assert Streams(0).at("model", 1) == Streams(0).at("model", "1")
    assert Streams(0).at(12).number() != Streams(0).at(1, 2).number()


def test_every_call_returns_a_fresh_generator_and_the_global_one_is_left_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    streams = Streams(0).at("a")
    torch.rand(5, generator=streams.generator("u"))
    assert first(streams, "u") == first(streams, "u")
    assert torch.equal(torch.get_rng_state(), before)


def test_numbers_are_seeds() -> None:
    found = [Streams(seed).number(f"u{unit}") for seed in range(20) for unit in range(20)]
    assert all(0 <= number < 2**63 for number in found)
    assert len(set(found)) == 400


def test_streams_of_units_are_independent() -> None:
    """400 streams of 200 normal draws: means, spreads and correlations as chance has them."""
    rows = [torch.randn(200, generator=Streams(5).at("x").generator(f"u{i}"), dtype=torch.float64) for i in range(400)]
    draws = torch.stack(rows)
    assert abs(float(draws.mean())) < 5 / (400 * 200) ** 0.5
    assert abs(float(draws[:, 0].mean())) < 5 / 400**0.5
    correlation = torch.corrcoef(draws)
    off = correlation[~torch.eye(400, dtype=torch.bool)]
    assert abs(float(off.std()) * 200**0.5 - 1) < 0.05
    assert float(off.abs().max()) < 6 / 200**0.5


def test_another_process_draws_the_same() -> None:
    code = "from xaic.engine.streams import Streams; print(Streams(3).at('masks', 2).number('unit-7'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == Streams(3).at("masks", 2).number("unit-7")
