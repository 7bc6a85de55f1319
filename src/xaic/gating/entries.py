"""Which verdicts of two runs belong together, whether the runs can be paired there, and what that makes of a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaic.documents.errors import UnknownName
from xaic.documents.types import Finding, GateRow, Level, Shift, State
from xaic.gating.questions import Unpaired

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from xaic.documents.types import Verdict
    from xaic.gating.sides import Side

LEVELS = list(Level)
SILENT = {State.NOT_APPLICABLE, State.NOT_TESTED}
"""Verdicts that answer nothing."""

WEIGHT = (Finding.ERROR, Finding.MISSING, Finding.REGRESSION, Finding.UNDECIDED, Finding.HELD)
"""Findings, the gravest first."""


@dataclass(frozen=True)
class Entry:
    """A verdict of the baseline with the one that answers it in the candidate."""

    before: Verdict
    after: Verdict | None
    method: str  # id in the candidate


def entries(before: Side, after: Side, renamed: Mapping[str, str], level: Level) -> tuple[list[Entry], list[str]]:
    """Return the verdicts to compare, down to a level of the baseline's profile, and notes on what is not compared.

    Raises:
        UnknownName: a renamed method is in neither run.
    """
    for old, new in renamed.items():
        for id, side, which in ((old, before, "baseline"), (new, after, "candidate")):
            if id not in side.methods:
                raise UnknownName(f"method of the {which}", id, side.methods)
    found, notes = [], []
    for (method, criterion, benchmark), verdict in sorted(before.verdicts.items()):
        if not _counts(before, verdict, level):
            continue
        name = renamed.get(method, method)
        entry = Entry(verdict, after.verdicts.get((name, criterion, benchmark)), name)
        state = entry.after.state if entry.after else None
        if verdict.state in SILENT and state is not State.ERROR:
            continue
        if verdict.state in {State.FAIL, State.INCONCLUSIVE} and state in SILENT:
            notes.append(f"{criterion} on {benchmark} for {name}: was {verdict.state}, is {state}; not compared")
            continue
        found.append(entry)
    unknown = after.methods - {renamed.get(method, method) for method in before.methods}
    return found, notes + [f"{id} is new: the baseline does not have it" for id in sorted(unknown)]


def _counts(side: Side, verdict: Verdict, level: Level) -> bool:
    benchmark = side.benchmarks.get(verdict.benchmark)
    asked = LEVELS.index(Level(verdict.level)) <= LEVELS.index(level)
    return asked and (benchmark is None or benchmark.gating)


def agree(before: Side, after: Side, found: Iterable[Entry]) -> None:
    """Check that what is compared was made on the same thing and decided alike.

    Raises:
        Unpaired: benchmarks or criteria differ in what scores or verdicts depend on.
    """
    pairs = [entry.before for entry in found if entry.after is not None]
    faults = [fault for id in sorted({v.benchmark for v in pairs}) for fault in _benchmark(before, after, id)]
    faults += [fault for id in sorted({v.criterion for v in pairs}) for fault in _criterion(before, after, id)]
    if faults:
        raise Unpaired("\n".join([*faults, "nothing can be paired: make the baseline again with the same content"]))


def _benchmark(before: Side, after: Side, id: str) -> Iterator[str]:
    one, other = before.benchmarks.get(id), after.benchmarks.get(id)
    if one is None or other is None:
        return  # the card, or no benchmark of a candidate that has no such verdict
    for name in ("edition", "specimen", "variant"):
        old, new = getattr(one, name), getattr(other, name)
        if old != new:
            yield f"{id}: its {name} is {old!r} in the baseline and {new!r} in the candidate"
    for name in sorted({*one.protocol, *other.protocol}):
        old, new = one.protocol.get(name), other.protocol.get(name)
        if old != new:
            yield f"{id}: its protocol has {name} {old!r} in the baseline and {new!r} in the candidate"
    place = f"{one.specimen}/{one.variant}"
    if before.run.plan.specimens.get(place) != after.run.plan.specimens.get(place):
        yield f"{id}: the specimen {place} is another one in the candidate"


def _criterion(before: Side, after: Side, id: str) -> Iterator[str]:
    one, other = before.criteria.get(id), after.criteria.get(id)
    if one is not None and other is not None and (one.edition, one.checks) != (other.edition, other.checks):
        yield f"{id}: the criterion is another one in the candidate (edition {one.edition} and {other.edition})"


def to_row(entry: Entry, shifts: Sequence[Shift], lacking: str = "") -> GateRow:
    """Return what was found of one criterion, its shifts sorted so that the one it turned on stands first.

    Args:
        entry: the verdicts.
        shifts: the answers to what its checks ask.
        lacking: why scores of the candidate are missing.
    """
    ordered = tuple(sorted(shifts, key=_gravity))
    finding, reason = _found(entry, ordered, lacking)
    verdict = entry.before
    return GateRow(
        entry.method,
        verdict.criterion,
        verdict.benchmark,
        verdict.level,
        finding,
        reason,
        before=verdict.state.value,
        after=entry.after.state.value if entry.after else "",
        formerly=verdict.method if verdict.method != entry.method else "",
        shifts=ordered,
    )


def _found(entry: Entry, shifts: Sequence[Shift], lacking: str) -> tuple[Finding, str]:
    told = _of_verdicts(entry)
    if told is not None:
        return told
    if lacking:
        return Finding.MISSING, lacking
    if shifts:
        return shifts[0].finding, shifts[0].reason
    return Finding.HELD, "the verdict is no worse"


def _of_verdicts(entry: Entry) -> tuple[Finding, str] | None:
    """Return what the two verdicts say by themselves; nothing where the scores are to be asked."""
    before, after = entry.before, entry.after
    if after is None:
        return Finding.MISSING, "the candidate has no such verdict; was the method renamed? then --method OLD=NEW"
    for which, verdict in (("candidate", after), ("baseline", before)):
        if verdict.state is State.ERROR:
            return Finding.ERROR, f"an error in the {which}: {verdict.reason}"
    if before.state is State.PASS and after.state is State.FAIL:
        return Finding.REGRESSION, f"passed, and now fails: {after.reason}"
    if before.state is State.PASS and after.state in SILENT:
        return Finding.REGRESSION, f"passed, and is now {after.state.value}: {after.reason}"
    return None


def _gravity(shift: Shift) -> tuple[int, float, float]:
    """Return what shifts are sorted by: the gravest finding, then the most units needed, then the least slack."""
    needed = float("inf") if shift.needed is None else float(shift.needed)
    return WEIGHT.index(shift.finding), -needed if shift.finding is Finding.UNDECIDED else 0.0, slack(shift)


def slack(shift: Shift) -> float:
    """Return what is left of the margin at the lower bound, as a share of it; 1 where no score moved."""
    if shift.lower is None:
        return 1.0
    return (shift.lower + shift.margin) / shift.margin if shift.margin else shift.lower
