"""Holding a candidate against a baseline: what is paired, asked, answered, waived, and the status it comes to."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from xaic.documents.types import Finding, Gate, Level
from xaic.gating.deciding import ALPHA, RULE, answer
from xaic.gating.entries import WEIGHT, agree, entries, to_row
from xaic.gating.questions import Matter, NotMeasured, Question, Unpaired, questions
from xaic.gating.sides import Side, finished, name_of, open_run
from xaic.gating.summary import summarise
from xaic.gating.waivers import covered, waive

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from xaic.documents.types import GateRow, Waiver
    from xaic.gating.entries import Entry
    from xaic.harness.folder import LoadedRun

    Run = str | Path | LoadedRun


def hold(
    baseline: Run,
    candidate: Run,
    *,
    renamed: Mapping[str, str] | None = None,
    level: Level = Level.REQUIRED,
    reruns: Iterable[Run] = (),
    waivers: Sequence[Waiver] = (),
    today: date | None = None,
) -> Gate:
    """Return what holding a candidate against a baseline found.

    Args:
        baseline: a run, its folder, or its report.html or run.json.
        candidate: the same of the run to be judged.
        renamed: id of a method in the baseline -> its id in the candidate.
        level: criteria of this level of the baseline's profile and above are compared.
        reruns: the baseline made again with other seeds, for the repeatability limit.
        waivers: regressions that are let pass.
        today: the day on which waivers are judged; by default this day in UTC.

    Raises:
        Unpaired: the runs were not made on the same thing, or nothing in them can be compared.
        BadData: a run is damaged.
        MissingFile: a run is not there.
        Misuse: a path names no run, or a renamed method is unknown.
    """
    runs = open_run(baseline), open_run(candidate)
    broken = [
        fault for which, run in zip(("baseline", "candidate"), runs, strict=True) if (fault := _broken(which, run))
    ]
    if not all(map(finished, runs)):
        return Gate(name_of(runs[0]), name_of(runs[1]), level, ALPHA, 3, "; ".join(broken), RULE)
    before, after = map(Side.of, runs)
    found, notes = entries(before, after, renamed or {}, level)
    if not found:
        raise Unpaired(
            f"no {level.value} criterion was decided on a method of the baseline: there is nothing to compare"
        )
    rows = _rows(before, after, found, [Side.of(open_run(one)) for one in reruns])
    rows, told = waive(rows, waivers, today or datetime.now(UTC).date())
    rows.sort(key=lambda row: (WEIGHT.index(row.finding), covered(row)))
    status = _status(rows, whole=not broken)
    return Gate(
        before.name(),
        after.name(),
        level,
        ALPHA,
        status,
        summarise(rows, status, broken),
        RULE,
        tuple(rows),
        (*broken, *notes, *told, *_oddities(before, after)),
    )


def _broken(which: str, run: LoadedRun) -> str:
    """Return why a run is not whole; nothing where it is."""
    if not finished(run):
        return f"the {which} is not finished; go on with: xaic run --resume {run.folder}"
    if run.whole:
        return ""
    record = run.record
    told = f"{record.planned} planned, {record.executed} executed, {record.not_applicable} not applicable"
    return f"the {which} is not whole: {told}, {record.errored} errored, {record.states.get('error', 0)} verdicts error"


def _oddities(before: Side, after: Side) -> Iterable[str]:
    if before.run.folder.resolve() == after.run.folder.resolve():
        yield "baseline and candidate are one run: nothing was compared but it with itself"
    for name in ("seed", "version"):
        old, new = before.name()[name], after.name()[name]
        if old != new:
            yield f"the runs differ in {name}: {old} and {new}"


def _rows(before: Side, after: Side, found: Sequence[Entry], reruns: Sequence[Side]) -> list[GateRow]:
    for side in (after, *reruns):
        agree(before, side, found)
    asked: dict[int, list[Question]] = {}
    lacking: dict[int, str] = {}
    for place, entry in enumerate(found):
        try:
            asked[place] = _asked(before, after, entry, reruns)
        except NotMeasured as fault:
            lacking[place] = str(fault)
    answers = answer(question for several in asked.values() for question in several)
    return [
        to_row(entry, [answers[one.key] for one in asked.get(place, ())], lacking.get(place, ""))
        for place, entry in enumerate(found)
    ]


def _asked(before: Side, after: Side, entry: Entry, reruns: Sequence[Side]) -> list[Question]:
    """Return what the checks of an entry's criterion ask; nothing of a card, or where a run has no answer."""
    verdict = entry.before
    one, other = before.case(verdict.method, verdict.benchmark), after.case(entry.method, verdict.benchmark)
    if one is None or other is None or one.benchmark is None or not _decided(entry):
        return []
    again = tuple(case for side in reruns if (case := side.case(verdict.method, verdict.benchmark)) is not None)
    checks = before.criteria[verdict.criterion].checks
    return [question for check in checks for question in questions(Matter(check, before, one, other, again))]


def _decided(entry: Entry) -> bool:
    """Tell whether both verdicts rest on scores."""
    states = {entry.before.state, entry.after.state if entry.after else ""}
    return states <= {"pass", "fail", "inconclusive"}


def _status(rows: Iterable[GateRow], *, whole: bool) -> int:
    """Return 3 where something is missing, else 1 for an open regression, 2 where something is undecided, else 0."""
    count = Counter(row.finding for row in rows if not covered(row))
    if not whole or count[Finding.ERROR] or count[Finding.MISSING]:
        return 3
    return 1 if count[Finding.REGRESSION] else 2 if count[Finding.UNDECIDED] else 0
