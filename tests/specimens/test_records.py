"""Every specimen: a valid record, files as recorded, material that is whole; a damaged byte is told with the mend."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from tests.specimens.copies import copy_of, edit_record
from xaic.documents.errors import BadData, BadDocument, ExtraMissing, MissingFile, UnknownName
from xaic.documents.schemas import validate
from xaic.documents.store import file_digest, parse
from xaic.specimens import __main__ as command
from xaic.specimens import all_specimens, get_specimen, material_facts, specimen_digest
from xaic.specimens.base import RECORD, Specimen

if TYPE_CHECKING:
    from xaic.families.base import Material

IDS = ("fashion", "labelled-photographs", "photographs", "planted", "series", "shape-scenes", "tabular", "trace")
VARIANTS = [(id, variant) for id in IDS for variant in get_specimen(id).record().variants]
FILES = [(id, name) for id in IDS for name in get_specimen(id).record().files]


def load(id: str, variant: str) -> Material:
    """Return a variant's material; skip the test where it needs an extra that is not installed."""
    try:
        return get_specimen(id).load(variant)
    except ExtraMissing as fault:
        pytest.skip(str(fault))


def test_the_shipped_specimens() -> None:
    assert set(IDS) <= set(all_specimens())


@pytest.mark.parametrize("id", IDS)
def test_the_record_is_valid_and_tells_what_a_reader_needs(id: str) -> None:
    specimen = get_specimen(id)
    data = parse(specimen.folder / RECORD)
    validate(data, specimen.folder / RECORD, "specimen")
    record = specimen.record()
    assert record.id == id
    assert record.rebuild.startswith(f"python -m xaic.specimens build {id}")
    for words in (record.title, record.origin, record.licence, record.notes, *record.variants.values()):
        assert words.strip()


@pytest.mark.parametrize("id", IDS)
def test_the_folder_holds_the_recorded_files_and_no_others(id: str) -> None:
    folder, record = get_specimen(id).folder, get_specimen(id).record()
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert there == {RECORD, *record.files}
    assert all(file_digest(folder / name) == found for name, found in record.files.items())


@pytest.mark.parametrize("id", IDS)
def test_every_truth_that_the_record_promises_is_delivered(id: str) -> None:
    record = get_specimen(id).record()
    found: set[str] = set()
    for variant in record.variants:
        material = load(id, variant)
        found |= set(material.truths)
    assert found == set(record.truths)


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_material_is_whole(id: str, variant: str) -> None:
    material = load(id, variant)
    n = len(material.units)
    assert n > 0
    assert len(set(material.units)) == n
    assert len(material.inputs) == len(material.labels) == len(material.targets) == n
    assert material.clusters == () or len(material.clusters) == n
    assert {len(truth) for truth in material.truths.values()} <= {n}
    for tensor in (material.inputs, material.background):
        assert bool(torch.isfinite(tensor).all())
        assert tensor.dtype == torch.float32
        assert tensor.shape[1:] == material.inputs.shape[1:]
    if material.model is not None:
        with torch.no_grad():
            logits = material.model.module()(material.inputs[:2])
        assert logits.shape[0] == 2
        assert int(material.targets.max()) < logits.shape[1]
        assert not material.model.classes or len(material.model.classes) == logits.shape[1]


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_no_unit_stands_in_the_background(id: str, variant: str) -> None:
    material = load(id, variant)
    seen = {row.numpy().tobytes() for row in material.background}
    assert not any(row.numpy().tobytes() in seen for row in material.inputs)


@pytest.mark.parametrize(("id", "variant"), VARIANTS)
def test_facts_are_those_of_the_module(id: str, variant: str) -> None:
    material, facts = load(id, variant), material_facts(id, variant)
    assert facts["kind"] == material.kind
    if material.model is None:
        assert facts == {"kind": material.kind, "activation": "", "modules": [], "digest": ""}
    else:
        assert facts["digest"] == material.model.digest
        leaves = {type(m).__name__ for m in material.model.module().modules() if not list(m.children())}
        assert set(facts["modules"]) == leaves


# damage


