"""What the user asks of a run: methods, profile, seed, content and plug-ins of their own, limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Settings:
    """What the user asks for."""

    methods: tuple[str, ...] = ()
    profile: str = "quick"
    seed: int = 0
    content: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    limits: Mapping[str, float] = field(default_factory=dict)
    only: tuple[tuple[str, str], ...] = ()
    """(criterion, benchmark) as in verdicts: nothing else of the profile is asked; none: the whole profile."""

    def anywhere(self) -> Settings:
        """Return the settings with whole paths: a run may be resumed from another folder."""
        return replace(
            self,
            methods=tuple(_whole(method) for method in self.methods),
            plugins=tuple(_whole(plugin) for plugin in self.plugins),
            content=tuple(str(Path(folder).resolve()) for folder in self.content),
        )


def _whole(reference: str) -> str:
    """Return ``file.py`` or ``file.py:Class`` with the whole path of the file, and anything else as it is."""
    path, colon, name = reference.partition(".py")
    return f"{Path(path + colon).resolve()}{name}" if colon and name[:1] in {"", ":"} else reference
