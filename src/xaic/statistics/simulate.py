"""How often the bounds and rules err, and how often they find what is there.

Run ``python -m xaic.statistics.simulate``. Differences have mean 0 for sizes and 0.3 standard deviations
for power. A lower bound above the truth is a false pass of DR1, DR2 and DR4; an upper bound below it a false
fail.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from xaic.statistics.bounds import (
    Side,
    bca_mean,
    bounded_bound,
    clopper_pearson,
    cluster_means,
    empirical_bernstein,
    satterthwaite,
    student_t,
    unbounded_bound,
)
from xaic.statistics.functionals import get_functional
from xaic.statistics.resampling import difference_interval, functional_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Bound = Callable[[Array, float, Side], Array]

ALPHA = 0.05
EFFECT = 0.3
SIDES: tuple[Side, Side] = ("lower", "upper")


@dataclass(frozen=True)
class Case:
    """Differences with mean 0: ``draw(rng, R, n)`` gives [R, n], each with ``deviation``."""

    name: str
    draw: Callable[[np.random.Generator, int, int], Array]
    deviation: float
    range: tuple[float, float] | None = None
    clusters: int = 1  # units in a cluster


@dataclass(frozen=True)
class Line:
    """One line of the table: shares of the repeats, each with its Monte-Carlo interval."""

    subject: str
    case: str
    n: int
    false_pass: float
    false_fail: float
    power: float | None
    repeats: int

    def __str__(self) -> str:
        """Return the line as printed."""
        shares = [self.false_pass, self.false_fail, self.power]
        text = "  ".join("-".rjust(16) if share is None else _share(share, self.repeats) for share in shares)
        return f"{self.subject:<22}{self.case:<22}{self.n:>5}  {text}"


def _share(share: float, repeats: int) -> str:
    hits = round(share * repeats)
    low = 100 * clopper_pearson(hits, repeats, 0.025, "lower")
    high = 100 * clopper_pearson(hits, repeats, 0.025, "upper")
    return f"{100 * share:5.1f} [{low:.1f}, {high:.1f}]".rjust(16)


def _lognormal(rng: np.random.Generator, repeats: int, n: int) -> Array:
    return np.asarray((rng.lognormal(0, 1, (repeats, n)) - np.exp(0.5)) / np.sqrt((np.e - 1) * np.e))


def _narrow(rng: np.random.Generator, repeats: int, n: int) -> Array:
    return np.asarray(np.clip(0.2 * rng.standard_normal((repeats, n)), -1, 1), dtype=np.float64)


def _coin(rng: np.random.Generator, repeats: int, n: int) -> Array:
    return np.where(rng.random((repeats, n)) < 0.5, 0.7, -0.7)


def _heavy(rng: np.random.Generator, repeats: int, n: int) -> Array:
    return np.asarray(rng.standard_t(3, (repeats, n)) / np.sqrt(3), dtype=np.float64)


def _clustered(rng: np.random.Generator, repeats: int, n: int) -> Array:
    shared = np.repeat(rng.standard_normal((repeats, n // 5)), 5, axis=1)
    return np.asarray(np.sqrt(0.5) * (shared + rng.standard_normal((repeats, n))))


def _rare(rng: np.random.Generator, repeats: int, n: int) -> Array:
    """Return small gains with rare large losses: 0.03 with probability 0.97, else -0.97."""
    return np.where(rng.random((repeats, n)) < 0.97, 0.03, -0.97)


OPEN_CASES = (
    Case("normal", lambda rng, r, n: rng.standard_normal((r, n)), 1.0),
    Case("lognormal", _lognormal, 1.0),
    Case("lognormal, mirrored", lambda rng, r, n: -_lognormal(rng, r, n), 1.0),
    Case("t with 3 df", _heavy, 1.0),
    Case("normal, clusters of 5", _clustered, 1.0, clusters=5),
)
BOUNDED_CASES = (
    Case("rare failure", _rare, np.sqrt(0.97 * 0.03), (-1.0, 1.0)),
    Case("rare gain", lambda rng, r, n: -_rare(rng, r, n), np.sqrt(0.97 * 0.03), (-1.0, 1.0)),
    Case("beta(1, 5)", lambda rng, r, n: rng.beta(1, 5, (r, n)) - 1 / 6, np.sqrt(5 / 252), (-1.0, 1.0)),
    Case("beta(5, 1)", lambda rng, r, n: rng.beta(5, 1, (r, n)) - 5 / 6, np.sqrt(5 / 252), (-1.0, 1.0)),
    Case("fair coin, -0.7 or 0.7", _coin, 0.7, (-1.0, 1.0)),
    Case(
        "normal, sd 0.2",
        _narrow,
        0.2,
        (-1.0, 1.0),
    ),
)


def mean_lines(
    subject: str,
    bound: Bound,
    cases: Sequence[Case],
    units: Sequence[int],
    repeats: int,
    *,
    rng: np.random.Generator,
) -> Iterator[Line]:
    """Yield size and power of a bound of the mean for every case and number of units."""
    for case in cases:
        for n in units:
            x = case.draw(rng, repeats, n)
            ids = np.repeat(np.arange(n // case.clusters), case.clusters) if case.clusters > 1 else None
            x = cluster_means(x, ids)
            lower, upper = (bound(x, ALPHA, side) for side in SIDES)
            shift = EFFECT * case.deviation
            if case.range is None:
                power = float(np.mean(lower > -shift))
            else:
                moved = np.clip(x + shift, *case.range)
                power = float(np.mean(bound(moved, ALPHA, "lower") > 0))
            yield Line(subject, case.name, n, float(np.mean(lower > 0)), float(np.mean(upper < 0)), power, repeats)


def _betting(x: Array, alpha: float, side: Side) -> Array:
    return bounded_bound(x, -1.0, 1.0, alpha, side)


def _bernstein(x: Array, alpha: float, side: Side) -> Array:
    return empirical_bernstein(x, -1.0, 1.0, alpha, side)


def calibration_lines(repeats: int, units: Sequence[int], rng: np.random.Generator) -> Iterator[Line]:
    """Yield how often DR6 errs where the error is exactly the margin, or passes where it is 0.

    Confidences are uniform from 0.6 to 0.95 and 0.03 too high, so the error of every binning is 0.03.
    """
    figure, gap = get_functional("ece"), 0.03
    for n in units:
        wrong = np.zeros(3)
        for _ in range(repeats):
            hits = rng.uniform(0.6, 0.95, n)
            correct = (rng.random(n) < hits).astype(np.float64)
            said = {"confidence": hits + gap, "correct": correct}
            found = functional_interval(said, figure, ALPHA, rng=rng, resamples=400)
            fair = functional_interval({**said, "confidence": hits}, figure, ALPHA, rng=rng, resamples=400)
            wrong += [found.upper < gap, found.lower > gap, fair.upper < gap]
        share = wrong / repeats
        yield Line("DR6 ece", "gap of 0.03", n, share[0], share[1], share[2], repeats)


def icc_lines(repeats: int, units: Sequence[int], rng: np.random.Generator) -> Iterator[Line]:
    """Yield how often DR1 on ICCs tells apart two methods of equal ICC 0.5, or of 0.5 and 0.35 (power)."""
    figure = get_functional("icc")

    def maps(n: int, signal: float) -> dict[str, Array]:
        between = np.sqrt(signal) * rng.standard_normal((n, 1, 4))
        return {"": between + np.sqrt(1 - signal) * rng.standard_normal((n, 3, 4))}

    for n in units:
        wrong = np.zeros(3)
        for _ in range(repeats):
            method = maps(n, 0.5)
            same = difference_interval(method, maps(n, 0.5), figure, ALPHA, rng=rng, resamples=400)
            less = difference_interval(method, maps(n, 0.35), figure, ALPHA, rng=rng, resamples=400)
            wrong += [same.lower > 0, same.upper < 0, less.lower > 0]
        share = wrong / repeats
        yield Line("DR1 icc", "equal; 0.5 and 0.35", n, share[0], share[1], share[2], repeats)


def crossed_lines(repeats: int, units: Sequence[int], rng: np.random.Generator) -> Iterator[Line]:
    """Yield size and power for units crossed with seeds that share a tenth of the variance."""
    for seeds in (3, 5):
        for n in units:
            wrong = np.zeros(3)
            for _ in range(repeats):
                x = np.sqrt(0.6) * rng.standard_normal((n, 1)) + np.sqrt(0.3) * rng.standard_normal((n, seeds))
                x = x + np.sqrt(0.1) * rng.standard_normal((1, seeds))
                lower = satterthwaite(x, ALPHA, "lower")
                wrong += [lower > 0, satterthwaite(x, ALPHA, "upper") < 0, lower > -EFFECT]
            share = wrong / repeats
            yield Line("Satterthwaite", f"units x {seeds} seeds", n, share[0], share[1], share[2], repeats)


def lines(repeats: int, seed: int) -> Iterator[Line]:
    """Yield the whole table."""
    rng = np.random.default_rng(seed)
    units = (65, 200)
    every = OPEN_CASES + BOUNDED_CASES
    yield from mean_lines("betting", _betting, BOUNDED_CASES, units, repeats // 2, rng=rng)
    yield from mean_lines("empirical Bernstein", _bernstein, BOUNDED_CASES, units[-1:], repeats, rng=rng)
    yield from mean_lines("Student t", student_t, every, units, repeats, rng=rng)
    yield from mean_lines("BCa", bca_mean, OPEN_CASES, units[-1:], repeats, rng=rng)
    yield from mean_lines("wider of both", unbounded_bound, every, units, repeats, rng=rng)
    yield from crossed_lines(repeats // 2, units, rng)
    yield from icc_lines(repeats // 5, units, rng)
    yield from calibration_lines(repeats // 5, (500, 3000), rng)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m xaic.statistics.simulate", description=__doc__)
    parser.add_argument("--repeats", type=int, default=1000, help="repeats of the quick cases (default: 1000)")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    heads = "  ".join(word.rjust(16) for word in ("false pass %", "false fail %", f"power at {EFFECT} sd"))
    sys.stdout.write(f"{'bound or rule':<22}{'case':<22}{'n':>5}  {heads}\n")
    for line in lines(chosen.repeats, chosen.seed):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
