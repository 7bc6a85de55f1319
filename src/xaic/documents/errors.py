"""The faults xaic reports, each with the exit status it ends a command with.

Every message names the place, the fault and the mend. Exit statuses follow ``sysexits.h`` where it has one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class XaicError(Exception):
    """Any fault that xaic itself reports; its message is written for the person who can mend it."""

    exit_status = 70


class Misuse(XaicError):
    """A command or function was called with arguments that make no sense together."""

    exit_status = 64


class UnknownName(Misuse):
    """An id that no registry, package or folder knows."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        from difflib import get_close_matches

        known = sorted(known)
        near = get_close_matches(name, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}"
        super().__init__(f"no {kind} is called {name!r}; {hint}")


class BadData(XaicError):
    """A file or value that was read is not what it must be."""

    exit_status = 65


class BadDocument(BadData):
    """A document that its schema refuses: one line for each fault, with JSON pointer and mend."""

    def __init__(self, where: str | Path, faults: Iterable[str]) -> None:
        self.where, self.faults = str(where), list(faults)
        super().__init__("\n".join(f"{self.where}: {fault}" for fault in self.faults))


class UnknownSchema(BadDocument):
    """A document of a schema, or of a version of it, that this xaic does not read."""


class MissingFile(XaicError):
    """A file that was asked for is not there."""

    exit_status = 66

    def __init__(self, path: str | Path, mend: str) -> None:
        super().__init__(f"{path}: no such file; {mend}")


class Interrupted(XaicError):
    """The user interrupted a command."""

    exit_status = 130


class ContractBreach(BadData):
    """A method returned something its family's contract forbids."""


class ExtraMissing(XaicError):
    """An optional part is needed that is not installed."""

    exit_status = 66

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs the extra {extra!r}; install it with: pip install 'xaic[{extra}]'")
