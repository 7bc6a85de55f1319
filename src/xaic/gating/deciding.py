"""Answers to questions: interval against margin, and Holm's correction for the claim that something became worse.

No regression: the lower bound of the change lies above -margin. All comparisons must show that at once, so it
needs no correction. Regression: the upper bound lies at or below -margin. One comparison is enough to fail a
gate, so these claims are corrected together. Bounds have no p-value of their own: it is the least level of a
ladder alpha, alpha/2, alpha/3 ... at which, and at every greater one, the regression is shown. A level of the
ladder is undercut with probability at most that level, as a p-value must.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.documents.types import Finding, Shift, State
from xaic.statistics import holm

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from xaic.gating.questions import Key, Question
    from xaic.statistics import Outcome

ALPHA = 0.05

RULE = (
    "no regression: in every comparison the lower 95 % bound of candidate minus baseline, on the same units, is above "
    "minus the margin, or no unit's score moved by more than a hundredth of it; regression: the upper bound is at most "
    "minus the margin after Holm's correction for all comparisons, or a criterion that passed fails or is no longer "
    "answered; undecided: neither is shown"
)


def answer(questions: Iterable[Question], alpha: float = ALPHA) -> dict[Key, Shift]:
    """Return the answer to every question; equal questions count once."""
    asked = {question.key: question for question in questions}
    moved = {key: one for key, one in asked.items() if not one.pair.same(one.margin.value)}
    outcomes = {key: one.pair.decide(one.margin.value, alpha) for key, one in moved.items()}
    steps = ladder(alpha, len(asked))
    p = [_p(moved[key], outcomes[key], steps) if key in moved else 1.0 for key in asked]
    adjusted = dict(zip(asked, holm(p).tolist(), strict=True))
    return {
        key: _moved(one, outcomes[key], adjusted[key], alpha, len(asked)) if key in moved else _unmoved(one)
        for key, one in asked.items()
    }


def ladder(alpha: float, count: int) -> list[float]:
    """Return falling levels alpha / k for k = 1, 2, 3, 4, 6, 8, 12 ... and the number of comparisons."""
    return [alpha / k for k in sorted({*_counts(count), max(count, 1)})]


def _counts(most: int) -> Iterator[int]:
    power = 1
    while power < most:
        yield from (k for k in (power, power * 3 // 2) if k < most)
        power *= 2
    yield 1


def _p(question: Question, outcome: Outcome, steps: list[float]) -> float:
    """Return the least level of the ladder down to which a regression is shown without a gap; 1 where it is not."""
    if outcome.state is not State.FAIL:
        return 1.0
    reached = steps[0]
    for level in steps[1:]:
        if question.pair.decide(question.margin.value, level).state is not State.FAIL:
            break
        reached = level
    return reached


def _unmoved(question: Question) -> Shift:
    return Shift(
        *question.key[2:5],
        Finding.HELD,
        question.margin.value,
        question.margin.source,
        "no unit's score moved",
        n=question.pair.n,
        estimate=0.0,
    )


def _moved(question: Question, outcome: Outcome, p: float, alpha: float, count: int) -> Shift:
    pair, margin = question.pair, question.margin.value
    finding, reason, needed = Finding.UNDECIDED, outcome.reason, None
    if outcome.state is State.PASS and not pair.unanswered and outcome.lower is not None:
        finding = Finding.HELD
        reason = f"loses at most {max(-outcome.lower, 0.0):.3g}, and {margin:.3g} is let pass"
    elif outcome.state is State.FAIL and p <= alpha and outcome.upper is not None:
        finding, reason = Finding.REGRESSION, f"loses at least {-outcome.upper:.3g}, and {margin:.3g} is let pass"
    elif outcome.state is State.PASS:
        reason = f"{pair.unanswered} units have lost their score, and how bad that is has no bound"
    else:
        worse = outcome.estimate is not None and outcome.estimate <= -margin
        needed = pair.needed(margin, alpha / count if worse else alpha)
        reason = _open(outcome, margin, count, pair.n, needed)
    return Shift(
        *question.key[2:5],
        finding,
        margin,
        question.margin.source,
        reason,
        n=pair.n,
        estimate=outcome.estimate,
        lower=outcome.lower,
        upper=outcome.upper,
        p=p,
        needed=needed,
        promise=outcome.promise,
    )


def _open(outcome: Outcome, margin: float, count: int, n: int, needed: int | None) -> str:
    """Return in words why nothing is shown, and how many units would show it."""
    if outcome.state is State.FAIL:
        why = f"a loss is shown alone, but not after Holm's correction for {count} comparisons"
    elif outcome.lower is None or outcome.upper is None:
        why = outcome.reason
    else:
        change = f"the change lies between {outcome.lower:.3g} and {outcome.upper:.3g}"
        why = f"{change}, a loss of {margin:.3g} or more is neither shown nor ruled out"
    if needed is None:
        return f"{why}; no number of units would: the margin is 0, or the loss seen is the margin itself"
    return f"{why}; about {needed:,} units would decide ({needed - n:,} more than the {n:,} there are)"
