"""Attribution methods and their controls: one module an algorithm; every public module here is read."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from xaic.methods.base import Control, Method


def methods() -> list[type[Method[Any, Any, Any] | Control]]:
    """Return the classes of every attribution method and control found in this package, sorted by id."""
    found: dict[str, Any] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            own = isinstance(value, type) and value.__module__ == module.__name__
            if own and issubclass(value, Method | Control) and hasattr(value, "card"):
                found[value.card.id] = value
    return [found[id_] for id_ in sorted(found)]
