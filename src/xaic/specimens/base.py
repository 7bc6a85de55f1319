"""What every specimen is made of: a record of provenance, verified files, loading and building again.

A specimen is a class with an id and a folder ``data/<id>/`` beside its module. The folder holds ``specimen.yaml``
and the files whose SHA-256 the record names. What a specimen loads lives in its own module, not here.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import yaml

from xaic.documents.errors import BadData, MissingFile, UnknownName
from xaic.documents.store import file_digest, read, to_data, write_bytes
from xaic.documents.types import SpecimenRecord
from xaic.registry import load_room

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from xaic.families.base import Material

RECORD = "specimen.yaml"


class Specimen(ABC):
    """Reference material with provenance and known truth.

    Args:
        folder: where its files lie; the default is ``data/<id>/`` beside the module of the class.
    """

    id: ClassVar[str]

    def __init__(self, folder: Path | None = None) -> None:
        beside = Path(str(sys.modules[type(self).__module__].__file__)).parent
        self.folder = folder if folder is not None else beside / "data" / self.id
        self._record: SpecimenRecord | None = None
        self._loaded: dict[str, Material] = {}

    def record(self) -> SpecimenRecord:
        """Return the provenance, read from ``specimen.yaml`` and checked against its schema."""
        if self._record is None:
            record = read(SpecimenRecord, self.folder / RECORD)
            if record.id != self.id:
                raise BadData(f"{self.folder / RECORD}: at /id: {record.id!r} stands where {self.id!r} must stand")
            self._record = record
        return self._record

    def file(self, name: str) -> Path:
        """Return the path of a shipped file after its SHA-256 was found to be that of the record.

        Raises:
            MissingFile: the file is not there.
            BadData: the record does not name it, or its bytes are others; the message says how to rebuild.
        """
        record, path = self.record(), self.folder / name
        if name not in record.files:
            raise BadData(f"{self.folder / RECORD}: at /files: {name!r} is not listed; rebuild with: {record.rebuild}")
        if not path.is_file():
            raise MissingFile(path, f"rebuild the specimen with: {record.rebuild}")
        found = file_digest(path)
        if found != record.files[name]:
            raise BadData(
                f"{path}: SHA-256 is {found[:16]}..., the record says {record.files[name][:16]}...; "
                f"the file is damaged: rebuild the specimen with: {record.rebuild}"
            )
        return path

    def load(self, variant: str) -> Material:
        """Return the material of a variant: read and verified once a process.

        Raises:
            UnknownName: the specimen has no such variant.
        """
        variants = self.record().variants
        if variant not in variants:
            raise UnknownName(f"variant of specimen {self.id!r}", variant, variants)
        if variant not in self._loaded:
            self._loaded[variant] = self._load(variant)
        return self._loaded[variant]

    @abstractmethod
    def _load(self, variant: str) -> Material:
        """Make the material of a variant that the record names."""

    @abstractmethod
    def build(self, out: Path, **options: Any) -> dict[str, float]:
        """Make the shipped files again in ``out`` and return the performance that was measured."""

    def rebuild(self, out: Path, **options: Any) -> SpecimenRecord:
        """Build into ``out`` and write a record there with the new hashes and performance.

        The words of the record (origin, licence, truths) are those of the present one: only figures change.
        """
        out.mkdir(parents=True, exist_ok=True)
        words = read(SpecimenRecord, self.folder / RECORD)
        performance = self.build(out, **options)
        made = sorted(path for path in out.rglob("*") if path.is_file() and path.name != RECORD)
        files = {path.relative_to(out).as_posix(): file_digest(path) for path in made}
        record = replace(words, files=files, performance={name: round(value, 6) for name, value in performance.items()})
        text = yaml.safe_dump(to_data(record), sort_keys=False, allow_unicode=True, width=110)
        write_bytes(out / RECORD, text.encode())
        return record


SpecimenT = TypeVar("SpecimenT", bound=Specimen)

_SPECIMENS: dict[str, Specimen] = {}


def register_specimen(cls: type[SpecimenT]) -> type[SpecimenT]:
    """Class decorator: make a specimen known under its id."""
    _SPECIMENS[cls.id] = cls()
    return cls


def all_specimens() -> dict[str, Specimen]:
    """Return id -> specimen for every specimen of the room and of loaded plug-ins, sorted by id."""
    load_room("xaic.specimens")
    return dict(sorted(_SPECIMENS.items()))


def get_specimen(id: str) -> Specimen:
    """Return the specimen called ``id``; raise ``UnknownName``."""
    known = all_specimens()
    if id not in known:
        raise UnknownName("specimen", id, known)
    return known[id]


@cache
def specimen_digest(id: str, variant: str) -> str:
    """Return a SHA-256 of a variant's whole material: tensors, units, clusters and the model's digest."""
    material = get_specimen(id).load(variant)
    found = sha256(f"{id}/{variant}/{material.kind}".encode())
    found.update("\n".join((*material.units, *material.clusters)).encode())
    found.update((material.model.digest if material.model else "").encode())
    for name, tensor in _tensors(material).items():
        array = tensor.detach().cpu().contiguous().numpy()
        found.update(f"|{name}|{array.dtype}|{array.shape}|".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def _tensors(material: Material) -> Mapping[str, Tensor]:
    tensors = {
        "inputs": material.inputs,
        "labels": material.labels,
        "targets": material.targets,
        "background": material.background,
        **{f"truths/{name}": truth for name, truth in sorted(material.truths.items())},
    }
    if material.background_labels is not None:
        tensors["background_labels"] = material.background_labels
    if "baseline" in material.extra:
        tensors["extra/baseline"] = material.extra["baseline"]
    return tensors
