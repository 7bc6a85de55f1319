"""The harness: plan, run, judge. What it returns is a run; a report is made of it on the floor above."""

from xaic.harness.drafting import draft
from xaic.harness.expectation import Deviation, deviations, to_expected, verdict_status
from xaic.harness.folder import LoadedRun, new_folder
from xaic.harness.judging import Foreseen, foreseen
from xaic.harness.running import Announce, quiet, resume_run, start_run
from xaic.harness.settings import Settings

__all__ = [
    "Announce",
    "Deviation",
    "Foreseen",
    "LoadedRun",
    "Settings",
    "deviations",
    "draft",
    "foreseen",
    "new_folder",
    "quiet",
    "resume_run",
    "start_run",
    "to_expected",
    "verdict_status",
]
