"""One check of a criterion: gather the scores it compares, hand them to its decision rule, tell the outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xaic.documents.errors import BadData
from xaic.documents.types import State
from xaic.harness.inspection import INSPECTIONS, RULE
from xaic.metrics.base import Metric, get_metric
from xaic.statistics import Outcome, rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from xaic.documents.types import Benchmark, Check, MethodCard, TrialRecord
    from xaic.harness.evidence import Evidence, Scores

    Array = NDArray[np.float64]

PAIRED = {"mean", "agreement"}
"""Functionals of DR1 that are means of differences; any other is a figure of all units, computed in every resample."""

WORST = 5
"""How many of the worst units a verdict names."""


@dataclass(frozen=True)
class Case:
    """A method on a benchmark before the judge; ``benchmark`` is None where only the card is looked at."""

    card: MethodCard
    benchmark: Benchmark | None
    evidence: Evidence

    def scores(self, method: str) -> Scores | None:
        """Return what a method's trial on this benchmark measured."""
        return self.evidence.scores.get((method, self.benchmark.id)) if self.benchmark else None

    def record(self, method: str) -> TrialRecord | None:
        """Return what a method's trial on this benchmark did."""
        return self.evidence.records.get((method, self.benchmark.id)) if self.benchmark else None

    def control(self, name: str) -> tuple[Scores | None, str]:
        """Return the scores that hold a control or reference, and the subject under which they stand there."""
        mine = self.scores(self.card.id)
        if mine is not None and name in mine.subjects:
            return mine, name
        if "." in name:
            return self.scores(name), "method"
        method = self.evidence.controls.get((name, self.benchmark.id)) if self.benchmark else None
        return (self.scores(method), "method") if method else (None, "")


@dataclass(frozen=True)
class Judged:
    """What a decision rule said of one check, with the units that did worst."""

    outcome: Outcome
    worst_units: tuple[str, ...] = ()


def judge_check(case: Case, check: Check) -> Judged:
    """Return the outcome of one check.

    Raises:
        BadData: the check names a rule that this xaic does not decide, or a part that the metric does not have.
    """
    if check.rule.id not in RULES:
        raise BadData(f"decision rule {check.rule.id} is not decided by this xaic; it decides {', '.join(RULES)}")
    return RULES[check.rule.id](case, check)


def _open(reason: str) -> Judged:
    """Nothing can be decided: the scores are missing."""
    return Judged(Outcome(State.INCONCLUSIVE, reason=reason))


def _inspect(case: Case, check: Check) -> Judged:
    faults = INSPECTIONS[check.part](case.card)
    state = State.FAIL if faults else State.PASS
    reason = "; ".join(faults) or "everything is there"
    return Judged(Outcome(state, reason=reason, rule=RULE))


def variants_of(check: Check, mine: Scores) -> list[str]:
    """Return the operators the check compares under, of those that were measured."""
    measured = mine.variants(check.metric)
    return [name for name in measured if not check.operators or name in check.operators]


def orientation(metric: Metric) -> float:
    """Return what a score is multiplied with so that higher is better: -1 where lower is better, else 1."""
    return -1.0 if metric.direction == "lower" else 1.0


def _controls(case: Case, check: Check) -> list[str]:
    """Return the controls of a check that the benchmark has; methods named as references always count."""
    assert case.benchmark is not None
    return [name for name in check.controls if "." in name or name in case.benchmark.controls]


def _dominance(case: Case, check: Check) -> Judged:
    """DR1: beat every control under every operator; without controls, be above zero."""
    mine = case.scores(case.card.id)
    metric = get_metric(check.metric)
    if mine is None or not mine.variants(check.metric):
        return _open(f"{check.metric} was not measured")
    if check.rule.functional not in PAIRED:
        return _dominance_of_functional(case, check, mine)
    pairs: dict[tuple[str, str], Array] = {}
    missing = []
    for operator in variants_of(check, mine):
        own = mine.get(check.metric, operator, part=check.part)
        if own is None:
            raise BadData(f"{check.metric} has no part {check.part!r}")
        if not check.controls:
            pairs["zero", operator] = orientation(metric) * own
        for name in _controls(case, check):
            other = _aligned(case, check, mine, name, operator)
            if other is None:
                missing.append(name)
            else:
                pairs[name, operator] = orientation(metric) * (own - other)
    if missing:
        return _open(f"no scores of {', '.join(sorted(set(missing)))} to compare with")
    if not pairs:
        lacking = "controls" if variants_of(check, mine) else "operators"
        return _open(f"the benchmark has none of the check's {lacking}")
    decide = rules.agreement if check.rule.functional == "agreement" else rules.dominance
    outcome = decide(
        pairs,
        bounds=_difference_bounds(metric, check.part, paired=bool(check.controls)),
        alpha=check.rule.alpha,
        margin=check.rule.margin,
        clusters=mine.clusters,
    )
    return Judged(outcome, _worst(outcome, pairs, mine))


def _aligned(case: Case, check: Check, mine: Scores, name: str, operator: str) -> Array | None:
    """Return a control's scores in the order of this trial's units, NaN where it has none."""
    scores, subject = case.control(name)
    found = scores.get(check.metric, operator, subject, check.part) if scores else None
    return None if scores is None or found is None else in_order(found, scores.units, mine.units)


def in_order(values: Array, units: tuple[str, ...], wanted: tuple[str, ...]) -> Array:
    """Return values [n] of units in the order of the wanted ones, NaN where a wanted one has none."""
    if units == wanted:
        return values
    place = dict(zip(units, values, strict=True))
    return np.array([place.get(unit, np.nan) for unit in wanted])


