"""Tuning is measured once a machine, kept in the user's cache folder and read again; a damaged file is no answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.engine.material import MLP, SEEN, counted_cnn, random_model
from xaic.engine.runner import Runner, Tuning
from xaic.engine.tuning import CHUNKS, cache_folder, measure, pass_seconds

if TYPE_CHECKING:
    from xaic.families.model import Model

X = torch.zeros(3, 2, 6, 6)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XAIC_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return counted_cnn(tmp_path)


def files(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_the_cache_folder_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XAIC_CACHE", str(tmp_path / "here"))
    assert cache_folder() == tmp_path / "here"
    for empty in (True, False):
        monkeypatch.setenv("XAIC_CACHE", "") if empty else monkeypatch.delenv("XAIC_CACHE")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        assert cache_folder() == tmp_path / "home" / ".cache" / "xaic"


def test_what_was_measured_is_kept_and_is_one_of_those_tried(cache: Path, model: Model) -> None:
    SEEN.clear()
    found = measure(model, X)
    assert SEEN.forward > 0
    assert set(SEEN.inference) == {True}
    assert found.chunk in CHUNKS
    (file,) = files(cache)
    assert json.loads(file.read_text()) == {"chunk": found.chunk, "channels_last": found.channels_last}


def test_a_kept_tuning_is_read_and_nothing_is_measured(cache: Path, model: Model) -> None:
    measure(model, X)
    (file,) = files(cache)
    for other in (Tuning(CHUNKS[0], channels_last=True), Tuning(CHUNKS[-1], channels_last=False)):
        file.write_text(json.dumps({"chunk": other.chunk, "channels_last": other.channels_last}))
        SEEN.clear()
        assert measure(model, X) == other
        assert SEEN.forward == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        '{"chunk": 3',
        "null",
        "[64, true]",
        '{"chunk": 64, "colour": 1}',
        '{"chunk": 0, "channels_last": false}',
        '{"chunk": "64", "channels_last": false}',
        '{"chunk": 64, "channels_last": "yes"}',
    ],
)
def test_a_damaged_file_is_measured_anew_and_mended(cache: Path, model: Model, text: str) -> None:
    measure(model, X)
    (file,) = files(cache)
    file.write_text(text)
    SEEN.clear()
    found = measure(model, X)
    assert SEEN.forward > 0
    assert found.chunk in CHUNKS
    assert json.loads(file.read_text()) == {"chunk": found.chunk, "channels_last": found.channels_last}


def test_bytes_that_are_no_text_are_measured_anew(cache: Path, model: Model) -> None:
    measure(model, X)
    (file,) = files(cache)
    file.write_bytes(b"\xff\xfe\x00")
    assert measure(model, X).chunk in CHUNKS
    assert b"chunk" in file.read_bytes()


def test_another_model_shape_or_thread_count_is_another_tuning(cache: Path, model: Model, tmp_path: Path) -> None:
    measure(model, X)
    measure(model, X[:1])  # other rows of one shape: the same
    assert len(files(cache)) == 1
    measure(model, torch.zeros(3, 2, 4, 4))
    measure(random_model(tmp_path, MLP, {"widths": [4, 2]}), torch.zeros(3, 4))
    assert len(files(cache)) == 3
    threads = torch.get_num_threads()
    torch.set_num_threads(3 - min(threads, 2))
    try:
        measure(model, X)
    finally:
        torch.set_num_threads(threads)
    assert len(files(cache)) == 4


def test_tables_have_no_layout_to_choose(cache: Path, tmp_path: Path) -> None:
    assert not measure(random_model(tmp_path, MLP, {"widths": [4, 2]}), torch.zeros(3, 4)).channels_last


def test_a_measurement_runs_the_layout_and_chunk_it_names(model: Model) -> None:
    SEEN.clear()
    pass_seconds(model, X, Tuning(8, channels_last=True), seconds=0)
    assert {len(rows) for rows in SEEN.inputs} == {8}
    assert all(rows.is_contiguous(memory_format=torch.channels_last) for rows in SEEN.inputs)


def test_a_runner_uses_the_tuning_it_is_given(model: Model) -> None:
    runner = Runner({model.digest: Tuning(2, channels_last=True)})
    SEEN.clear()
    runner.predict(model, X)
    assert [len(rows) for rows in SEEN.inputs] == [2, 1]
    assert all(rows.is_contiguous(memory_format=torch.channels_last) for rows in SEEN.inputs)
