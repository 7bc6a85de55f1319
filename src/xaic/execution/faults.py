"""What can go wrong with a method: one class a fault, each with a reason of one line."""

from __future__ import annotations

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


class MethodBroke(TrialFault):
    """The method broke its family's contract, or its process answered with something that is no answer."""
