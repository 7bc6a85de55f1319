"""Decision rules: each state reached by data made for it, each border on the right side, and false passes counted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xaic.documents.errors import Misuse
from xaic.documents.types import State
from xaic.statistics import Outcome, clopper_pearson, rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RANGE = (-1.0, 1.0)
RNG = np.random.default_rng(0)


def around(mean: float, n: int = 200) -> Array:
    """Return n scores with exactly this mean, spread evenly by 0.2."""
    return np.random.default_rng(n).permutation(np.linspace(mean - 0.2, mean + 0.2, n))


def words(outcome: Outcome) -> str:
    return f"{outcome.state.value}: {outcome.reason}"


# ---- DR1 ----


def test_dominance_passes_when_every_pair_is_above() -> None:
    found = rules.dominance({("C1", "mean"): around(0.3), ("C2", "mean"): around(0.2)}, bounds=RANGE)
    assert found.state is State.PASS
    assert found.weakest == {"control": "C2", "operator": "mean"}
    assert found.estimate == pytest.approx(0.2)
    assert found.lower is not None
    assert 0 < found.lower < 0.2
    assert (found.n, found.margin, len(found.details)) == (200, 0.0, 2)
    assert "5 % false passes" in found.promise
    assert "95 %" in found.rule


def test_dominance_fails_only_when_one_control_wins_under_every_operator() -> None:
    good, bad, open_ = around(0.3), around(-0.3), around(0.0)
    fail = rules.dominance({("C1", "a"): bad, ("C1", "b"): bad, ("C2", "a"): good, ("C2", "b"): good}, bounds=RANGE)
    assert fail.state is State.FAIL
    assert fail.weakest["control"] == "C1"
    undecided = rules.dominance({("C1", "a"): bad, ("C1", "b"): open_}, bounds=RANGE)
    assert undecided.state is State.INCONCLUSIVE
    split = rules.dominance({("C1", "a"): bad, ("C2", "b"): bad, ("C1", "b"): good, ("C2", "a"): good}, bounds=RANGE)
    assert split.state is State.INCONCLUSIVE
    assert "operators disagree: above C1 under b, not under a" in split.reason


def test_dominance_heeds_the_margin() -> None:
    pairs = {("C1", ""): around(0.3)}
    assert rules.dominance(pairs, bounds=RANGE, margin=0.2).state is State.PASS
    assert rules.dominance(pairs, bounds=RANGE, margin=0.3).state is State.INCONCLUSIVE
    assert rules.dominance(pairs, bounds=RANGE, margin=0.4).state is State.FAIL


def test_equal_scores_are_never_a_win() -> None:
    for bounds in (RANGE, (None, None)):
        found = rules.dominance({("C1", ""): np.zeros(500)}, bounds=bounds)
        assert found.state is State.INCONCLUSIVE


def test_a_constant_gain_without_a_known_range_is_no_pass() -> None:
    found = rules.dominance({("C1", ""): np.full(500, 0.3)})
    assert found.state is State.INCONCLUSIVE
    assert "do not vary" in found.reason
    assert found.lower is None
    assert found.upper is None
    assert found.estimate == pytest.approx(0.3)
    assert rules.dominance({("C1", ""): np.full(500, 0.3)}, bounds=RANGE).state is State.PASS


def test_undefined_scores_drop_their_unit_and_are_counted() -> None:
    holes = around(0.3)
    holes[:50] = np.nan
    found = rules.dominance({("C1", "a"): holes, ("C2", "a"): around(0.3)}, bounds=RANGE)
    assert [row["n"] for row in found.details] == [150, 200]
    assert [row["dropped"] for row in found.details] == [50, 0]
    assert "50 units without a score" in found.reason
    few = np.full(200, np.nan)
    few[:9] = 0.5
    found = rules.dominance({("C1", "a"): few, ("C2", "a"): around(0.3)}, bounds=RANGE)
    assert found.state is State.INCONCLUSIVE
    assert "only 9 independent units" in found.reason
    nothing = rules.dominance({("C1", "a"): np.full(20, np.nan)}, bounds=RANGE)
    assert (nothing.state, nothing.estimate) == (State.INCONCLUSIVE, None)


def test_clusters_are_the_units_that_count() -> None:
    ids = np.repeat(np.arange(8), 25)
    found = rules.dominance({("C1", ""): around(0.3)}, bounds=RANGE, clusters=ids)
    assert "only 8 independent units" in found.reason
    found = rules.dominance({("C1", ""): around(0.3)}, bounds=RANGE, clusters=np.repeat(np.arange(50), 4))
    assert found.n == 50


def test_nothing_to_compare_with_is_misuse() -> None:
    with pytest.raises(Misuse):
        rules.dominance({})
    with pytest.raises(Misuse):
        rules.functional_dominance({"": np.zeros((20, 2))}, {}, "icc")


def test_agreement_of_operators() -> None:
    good, bad, open_ = around(0.3), around(-0.3), around(0.0)

    def state(**operators: list[Array]) -> State:
        pairs = {(f"C{i}", name): x for name, listed in operators.items() for i, x in enumerate(listed)}
        return rules.agreement(pairs, bounds=RANGE).state

    assert state(a=[good, good], b=[good, good]) is State.PASS
    assert state(a=[bad, good], b=[good, bad]) is State.PASS  # both say fail
    assert state(a=[good, good], b=[good, bad]) is State.FAIL
    assert state(a=[good, good], b=[good, open_]) is State.INCONCLUSIVE
    assert state(a=[good, good]) is State.INCONCLUSIVE


def test_dominance_of_icc() -> None:
    signal = RNG.normal(size=(80, 1, 4))
    method = {"": signal + 0.3 * RNG.normal(size=(80, 3, 4))}
    noise = {"": RNG.normal(size=(80, 3, 4))}
    found = rules.functional_dominance(method, {"C1": noise}, "icc")
    assert found.state is State.PASS
    assert found.weakest["control"] == "C1"
    assert "asymptotic" in found.promise
    assert rules.functional_dominance(noise, {"C1": method}, "icc").state is State.FAIL
    twin = {"": signal + 0.3 * RNG.normal(size=(80, 3, 4))}
    assert rules.functional_dominance(method, {"C1": twin}, "icc").state is State.INCONCLUSIVE
    itself = rules.functional_dominance(method, {"C1": method}, "icc")
    assert itself.state is State.INCONCLUSIVE
    assert "do not vary" in itself.reason


# ---- DR2 ----


def test_null_calibrated_change() -> None:
    def state(repeat: float, trained: float, null: float) -> str:
        n = 300
        noise = (RNG.normal(scale=0.05, size=n) for _ in range(3))
        values = [mean + one for mean, one in zip((repeat, trained, null), noise, strict=True)]
        return words(rules.null_calibrated(*values, margin=0.05, bounds=(-2.0, 2.0)))

    assert state(0.9, 0.1, 0.1).startswith("pass")
    assert state(0.5, 0.6, 0.1).startswith("fail: does not change")
    assert state(0.9, 0.5, 0.1).startswith("fail: keeps more similarity")
    assert state(0.9, 0.15, 0.1).startswith("inconclusive: the excess")
    assert state(0.1, 0.1, 0.1).startswith("inconclusive: the change")


def test_change_alone() -> None:
    one, other = np.ones(200), around(0.5)
    assert rules.change(one, other, bounds=(-2.0, 2.0)).state is State.PASS
    assert rules.change(other, one, bounds=(-2.0, 2.0)).state is State.FAIL
    assert rules.change(one, other, margin=0.5).state is State.INCONCLUSIVE


# ---- DR3 ----


@pytest.mark.parametrize(
    ("n", "failures", "p0", "state"),
    [
        (59, 0, 0.95, State.PASS),
        (58, 0, 0.95, State.INCONCLUSIVE),
        (59, 1, 0.95, State.INCONCLUSIVE),
        (200, 4, 0.95, State.PASS),
        (200, 5, 0.95, State.INCONCLUSIVE),
        (300, 8, 0.95, State.PASS),
        (300, 9, 0.95, State.INCONCLUSIVE),
        (299, 0, 0.99, State.PASS),
        (298, 0, 0.99, State.INCONCLUSIVE),
        (200, 30, 0.95, State.FAIL),
        (9, 0, 0.5, State.INCONCLUSIVE),
    ],
)
def test_proportion_at_its_borders(n: int, failures: int, p0: float, state: State) -> None:
    assert rules.proportion(np.arange(n) >= failures, p0=p0).state is state


def test_proportion_of_clusters() -> None:
    holds = np.ones(600, dtype=bool)
    holds[::300] = False
    found = rules.proportion(holds, clusters=np.repeat(np.arange(300), 2))
    assert found.n == 300
    assert found.estimate == pytest.approx(298 / 300)
    assert found.lower == pytest.approx(clopper_pearson(298, 300, 0.05, "lower"))


# ---- DR4, DR6 ----


def test_non_inferiority() -> None:
    def state(mean: float) -> State:
        return rules.non_inferiority(around(mean), margin=0.05, bounds=RANGE, reference="IG").state

    assert state(0.0) is State.PASS
    assert state(-0.05) is State.INCONCLUSIVE
    assert state(-0.15) is State.FAIL
    assert rules.non_inferiority(np.zeros(200), margin=0.05, bounds=RANGE).state is State.PASS
    with pytest.raises(Misuse):
        rules.non_inferiority(around(0), margin=-0.05)


def forecaster(n: int, gap: float) -> dict[str, Array]:
    rng = np.random.default_rng(n)
    p = rng.uniform(0.6, 0.9, n)
    return {"confidence": p + gap, "correct": (rng.random(n) < p).astype(float)}


def test_calibration_error_below_the_margin() -> None:
    assert rules.below(forecaster(6000, 0.0), "ece", margin=0.05).state is State.PASS
    assert rules.below(forecaster(6000, 0.1), "ece", margin=0.05).state is State.FAIL
    assert rules.below(forecaster(6000, 0.05), "ece", margin=0.05).state is State.INCONCLUSIVE
    few = rules.below(forecaster(100, 0.0), "ece", margin=0.05)
    assert few.state is State.INCONCLUSIVE
    perfect = rules.below({"": np.ones(50), "correct": np.ones(50)}, "ece", margin=0.05)
    assert perfect.state is State.INCONCLUSIVE
    holes = forecaster(6000, 0.0)
    holes["confidence"][:10] = np.nan
    found = rules.below(holes, "ece", margin=0.05)
    assert (found.n, found.details[0]["dropped"]) == (5990, 10)


# ---- what holds of all ----


def outcomes() -> list[Outcome]:
    holes = around(0.1)
    holes[:195] = np.nan
    return [
        rules.dominance({("C1", "a"): around(0.3), ("C1", "b"): holes}, bounds=RANGE),
        rules.dominance({("C1", "a"): around(0.3)}),
        rules.agreement({("C1", "a"): around(0.3), ("C1", "b"): around(-0.3)}),
        rules.null_calibrated(around(0.9), around(0.1), around(0.1), margin=0.05),
        rules.proportion(np.ones(100)),
        rules.non_inferiority(np.zeros(30), margin=0.1),
        rules.below(forecaster(500, 0.1), "ece", margin=0.05),
    ]


def test_outcomes_are_plain_data_with_words() -> None:
    for outcome in outcomes():
        plain: dict[str, Any] = {"details": outcome.details, "weakest": outcome.weakest}
        plain |= {key: getattr(outcome, key) for key in ("estimate", "lower", "upper", "n", "margin")}
        json.dumps(plain, allow_nan=False)
        assert outcome.rule.startswith("DR")
        assert outcome.reason
        assert outcome.promise


@given(mean=st.floats(-0.5, 0.5), margin=st.floats(-0.3, 0.3), n=st.integers(10, 80))
@settings(max_examples=30, deadline=None)
def test_the_state_follows_from_the_bounds_it_prints(mean: float, margin: float, n: int) -> None:
    found = rules.dominance({("C1", ""): around(mean, n)}, bounds=RANGE, margin=margin)
    assert found.lower is not None
    assert found.upper is not None
    expected = State.PASS if found.lower > margin else State.FAIL if found.upper <= margin else State.INCONCLUSIVE
    assert found.state is expected


def test_false_passes_against_several_controls_stay_below_the_promise() -> None:
    rng = np.random.default_rng(21)
    passes = fails = 0
    for _ in range(150):
        ties = np.where(rng.random((2, 100)) < 0.97, 0.03, -0.97)  # rare failures, mean 0
        found = rules.dominance({("C1", ""): ties[0], ("C2", ""): ties[1] + 0.0}, bounds=RANGE)
        passes += found.state is State.PASS
        fails += found.state is State.FAIL
    limit = stats.binom.ppf(0.999, 150, 0.05)
    assert passes <= limit
    assert fails <= 2 * limit
