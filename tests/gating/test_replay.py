"""How often the gate errs, replayed on the stored per-unit scores of real small runs: resampled, never simulated.

Unchanged: a stochastic method was run with two seeds. Which of the two is the baseline says nothing, so each unit's
pair is turned round at random and units are drawn with replacement: whatever the gate then calls a regression is a
false alarm. Degraded: on a tenth of the units the candidate answers as the weakest control does.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.harness.runs import make, once
from xaic.documents.types import Finding, Level
from xaic.gating.deciding import ALPHA, answer
from xaic.gating.entries import entries
from xaic.gating.holding import _asked
from xaic.gating.margins import SHARE, Margin
from xaic.gating.pairs import Paired
from xaic.gating.questions import Question
from xaic.gating.sides import Side, open_run
from xaic.statistics import clopper_pearson

METHOD, TABLE = "attribution.smoothgrad", "attribution/small-table"
SKILLED = "robustness.contrast"
"""What the method can do on a network with drawn weights: hold still under noise. Higher is better."""
TIMES = 500


@pytest.fixture(scope="session")
def again(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """The same method with another seed."""
    asked = ("--profile", "tiny", "--method", METHOD, "--seed", "1", "--workers", "2")
    return once(tmp_path_factory, "again", lambda run: make(run, *asked))


@pytest.fixture(scope="module")
def sides(tiny: Path, again: Path) -> tuple[Side, Side]:
    return Side.of(open_run(tiny)), Side.of(open_run(again))


@pytest.fixture(scope="module")
def questions(sides: tuple[Side, Side]) -> list[Question]:
    """What the gate asks of the two runs of the method, where its scores moved."""
    found, _ = entries(*sides, {}, Level.OPTIONAL)
    mine = [entry for entry in found if entry.method == METHOD and entry.before.benchmark == TABLE]
    asked = {one.key: one for entry in mine for one in _asked(*sides, entry, ())}
    return [one for one in asked.values() if isinstance(one.pair, Paired) and not one.pair.same(one.margin.value)]


def resampled(one: Question, rng: np.random.Generator, n: int) -> Question:
    """Return a question of n units drawn with replacement, each pair turned round at random."""
    pair = one.pair
    assert isinstance(pair, Paired)
    rows, turned = rng.integers(len(pair.before), size=n), rng.random(n) < 0.5
    before, after = pair.before[rows], pair.after[rows]
    mixed = np.where(turned, after, before), np.where(turned, before, after)
    return replace(one, pair=Paired(*mixed, pair.range))


def alarms(asked: list[Question]) -> bool:
    return any(shift.finding is Finding.REGRESSION for shift in answer(asked).values())


def test_an_unchanged_method_raises_at_most_one_false_alarm_in_twenty(questions: list[Question]) -> None:
    assert len(questions) >= 3
    rng = np.random.default_rng(2026)
    n = len(questions[0].pair.before)
    count = sum(alarms([resampled(one, rng, n) for one in questions]) for _ in range(TIMES))
    assert clopper_pearson(count, TIMES, 0.05, "upper") <= ALPHA, f"{count} false alarms in {TIMES}"


def test_a_loss_of_just_the_margin_is_hardly_ever_called_a_regression_wrongly(questions: list[Question]) -> None:
    """The hardest case that is not a regression: the loss is a hair less than the margin, for every comparison."""
    rng = np.random.default_rng(2027)
    count, n = 0, 60
    for _ in range(TIMES):
        one = resampled(questions[0], rng, n)
        assert isinstance(one.pair, Paired)
        lossy = replace(one.pair, after=one.pair.after - 0.2, range=(-2.0, 2.0))
        count += alarms([replace(one, pair=lossy, margin=Margin(0.2, "made"))])
    assert clopper_pearson(count, TIMES, 0.05, "lower") <= ALPHA, f"{count} wrong in {TIMES}"


def test_a_method_that_lost_a_tenth_of_its_skill_is_caught_more_often_than_not(
    sides: tuple[Side, Side], questions: list[Question]
) -> None:
    """Skill: the distance from the weakest control, in the run as it is stored, to the method itself."""
    one = next(one for one in questions if one.key.metric == SKILLED)
    assert isinstance(one.pair, Paired)
    evidence = sides[0].evidence
    held = {id: evidence.scores[id, TABLE] for id in sides[0].cards if (id, TABLE) in evidence.scores}
    read = (SKILLED, one.key.operator)
    controls = [v for id, s in held.items() if sides[0].role(id) != "method" and (v := s.get(*read)) is not None]
    weakest = min(controls, key=lambda values: float(values.mean()))
    assert one.pair.before.mean() - weakest.mean() == pytest.approx(one.margin.value / SHARE)  # the skill to lose
    rng, caught, times, n = np.random.default_rng(2028), 0, 20, 3000
    for _ in range(times):
        rows, lost = rng.integers(len(weakest), size=n), rng.random(n) < 0.1
        after = np.where(lost, weakest[rows], one.pair.before[rows])
        caught += alarms([replace(one, pair=Paired(one.pair.before[rows], after, one.pair.range))])
    assert caught > times / 2
