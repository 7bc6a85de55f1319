"""Bounds, decision rules, multiplicity and power: how per-unit scores become verdicts."""

from xaic.statistics.bounds import (
    bca_mean,
    bounded_bound,
    clopper_pearson,
    empirical_bernstein,
    mean_bound,
    satterthwaite,
    student_t,
    unbounded_bound,
)
from xaic.statistics.functionals import FUNCTIONALS, Functional, get_functional
from xaic.statistics.multiplicity import holm
from xaic.statistics.outcome import Outcome
from xaic.statistics.power import (
    betting_power,
    joint_power,
    mean_power,
    proportion_power,
    single_power,
    units_for_betting,
    units_for_mean,
    units_for_proportion,
)
from xaic.statistics.resampling import Interval, bootstrap_bound, bootstrap_interval
from xaic.statistics.rules import (
    agreement,
    below,
    change,
    dominance,
    functional_dominance,
    non_inferiority,
    null_calibrated,
    proportion,
)

__all__ = [
    "FUNCTIONALS",
    "Functional",
    "Interval",
    "Outcome",
    "agreement",
    "bca_mean",
    "below",
    "betting_power",
    "bootstrap_bound",
    "bootstrap_interval",
    "bounded_bound",
    "change",
    "clopper_pearson",
    "dominance",
    "empirical_bernstein",
    "functional_dominance",
    "get_functional",
    "holm",
    "joint_power",
    "mean_bound",
    "mean_power",
    "non_inferiority",
    "null_calibrated",
    "proportion",
    "proportion_power",
    "satterthwaite",
    "single_power",
    "student_t",
    "unbounded_bound",
    "units_for_betting",
    "units_for_mean",
    "units_for_proportion",
]
