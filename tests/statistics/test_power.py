"""Planning numbers and corrections against published values, SciPy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from xaic.documents.errors import Misuse
from xaic.statistics import (
    betting_power,
    bounded_bound,
    holm,
    joint_power,
    mean_power,
    proportion_power,
    rules,
    units_for_betting,
    units_for_mean,
    units_for_proportion,
)
from xaic.statistics.simulate import main


@pytest.mark.parametrize(
    ("alpha", "d", "n"),
    [(0.05, 0.2, 216), (0.05, 0.3, 97), (0.05, 0.5, 36), (0.01, 0.2, 329), (0.01, 0.3, 148), (0.01, 0.5, 55)],
)
def test_units_for_one_comparison(alpha: float, d: float, n: int) -> None:
    assert units_for_mean(d, 0.9, alpha) == n
    assert mean_power(n, d, alpha) >= 0.9 > mean_power(n - 1, d, alpha)


def test_many_wins_need_about_twice_the_units() -> None:
    n = units_for_mean(0.3, 0.9, wins=30)
    assert 180 <= n <= 220
    assert joint_power(mean_power(n, 0.3), 30) >= 0.9 > joint_power(mean_power(n - 1, 0.3), 30)


def test_power_of_a_proportion_is_that_of_the_rule() -> None:
    assert proportion_power(200, 0.98) == pytest.approx(0.63, abs=0.005)
    assert proportion_power(58, 0.999) == 0.0
    draws = np.random.default_rng(0).random((400, 120)) < 0.99
    seen = np.mean([rules.proportion(row).state.value == "pass" for row in draws])
    assert seen == pytest.approx(proportion_power(120, 0.99), abs=0.08)


def test_units_for_a_proportion_hold_beyond() -> None:
    n = units_for_proportion(0.98)
    assert all(proportion_power(m, 0.98) >= 0.9 for m in range(n, n + n // 10))
    assert proportion_power(n - 1, 0.98) < 0.9
    with pytest.raises(Misuse):
        units_for_proportion(0.9)


def test_betting_power_is_near_what_is_simulated() -> None:
    rng = np.random.default_rng(1)
    for n in (64, 200):
        for mean in (0.04, 0.06, 0.08):
            x = np.clip(rng.normal(mean, 0.2, (300, n)), -1, 1)
            seen = float(np.mean(bounded_bound(x, -1, 1, 0.05, "lower", at=0.0) > 0))
            assert betting_power(n, mean, 0.2, -1.0) == pytest.approx(seen, abs=0.12)
    assert units_for_betting(0.06, 0.2, -1.0) > units_for_mean(0.3)
    with pytest.raises(Misuse):
        units_for_betting(0.0, 0.2, -1.0)
    with pytest.raises(Misuse):
        betting_power(100, 0.1, 0.2, 0.0)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]).shape == (0,)
    with pytest.raises(Misuse):
        holm([0.5, 1.2])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.randoms())
def test_holm_lies_between_plain_and_bonferroni_and_keeps_order(p: list[float], random: object) -> None:
    adjusted = holm(p)
    assert np.all(adjusted >= np.asarray(p))
    assert np.all(adjusted <= np.minimum(1, len(p) * np.asarray(p)) + 1e-12)
    assert np.all(np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0)


def test_holm_rejects_falsely_no_more_often_than_promised() -> None:
    p = np.random.default_rng(2).random((4000, 5))
    wrong = sum(bool((holm(row) <= 0.05).any()) for row in p)
    assert wrong <= stats.binom.ppf(0.999, 4000, 0.05)


def test_the_table_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--repeats", "10"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 40
    assert {line.split()[0] for line in lines[1:]} >= {"betting", "BCa", "Satterthwaite", "DR1", "DR6"}
