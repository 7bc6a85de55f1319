"""Decision rules: from per-unit scores to pass, fail or inconclusive, with the rule in words.

Every rule compares one-sided bounds at 1 - alpha with a margin: pass when the interval lies wholly on the good side, fail
when wholly on the bad side, inconclusive otherwise. Scores that are NaN are undefined: their units are left out and counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from xaic.documents.types import State
from xaic.statistics.bounds import Interval, mean_interval, share_interval
from xaic.statistics.functionals import functional_difference, functional_interval

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Array = NDArray[np.float64]
    Pairs = Mapping[tuple[str, str], Array]
    Bounds = tuple[float | None, float | None]

FEWEST = 10
"""Fewer defined units than this decide nothing."""

EXACT = "at most {alpha:.0%} false passes at any sample size: the scores are bounded and the units independent"
ASYMPTOTIC = (
    "asymptotic: false passes measured in simulation at a nominal 5 %: 5 % (normal), 6-8 % (skewed), up to 12 % (heavy tails, "
    "rare failures); repeat with python -m xaic.statistics.simulate"
)


@dataclass(frozen=True)
class Outcome:
    """What a decision rule said."""

    state: State
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    margin: float | None = None
    weakest: Mapping[str, Any] = field(default_factory=dict)
    details: tuple[dict[str, Any], ...] = ()
    promise: str = ""
    rule: str = ""
    reason: str = ""


def side(interval: Interval, margin: float) -> State:
    """Return on which side of the margin an interval lies; above is good."""
    if interval.n < FEWEST:
        return State.INCONCLUSIVE
    if interval.lower > margin:
        return State.PASS
    return State.FAIL if interval.upper <= margin else State.INCONCLUSIVE


def dominance(
    pairs: Pairs, *, bounds: Bounds, alpha: float, margin: float = 0.0, clusters: ArrayLike | None = None
) -> Outcome:
    """DR1. ``pairs[control, operator]`` [N]: score of the method minus that of the control, higher is better.

    Pass: for every control and operator the lower bound of the mean is above the margin. Fail: for some control the upper
    bound is at most the margin under every operator.
    """
    intervals = {key: _interval(values, bounds, alpha, clusters) for key, values in pairs.items()}
    states = {key: side(interval, margin) for key, interval in intervals.items()}
    beaten = _refuted(states)
    weakest = min(intervals, key=lambda key: (intervals[key].lower, key))
    if beaten:
        worst = [key for key in intervals if key[0] == beaten[0]]
        weakest = min(worst, key=lambda key: (intervals[key].upper, key))
        state, reason = State.FAIL, f"not better than {_called(beaten[0])} under any operator"
    elif all(state is State.PASS for state in states.values()):
        state, reason = State.PASS, "better than every control under every operator"
    else:
        state, reason = State.INCONCLUSIVE, _undecided(states, intervals, weakest)
    words = (
        f"DR1: pass when the lower {1 - alpha:.0%} bound of the mean difference from every control, under every operator, is above "
        f"{margin:g}; fail when for some control the upper bound is at most {margin:g} under every operator"
    )
    return _outcome(state, reason, words, intervals, states, weakest, margin, alpha)


def agreement(
    pairs: Pairs, *, bounds: Bounds, alpha: float, margin: float = 0.0, clusters: ArrayLike | None = None
) -> Outcome:
    """Do the operators agree? Each operator's own DR1 verdict; pass when all are the same and decided, fail when they clash."""
    operators = sorted({operator for _, operator in pairs})
    by_operator = {
        operator: dominance(
            {key: values for key, values in pairs.items() if key[1] == operator},
            bounds=bounds,
            alpha=alpha,
            margin=margin,
            clusters=clusters,
        )
        for operator in operators
    }
    states = {outcome.state for outcome in by_operator.values()}
    told = ", ".join(f"{operator}: {outcome.state.value}" for operator, outcome in by_operator.items())
    if {State.PASS, State.FAIL} <= states:
        state, reason = State.FAIL, f"operators contradict each other ({told})"
    elif len(states) == 1 and State.INCONCLUSIVE not in states and len(operators) > 1:
        state, reason = State.PASS, f"operators agree ({told})"
    else:
        why = told if len(operators) > 1 else f"only one operator was run ({told})"
        state, reason = State.INCONCLUSIVE, f"operators do not all decide ({why})"
    first = by_operator[operators[0]]
    return Outcome(
        state,
        n=first.n,
        details=tuple(
            {"operator": operator, "state": outcome.state.value, "weakest": outcome.weakest.get("control", "")}
            for operator, outcome in by_operator.items()
        ),
        promise=first.promise,
        rule="DR1 by operator: pass when every operator gives the same decided verdict; fail when one passes and one fails",
        reason=reason,
    )


