"""Finding methods: by id or glob among the installed families, by ``module:Class`` or by ``file.py:Class``.

A family package is named by an entry point of the group ``xaic.methods``; every public module in it is read, so a new
method is one new module. A plain checkout has no entry points: then ``method_adapters`` itself is read.
"""

from __future__ import annotations

import fnmatch
import importlib
import pkgutil
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import entry_points
from inspect import getsourcefile, isabstract, isclass
from pathlib import Path
from typing import Any

from xaic.documents.errors import BadData, UnknownName
from xaic.methods.base import Control, Method
from xaic.registry import load_module

GROUP = "xaic.methods"
MethodClass = type[Method[Any, Any, Any]] | type[Control]


@dataclass(frozen=True)
class Located:
    """A shipped or installed method: its id, and the reference that loads it."""

    id: str
    reference: str
    family: str
    role: str


@cache
def installed() -> dict[str, Located]:
    """Return id -> method for every method of every installed family package."""
    found: dict[str, Located] = {}
    for package in _packages():
        root = importlib.import_module(package)
        for info in pkgutil.iter_modules(root.__path__):
            if not info.name.startswith("_"):
                found.update(_of_module(f"{package}.{info.name}"))
    return dict(sorted(found.items()))


def _packages() -> list[str]:
    named = sorted({entry.value for entry in entry_points(group=GROUP)})
    if any(name.startswith("method_adapters") for name in named):
        return named
    import method_adapters

    ours = [f"method_adapters.{info.name}" for info in pkgutil.iter_modules(method_adapters.__path__) if info.ispkg]
    return sorted({*named, *ours})


def _of_module(name: str) -> dict[str, Located]:
    module = importlib.import_module(name)
    found = {}
    for attribute, value in vars(module).items():
        if _is_method(value) and value.__module__ == name and not attribute.startswith("_"):
            card = value.card
            found[card.id] = Located(card.id, f"{name}:{attribute}", card.family, card.role)
    return found


def _is_method(value: Any) -> bool:
    return isclass(value) and issubclass(value, Method | Control) and not isabstract(value) and hasattr(value, "card")


def resolve(patterns: list[str] | tuple[str, ...]) -> list[str]:
    """Turn ids, glob patterns and references into references, in order and without doubles.

    Raises:
        UnknownName: an id or pattern matches nothing.
    """
    chosen: dict[str, None] = {}
    for pattern in patterns:
        if ":" in pattern:
            chosen[pattern] = None
            continue
        hits = [id for id in installed() if fnmatch.fnmatchcase(id, pattern)]
        if not hits:
            raise UnknownName("method", pattern, installed())
        chosen.update(dict.fromkeys(hits))
    return list(chosen)


def locate(reference: str) -> MethodClass:
    """Return the class a reference names: an installed id, ``module:Class`` or ``file.py:Class``.

    Raises:
        UnknownName: no such id.
        BadData: the module cannot be imported, or the name in it is no Method.
    """
    if ":" not in reference:
        known = installed()
        if reference not in known:
            raise UnknownName("method", reference, known)
        reference = known[reference].reference
    path, _, name = reference.rpartition(":")
    module = load_module(path)
    value: Any = getattr(module, name, None)
    if not _is_method(value):
        names = [n for n, v in vars(module).items() if _is_method(v)]
        raise BadData(f"{reference}: {name!r} is no xaic method; methods there: {', '.join(names) or 'none'}")
    found: MethodClass = value
    return found


def load_method(reference: str) -> Method[Any, Any, Any] | Control:
    """Return an instance of the method a reference names."""
    return locate(reference)()


def source_digest(cls: type) -> str:
    """Return the SHA-256 of the method's source: its module and the private modules beside it."""
    path = Path(getsourcefile(cls) or "")
    if not path.is_file():
        return sha256(repr(cls).encode()).hexdigest()
    beside = [path]
    if (path.parent / "__init__.py").is_file():
        beside += sorted(path.parent.glob("_*.py")) + sorted(path.parent.glob("_*/*.py"))
    return sha256(b"\0".join(file.read_bytes() for file in beside)).hexdigest()
