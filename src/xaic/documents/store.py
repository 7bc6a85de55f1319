"""Reading and writing documents: validated both ways, canonical bytes, never half a file.

JSON is written with sorted keys and a final newline, so that equal documents are equal bytes. Parquet files have a
sidecar with columns, meaning and hash.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cattrs
import yaml

from xaic.documents.errors import BadData, BadDocument, MissingFile
from xaic.documents.schemas import validate

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


class _Loader(yaml.SafeLoader):
    """Reads YAML as JSON would be read: a date stays the text that was written."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


@cache
def _converter() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True)
    converter.register_structure_hook(float, lambda value, _: float(value))
    converter.register_structure_hook_func(lambda kind: kind is Any, lambda value, _: value)
    return converter


def to_data(document: Any) -> Any:
    """Return a dataclass as plain data: tuples become lists, enums their values, NaN and infinity None."""
    if is_dataclass(document) and not isinstance(document, type):
        return {f.name: to_data(getattr(document, f.name)) for f in fields(document)}
    if isinstance(document, dict):
        return {str(key): to_data(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [to_data(value) for value in document]
    if isinstance(document, Enum):
        return document.value
    if isinstance(document, float) and not math.isfinite(document):
        return None
    return document


def from_data(kind: type[T], data: Any, where: str | Path) -> T:
    """Return plain data as the dataclass ``kind``; raise ``BadDocument`` where it does not fit."""
    try:
        return _converter().structure(data, kind)
    except (cattrs.BaseValidationError, TypeError, ValueError) as fault:
        faults = cattrs.transform_error(fault) if isinstance(fault, cattrs.BaseValidationError) else [str(fault)]
        raise BadDocument(where, faults) from fault


def canonical(document: Any) -> bytes:
    """Return the one byte sequence that stands for a document."""
    return (
        json.dumps(to_data(document), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
    ).encode()


def digest(document: Any) -> str:
    """Return the SHA-256 of a document's canonical bytes."""
    return sha256(canonical(document)).hexdigest()


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: to a neighbour first, then renamed into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def write(document: Any, path: Path) -> None:
    """Validate a document against its schema and write it as canonical JSON."""
    validate(to_data(document), path)
    write_bytes(path, canonical(document))


def write_all(documents: list[Any], path: Path) -> None:
    """Write documents as JSON lines, each validated."""
    rows = [to_data(document) for document in documents]
    for row in rows:
        validate(row, path)
    lines = [json.dumps(row, sort_keys=True, ensure_ascii=False, allow_nan=False) for row in rows]
    write_bytes(path, "".join(line + "\n" for line in lines).encode())


def _load_yaml(text: str) -> Any:
    return yaml.load(text, _Loader)  # noqa: S506 - a safe loader


def parse(path: Path) -> Any:
    """Read a JSON or YAML file as plain data.

    Raises:
        MissingFile: there is no such file.
        BadDocument: it is not JSON or YAML; the message gives the line.
    """
    if not path.is_file():
        raise MissingFile(path, "check the path")
    try:
        text = path.read_text("utf-8")
        return _load_yaml(text) if path.suffix in {".yaml", ".yml"} else json.loads(text)
    except UnicodeDecodeError as fault:
        raise BadDocument(
            path, [f"is not UTF-8 text: {fault.reason} at byte {fault.start}; save it as UTF-8"]
        ) from fault
    except json.JSONDecodeError as fault:
        raise BadDocument(path, [f"line {fault.lineno}, column {fault.colno}: {fault.msg}; mend the JSON"]) from fault
    except (yaml.YAMLError, RecursionError, ValueError) as fault:
        message = " ".join(str(fault).split())
        raise BadDocument(path, [f"is not YAML: {message}; mend the indentation or quotes"]) from fault


def read(kind: type[T], path: Path) -> T:
    """Read, validate and return one document; its schema name must be that of ``kind``."""
    data = parse(path)
    validate(data, path, kind.schema.split("/")[1])  # type: ignore[attr-defined]
    return from_data(kind, data, path)


def read_all(kind: type[T], path: Path) -> list[T]:
    """Read documents written by ``write_all``."""
    if not path.is_file():
        raise MissingFile(path, "the run is not finished; go on with: xaic run --resume RUN")
    found = []
    lines = path.read_text("utf-8").split("\n")  # at a line feed alone: other breaks may stand in a text
    for number, line in enumerate(lines if lines[-1] else lines[:-1], 1):
        where = f"{path}:{number}"
        try:
            data = json.loads(line)
        except json.JSONDecodeError as fault:
            raise BadDocument(where, [f"column {fault.colno}: {fault.msg}; the file is damaged"]) from fault
        validate(data, where, kind.schema.split("/")[1])  # type: ignore[attr-defined]
        found.append(from_data(kind, data, where))
    return found


def write_table(frame: pd.DataFrame, path: Path) -> str:
    """Write a Parquet file whole or not at all and return its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    frame.to_parquet(part, index=False, compression="zstd")
    part.replace(path)
    return file_digest(path)


def read_table(path: Path, sha256_expected: str | None = None) -> pd.DataFrame:
    """Read a Parquet file; with a hash given, raise ``BadData`` where the file is another."""
    import pandas as pd

    if not path.is_file():
        raise MissingFile(path, "the run is not whole; go on with: xaic run --resume RUN")
    if sha256_expected is not None and file_digest(path) != sha256_expected:
        raise BadData(f"{path}: the file is not the one its sidecar describes (hash differs); repeat the trial")
    try:
        return pd.read_parquet(path)
    except Exception as fault:
        raise BadData(f"{path}: is no Parquet file: {fault}; repeat the trial") from fault