def functional_dominance(
    mine: Mapping[str, Array],
    controls: Mapping[str, Mapping[str, Array]],
    name: str,
    *,
    alpha: float,
    clusters: ArrayLike | None,
    rng: np.random.Generator,
) -> Outcome:
    """DR1 on a functional: above that of every control, units resampled together."""
    intervals = {
        (control, ""): functional_difference(mine, parts, name, alpha, clusters, rng)
        for control, parts in controls.items()
    }
    states = {key: side(interval, 0.0) for key, interval in intervals.items()}
    weakest = min(intervals, key=lambda key: (intervals[key].lower, key))
    beaten = _refuted(states)
    state = State.FAIL if beaten else states[weakest]
    reason = {
        State.PASS: f"{name} is above that of every control",
        State.FAIL: f"{name} is not above that of {_called(weakest[0])}",
    }.get(state, f"the interval of the difference in {name} from {_called(weakest[0])} holds 0")
    words = f"DR1 on {name}: pass when the lower {1 - alpha:.0%} bound of its difference from every control is above 0"
    return _outcome(state, reason, words, intervals, states, weakest, 0.0, alpha)


def null_calibrated(
    repeat: Array,
    trained_random: Array,
    random_random: Array,
    *,
    margin: float,
    alpha: float,
    clusters: ArrayLike | None = None,
) -> Outcome:
    """DR2. Similarities [N] in [0, 1]: of a repeated call, of trained and randomised model, of two randomised models.

    (i) repeat - trained_random is above 0: the explanation changes beyond its own noise; (ii) trained_random -
    random_random is at most the margin: it keeps no more than unrelated models share.
    """
    changes = _interval(repeat - trained_random, (-1.0, 1.0), alpha, clusters)
    keeps = _interval(random_random - trained_random, (-1.0, 1.0), alpha, clusters)
    states = {("(i) change", ""): side(changes, 0.0), ("(ii) floor", ""): side(keeps, -margin)}
    intervals = {("(i) change", ""): changes, ("(ii) floor", ""): keeps}
    state = _joined(list(states.values()))
    weakest = next(key for key in states if states[key] is state)
    reasons = {
        State.PASS: "the explanation changes with the model and keeps no more than unrelated models share",
        State.FAIL: {
            "(i) change": "the explanation changes no more than its own repetitions do",
            "(ii) floor": "the explanation keeps more than two unrelated models share",
        }[weakest[0]],
        State.INCONCLUSIVE: f"{weakest[0]}: the interval holds the margin",
    }
    words = (
        f"DR2: pass when (i) the lower {1 - alpha:.0%} bound of similarity of repetitions minus that of trained and randomised model is above "
        f"0 and (ii) the latter exceeds that of two randomised models by at most {margin:g}"
    )
    limit = 0.0 if weakest[0].startswith("(i)") else -margin
    return _outcome(state, reasons[state], words, intervals, states, weakest, limit, alpha)


def change(repeat: Array, other: Array, *, alpha: float, clusters: ArrayLike | None = None) -> Outcome:
    """DR2(i) alone: what was changed changes the explanation beyond its own repetitions."""
    interval = _interval(repeat - other, (-1.0, 1.0), alpha, clusters)
    state = side(interval, 0.0)
    reason = {
        State.PASS: "the explanation changes beyond its own repetitions",
        State.FAIL: "the explanation changes no more than its own repetitions do",
    }.get(state, "the interval of the change holds 0")
    words = f"DR2(i): pass when the lower {1 - alpha:.0%} bound of similarity of repetitions minus similarity after the change is above 0"
    key = ("change", "")
    return _outcome(state, reason, words, {key: interval}, {key: state}, key, 0.0, alpha)


def proportion(holds: NDArray[np.bool_], *, p0: float, alpha: float) -> Outcome:
    """DR3. ``holds`` [N]: does the property hold for the unit? Exact bounds of its share against p0."""
    interval = share_interval(int(holds.sum()), len(holds), alpha)
    if interval.n < FEWEST:
        state = State.INCONCLUSIVE
    elif interval.lower >= p0:
        state = State.PASS
    else:
        state = State.FAIL if interval.upper < p0 else State.INCONCLUSIVE
    reason = f"the property holds for {int(holds.sum())} of {len(holds)} units"
    words = f"DR3: pass when the lower {1 - alpha:.0%} bound of the share of units with the property is at least {p0:g}; fail when the upper is below"
    return Outcome(
        state,
        interval.estimate,
        interval.lower,
        interval.upper,
        interval.n,
        p0,
        promise=EXACT.format(alpha=alpha),
        rule=words,
        reason=reason,
    )


