"""The harness: plan, run, judge. What it returns is a run; a report is made of it on the floor above."""

from xaic.harness.expectation import Deviation, deviations, to_expected, verdict_status
from xaic.harness.folder import LoadedRun
from xaic.harness.running import Announce, Settings, quiet, resume_run, start_run

__all__ = [
    "Announce",
    "Deviation",
    "LoadedRun",
    "Settings",
    "deviations",
    "quiet",
    "resume_run",
    "start_run",
    "to_expected",
    "verdict_status",
]
