"""A cache of tensors on disk, by content: whole files under their key, written by rename, never pickles."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError
from safetensors.torch import load, save

from xaic.families.base import Parcel

if TYPE_CHECKING:
    from torch import Tensor

DATA = "data"


class Cache:
    """Parcels in a folder. Several processes may read and write it at once: equal keys hold equal bytes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Return where a key's file lies."""
        return self.folder / key[:2] / f"{key}.safetensors"

    def get(self, key: str) -> Parcel | None:
        """Return what was put under a key, or None; a damaged file counts as none."""
        try:
            raw = self.path(key).read_bytes()  # at once: another process may put another file in its place
            tensors: dict[str, Tensor] = load(raw)
            header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
            return Parcel(tensors, json.loads(header["__metadata__"][DATA]))
        except (OSError, ValueError, KeyError, SafetensorError):
            return None

    def put(self, key: str, parcel: Parcel) -> None:
        """Keep a parcel under a key."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in parcel.tensors.items()}
        part.write_bytes(save(tensors, {DATA: json.dumps(dict(parcel.data), sort_keys=True)}))
        part.replace(path)
