"""Checking files and folders of documents, whatever they are."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from xaic.documents.errors import BadData, BadDocument, MissingFile, XaicError
from xaic.documents.schemas import validate
from xaic.documents.store import file_digest, parse, read, read_table
from xaic.documents.types import Measurement

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

DOCUMENTS = {".json", ".yaml", ".yml", ".jsonl", ".parquet"}
LOOSE = {"timing.json"}
"""Files of a run folder that are no documents."""


def check_path(path: Path) -> Counter[str]:
    """Return kind -> number of valid documents in a file, or in every file below a folder.

    Raises:
        MissingFile: nothing is there.
        BadDocument: some documents are not valid; all their faults are in the message.
        BadData: a Parquet file is not the one its sidecar describes.
    """
    if path.is_dir():
        return _check_folder(path)
    if not path.is_file():
        raise MissingFile(path, "check the path")
    if path.suffix not in DOCUMENTS:
        raise BadData(f"{path}: is no document of xaic; give {', '.join(sorted(DOCUMENTS))}")
    return Counter(_check_file(path))


def _check_folder(folder: Path) -> Counter[str]:
    found: Counter[str] = Counter()
    faults: list[str] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix in DOCUMENTS and path.name not in LOOSE and "cache" not in path.relative_to(folder).parts:
            try:
                found.update(_check_file(path, whole=True))
            except XaicError as fault:
                faults.append(str(fault))
    if faults:
        raise BadData("\n".join(faults))
    if not found:
        raise MissingFile(folder, "no documents lie there")
    return found


def _check_file(path: Path, *, whole: bool = False) -> list[str]:
    """Return the kinds of a file's documents; ``whole``: the files that they name must lie beside them."""
    if path.suffix == ".parquet":
        sidecar = read(Measurement, path.with_suffix(".json"))
        frame = read_table(path, sidecar.sha256)
        if len(frame) != sidecar.rows or set(frame.columns) != set(sidecar.columns):
            raise BadData(
                f"{path}: rows or columns are not those of {path.with_suffix('.json').name}; repeat the trial"
            )
        return ["measurement table"]
    if path.suffix == ".jsonl":
        return [_check_line(path, number, line) for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)]
    document = parse(path)
    kind = validate(document, path)
    if kind == "measurement":
        _check_hashes(path, {path.with_suffix(".parquet").name: document["sha256"]}, "/sha256", whole=whole)
    if kind in {"trial", "run"}:
        _check_hashes(path, document.get("files", {}), "/files", whole=whole)
    return [kind]


def _check_hashes(path: Path, files: Mapping[str, str], place: str, *, whole: bool) -> None:
    """Raise ``BadDocument`` where a file that a document names is another one, or missing where it must be there."""
    faults = []
    for name, hash_ in files.items():
        file = path.parent / name
        if file.is_file() and file_digest(file) != hash_:
            faults.append(f"at {place}: {name} has another hash: it was changed since; repeat the run or the trial")
        elif whole and not file.is_file():
            faults.append(f"at {place}: {name} is missing; go on with: xaic run --resume RUN")
    if faults:
        raise BadDocument(path, faults)


def _check_line(path: Path, number: int, line: str) -> str:
    where = f"{path}:{number}"
    try:
        return validate(json.loads(line), where)
    except json.JSONDecodeError as fault:
        raise BadDocument(where, [f"column {fault.colno}: {fault.msg}; the file is damaged"]) from fault
