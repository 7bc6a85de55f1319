"""Where a run is made: machine, packages, commit. Told in one document that may differ between equal runs."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil

from xaic.documents.types import Environment


def look_around(command: tuple[str, ...]) -> Environment:
    """Return this machine and its packages as a document."""
    return Environment(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        python=sys.version.split()[0],
        platform=platform.platform(),
        processor=processor(),
        cores=os.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        packages={str(d.metadata["Name"]): d.version for d in distributions() if d.metadata["Name"]},
        git=_commit(),
        command=command,
    )


def processor() -> str:
    """Return the processor's name as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> dict[str, Any]:
    """Return the commit of the folder xaic is used in, and whether it was clean; empty outside of git."""

    def git(*arguments: str) -> str | None:
        try:
            done = subprocess.run(  # noqa: S603
                ["git", *arguments],  # noqa: S607
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    commit = git("rev-parse", "HEAD")
    return {"commit": commit, "clean": not git("status", "--porcelain")} if commit else {}
