"""From a criterion's checks to questions: which scores of both runs are held against each other, and at what margin.

| rule | what is compared, unit by unit |
|---|---|
| DR1, DR4 | the score of the metric, under every operator the check uses |
| DR2 | the change of maps (repeated minus randomised similarity), and how much more similar than chance they stay |
| DR3 | whether the property holds within the baseline's tolerance |
| DR1 on a figure, DR6 | the figure of all units, in the same resamples of units |
| DR7 | nothing: a card has no units, its verdict alone is compared |
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from xaic.documents.errors import BadData
from xaic.gating import margins
from xaic.gating.margins import Skill
from xaic.gating.pairs import Figured, Paired
from xaic.harness.checking import PAIRED, in_order, orientation, tolerance_of, variants_of
from xaic.metrics.base import get_metric
from xaic.statistics import get_functional

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from xaic.documents.types import Check
    from xaic.gating.margins import Margin
    from xaic.gating.pairs import Pair
    from xaic.gating.sides import Side
    from xaic.harness.checking import Case
    from xaic.harness.evidence import Scores
    from xaic.statistics import Functional

    Array = NDArray[np.float64]
    Read = Callable[[Scores, str], "Array | None"]  # scores of a trial and a subject -> quantity [N], higher is better


class Unpaired(BadData):
    """The two runs cannot be held against each other: they were not made on the same thing."""


class NotMeasured(BadData):
    """The candidate lacks scores that the baseline has."""


class Key(NamedTuple):
    """What is asked; criteria that ask the same share the answer."""

    method: str
    benchmark: str
    metric: str
    operator: str
    quantity: str
    margin: float


@dataclass(frozen=True)
class Question:
    """Is the candidate worse than the baseline by the margin or more?"""

    key: Key
    pair: Pair
    margin: Margin


@dataclass(frozen=True)
class Matter:
    """One check of a criterion for one method on one benchmark, in both runs and in reruns of the baseline."""

    check: Check
    side: Side
    before: Case
    after: Case
    reruns: tuple[Case, ...] = ()

    @property
    def mine(self) -> Scores | None:
        """The baseline's scores."""
        return self.before.scores(self.before.card.id)

    @property
    def theirs(self) -> Scores:
        """The candidate's scores, of the same units.

        Raises:
            NotMeasured: there are none.
            Unpaired: they are of other units.
        """
        mine, found = self.mine, self.after.scores(self.after.card.id)
        if mine is None or found is None:
            raise NotMeasured("the candidate has no scores")
        if set(found.units) != set(mine.units):
            only = len(set(mine.units) ^ set(found.units))
            raise Unpaired(f"{self.place}: {only} units are in one run only; make both runs with the same units")
        return found

    @property
    def place(self) -> str:
        """Where this is, in words."""
        assert self.before.benchmark is not None
        return self.before.benchmark.id

    def others(self) -> Iterator[tuple[str, str, Scores, str]]:
        """Yield (role, name, scores, subject) of every control and oracle that the baseline holds scores of."""
        mine = self.mine
        if mine is not None:
            yield from (("control", subject, mine, subject) for subject in sorted(mine.subjects - {"method"}))
        for id in sorted(self.side.cards):
            scores, role = self.before.scores(id), self.side.role(id)
            if scores is not None and role != "method" and id != self.before.card.id:
                yield role, id, scores, "method"


def questions(matter: Matter) -> list[Question]:
    """Return what one check asks of two runs; nothing where it has no scores in the baseline."""
    ask = ASKED.get(matter.check.rule.id)
    mine = matter.mine
    return list(ask(matter, mine)) if ask is not None and mine is not None else []


def _question(matter: Matter, operator: str, quantity: str, pair: Pair, margin: Margin) -> Question:
    key = Key(matter.before.card.id, matter.place, matter.check.metric, operator, quantity, margin.value)
    return Question(key, pair, margin)


def _paired(matter: Matter, mine: Scores, read: Read, range_: tuple[float | None, float | None]) -> Paired | None:
    """Return a quantity [N] of both runs in the order of the baseline's units; None where the baseline has none."""
    before = read(mine, "method")
    if before is None:
        return None
    theirs = matter.theirs
    after = read(theirs, "method")
    if after is None:
        raise NotMeasured(f"the candidate did not measure {matter.check.metric}")
    return Paired(before, in_order(after, theirs.units, mine.units), range_, mine.clusters)


def _mean_of(read: Read, scores: Scores, subject: str) -> float | None:
    """Return the mean of a quantity over the units that have it; None where none has."""
    values = read(scores, subject)
    defined = None if values is None else values[~np.isnan(values)]
    return None if defined is None or not defined.size else float(defined.mean())


def _skill(matter: Matter, figure: Callable[[Scores, str], float | None]) -> Skill:
    """Return what the baseline run knows of a figure: of the method, of oracles and controls, of reruns."""
    found: dict[str, dict[str, float]] = {"oracle": {}, "control": {}}
    for role, name, scores, subject in matter.others():
        value = figure(scores, subject)
        if value is not None:
            found[role][name] = value
    own = None if matter.mine is None else figure(matter.mine, "method")
    scores_again = (case.scores(case.card.id) for case in matter.reruns)
    again = (None if scores is None else figure(scores, "method") for scores in scores_again)
    return Skill(own or 0.0, found["oracle"], found["control"], [value for value in again if value is not None])


