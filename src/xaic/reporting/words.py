"""Words and signs of a report: states, figures and the statement that stands beside every table of verdicts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from xaic.documents.types import State

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Sign:
    """How a state is shown: a class name, its word, and what it means."""

    css: str
    word: str
    meaning: str


SIGNS = {
    State.PASS: Sign("pass", "pass", "shown to hold"),
    State.FAIL: Sign("fail", "fail", "shown not to hold"),
    State.INCONCLUSIVE: Sign("open", "inconclusive", "neither is shown: more units may decide"),
    State.ERROR: Sign("error", "error", "nothing was measured"),
    State.NOT_APPLICABLE: Sign("na", "not applicable", "does not speak of this method"),
    State.NOT_TESTED: Sign("nt", "not tested", "not built yet"),
}
"""In the order in which a report names them."""

SPOKEN = (State.ERROR, State.FAIL, State.INCONCLUSIVE, State.PASS, State.NOT_TESTED, State.NOT_APPLICABLE)
"""Which state speaks for several: the first of these that occurs."""


UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Characters that HTML cannot hold or that turn the direction of the text that follows."""

CLAIM = re.compile(
    r"\b(compl(y|ies|iant|iance)|conform(s|ing|ant|ance|ity)?)\s+(with|to)\b[^.<>]{0,80}?6254", re.IGNORECASE
)
INSTEAD = "[left out: a claim about TS 6254, which sets no criteria]"


def guarded(text: str) -> str:
    """Return text without claims of conformity to TS 6254, whoever made them: no report says so."""
    return CLAIM.sub(INSTEAD, text)


def printable(page: str) -> str:
    """Return a page without characters that cannot be shown and without claims that must not be made."""
    return guarded(UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", page))


def spoken(states: Iterable[State]) -> State:
    """Return the state that speaks for several."""
    found = set(states)
    return next(state for state in SPOKEN if state in found)


def figure(value: float | None) -> str:
    """Return a number with three digits and a real minus sign; nothing where there is none."""
    if value is None:
        return ""
    number, _, power = f"{value:.3g}".partition("e")
    return number.replace("-", MINUS) + (f"{TIMES}10{str(int(power)).translate(RAISED)}" if power else "")


def bounds(lower: float | None, upper: float | None) -> str:
    """Return an interval in words; a side without a bound is open."""
    if lower is None and upper is None:
        return ""
    return f"{figure(lower) or 'open'} to {figure(upper) or 'open'}"


def count(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def anchor(*names: str) -> str:
    """Return an id for a place in the page: other names give other ids, whatever stands in them."""
    plain = [name if PLAIN.fullmatch(name) else _tagged(name) for name in names]
    return "-".join(plain)


def _tagged(name: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40]
    return f"{words or 'x'}-{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def short(benchmark: str) -> str:
    """Return the name of a benchmark within its family."""
    return benchmark.partition("/")[2] or benchmark


def statement(profile: str, edition: str) -> str:
    """Return what is said beside every table of verdicts, word for word the same everywhere."""
    return (
        f"Evaluated with Profile {profile} v{edition}, a test profile of xaic informed by themes of "
        f"ISO/IEC TS 6254:2025. {profile} is not an ISO or IEC document. TS 6254 provides guidance and sets no "
        "pass/fail criteria."
    )


UNVERIFIED = "These results are unverified: nobody but the party that made this run has repeated them."
