"""A plug-in with a fault that nobody foresaw: it spoils the small specimen, and planning divides by zero."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xaic.registry import load_module
from xaic.specimens.base import register_specimen

_SMALL = load_module(str(Path(__file__).with_name("small.py")))


@register_specimen
class Faulty(_SMALL.Small):  # type: ignore[name-defined, misc]
    def _load(self, variant: str) -> Any:
        return 1 // 0
