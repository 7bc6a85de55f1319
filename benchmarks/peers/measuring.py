"""One clock for both sides: CPU seconds of this process, with the images that went through models meanwhile."""

from __future__ import annotations

import gc
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from counting import Passes, count

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

T = TypeVar("T")

LONG = 2.0
"""CPU seconds in all after which work is not repeated."""

MOST = 5


@dataclass(frozen=True)
class Measured:
    """Passes of one run of some work, and the CPU seconds of its quickest run."""

    passes: Passes
    seconds: float

    def __add__(self, more: Measured) -> Measured:
        """Return both together."""
        return Measured(self.passes + more.passes, self.seconds + more.seconds)


NOTHING = Measured(Passes(), 0.0)


def measured(
    work: Callable[[Any], T], given: Callable[[], AbstractContextManager[Any]] = nullcontext, *, once: bool = False
) -> tuple[T, Measured]:
    """Do some work and return its result with what it took; ``given`` opens what the work is handed, off the clock.

    Short work is done up to five times, until two seconds are spent, and the quickest time counts: the same rule for
    both sides. Wall-clock time is never read, for the machine may be shared.
    """
    best, spent = float("inf"), 0.0
    if not once:
        gc.collect()
    for _ in range(1 if once else MOST):
        with given() as handed:
            before, started = count(), time.process_time()
            result = work(handed)
            seconds = time.process_time() - started
            passes = count() - before
        best, spent = min(best, seconds), spent + seconds
        if spent > LONG:
            break
    return result, Measured(passes, best)