@pytest.mark.parametrize(("id", "name"), FILES, ids=lambda x: x)
@pytest.mark.parametrize("where", [0.0, 0.5, 1.0])
def test_one_damaged_byte_is_told_with_the_mend(tmp_path: Path, id: str, name: str, where: float) -> None:
    other = copy_of(get_specimen(id), tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[min(int(where * len(data)), len(data) - 1)] ^= 0x01
    (tmp_path / name).write_bytes(data)
    told = rf"{re.escape(name)}: SHA-256 is .*the file is damaged: rebuild the specimen with: python -m xaic.specimens"
    with pytest.raises(BadData, match=told):
        other.file(name)


@pytest.mark.parametrize(("id", "variant"), [pair for pair in VARIANTS if "photographs" not in pair[0]])
def test_loading_verifies_every_file_that_it_reads(tmp_path: Path, id: str, variant: str) -> None:
    """With one file damaged, loading is refused, or the file is none that the variant needs."""
    whole, used = load(id, variant), 0
    for name in get_specimen(id).record().files:
        other = copy_of(get_specimen(id), tmp_path / name)
        data = bytearray((tmp_path / name / name).read_bytes())
        data[-3] ^= 0x10
        (tmp_path / name / name).write_bytes(data)
        try:
            found = other.load(variant)
        except BadData as fault:
            assert "the file is damaged" in str(fault)  # noqa: PT017 - which files are read is the variant's business
            used += 1
        else:
            assert torch.equal(found.inputs, whole.inputs)
            assert found.units == whole.units
            assert found.model == whole.model or (
                found.model and whole.model and found.model.digest == whole.model.digest
            )
    assert used > 0


def test_a_missing_file_is_told_with_the_mend(tmp_path: Path) -> None:
    other = copy_of(get_specimen("tabular"), tmp_path)
    (tmp_path / "mlp.safetensors").unlink()
    with pytest.raises(MissingFile, match=r"mlp.safetensors: no such file; rebuild the specimen with: python -m"):
        other.load("mlp")


def test_a_file_that_the_record_does_not_name_is_refused(tmp_path: Path) -> None:
    other = copy_of(get_specimen("tabular"), tmp_path)
    (tmp_path / "extra.bin").write_bytes(b"x")
    with pytest.raises(BadData, match=r"at /files: 'extra.bin' is not listed"):
        other.file("extra.bin")


def test_an_unknown_variant_is_named() -> None:
    with pytest.raises(UnknownName, match="no variant of specimen 'tabular' is called 'mpl'; did you mean mlp"):
        get_specimen("tabular").load("mpl")


def test_a_record_of_another_specimen_is_refused(tmp_path: Path) -> None:
    other = copy_of(get_specimen("tabular"), tmp_path)
    edit_record(tmp_path, lambda record: record.update(id="series"))
    with pytest.raises(BadData, match="at /id: 'series' stands where 'tabular' must stand"):
        other.record()


def test_a_record_that_the_schema_refuses_is_refused(tmp_path: Path) -> None:
    other = copy_of(get_specimen("tabular"), tmp_path)
    edit_record(tmp_path, lambda record: record.pop("licence"))
    with pytest.raises(BadDocument, match="licence"):
        other.record()


# the command


def test_verify_passes_on_what_is_shipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["verify", *IDS]) == 0
    told = capsys.readouterr().out
    assert [line.split(":")[0] for line in told.splitlines()] == list(IDS)


def test_verify_runs_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "xaic.specimens", "verify"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(IDS)


def test_verify_ends_with_bad_data_where_a_file_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    specimen: Specimen = get_specimen("series")
    copy_of(specimen, tmp_path)
    (tmp_path / "units.json").write_bytes(b"{}")
    monkeypatch.setattr(specimen, "folder", tmp_path)
    assert command.main(["verify", "series"]) == 65
    assert "units.json: SHA-256 is" in capsys.readouterr().err
    assert command.main(["verify", "serie"]) == 64


def test_the_digest_of_a_variant_covers_tensors_units_and_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    specimen = get_specimen("tabular")
    material = specimen.load("mlp")
    known = specimen_digest("tabular", "mlp")
    assert len(known) == 64
    moved = material.inputs.clone()
    moved[3, 4] += 1e-6
    other_model = get_specimen("planted").load("linear").model
    for changed in (
        replace(material, inputs=moved),
        replace(material, targets=1 - material.targets),
        replace(material, units=tuple(reversed(material.units))),
        replace(material, background=material.background[1:]),
        replace(material, model=other_model),
        replace(material, truths={"relevant": material.inputs > 0}),
    ):
        monkeypatch.setitem(specimen._loaded, "mlp", changed)
        assert specimen_digest.__wrapped__("tabular", "mlp") != known
    monkeypatch.setitem(specimen._loaded, "mlp", material)
    assert specimen_digest.__wrapped__("tabular", "mlp") == known
