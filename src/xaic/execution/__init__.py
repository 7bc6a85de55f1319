"""Where methods run: hosts, workers and the pool that keeps them within limits."""

from xaic.execution.faults import MethodBroke, MethodDied, MethodRaised, MethodTimedOut, TrialFault
from xaic.execution.limits import Limits
from xaic.execution.pool import Done, Pool, Work

__all__ = [
    "Done",
    "Limits",
    "MethodBroke",
    "MethodDied",
    "MethodRaised",
    "MethodTimedOut",
    "Pool",
    "TrialFault",
    "Work",
]
