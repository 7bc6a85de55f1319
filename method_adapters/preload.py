"""Imports every shipped adapter, so that a process forked later has them ready."""

from __future__ import annotations

import importlib
import pkgutil

import method_adapters

for _package in pkgutil.iter_modules(method_adapters.__path__):
    if _package.ispkg:
        _root = importlib.import_module(f"method_adapters.{_package.name}")
        for _module in pkgutil.iter_modules(_root.__path__):
            importlib.import_module(f"{_root.__name__}.{_module.name}")
