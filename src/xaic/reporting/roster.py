"""Who was tried: titles, roles, families and names of controls, as every part of a report writes them."""

from __future__ import annotations

import re
from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, Any

from xaic.harness.planning import SHARED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xaic.harness.folder import LoadedRun

ROLES = {"method": "methods", "oracle": "oracles", "control": "controls"}
"""In the order in which a report names them; only methods count."""


class Roster:
    """The subjects of a run. What could not be loaded has no card and was meant as a method."""

    def __init__(self, run: LoadedRun) -> None:
        self.subjects: dict[str, dict[str, Any]] = {one["id"]: one for one in run.plan.methods}
        self.judged = self.sort({verdict.method for verdict in run.verdict_list})

    def card(self, method: str) -> dict[str, Any]:
        """Return the card as plain data; empty where there is none."""
        return self.subjects.get(method, {}).get("card") or {}

    def role(self, method: str) -> str:
        """Return method, control or oracle."""
        return str(self.card(method).get("role", "method"))

    def family(self, method: str) -> str:
        """Return the family; nothing for what could not be loaded."""
        return str(self.card(method).get("family", ""))

    def title(self, method: str) -> str:
        """Return the title on the card, or the id."""
        return "shared by all methods" if method == SHARED else str(self.card(method).get("title") or method)

    def find(self, method: str) -> str:
        """Return what the filter looks into."""
        return f"{self.title(method)} {method} {self.family(method)}".lower()

    def sort(self, methods: Iterable[str]) -> list[str]:
        """Return methods in reading order, families apart: methods, then oracles, then controls, each by title."""
        order = list(ROLES)
        return sorted(methods, key=lambda m: (self.family(m), order.index(self.role(m)), self.title(m).casefold(), m))

    @cached_property
    def namesakes(self) -> set[str]:
        """Ids of methods that share their title with another: only the id tells them apart."""
        shared = Counter(map(self.title, self.subjects))
        return {method for method in self.subjects if shared[self.title(method)] > 1}

    @cached_property
    def controls(self) -> dict[str, str]:
        """What each control code stands for."""
        coded = {str(self.card(id).get("control") or ""): self.title(id) for id in self.subjects}
        return {
            code: re.sub(rf"^(control )?{re.escape(code)}:? *", "", title, flags=re.IGNORECASE) or title
            for code, title in sorted(coded.items())
            if code
        }

    def control(self, code: str) -> str:
        """Return a control code with what it stands for, or the title where it names a method."""
        if code in self.controls:
            return f"{code} {self.controls[code]}"
        return self.title(code) if code in self.subjects else code

    def explain(self, text: str) -> str:
        """Return text in which the first mention of each control code is followed by what it stands for."""
        for code, title in self.controls.items():
            literal = title.replace("\\", r"\\")
            text = re.sub(rf"\b{re.escape(code)}\b", rf"\g<0> ({literal})", text, count=1)
        return text