def _difference_bounds(metric: Metric, part: str, *, paired: bool) -> tuple[float | None, float | None]:
    """Return the range of an oriented difference of two scores, or of one oriented score."""
    low, high = metric.range_of(part)
    if low is None or high is None:
        return None, None
    if paired:
        return low - high, high - low
    return (-high, -low) if metric.direction == "lower" else (low, high)


def _worst(outcome: Outcome, pairs: dict[tuple[str, str], Array], mine: Scores) -> tuple[str, ...]:
    key = (str(outcome.weakest.get("control", "")), str(outcome.weakest.get("operator", "")))
    values = pairs.get(key)
    return () if values is None else _lowest(values, mine.units)


def _lowest(values: Array, units: tuple[str, ...]) -> tuple[str, ...]:
    """Return the units with the lowest values [n], lowest first; ties in the order of units, NaN left out."""
    order = np.argsort(values, kind="stable")  # NaN comes last
    return tuple(units[i] for i in order[:WORST] if not np.isnan(values[i]))


def _dominance_of_functional(case: Case, check: Check, mine: Scores) -> Judged:
    """DR1 on a functional of several parts (ICC): computed inside every resample of units."""
    others = {}
    for name in _controls(case, check):
        scores, subject = case.control(name)
        parts = scores.parts(check.metric, "", subject) if scores else {}
        if scores is None or not parts:
            return _open(f"no scores of {name} to compare with")
        others[name] = {part: in_order(found, scores.units, mine.units) for part, found in parts.items()}
    if not others:
        return _open("the benchmark has none of the check's controls")
    outcome = rules.functional_dominance(
        mine.parts(check.metric, ""),
        others,
        check.rule.functional,
        alpha=check.rule.alpha,
        margin=check.rule.margin,
        clusters=mine.clusters,
        rng=np.random.default_rng(0),
    )
    return Judged(outcome)


def _null_calibrated(case: Case, check: Check) -> Judged:
    """DR2: changes beyond its own repeatability, and no more similar than unrelated models."""
    mine = case.scores(case.card.id)
    parts = mine.parts(check.metric, "") if mine else {}
    if mine is None or not parts:
        return _open(f"{check.metric} was not measured")
    wanted = ("repeat", "") if check.rule.functional == "change" else ("repeat", "trained_random", "random_random")
    lacking = [part for part in wanted if part not in parts]
    if lacking:
        raise BadData(f"{check.metric} has no part {', '.join(map(repr, lacking))}")
    decide = rules.change if check.rule.functional == "change" else rules.null_calibrated
    outcome = decide(
        *(parts[part] for part in wanted),
        margin=check.rule.margin,
        bounds=_difference_bounds(get_metric(check.metric), check.part, paired=True),
        alpha=check.rule.alpha,
        clusters=mine.clusters,
    )
    return Judged(outcome)


def _proportion(case: Case, check: Check) -> Judged:
    """DR3: the property holds within its tolerance for nearly all units."""
    mine = case.scores(case.card.id)
    values = mine.get(check.metric, "", part=check.part) if mine else None
    if mine is None or values is None:
        return _open(f"{check.metric} was not measured")
    tolerance = tolerance_of(case, check)
    higher = get_metric(check.metric).direction == "higher"
    holds = np.where(np.isnan(values), np.nan, values >= tolerance if higher else values <= tolerance)
    outcome = rules.proportion(holds, p0=check.rule.p0, alpha=check.rule.alpha, clusters=mine.clusters)
    words = f"{outcome.rule}; the property: {check.metric} {'at least' if higher else 'at most'} {tolerance:g}"
    broken = np.where(holds == 0, values if higher else -values, np.nan)
    return Judged(replace(outcome, rule=words), _lowest(broken, mine.units))


def tolerance_of(case: Case, check: Check) -> float:
    """Return the check's tolerance, or the tighter one that the method claims for the property it names."""
    if check.rule.tolerance is None:
        raise BadData(f"the DR3 check on {check.metric} has no tolerance")
    property_ = check.metric.rpartition(".")[2]
    claimed = [claim.value for claim in case.card.claims if claim.property == property_ and claim.value is not None]
    tighter = max if get_metric(check.metric).direction == "higher" else min
    return tighter([check.rule.tolerance, *claimed])


def _non_inferior(case: Case, check: Check) -> Judged:
    """DR4: no worse than a reference method by more than the margin."""
    mine = case.scores(case.card.id)
    reference = check.rule.reference or ""
    own = mine.get(check.metric, "", part=check.part) if mine else None
    if mine is None or own is None:
        return _open(f"{check.metric} was not measured")
    other = _aligned(case, check, mine, reference, "")
    if other is None:
        return _open(f"no scores of the reference {reference} to compare with")
    metric = get_metric(check.metric)
    differences = orientation(metric) * (own - other)
    outcome = rules.non_inferiority(
        differences,
        margin=check.rule.margin,
        bounds=_difference_bounds(metric, check.part, paired=True),
        alpha=check.rule.alpha,
        clusters=mine.clusters,
        reference=reference,
    )
    return Judged(outcome, _lowest(differences, mine.units))


def _below(case: Case, check: Check) -> Judged:
    """DR6: a figure of all units lies below the margin."""
    mine = case.scores(case.card.id)
    parts = mine.parts(check.metric, "") if mine else {}
    if mine is None or not parts:
        return _open(f"{check.metric} was not measured")
    outcome = rules.below(
        parts,
        check.rule.functional,
        margin=check.rule.margin,
        alpha=check.rule.alpha,
        clusters=mine.clusters,
        rng=np.random.default_rng(0),
    )
    return Judged(outcome)


RULES: dict[str, Callable[[Case, Check], Judged]] = {
    "DR1": _dominance,
    "DR2": _null_calibrated,
    "DR3": _proportion,
    "DR4": _non_inferior,
    "DR6": _below,
    "DR7": _inspect,
}
