"""Runs whose difference is plain: what the gate must say of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.gating.made import (
    CARDS,
    CONFIDENCE,
    CRITERIA,
    DELETION,
    MINE,
    MPRT,
    OPERATORS,
    PLACE,
    SAME,
    SIGNAL,
    STABLE,
    Made,
    card,
    changed,
    plain,
    worse,
)
from xaic.documents.errors import BadData, Misuse
from xaic.documents.types import Finding, Gate, GateRow, Level
from xaic.gating import hold
from xaic.gating.questions import Unpaired

N = 300


def gate(folder: Path, before: Made, after: Made, **more: Any) -> Gate:
    return hold(before.write(folder / "before"), after.write(folder / "after"), **more)


def row(found: Gate, criterion: str) -> GateRow:
    (one,) = [row for row in found.rows if row.criterion == criterion]
    return one


def test_identical_runs_have_no_regression_at_any_number_of_units(tmp_path: Path) -> None:
    for n in (3, 40):
        folder = tmp_path / str(n)
        found = gate(folder, Made(plain(n)), Made(plain(n)), level=Level.OPTIONAL)
        assert found.status == 0, found.summary
        assert {one.finding for one in found.rows} == {Finding.HELD}
        assert {one.criterion for one in found.rows} == {one.id for one in CRITERIA}
        assert found.summary == "no regression in 7 of 7 comparisons; no score moved"


def test_a_shift_by_more_than_the_margin_is_a_regression(tmp_path: Path) -> None:
    found = gate(tmp_path, Made(plain(N)), Made(worse(plain(N), 0.1)))
    assert found.status == 1
    first = row(found, "EX-FAI-01")
    assert first.finding is Finding.REGRESSION
    assert {shift.operator for shift in first.shifts} == set(OPERATORS)
    for shift in first.shifts:
        assert shift.estimate == pytest.approx(-0.1)  # lower is better: a rise is a loss
        assert shift.upper is not None
        assert shift.upper <= -shift.margin
    assert found.summary.startswith(f"regression in 1 of 1 comparisons; worst: EX-FAI-01 on {PLACE} for {MINE}")


def test_the_margin_is_a_share_of_the_distance_from_the_weakest_control_to_the_oracle(tmp_path: Path) -> None:
    scores = plain(N)
    found = gate(tmp_path, Made(scores), Made(worse(scores, 0.001)))
    for shift in row(found, "EX-FAI-01").shifts:
        key = (DELETION, shift.operator, "")
        distance = scores["attribution.random"][key].mean() - scores["attribution.oracle"][key].mean()
        assert shift.margin == pytest.approx(0.05 * distance)
        assert shift.source == f"5 % of the distance {distance:.3g} from attribution.random to attribution.oracle"


def test_a_small_loss_is_let_pass_and_a_gain_too(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.01, 0.01, N)
    for name, by in (("loss", 0.005 + noise), ("gain", -0.05 + noise)):
        found = gate(tmp_path / name, Made(plain(N)), Made(worse(plain(N), by)))
        assert found.status == 0, found.summary
        assert "closest: EX-FAI-01" in found.summary
        assert "is let pass" in found.summary


def test_few_units_are_undecided_and_it_says_how_many_would_decide(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).uniform(-0.05, 0.05, 30)
    found = gate(tmp_path / "few", Made(plain(30)), Made(worse(plain(30), noise)))
    assert found.status == 2
    first = row(found, "EX-FAI-01")
    assert first.finding is Finding.UNDECIDED
    needed = max(shift.needed or 0 for shift in first.shifts)
    assert needed > 30
    assert f"about {needed:,} units would decide" in found.summary
    assert f"{needed - 30:,} more" in found.summary
    enough = np.random.default_rng(2).uniform(-0.05, 0.05, 2 * needed)
    again = gate(tmp_path / "many", Made(plain(2 * needed)), Made(worse(plain(2 * needed), enough)))
    assert again.status == 0, again.summary  # twice what was asked for decides


def test_a_run_held_against_itself_is_told(tmp_path: Path) -> None:
    run = Made(plain(40)).write(tmp_path / "run")
    assert "baseline and candidate are one run: nothing was compared but it with itself" in hold(run, run).notes
    other = Made(plain(40), seed=3).write(tmp_path / "other")
    assert "the runs differ in seed: 0 and 3" in hold(run, other).notes


def test_a_row_turns_on_what_needs_the_most_units(tmp_path: Path) -> None:
    scores = plain(30)
    calm, wild = (np.random.default_rng(1).uniform(-by, by, 30) for by in (0.02, 0.1))
    after = {(DELETION, o, ""): scores[MINE][DELETION, o, ""] + d for o, d in zip(OPERATORS, (calm, wild), strict=True)}
    found = gate(tmp_path, Made(scores), Made(changed(scores, after)))
    first, second = row(found, "EX-FAI-01").shifts
    assert (first.operator, first.reason) == ("blur", row(found, "EX-FAI-01").reason)
    assert (first.needed or 0) > (second.needed or 0) > 30


def test_fewer_than_ten_units_that_moved_decide_nothing(tmp_path: Path) -> None:
    found = gate(tmp_path, Made(plain(5)), Made(worse(plain(5), 0.3)))
    assert found.status == 2
    assert "at least 10 are needed" in row(found, "EX-FAI-01").reason


def loses(scores: Any, share: float) -> Any:
    broken = np.arange(N) < share * N
    return changed(scores, {(SAME, "", ""): np.where(broken, 1.0, 0.0)})


@pytest.mark.parametrize(
    ("share", "status", "told"),
    [
        (0.0, 0, "no unit's score moved"),
        (0.01, 0, "is let pass"),
        (0.04, 2, "neither shown nor ruled out"),
        (0.3, 1, "passed, and now fails"),
    ],
)
def test_a_property_that_held_is_compared_as_a_share_of_units(
    tmp_path: Path, share: float, status: int, told: str
) -> None:
    wanted = ("EX-REP-01",)
    before, after = Made(plain(N), wanted=wanted), Made(loses(plain(N), share), wanted=wanted)
    found = gate(tmp_path, before, after)
    assert found.status == status, found.summary
    assert told in row(found, "EX-REP-01").reason
    (shift,) = row(found, "EX-REP-01").shifts
    assert (shift.margin, shift.source) == (0.05, "5 % of the units")


def test_a_reference_criterion_lends_its_own_margin(tmp_path: Path) -> None:
    wanted = ("EX-ROB-01",)
    for by, status in ((0.1, 0), (0.3, 1)):
        after = changed(plain(N), {(STABLE, "", ""): plain(N)[MINE][STABLE, "", ""] - by})
        found = gate(tmp_path / str(by), Made(plain(N), wanted=wanted), Made(after, wanted=wanted))
        assert found.status == status, found.summary
        (shift,) = row(found, "EX-ROB-01").shifts
        assert (shift.margin, shift.source) == (0.2, "the criterion's own margin")


def test_maps_that_change_less_are_a_regression(tmp_path: Path) -> None:
    after = changed(plain(N), {(MPRT, "", "trained_random"): 0.5})
    found = gate(tmp_path, Made(plain(N), wanted=("EX-RND-01",)), Made(after, wanted=("EX-RND-01",)))
    assert found.status == 1
    assert {shift.quantity for shift in row(found, "EX-RND-01").shifts} == {"change", "chance"}


@pytest.mark.parametrize(
    ("criterion", "change", "quantity"),
    [
        ("EX-CAL-01", {(CONFIDENCE, "", "confidence"): 0.2}, "ece"),
        ("EX-REP-02", {(SIGNAL, "", "draw-1/f-00"): np.random.default_rng(9).normal(size=N)}, "icc"),
    ],
)
def test_figures_of_all_units_are_compared_in_the_same_resamples(
    tmp_path: Path, criterion: str, change: Any, quantity: str
) -> None:
    wanted = (criterion,)
    before = Made(plain(N), wanted=wanted)
    found = gate(tmp_path, before, Made(changed(plain(N), change), wanted=wanted))
    assert found.status == 1, found.summary
    (shift,) = row(found, criterion).shifts
    assert shift.quantity == quantity
    better = hold(tmp_path / "after", tmp_path / "before")
    assert better.status == 0, better.summary


def test_a_criterion_that_is_answered_no_more_is_a_regression(tmp_path: Path) -> None:
    gone = card(MINE)
    needy = tuple(replace(one, needs={"claims": ["determinism"]}) for one in CRITERIA)
    claiming = replace(gone, claims=(claim("determinism"),))
    before = Made(plain(40), cards=(claiming, *CARDS[1:]), criteria=needy)
    found = gate(tmp_path, before, Made(plain(40), criteria=needy))
    state = row(found, "EX-FAI-01").before
    assert state == "pass"
    assert found.status == 1
    assert "passed, and is now not applicable" in row(found, "EX-FAI-01").reason


def claim(name: str) -> Any:
    from xaic.documents.types import ClaimedProperty

    return ClaimedProperty(name)


def test_a_score_that_is_no_longer_given_counts_as_the_worst(tmp_path: Path) -> None:
    lost = np.where(np.arange(N) < N // 3, np.nan, 0.0)
    found = gate(tmp_path, Made(plain(N)), Made(worse(plain(N), lost)))
    assert found.status == 1
    kept = hold(tmp_path / "after", tmp_path / "after")
    assert kept.status == 0


def test_a_run_that_is_not_whole_gives_3(tmp_path: Path) -> None:
    found = gate(tmp_path, Made(plain(40)), Made(plain(40), errors=("attribution.random",)))
    assert found.status == 3
    assert "the candidate is not whole: 3 planned, 2 executed, 0 not applicable, 1 errored" in found.summary
    back = hold(tmp_path / "after", tmp_path / "before")
    assert back.status == 3
    assert "the baseline is not whole" in back.summary


def test_an_error_of_the_method_is_told_in_its_row(tmp_path: Path) -> None:
    found = gate(tmp_path, Made(plain(40)), Made(plain(40), errors=(MINE,)))
    assert found.status == 3
    assert row(found, "EX-FAI-01").finding is Finding.ERROR
    assert "an error in the candidate: it broke" in row(found, "EX-FAI-01").reason


def test_an_unfinished_run_gives_3_and_says_how_to_go_on(tmp_path: Path) -> None:
    for made in (Made(plain(40)).write(tmp_path / "before"), Made(plain(40)).write(tmp_path / "after")):
        assert made.whole
    (tmp_path / "after" / "run.json").unlink()
    found = hold(tmp_path / "before", tmp_path / "after")
    assert (found.status, found.rows) == (3, ())
    assert f"xaic run --resume {tmp_path / 'after'}" in found.summary


def test_a_method_that_is_gone_gives_3_and_a_renamed_one_is_found(tmp_path: Path) -> None:
    name = "attribution.better"
    scores = {**plain(40), name: plain(40)[MINE]}
    before, after = Made(plain(40)), Made(scores, cards=(card(name), *CARDS[1:]))
    found = gate(tmp_path, before, after)
    assert found.status == 3
    assert row(found, "EX-FAI-01").finding is Finding.MISSING
    assert f"{name} is new: the baseline does not have it" in found.notes
    mapped = hold(tmp_path / "before", tmp_path / "after", renamed={MINE: name})
    assert mapped.status == 0
    assert (mapped.rows[0].method, mapped.rows[0].formerly) == (name, MINE)
    with pytest.raises(Misuse, match=r"no method of the candidate is called 'attribution\.beter'"):
        hold(tmp_path / "before", tmp_path / "after", renamed={MINE: "attribution.beter"})


def test_only_the_level_that_is_asked_for_is_compared(tmp_path: Path) -> None:
    found = gate(tmp_path, Made(plain(N)), Made(loses(plain(N), 0.5)))
    assert (found.status, {one.criterion for one in found.rows}) == (0, {"EX-FAI-01"})
    more = hold(tmp_path / "before", tmp_path / "after", level=Level.RECOMMENDED)
    assert (more.status, len(more.rows)) == (1, len(CRITERIA))


def test_controls_and_oracles_never_gate(tmp_path: Path) -> None:
    before = plain(40)
    after = {**before, "attribution.oracle": before["attribution.random"]}
    found = gate(tmp_path, Made(before), Made(after), level=Level.OPTIONAL)
    assert found.status == 0
    assert {one.method for one in found.rows} == {MINE}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ({"protocol": {"steps": 9}}, "its protocol has steps None in the baseline and 9 in the candidate"),
        ({"edition": "2027.1"}, "its edition is '2026.1' in the baseline and '2027.1' in the candidate"),
        ({"units": tuple(f"other-{i}" for i in range(40))}, "80 units are in one run only"),
        ({"criteria": (replace(CRITERIA[0], checks=CRITERIA[1].checks),)}, "EX-FAI-01: the criterion is another one"),
    ],
)
def test_runs_made_on_different_things_cannot_be_paired(tmp_path: Path, other: Any, told: str) -> None:
    with pytest.raises(Unpaired, match=told) as caught:
        gate(tmp_path, Made(plain(40)), Made(plain(40), **other))
    assert caught.value.exit_status == 65


def test_nothing_to_compare_is_never_green(tmp_path: Path) -> None:
    with pytest.raises(Unpaired, match="there is nothing to compare"):
        gate(tmp_path, Made(plain(40), wanted=()), Made(plain(40), wanted=()))


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    for name in ("before", "after"):
        Made(plain(40)).write(tmp_path / name)
    table = next((tmp_path / "after").glob("trials/*/measurements.parquet"))
    table.write_bytes(table.read_bytes()[:-1])
    with pytest.raises(BadData, match=r"measurements\.parquet has another hash"):
        hold(tmp_path / "before", tmp_path / "after")


def test_reruns_of_the_baseline_widen_a_margin(tmp_path: Path) -> None:
    scores = plain(N)
    reruns = [Made(worse(scores, by), seed=9).write(tmp_path / f"again{by}") for by in (-0.05, 0.05)]
    found = gate(tmp_path, Made(scores), Made(worse(scores, 0.1)), reruns=reruns)
    assert found.status == 0
    shift = row(found, "EX-FAI-01").shifts[0]
    assert shift.margin == pytest.approx(2.8 * np.std([-0.05, 0, 0.05], ddof=1))
    assert shift.source.startswith("the repeatability limit 2.8 s_r of 3 runs; greater than 5 %")