def _of_scores(matter: Matter, mine: Scores) -> Iterator[Question]:
    """DR1 and DR4: the metric's own scores."""
    check = matter.check
    if check.rule.id == "DR1" and check.rule.functional not in PAIRED:
        yield from _of_figure(matter, mine)
        return
    metric = get_metric(check.metric)
    sign, (low, high) = orientation(metric), metric.range_of(check.part)
    range_ = (low, high) if sign > 0 else (None if high is None else -high, None if low is None else -low)
    for operator in variants_of(check, mine):

        def read(scores: Scores, subject: str, operator: str = operator) -> Array | None:
            found = scores.get(check.metric, operator, subject, check.part)
            return None if found is None else sign * found

        pair = _paired(matter, mine, read, range_)
        if pair is not None:
            margin = _margin(matter, partial(_mean_of, read))
            yield _question(matter, operator, check.part or "score", pair, margin)


def _margin(matter: Matter, figure: Callable[[Scores, str], float | None]) -> Margin:
    rule = matter.check.rule
    return (
        margins.of_rule(rule.margin) if rule.id == "DR4" and rule.margin else margins.of_skill(_skill(matter, figure))
    )


def _of_change(matter: Matter, mine: Scores) -> Iterator[Question]:
    """DR2: how much maps change, and (unless only that is asked) how far below chance similarity they stay."""
    check = matter.check
    low, high = get_metric(check.metric).range_of(check.part)
    range_ = (None, None) if low is None or high is None else (low - high, high - low)
    for quantity, one, other in _parts_of_change(check):

        def read(scores: Scores, subject: str, one: str = one, other: str = other) -> Array | None:
            parts = scores.parts(check.metric, "", subject)
            return parts[one] - parts[other] if one in parts and other in parts else None

        pair = _paired(matter, mine, read, range_)
        if pair is None:
            continue
        if quantity == "chance":
            margin = margins.of_rule(check.rule.margin)
        else:
            margin = margins.of_skill(_skill(matter, partial(_mean_of, read)))
        yield _question(matter, "", quantity, pair, margin)


def _parts_of_change(check: Check) -> Iterator[tuple[str, str, str]]:
    """Yield what a DR2 check compares: its name, and the parts of which the second is taken from the first."""
    if check.rule.functional == "change":
        yield "change", "repeat", ""
        return
    yield "change", "repeat", "trained_random"
    yield "chance", "random_random", "trained_random"


def _of_property(matter: Matter, mine: Scores) -> Iterator[Question]:
    """DR3: 1 where the property holds within the tolerance of the baseline, 0 where it does not."""
    check = matter.check
    line, sign = tolerance_of(matter.before, check), orientation(get_metric(check.metric))

    def read(scores: Scores, subject: str) -> Array | None:
        found = scores.get(check.metric, "", subject, check.part)
        return None if found is None else np.where(np.isnan(found), np.nan, sign * found >= sign * line)

    pair = _paired(matter, mine, read, (0.0, 1.0))
    if pair is not None:
        skill = _skill(matter, partial(_mean_of, read))
        again = (skill.own, *skill.reruns)
        yield _question(matter, "", "share of units", pair, margins.of_shares(again))


def _of_figure(matter: Matter, mine: Scores) -> Iterator[Question]:
    """DR1 on a figure, DR6: one figure of all units."""
    check = matter.check
    figure, sign = get_functional(check.rule.functional), -1.0 if check.rule.id == "DR6" else 1.0
    before = mine.parts(check.metric, "")
    if not before:
        return
    theirs = matter.theirs
    after = {part: in_order(v, theirs.units, mine.units) for part, v in theirs.parts(check.metric, "").items()}
    if set(after) != set(before):
        raise NotMeasured(f"the candidate did not measure all parts of {check.metric}")

    def read(scores: Scores, subject: str) -> float | None:
        parts = scores.parts(check.metric, "", subject)
        return sign * _raw(figure, parts) if set(parts) == set(before) else None

    skill = _skill(matter, read)
    if check.rule.id == "DR6" and not skill.controls:
        margin = margins.of_limit(check.rule.margin, _raw_at(figure, check.rule.margin))
    else:
        margin = margins.of_skill(skill)
    pair = Figured(before, after, check.rule.functional, sign, mine.clusters)
    yield _question(matter, "", check.rule.functional, pair, margin)


def _raw(figure: Functional, parts: dict[str, Array]) -> float:
    """Return a figure on the scale on which two of them are compared: of the calibration error, its square."""
    keep = ~np.any([np.isnan(part) for part in parts.values()], axis=0)
    ready = figure.prepare({name: part[keep] for name, part in parts.items()})
    return float(figure.compute({name: part[None] for name, part in ready.items()})[0])


def _raw_at(figure: Functional, value: float) -> float:
    """Return what becomes ``value`` when the figure is finished; ``finish`` grows, so halving finds it."""
    low, high = (-1.0, 1.0) if np.isfinite(figure.range).all() else (value, value)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if figure.finish(middle) < value else (low, middle)
    return high


ASKED: dict[str, Callable[[Matter, Scores], Iterator[Question]]] = {
    "DR1": _of_scores,
    "DR2": _of_change,
    "DR3": _of_property,
    "DR4": _of_scores,
    "DR6": _of_figure,
}
