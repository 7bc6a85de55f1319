"""The schemas are the master of the documents; the dataclasses agree with them; faults are told with their place."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from xaic.documents import store, types
from xaic.documents.content import files
from xaic.documents.errors import BadDocument, MissingFile
from xaic.documents.schemas import validate, validators

KINDS = {
    cls.schema.split("/")[1]: cls
    for cls in vars(types).values()
    if dataclasses.is_dataclass(cls) and hasattr(cls, "schema")
}


def test_every_document_has_a_schema_and_every_schema_a_document() -> None:
    assert set(validators()) == set(KINDS)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_schema_is_valid_and_names_the_fields_of_the_dataclass(kind: str) -> None:
    schema = json.loads(files("schemas", ".json")[f"{kind}.schema"].read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    fields = {field.name: field for field in dataclasses.fields(KINDS[kind])}
    assert set(schema["properties"]) == set(fields)
    assert schema["additionalProperties"] is False
    needed = {
        name
        for name, field in fields.items()
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
    }
    assert set(schema["required"]) == needed | {"schema"}


VERDICT = types.Verdict("a.b", "EX-FAI-01", "attribution/x", "2026.1", "required", types.State.PASS, "because")


def test_a_document_comes_back_as_it_was(tmp_path: Path) -> None:
    store.write(VERDICT, tmp_path / "v.json")
    assert store.read(types.Verdict, tmp_path / "v.json") == VERDICT


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"state": "good"}, "/state"),
        ({"n": "many"}, "/n"),
        ({"extra": 1}, "/"),
        ({"schema": "xaic/verdict/99"}, "/schema"),
        ({"schema": "xaic/nothing/1"}, "/schema"),
        ({"schema": None}, "/schema"),
    ],
)
def test_a_fault_is_told_with_its_pointer(change: dict[str, object], place: str) -> None:
    with pytest.raises(BadDocument, match=f"file.json: at {place}: ") as caught:
        validate({**store.to_data(VERDICT), **change}, "file.json")
    assert len(caught.value.faults) == 1


def test_a_missing_field_is_named() -> None:
    data = store.to_data(VERDICT)
    del data["method"]
    with pytest.raises(BadDocument, match="'method' is a required property; add it"):
        validate(data, "file.json")


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"schema": 3}', "\x00", '{"a": NaN}', "null", "- : :\n\t- x"])
@pytest.mark.parametrize("suffix", [".json", ".yaml"])
def test_damaged_files_get_a_clear_error(tmp_path: Path, text: str, suffix: str) -> None:
    path = tmp_path / f"damaged{suffix}"
    path.write_text(text)
    with pytest.raises(BadDocument, match="damaged"):
        store.read(types.Verdict, path)


@given(st.binary(max_size=200))
def test_reading_any_bytes_never_crashes_otherwise(data: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.json"
        path.write_bytes(data)
        with pytest.raises(BadDocument):
            store.read(types.Verdict, path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match=r"nowhere\.json"):
        store.read(types.Verdict, tmp_path / "nowhere.json")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_canonical_bytes_depend_on_the_content_alone(value: object) -> None:
    plain = store.to_data({"value": value})
    again = json.loads(store.canonical(plain))
    assert store.canonical(again) == store.canonical(plain)


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "v.json"
    store.write(VERDICT, path)
    before = path.read_bytes()
    with pytest.raises(BadDocument):
        store.write(dataclasses.replace(VERDICT, n="many"), path)  # type: ignore[arg-type]
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["v.json"]
