"""Fashion: which images were taken, what is shipped of the rest, and building from the original files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from xaic.documents.errors import BadData, MissingFile, Misuse
from xaic.specimens import __main__ as command
from xaic.specimens import get_specimen
from xaic.specimens.fashion import NETWORKS, Fashion, read_idx

if TYPE_CHECKING:
    from numpy.typing import NDArray

FILES = {"train": ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")}
FILES["t10k"] = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")


def stored(name: str) -> dict[str, NDArray[Any]]:
    with np.load(get_specimen("fashion").file(name), allow_pickle=False) as file:
        return dict(file)


def chosen() -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads(get_specimen("fashion").file("units.json").read_text("utf-8"))
    return found


def in_turn(labels: NDArray[Any], each: int) -> list[int]:
    """Return the first ``each`` rows of every class, classes taking turns."""
    first = [np.flatnonzero(labels == k)[:each] for k in range(10)]
    return [int(rows[turn]) for turn in range(each) for rows in first]


def test_the_shipped_images_are_the_first_hundred_of_each_class() -> None:
    """The labels of all 10,000 test images are shipped beside the logits, so the choice can be made again."""
    labels = stored("logits.npz")["labels"]
    assert len(labels) == 10000
    assert np.bincount(labels).tolist() == [1000] * 10
    assert chosen()["test"] == in_turn(labels, 100)
    assert stored("images.npz")["test_labels"].tolist() == labels[chosen()["test"]].tolist()


def test_background_images_are_of_the_training_set_classes_taking_turns() -> None:
    labels, rows = stored("images.npz")["background_labels"], chosen()["background"]
    assert labels.tolist() == [row % 10 for row in range(512)]
    assert len(set(rows)) == 512
    assert 0 <= min(rows) <= max(rows) < 60000
    for k in range(10):
        own = rows[k::10]
        assert own == sorted(own)


def test_stored_logits_are_those_of_the_shipped_network() -> None:
    logits, images = stored("logits.npz")["logits"], stored("images.npz")["test"]
    module = Fashion().model("bn").module()
    with torch.no_grad():
        found = module(torch.from_numpy(images.astype(np.float32) / 255)[:, None])
    np.testing.assert_allclose(found.numpy(), logits[chosen()["test"]], rtol=0, atol=1e-4)


def test_the_accuracy_on_all_test_images_is_that_of_the_record() -> None:
    found = stored("logits.npz")
    right = float((found["logits"].argmax(1) == found["labels"]).mean())
    assert right == pytest.approx(get_specimen("fashion").record().performance["bn/accuracy_test"], abs=1e-4)


@pytest.mark.parametrize("variant", NETWORKS)
def test_the_shipped_share_is_what_a_sample_of_the_test_set_gives(variant: str) -> None:
    """1,000 of 10,000, so many of each class: the two shares differ by chance only."""
    stated = get_specimen("fashion").record().performance
    whole, part = stated[f"{variant}/accuracy_test"], stated[f"{variant}/accuracy_shipped"]
    assert abs(whole - part) < 4 * np.sqrt(whole * (1 - whole) * 0.9 / 1000)


def test_logits_are_split_into_rows_to_fit_on_and_units() -> None:
    material, found = get_specimen("fashion").load("logits"), stored("logits.npz")
    assert np.array_equal(material.background.numpy(), found["logits"][:5000])
    assert np.array_equal(material.inputs.numpy(), found["logits"][5000:])
    assert material.background_labels is not None
    assert np.array_equal(material.background_labels.numpy(), found["labels"][:5000])
    assert np.array_equal(material.labels.numpy(), found["labels"][5000:])
    assert material.units[0] == "test-05000"
    assert material.units[-1] == "test-09999"
    assert material.model is None


def test_images_are_scaled_to_the_unit_interval() -> None:
    test, _, background, _ = Fashion().images()
    assert test.shape == (1000, 1, 28, 28)
    assert background.shape == (512, 1, 28, 28)
    assert (float(test.min()), float(test.max())) == (0, 1)


# building


def idx(array: NDArray[np.uint8]) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(int(size).to_bytes(4, "big") for size in array.shape)
    return gzip.compress(head + array.tobytes(), mtime=0)


def write_source(folder: Path) -> dict[str, tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Write small files of the original format: ten classes told apart by a bright row."""
    folder.mkdir()
    written = {}
    for part, count in (("train", 1200), ("t10k", 1010)):
        g = np.random.default_rng(count)
        labels = g.permutation(np.arange(count) % 10).astype(np.uint8)
        images = g.integers(0, 80, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[4 + 2 * label : 6 + 2 * label, 4:24] = 255
        for name, array in zip(FILES[part], (images, labels), strict=True):
            (folder / name).write_bytes(idx(array))
        written[part] = images, labels
    return written


def test_idx_files_are_read_back(tmp_path: Path) -> None:
    written = write_source(tmp_path / "source")
    for part, arrays in written.items():
        for found, wanted in zip(read_idx(tmp_path / "source", part), arrays, strict=True):
            assert np.array_equal(found, wanted)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda raw: raw[: len(raw) // 2], "is no gzip file"),
        (lambda raw: b"plain text", "is no gzip file"),
        (lambda raw: gzip.compress(gzip.decompress(raw)[:-1]), "is no IDX file of unsigned bytes, or is cut short"),
        (lambda raw: gzip.compress(b"\0\0\x0d\x01" + bytes(8)), "is no IDX file of unsigned bytes"),
        (lambda raw: gzip.compress(b""), "is no IDX file of unsigned bytes"),
    ],
)
def test_damaged_originals_are_told(tmp_path: Path, damage: Any, told: str) -> None:
    write_source(tmp_path / "source")
    path = tmp_path / "source" / FILES["t10k"][1]
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(BadData, match=told):
        read_idx(tmp_path / "source", "t10k")


def test_missing_originals_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingFile, match="give the folder of the four Fashion-MNIST"):
        read_idx(tmp_path, "train")
    with pytest.raises(Misuse, match="give --source FOLDER"):
        Fashion().build(tmp_path)
    assert command.main(["build", "fashion", "--out", str(tmp_path / "out")]) == 64
    assert "give --source FOLDER" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()  # a build that fails leaves nothing behind


def test_building_chooses_trains_and_records(tmp_path: Path) -> None:
    written = write_source(tmp_path / "source")
    record = Fashion().rebuild(tmp_path / "out", source=tmp_path / "source", epochs=1)
    built = Fashion(tmp_path / "out")
    assert built.record() == record
    assert set(record.files) == set(Fashion().record().files)
    rows = json.loads((tmp_path / "out" / "units.json").read_text())
    assert rows["test"] == in_turn(written["t10k"][1], 100)
    test, labels, *_ = built.images()
    assert np.array_equal((255 * test[:, 0]).round().numpy(), written["t10k"][0][rows["test"]])
    assert np.array_equal(labels.numpy(), written["t10k"][1][rows["test"]])
    for variant in NETWORKS:
        with torch.no_grad():
            right = built.model(variant).module()(test).argmax(1) == labels
        assert float(right.double().mean()) == pytest.approx(
            record.performance[f"{variant}/accuracy_shipped"], abs=1e-3
        )
        assert sorted(rows[variant]) == right.nonzero().flatten().tolist()
