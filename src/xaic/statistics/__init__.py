"""Bounds, figures and decision rules; SciPy underneath."""

from xaic.statistics.bounds import Interval, bounded_interval, bootstrap_interval, mean_interval, share_interval
from xaic.statistics.functionals import functional_interval, get_functional
from xaic.statistics.rules import Outcome

__all__ = [
    "Interval",
    "Outcome",
    "bootstrap_interval",
    "bounded_interval",
    "functional_interval",
    "get_functional",
    "mean_interval",
    "share_interval",
]
