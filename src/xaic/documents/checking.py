"""Checking files and folders of documents, whatever they are."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

from xaic.documents.errors import BadData, BadDocument, MissingFile
from xaic.documents.schemas import validate
from xaic.documents.store import file_digest, parse, read, read_table
from xaic.documents.types import Measurement

if TYPE_CHECKING:
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
                found.update(_check_file(path))
            except BadData as fault:
                faults.append(str(fault))
    if faults:
        raise BadData("\n".join(faults))
    if not found:
        raise MissingFile(folder, "no documents lie there")
    return found


def _check_file(path: Path) -> list[str]:
    if path.suffix == ".parquet":
        sidecar = read(Measurement, path.with_suffix(".json"))
        frame = read_table(path, sidecar.sha256)
        if len(frame) != sidecar.rows or list(frame.columns) != list(sidecar.columns):
            raise BadData(
                f"{path}: rows or columns are not those of {path.with_suffix('.json').name}; repeat the trial"
            )
        return ["measurement table"]
    if path.suffix == ".jsonl":
        return [_check_line(path, number, line) for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)]
    kind = validate(parse(path), path)
    if kind == "measurement":
        table = path.with_suffix(".parquet")
        if table.is_file() and file_digest(table) != parse(path)["sha256"]:
            raise BadDocument(path, [f"at /sha256: {table.name} has another hash; repeat the trial"])
    return [kind]


def _check_line(path: Path, number: int, line: str) -> str:
    where = f"{path}:{number}"
    try:
        return validate(json.loads(line), where)
    except json.JSONDecodeError as fault:
        raise BadDocument(where, [f"column {fault.colno}: {fault.msg}; the file is damaged"]) from fault
