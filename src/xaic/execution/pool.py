"""The pool: some workers at a time, each with a limit of time; an outcome for each piece of work, come what may."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from xaic.execution.limits import Limits, kill_group
from xaic.execution.protocol import BadFrame, Closed, receive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

PRELOAD = ("xaic.harness.trial", "captum.attr", "pandas", "scipy.stats", "method_adapters.preload")
"""What the fork server imports before the first fork; named here as text: this room does not depend on them."""

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    # Freed memory stays with the process: giving every chunk back to the system and asking again costs more than passes
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
}
START_SECONDS = 120.0
TRIES = 3


@dataclass(frozen=True)
class Work:
    """One piece of work: ``entry(arguments, open_probe)`` in a worker. ``entry`` is ``module:function``."""

    id: str
    entry: str
    arguments: Mapping[str, Any]
    folder: Path | None = None


@dataclass(frozen=True)
class Done:
    """What became of a piece of work: its result, or a fault in one line."""

    id: str
    result: Any = None
    fault: str = ""
    seconds: float = 0.0


@dataclass
class _Running:
    work: Work
    line: socket.socket
    started: float
    host: int = 0
    worker: int = 0
    heard: list[dict[str, Any]] = field(default_factory=list)


class Pool:
    """Runs work in processes of its own. A context manager: leaving it ends everything it started."""

    def __init__(self, workers: int, limits: Limits, preload: Iterable[str] = PRELOAD) -> None:
        self.workers, self.limits, self.preload = workers, limits, tuple(preload)
        self._server: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._running: list[_Running] = []

    def __enter__(self) -> Self:
        """Return the pool; the fork server starts with the first work."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End every process."""
        for running in self._running:
            self._end(running)
        self._running.clear()
        self._stop()

    def run(self, works: Iterable[Work]) -> Iterator[Done]:
        """Yield an outcome for each piece of work, as they come."""
        waiting = deque(works)
        while waiting or self._running:
            while waiting and len(self._running) < self.workers:
                self._running.append(self._start(waiting.popleft()))
            yield from self._listen()

    def _listen(self) -> Iterator[Done]:
        ready, _, _ = select.select([running.line for running in self._running], [], [], 0.2)
        now = time.monotonic()
        for running in list(self._running):
            done = None
            if running.line in ready:
                done = self._hear(running)
            elif now - running.started > self.limits.trial_seconds:
                done = self._outcome(
                    running, fault=f"the trial took more than {self.limits.trial_seconds:g} s and was killed"
                )
            if done is not None:
                self._end(running)
                self._running.remove(running)
                yield done

    def _hear(self, running: _Running) -> Done | None:
        """Take one message of a worker; the last one carries the result."""
        try:
            message, _ = receive(running.line, 5.0)
        except (Closed, BadFrame, TimeoutError) as fault:
            return self._outcome(
                running, fault=f"the worker of the trial died ({type(fault).__name__.lower()}): {fault}"
            )
        if "worker" in message:
            running.worker, running.host = int(message["worker"]), int(message["host"])
            return None
        return self._outcome(running, result=message.get("result"), fault=str(message.get("fault", "")))

    @staticmethod
    def _outcome(running: _Running, result: Any = None, fault: str = "") -> Done:
        return Done(running.work.id, result, fault, time.monotonic() - running.started)

    @staticmethod
    def _end(running: _Running) -> None:
        for pid in (running.host, running.worker):
            if pid:
                kill_group(pid) if pid == running.host else _kill(pid)
        running.line.close()

    def _start(self, work: Work) -> _Running:
        """Ask the fork server for a worker; start the server anew where it is gone."""
        job = {
            "entry": work.entry,
            "arguments": dict(work.arguments),
            "folder": str(work.folder) if work.folder else "",
            "limits": asdict(self.limits),
        }
        for attempt in range(TRIES):
            near, far = socket.socketpair()
            try:
                socket.send_fds(self._served(), [json.dumps(job).encode()], [far.fileno()])
            except OSError:
                near.close()
                self._stop()
                if attempt == TRIES - 1:
                    raise
            else:
                return _Running(work, near, time.monotonic())
            finally:
                far.close()
        raise AssertionError("unreachable")

    def _served(self) -> socket.socket:
        if self._server is not None and self._server.poll() is not None:
            self._stop()
        if self._line is None:
            near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            for end in (near, far):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
            environment = {**os.environ, **ENVIRONMENT}
            self._server = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", "xaic.execution.forkserver", str(far.fileno()), *self.preload],
                pass_fds=[far.fileno()],
                env=environment,
            )
            far.close()
            near.settimeout(START_SECONDS)
            if not near.recv(64):
                raise OSError("the fork server did not start")
            self._line = near
        return self._line

    def _stop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._server is not None:
            self._server.kill()
            self._server.wait()
            self._server = None


def _kill(pid: int) -> None:
    import signal

    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
