"""One check of a criterion: gather the scores it compares, hand them to its decision rule, tell the outcome."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from xaic.documents.errors import BadData
from xaic.documents.types import State
from xaic.harness.inspection import INSPECTIONS
from xaic.metrics.base import Metric, get_metric
from xaic.statistics import Outcome, rules

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from xaic.documents.types import Benchmark, Check, MethodCard, TrialRecord
    from xaic.harness.evidence import Evidence, Scores

    Array = NDArray[np.float64]

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
        if mine is not None and any(key[2] == name for key in mine.values):
            return mine, name
        if "." in name:
            return self.scores(name), "method"
        for (method, benchmark), record in self.evidence.records.items():
            if self.benchmark is not None and benchmark == self.benchmark.id and record.control == name:
                return self.scores(method), "method"
        return None, ""


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
    if check.rule.id not in _RULES:
        raise BadData(f"decision rule {check.rule.id} is not decided by this xaic; it decides {', '.join(_RULES)}")
    return _RULES[check.rule.id](case, check)


def _open(reason: str) -> Judged:
    """Nothing can be decided: the scores are missing."""
    return Judged(Outcome(State.INCONCLUSIVE, reason=reason))


def _inspect(case: Case, check: Check) -> Judged:
    faults = INSPECTIONS[check.part](case.card)
    state = State.FAIL if faults else State.PASS
    reason = "; ".join(faults) or "everything is there"
    return Judged(Outcome(state, reason=reason, rule="DR7: pass when nothing is missing or contradicts itself"))


def _variants(check: Check, mine: Scores) -> list[str]:
    """Return the operators the check compares under, of those that were measured."""
    measured = mine.variants(check.metric)
    return [name for name in measured if not check.operators or name in check.operators]


def _sign(metric: Metric) -> float:
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
    if check.rule.functional == "icc":
        return _dominance_of_functional(case, check, mine)
    pairs: dict[tuple[str, str], Array] = {}
    missing = []
    for operator in _variants(check, mine):
        own = mine.get(check.metric, operator, part=check.part)
        if own is None:
            raise BadData(f"{check.metric} has no part {check.part!r}")
        if not check.controls:
            pairs["zero", operator] = _sign(metric) * own
        for name in _controls(case, check):
            other = _aligned(case, check, mine, name, operator)
            if other is None:
                missing.append(name)
            else:
                pairs[name, operator] = _sign(metric) * (own - other)
    if missing:
        return _open(f"no scores of {', '.join(sorted(set(missing)))} to compare with")
    if not pairs:
        return _open("the benchmark has none of the check's controls")
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
    if scores is None or found is None:
        return None
    if scores.units == mine.units:
        return found
    place = dict(zip(scores.units, found, strict=True))
    return np.array([place.get(unit, np.nan) for unit in mine.units])


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
    if values is None:
        return ()
    order = np.argsort(np.where(np.isnan(values), np.inf, values), kind="stable")
    return tuple(mine.units[i] for i in order[:WORST] if np.isfinite(values[i]))


def _dominance_of_functional(case: Case, check: Check, mine: Scores) -> Judged:
    """DR1 on a functional of several parts (ICC): computed inside every resample of units."""
    differences = {}
    for name in _controls(case, check):
        scores, subject = case.control(name)
        if scores is None:
            return _open(f"no scores of {name} to compare with")
        differences[name] = scores.parts(check.metric, "", subject)
    outcome = rules.functional_dominance(
        mine.parts(check.metric, ""),
        differences,
        check.rule.functional,
        alpha=check.rule.alpha,
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
    bounds = _difference_bounds(get_metric(check.metric), check.part, paired=True)
    alpha = check.rule.alpha
    if check.rule.functional == "change":
        outcome = rules.change(parts["repeat"], parts[""], bounds=bounds, alpha=alpha, clusters=mine.clusters)
    else:
        outcome = rules.null_calibrated(
            parts["repeat"],
            parts["trained_random"],
            parts["random_random"],
            margin=check.rule.margin,
            bounds=bounds,
            alpha=alpha,
            clusters=mine.clusters,
        )
    return Judged(outcome)


def _proportion(case: Case, check: Check) -> Judged:
    """DR3: the property holds within its tolerance for nearly all units."""
    mine = case.scores(case.card.id)
    values = mine.get(check.metric, "", part=check.part) if mine else None
    if mine is None or values is None:
        return _open(f"{check.metric} was not measured")
    tolerance = _tolerance(case, check)
    metric = get_metric(check.metric)
    holds = values >= tolerance if metric.direction == "higher" else values <= tolerance
    outcome = rules.proportion(holds[~np.isnan(values)], p0=check.rule.p0, alpha=check.rule.alpha)
    relation = "at least" if metric.direction == "higher" else "at most"
    words = f"{outcome.rule}; the property: {check.metric} {relation} {tolerance:g}"
    order = np.argsort(-_sign(metric) * values if metric.direction == "lower" else values, kind="stable")
    return Judged(replace(outcome, rule=words), tuple(mine.units[i] for i in order[:WORST] if not holds[i]))


def _tolerance(case: Case, check: Check) -> float:
    """Return the check's tolerance, or the tighter one that the method claims for the property it names."""
    if check.rule.tolerance is None:
        raise BadData(f"the DR3 check on {check.metric} has no tolerance")
    property_ = check.metric.rpartition(".")[2]
    claimed = [claim.value for claim in case.card.claims if claim.property == property_ and claim.value is not None]
    return min([check.rule.tolerance, *claimed])


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
    differences = _sign(metric) * (own - other)
    outcome = rules.non_inferiority(
        differences,
        margin=check.rule.margin,
        bounds=_difference_bounds(metric, check.part, paired=True),
        alpha=check.rule.alpha,
        clusters=mine.clusters,
        reference=reference,
    )
    order = np.argsort(np.where(np.isnan(differences), np.inf, differences), kind="stable")
    return Judged(outcome, tuple(mine.units[i] for i in order[:WORST]))


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


_RULES: dict[str, Callable[[Case, Check], Judged]] = {
    "DR1": _dominance,
    "DR2": _null_calibrated,
    "DR3": _proportion,
    "DR4": _non_inferior,
    "DR6": _below,
    "DR7": _inspect,
}
