"""Copies of specimens in other folders, to be damaged there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from safetensors.torch import load_file, save_file

from xaic.documents.store import file_digest
from xaic.specimens.base import RECORD, Specimen

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

SpecimenT = TypeVar("SpecimenT", bound=Specimen)


def copy_of(specimen: SpecimenT, folder: Path) -> SpecimenT:
    """Return a specimen of the same class whose files lie in ``folder``."""
    shutil.copytree(specimen.folder, folder, dirs_exist_ok=True)
    return type(specimen)(folder)


def edit_record(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the record of a copy."""
    path = folder / RECORD
    record = yaml.safe_load(path.read_text("utf-8"))
    change(record)
    path.write_text(yaml.safe_dump(record, allow_unicode=True), "utf-8")


def with_weights(
    specimen: SpecimenT, folder: Path, name: str, change: Callable[[dict[str, Tensor]], object]
) -> SpecimenT:
    """Return a copy with other weights in ``name``, its hash in the record adjusted: nothing looks damaged."""
    other = copy_of(specimen, folder)
    state = load_file(folder / name)
    change(state)
    save_file(state, folder / name)
    edit_record(folder, lambda record: record["files"].update({name: file_digest(folder / name)}))
    return other
