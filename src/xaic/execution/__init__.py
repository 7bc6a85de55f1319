"""Where methods run: hosts, workers and the pool that keeps them within limits."""

from xaic.execution.faults import (
    FULL,
    MethodBroke,
    MethodDied,
    MethodRaised,
    MethodTimedOut,
    NoForkServer,
    NoRoom,
    TrialFault,
)
from xaic.execution.limits import Limits
from xaic.execution.pool import Done, Pool, Work

__all__ = [
    "FULL",
    "Done",
    "Limits",
    "MethodBroke",
    "MethodDied",
    "MethodRaised",
    "MethodTimedOut",
    "NoForkServer",
    "NoRoom",
    "Pool",
    "TrialFault",
    "Work",
]
