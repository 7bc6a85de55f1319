"""The cache: whole parcels by key or nothing, whoever writes at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from xaic.engine.cache import Cache
from xaic.families.base import Parcel

KEY = "ab" + "0" * 62
WRITER = """
import sys, torch
from pathlib import Path
from xaic.engine.cache import Cache
from xaic.families.base import Parcel

cache = Cache(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for turn in range(60):
    size = 20000 + turn % 2
    cache.put(sys.argv[2], Parcel({"x": torch.full((size,), float(size))}, {"size": size}))
"""


def parcel() -> Parcel:
    tensors = {
        "double": torch.tensor([1.5, torch.nan, -torch.inf], dtype=torch.float64),
        "flags": torch.tensor([[True], [False]]),
        "empty": torch.empty(0, 3),
        "turned": torch.arange(6).view(2, 3).T,
        "integer": torch.tensor(7),
    }
    return Parcel(tensors, {"forward": 12, "text": "é", "none": None, "list": [1, 2.5]})


def same(found: Parcel | None, wanted: Parcel) -> bool:
    assert found is not None
    assert found.data == wanted.data
    assert set(found.tensors) == set(wanted.tensors)
    for name, tensor in wanted.tensors.items():
        torch.testing.assert_close(found.tensors[name], tensor, rtol=0, atol=0, equal_nan=True)
        assert found.tensors[name].dtype == tensor.dtype
    return True


def test_what_is_put_is_got(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, parcel())
    assert same(cache.get(KEY), parcel())
    assert same(Cache(tmp_path).get(KEY), parcel())


def test_an_unknown_key_is_none(tmp_path: Path) -> None:
    assert Cache(tmp_path / "nowhere").get(KEY) is None


def test_what_was_got_may_be_changed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, parcel())
    found = cache.get(KEY)
    assert found is not None
    found.tensors["double"].zero_()
    assert same(cache.get(KEY), parcel())


def test_the_last_one_put_stands(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, Parcel({"x": torch.zeros(1000)}, {}))
    cache.put(KEY, parcel())
    assert same(cache.get(KEY), parcel())


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.999])
def test_a_file_cut_short_counts_as_none(tmp_path: Path, share: float) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, parcel())
    path = cache.path(KEY)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    assert cache.get(KEY) is None
    cache.put(KEY, parcel())
    assert same(cache.get(KEY), parcel())


@pytest.mark.parametrize("bytes_", [b"\0" * 300, b"not a tensor" * 30, b'\x10\0\0\0\0\0\0\0{"a": }         '])
def test_a_file_of_something_else_counts_as_none(tmp_path: Path, bytes_: bytes) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, parcel())
    cache.path(KEY).write_bytes(bytes_)
    assert cache.get(KEY) is None


def test_no_key_is_a_prefix_of_another(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put(KEY, parcel())
    assert cache.get(KEY[:-1] + "1") is None
    assert cache.path(KEY) != cache.path("cd" + KEY[2:])


def test_two_processes_write_at_once_and_a_reader_never_sees_half(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), KEY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdin is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    cache, seen = Cache(tmp_path), 0
    while any(writer.poll() is None for writer in writers):
        found = cache.get(KEY)
        if cache.path(KEY).exists() and found is not None:
            x, seen = found.tensors["x"], seen + 1
            assert len(x) == found.data["size"]
            assert bool((x == float(found.data["size"])).all())
    for writer in writers:
        assert writer.wait() == 0
        assert writer.stdout is not None
        assert writer.stdin is not None
        writer.stdout.close()
        writer.stdin.close()
    assert seen > 0
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [cache.path(KEY)]
