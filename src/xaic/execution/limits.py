"""Limits of a method's process: memory, time, and that it dies with its parent.

On Linux the kernel kills a process when its parent dies (``PR_SET_PDEATHSIG``) and gives the fork server what a method
leaves behind (``PR_SET_CHILD_SUBREAPER``), so that ``kill -9`` of a run leaves no orphans. Elsewhere a process ends
when its line closes, which a method that hangs does not notice.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xaic.documents.store import write_bytes

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
FIRST_VICTIM = 500
"""Added to a method's score with the kernel's out-of-memory killer, so that it takes the method before the harness."""

LOG = "log.txt"
LOG_LIMIT = 1 << 20
FILE_LIMIT = 1 << 30


@dataclass(frozen=True)
class Limits:
    """``call_seconds``: one call of a method; ``trial_seconds``: a whole trial; ``memory_gib``: what a method takes."""

    call_seconds: float = 120.0
    trial_seconds: float = 900.0
    memory_gib: float = 6.0


def die_with_parent(parent: int, by: signal.Signals = signal.SIGKILL) -> None:
    """Have the kernel send this process a signal when its parent dies; nothing where there is no prctl."""
    _prctl(PR_SET_PDEATHSIG, by)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent dies; nothing where there is no prctl."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value)


def limit_memory(gib: float) -> None:
    """Let this process take ``gib`` more address space than it has; beyond, allocation fails."""
    statm = Path("/proc/self/statm")
    if statm.is_file():
        now = int(statm.read_text().split()[0]) * resource.getpagesize()
        most = now + int(gib * 2**30)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    score = Path("/proc/self/oom_score_adj")
    if score.is_file():
        score.write_text(str(FIRST_VICTIM))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_LIMIT, FILE_LIMIT))


def kill_group(pid: int) -> None:
    """Kill a process and everything in its group at once; nothing happens where they are gone."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)


def shorten(log: Path) -> None:
    """Keep the first part of what a method printed; drop an empty log. Done twice, it is as done once."""
    size = log.stat().st_size if log.is_file() else None
    if size == 0:
        log.unlink()
    elif size is not None and size > LOG_LIMIT:
        notice = f"\n[cut: {size} bytes were written]\n".encode()
        with log.open("rb") as file:
            kept = file.read(LOG_LIMIT - len(notice))
        write_bytes(log, kept + notice)


def end_of(status: int) -> str:
    """Return in words how a process ended, from its wait status."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        return f"killed by {signal.Signals(number).name}"
    return f"left with exit status {os.WEXITSTATUS(status)}"
