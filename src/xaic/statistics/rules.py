"""Decision rules: from scores to pass, fail or inconclusive, with the numbers and the words of a verdict.

All bounds are one-sided at level 1 - alpha. Differences are oriented so that higher is better. An undefined
score (NaN) drops its unit from that comparison and is counted; fewer than ``LEAST`` independent units
decide nothing. A rule that asks several things for a pass asks all of them, so its false passes stay at
alpha without a correction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xaic.documents.errors import Misuse
from xaic.documents.types import State
from xaic.statistics import wording
from xaic.statistics.bounds import clopper_pearson, cluster_means
from xaic.statistics.comparing import LEAST, Comparison, Terms, compare, defined, resampled, single, too_few
from xaic.statistics.functionals import get_functional
from xaic.statistics.outcome import Outcome, finite
from xaic.statistics.resampling import difference_interval, functional_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray

    from xaic.statistics.functionals import Parts

    Array = NDArray[np.float64]
    Range = tuple[float | None, float | None]

OPEN: Range = (None, None)
"""The range of a score that has no bounds."""


def dominance(
    differences: Mapping[tuple[str, str], Array],
    *,
    bounds: Range = OPEN,
    alpha: float = 0.05,
    margin: float = 0.0,
    clusters: ArrayLike | None = None,
) -> Outcome:
    """Decide DR1: the method beats every control under every operator.

    Pass when the lower bound of every mean difference is above the margin. Fail when for one control the
    upper bound is at most the margin under every operator. Inconclusive otherwise, also where operators
    contradict each other.

    Args:
        differences: (control, operator) -> score of the method minus score of the control [n]; higher is
            better.
        bounds: least and greatest possible difference; None where there is none.
        alpha: error of each bound.
        margin: what the differences must exceed.
        clusters: an id for every unit.
    """
    found = compare(differences, Terms(bounds, alpha, clusters), margin)
    rule = wording.dominance(alpha, margin)
    state, weakest, reason = _dominates(found, margin)
    return _outcome(
        state,
        weakest,
        found,
        margin=margin,
        rule=rule,
        reason=reason,
        promise=wording.promise_of_mean(bounds, alpha),
    )


def _dominates(found: Sequence[Comparison], margin: float) -> tuple[State, Comparison, str]:
    """Return the state of DR1 with the comparison it turned on and the reason."""
    weakest = min(found, key=lambda one: (one.lower, one.estimate))
    if weakest.lower > margin:
        return State.PASS, weakest, f"above every control; weakest against {_who(weakest)}: {weakest}"
    groups = _by(found, "control")
    beaten = [group for group in groups.values() if all(one.upper <= margin for one in group)]
    if beaten:
        worst = min((one for group in beaten for one in group), key=lambda one: one.upper)
        return (
            State.FAIL,
            worst,
            f"not above {worst.name['control']} under any operator; worst {_who(worst)}: {worst}",
        )
    for control, group in groups.items():
        above = [one.name["operator"] for one in group if one.lower > margin]
        below = [one.name["operator"] for one in group if one.upper <= margin]
        if above and below:
            reason = f"operators disagree: above {control} under {', '.join(above)}, not under {', '.join(below)}"
            return State.INCONCLUSIVE, min(group, key=lambda one: one.upper), reason
    return State.INCONCLUSIVE, weakest, f"undecided against {_who(weakest)}: {weakest}"


def agreement(
    differences: Mapping[tuple[str, str], Array],
    *,
    bounds: Range = OPEN,
    alpha: float = 0.05,
    margin: float = 0.0,
    clusters: ArrayLike | None = None,
) -> Outcome:
    """Decide whether DR1 says the same under each operator alone.

    Pass when every operator alone gives the same verdict, all pass or all fail. Fail when one passes what
    another fails. Inconclusive where an operator decides nothing, or where there is only one.
    """
    found = compare(differences, Terms(bounds, alpha, clusters), margin)
    alone = {operator: _dominates(group, margin) for operator, group in _by(found, "operator").items()}
    states = {state for state, _, _ in alone.values()}
    if len(alone) < 2:
        state = State.INCONCLUSIVE
    elif {State.PASS, State.FAIL} <= states:
        state = State.FAIL
    else:
        state = State.PASS if len(states) == 1 and State.INCONCLUSIVE not in states else State.INCONCLUSIVE
    rule = wording.agreement(alpha)
    reason = "; ".join(
        f"{operator or 'the only operator'}: {state_.value}" for operator, (state_, _, _) in alone.items()
    )
    weakest = min(found, key=lambda one: (one.lower, one.estimate))
    return _outcome(
        state,
        weakest,
        found,
        margin=margin,
        rule=rule,
        reason=reason,
        promise=wording.promise_of_mean(bounds, alpha),
    )


def functional_dominance(
    method: Parts,
    controls: Mapping[str, Parts],
    functional: str,
    *,
    alpha: float = 0.05,
    margin: float = 0.0,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
) -> Outcome:
    """Decide DR1 on a figure of all units, such as an ICC.

    The figure is computed in every resample, the same units for the method and its control.
    """
    figure = get_functional(functional)
    if not controls:
        raise Misuse("dominance needs at least one control to compare with")
    generator = np.random.default_rng(0) if rng is None else rng

    def against(name: str, parts: Parts) -> Comparison:
        both = {("m", k): v for k, v in method.items()} | {("c", k): v for k, v in parts.items()}
        keep, ids = defined(both.values(), clusters)
        one, other = ({k: np.asarray(v)[keep] for k, v in side.items()} for side in (method, parts))
        return resampled(
            {"control": name, "operator": ""},
            lambda: difference_interval(one, other, figure, alpha, clusters=ids, rng=generator),
            keep,
            ids,
        )

    found = [against(name, parts) for name, parts in controls.items()]
    state, weakest, reason = _dominates(found, margin)
    rule = wording.functional_dominance(alpha, margin, figure)
    promise = wording.promise_of_functional(figure)
    return _outcome(state, weakest, found, margin=margin, rule=rule, reason=reason, promise=promise)


def null_calibrated(
    repeat: Array,
    trained_random: Array,
    random_random: Array,
    *,
    margin: float,
    bounds: Range = OPEN,
    alpha: float = 0.05,
    clusters: ArrayLike | None = None,
) -> Outcome:
    """Decide DR2: maps change, and keep no more similarity than unrelated models share.

    Pass when (i) the lower bound of mean[repeat - trained_random] is above 0; (ii) the upper bound of
    mean[trained_random - random_random] is at most the margin. Fail when (i) has its upper bound at most 0
    or (ii) its lower bound above the margin.

    Args:
        repeat: similarity [n] of two runs of the method on the trained model.
        trained_random: similarity [n] of maps on the trained and on a randomised model.
        random_random: similarity [n] of maps on two randomised models.
        margin: by how much (ii) may be exceeded.
        bounds: least and greatest difference of two similarities.
        alpha: error of each bound.
        clusters: an id for every unit.
    """
    terms = Terms(bounds, alpha, clusters)
    change_ = single("change", repeat - trained_random, terms, 0.0)
    excess = single("excess", trained_random - random_random, terms, margin)
    if change_.lower > 0 and excess.upper <= margin:
        state, deciding, reason = State.PASS, excess, "changes, and keeps no more similarity than chance"
    elif change_.upper <= 0:
        state, deciding, reason = State.FAIL, change_, "does not change beyond its own repeatability"
    elif excess.lower > margin:
        state, deciding, reason = State.FAIL, excess, "keeps more similarity than two unrelated models share"
    else:
        deciding = excess if change_.lower > 0 else change_
        state, reason = State.INCONCLUSIVE, f"the {deciding.name['comparison']} is undecided"
    rule = wording.null_calibrated(alpha, margin)
    held = 0.0 if deciding is change_ else margin
    return _outcome(
        state,
        deciding,
        (change_, excess),
        margin=held,
        rule=rule,
        reason=f"{reason}: {deciding}",
        promise=wording.promise_of_mean(bounds, alpha),
    )


def change(
    repeat: Array,
    other: Array,
    *,
    bounds: Range = OPEN,
    alpha: float = 0.05,
    margin: float = 0.0,
    clusters: ArrayLike | None = None,
) -> Outcome:
    """Decide part (i) of DR2 alone: maps differ beyond repeatability plus the margin."""
    one = single("change", repeat - other, Terms(bounds, alpha, clusters), margin)
    rule = wording.change(alpha, margin)
    state, reason = _above(one, margin)
    return _outcome(
        state,
        one,
        (one,),
        margin=margin,
        rule=rule,
        reason=reason,
        promise=wording.promise_of_mean(bounds, alpha),
    )


def proportion(
    holds: ArrayLike, *, p0: float = 0.95, alpha: float = 0.05, clusters: ArrayLike | None = None
) -> Outcome:
    """Decide DR3: a property holds for at least a share ``p0`` of units.

    The bound is the exact one of Clopper and Pearson.

    Args:
        holds: for every unit [n], whether the property holds within its tolerance.
        p0: the share asked for.
        alpha: error of each bound.
        clusters: an id for every unit; a cluster holds when all its units do.
    """
    keep, ids = defined([holds], clusters)
    good = np.asarray(holds, dtype=np.float64)[keep] != 0
    whole = cluster_means(good.astype(np.float64), ids) > 1 - 1e-9
    n, k, dropped = len(whole), int(whole.sum()), int((~keep).sum())
    rule = wording.proportion(alpha, p0)
    if n < LEAST:
        return Outcome(State.INCONCLUSIVE, n=n, margin=p0, rule=rule, reason=too_few(n, dropped))
    lower, upper = (clopper_pearson(k, n, alpha, side) for side in ("lower", "upper"))
    state = State.PASS if lower >= p0 else State.FAIL if upper < p0 else State.INCONCLUSIVE
    one = Comparison({}, k / n, lower, upper, n, dropped)
    promise = wording.promise_of_proportion(alpha)
    reason = f"holds for {k} of {n} units; share {one}"
    return _outcome(state, one, (one,), margin=p0, rule=rule, reason=reason, promise=promise)


def non_inferiority(
    differences: Array,
    *,
    margin: float,
    bounds: Range = OPEN,
    alpha: float = 0.05,
    clusters: ArrayLike | None = None,
    reference: str = "the reference",
) -> Outcome:
    """Decide DR4: no worse than a reference by the margin or more.

    Differences [n] are method minus reference. Pass when the lower bound is above -margin, fail when the
    upper bound is at most -margin.
    """
    if margin < 0:
        raise Misuse(f"the margin of non-inferiority is {margin}; it must not be negative")
    one = single(reference, differences, Terms(bounds, alpha, clusters), -margin)
    rule = wording.non_inferiority(alpha, margin, reference)
    state, reason = _above(one, -margin)
    return _outcome(
        state,
        one,
        (one,),
        margin=-margin,
        rule=rule,
        reason=reason,
        promise=wording.promise_of_mean(bounds, alpha),
    )


def below(
    values: Parts,
    functional: str,
    *,
    margin: float,
    alpha: float = 0.05,
    clusters: ArrayLike | None = None,
    rng: np.random.Generator | None = None,
) -> Outcome:
    """Decide DR6: a figure of all units lies below the margin.

    Pass when its upper bound is below the margin, fail when its lower bound is above.
    """
    figure = get_functional(functional)
    keep, ids = defined(values.values(), clusters)
    kept = {name: np.asarray(part)[keep] for name, part in values.items()}
    one = resampled(
        {"figure": figure.id},
        lambda: functional_interval(kept, figure, alpha, clusters=ids, rng=rng),
        keep,
        ids,
    )
    state = State.PASS if one.upper < margin else State.FAIL if one.lower > margin else State.INCONCLUSIVE
    rule = wording.below(alpha, margin, figure)
    promise = wording.promise_of_functional(figure)
    return _outcome(state, one, (one,), margin=margin, rule=rule, reason=f"{figure.title}: {one}", promise=promise)


def _above(one: Comparison, line: float) -> tuple[State, str]:
    state = State.PASS if one.lower > line else State.FAIL if one.upper <= line else State.INCONCLUSIVE
    return state, f"mean difference {one}"


def _outcome(
    state: State,
    deciding: Comparison,
    found: Sequence[Comparison],
    *,
    margin: float,
    rule: str,
    reason: str,
    promise: str,
) -> Outcome:
    dropped = max(one.dropped for one in found)
    note = f"; {dropped} units without a score were dropped" if dropped and not deciding.fault else ""
    return Outcome(
        state,
        finite(deciding.estimate),
        finite(deciding.lower),
        finite(deciding.upper),
        deciding.n,
        margin,
        dict(deciding.name),
        tuple(one.row() for one in found),
        promise,
        rule,
        reason + note,
    )


def _by(found: Sequence[Comparison], key: str) -> dict[str, list[Comparison]]:
    groups: dict[str, list[Comparison]] = {}
    for one in found:
        groups.setdefault(one.name[key], []).append(one)
    return groups


def _who(one: Comparison) -> str:
    operator = one.name["operator"]
    return one.name["control"] + (f" under {operator}" if operator else "")
