"""Making real runs for the tests, each by a command in a process of its own, and reading what they left."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

HERE = Path(__file__).parent
SMALL = HERE / "small"
TOY = HERE / "toy_family"
HOSTILE = HERE.parent / "execution" / "hostile_methods.py"
CONTENT = ("--plugin", str(SMALL / "small.py"), "--content", str(SMALL))
TOY_CONTENT = ("--plugin", str(TOY / "forecast.py"), "--content", str(TOY))
MARK = "XAIC_TEST_MARK"
UNLIKE = {"environment.json", "timing.json"}
"""Documents that differ between equal runs; what is rendered from them differs where it shows them."""


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of ``python -m xaic``."""
    return [sys.executable, "-m", "xaic", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a command: one thread, wide plain output."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "TERM": "dumb", **more}


def begin(*arguments: str | Path, **more: Any) -> subprocess.Popen[str]:
    """Start xaic and return its process, which an interrupt reaches even where this one ignores them (nohup)."""
    return subprocess.Popen(
        command(*arguments),
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - there is one thread
        **more,
    )


def xaic(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run xaic to its end, with more in its environment, and return what it said."""
    return subprocess.run(command(*arguments), capture_output=True, text=True, check=False, env=environment(**more))


def make(out: Path, *arguments: str | Path) -> Path:
    """Make a run with the small content, which must be whole, and return its folder."""
    done = xaic("run", *CONTENT, "--out", out, *arguments)
    assert done.returncode == 0, done.stderr
    return out


def once(factory: pytest.TempPathFactory, name: str, make_it: Callable[[Path], object]) -> Path:
    """Have a folder made by the first worker of a test session that asks for it, and return it to all."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"shared-{name}"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = folder.with_suffix(".done")
        if not done.exists():
            make_it(folder)
            done.touch()
    return folder


def documents(run: Path) -> dict[str, bytes]:
    """Return every file of a run that must repeat, by its path; without the report, and of JUnit without the times."""
    found = {
        path.relative_to(run).as_posix(): path.read_bytes()
        for path in sorted(run.rglob("*"))
        if path.is_file() and path.name not in UNLIKE
    }
    found.pop("report.html", None)
    if "junit.xml" in found:
        found["junit.xml"] = re.sub(rb' (time|timestamp)="[^"]*"', b"", found["junit.xml"])
    return found


def load(path: Path) -> Any:
    """Return a JSON document, or a list of them from JSON lines."""
    text = path.read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)


def records(run: Path) -> dict[str, dict[str, Any]]:
    """Return id -> record of every trial of a run."""
    return {path.parent.name: load(path) for path in sorted(run.glob("trials/*/trial.json"))}


def verdicts(run: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """Return (method, criterion, benchmark) -> verdict of a run."""
    return {(v["method"], v["criterion"], v["benchmark"]): v for v in load(run / "verdicts.jsonl")}


def wait(condition: Callable[[], bool], seconds: float = 60) -> bool:
    """Wait for a condition and tell whether it came; the time is a limit, not an expectation."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def new_mark() -> str:
    """Return a mark by which the processes of one command are found: it stands in their environment."""
    return uuid4().hex


def marked(mark: str) -> list[int]:
    """Return living processes that carry a mark in their environment."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except (psutil.Error, OSError):
            continue
    return found


def gone(mark: str) -> bool:
    """Tell whether no process with that mark is left, or will be in a moment."""
    return wait(lambda: marked(mark) == [], 15)


def plain(text: str) -> str:
    """Return terminal output without escape sequences, blanks run together."""
    return " ".join(re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).split())


def differing(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """Return the names of documents that are in one run only or are not the same bytes."""
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
