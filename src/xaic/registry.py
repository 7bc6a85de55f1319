"""How parts become known: every module of a room is imported once, then plug-ins named by the user.

A room is a package such as ``xaic.metrics``. Adding a module to it is all that is needed to add a part.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaic.documents.errors import BadData, MissingFile

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType


@cache
def load_room(package: str) -> None:
    """Import every public module of a package, so that its parts register themselves."""
    room = importlib.import_module(package)
    for module in pkgutil.iter_modules(room.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{package}.{module.name}")


def load_module(reference: str) -> ModuleType:
    """Import a module by dotted name, or a ``.py`` file by path.

    Raises:
        MissingFile: the path names no file.
        BadData: the module cannot be imported; the message says why.
    """
    try:
        if not reference.endswith(".py"):
            return importlib.import_module(reference)
        path = Path(reference).resolve()
        if not path.is_file():
            raise MissingFile(path, "give the path of a Python file")
        name = f"xaic_plugin_{sha256(str(path).encode()).hexdigest()[:12]}"
        if name in sys.modules:
            return sys.modules[name]
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise BadData(f"{path}: not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    except (BadData, MissingFile):
        raise
    except Exception as fault:
        raise BadData(f"{reference}: cannot be imported: {type(fault).__name__}: {fault}") from fault
    return module


def load_entry(reference: str) -> Callable[..., Any]:
    """Return the function that ``module:function`` names."""
    module, _, name = reference.partition(":")
    found: Callable[..., Any] = getattr(load_module(module), name)
    return found


def load_plugins(references: tuple[str, ...]) -> None:
    """Import the user's plug-in modules: families, metrics and specimens of their own."""
    for reference in references:
        load_module(reference)
