"""What can go wrong with a method, or with what it runs in: one class a fault, each with a reason of one line."""

from __future__ import annotations

import errno

from xaic.documents.errors import XaicError


class TrialFault(XaicError):
    """A method cost its own trial; the message is the reason that the trial's record gives."""

    exit_status = 3


class MethodRaised(TrialFault):
    """The method raised an exception."""


class MethodTimedOut(TrialFault):
    """A call of the method took longer than its limit; its process was killed."""


class MethodDied(TrialFault):
    """The method's process ended in the middle of a call."""


class NoForkServer(XaicError):
    """The process that forks workers does not start."""

    def __init__(self) -> None:
        super().__init__("the fork server does not start; the reason stands above")


class NoRoom(XaicError):
    """The disk is full: fewer trials can be executed than were planned."""

    exit_status = 3

    def __init__(self, what: object) -> None:
        super().__init__(f"{what}; make room: finished trials are kept, go on with xaic run --resume RUN")


FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
"""Numbers of the system's errors that mean a full disk."""


class MethodBroke(TrialFault):
    """The method broke its family's contract, or its process answered with something that is no answer."""