def non_inferiority(
    differences: Array,
    *,
    margin: float,
    bounds: Bounds,
    alpha: float,
    clusters: ArrayLike | None = None,
    reference: str = "",
) -> Outcome:
    """DR4. ``differences`` [N]: score minus that of the reference, higher is better; no worse than by the margin."""
    interval = _interval(differences, bounds, alpha, clusters)
    state = side(interval, -margin)
    reason = {
        State.PASS: f"no worse than {reference} by more than {margin:g}",
        State.FAIL: f"worse than {reference} by more than {margin:g}",
    }.get(state, f"the interval of the difference from {reference} holds {-margin:g}")
    words = f"DR4: pass when the lower {1 - alpha:.0%} bound of the mean difference from {reference} is above {-margin:g}"
    key = (reference, "")
    return _outcome(state, reason, words, {key: interval}, {key: state}, key, -margin, alpha)


def below(
    parts: Mapping[str, Array],
    name: str,
    *,
    margin: float,
    alpha: float,
    clusters: ArrayLike | None,
    rng: np.random.Generator,
) -> Outcome:
    """DR6. A figure of all units is below the margin at its one-sided bound."""
    found = functional_interval(parts, name, alpha, clusters, rng)
    turned = Interval(-found.estimate, -found.upper, -found.lower, found.n, exact=False)
    state = side(turned, -margin)
    relation = {State.PASS: "is below", State.FAIL: "is not below"}.get(state, "cannot be told from")
    return Outcome(
        state,
        found.estimate,
        found.lower,
        found.upper,
        found.n,
        margin,
        promise=ASYMPTOTIC,
        rule=f"DR6: pass when the upper {1 - alpha:.0%} bound of {name} is below {margin:g}; fail when the lower bound is above it",
        reason=f"{name} {relation} {margin:g}",
    )


def _interval(values: Array, bounds: Bounds, alpha: float, clusters: ArrayLike | None) -> Interval:
    """Interval of the mean of the defined scores."""
    defined = ~np.isnan(values)
    if defined.sum() < 2:
        return Interval(float("nan"), -np.inf, np.inf, int(defined.sum()), exact=False)
    groups = None if clusters is None else np.asarray(clusters)[defined]
    return mean_interval(values[defined], bounds, alpha, groups)


def _refuted(states: Mapping[tuple[str, str], State]) -> list[str]:
    """Return the controls that are not beaten under any operator."""
    controls = dict.fromkeys(control for control, _ in states)
    return [c for c in controls if all(state is State.FAIL for key, state in states.items() if key[0] == c)]


def _joined(states: list[State]) -> State:
    for state in (State.FAIL, State.INCONCLUSIVE):
        if state in states:
            return state
    return State.PASS


def _called(control: str) -> str:
    return "zero" if control == "zero" else f"control {control}"


def _undecided(
    states: Mapping[tuple[str, str], State], intervals: Mapping[tuple[str, str], Interval], weakest: tuple[str, str]
) -> str:
    if intervals[weakest].n < FEWEST:
        return f"only {intervals[weakest].n} units have a defined score"
    control, operator = weakest
    under = f" under {operator}" if operator else ""
    clash = {state for key, state in states.items() if key[0] == control} >= {State.PASS, State.FAIL}
    more = "; operators disagree" if clash else ""
    return f"the interval of the difference from {_called(control)}{under} holds the margin or lies below it{more}"


def _outcome(
    state: State,
    reason: str,
    words: str,
    intervals: Mapping[tuple[str, str], Interval],
    states: Mapping[tuple[str, str], State],
    weakest: tuple[str, str],
    margin: float,
    alpha: float,
) -> Outcome:
    deciding = intervals[weakest]
    rows = tuple(
        {
            "control": control,
            "operator": operator,
            "estimate": _finite(interval.estimate),
            "lower": _finite(interval.lower),
            "upper": _finite(interval.upper),
            "n": interval.n,
            "state": states[control, operator].value,
        }
        for (control, operator), interval in intervals.items()
    )
    exact = all(interval.exact for interval in intervals.values())
    return Outcome(
        state,
        _finite(deciding.estimate),
        _finite(deciding.lower),
        _finite(deciding.upper),
        deciding.n,
        margin,
        {"control": weakest[0], "operator": weakest[1]},
        rows,
        EXACT.format(alpha=alpha) if exact else ASYMPTOTIC,
        words,
        reason,
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
