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
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from xaic.execution.faults import NoForkServer, NoRoom
from xaic.execution.limits import LOG, Limits, kill_group, shorten
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
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # a process that forks has one thread
}
START_SECONDS = 120.0
STOP_SECONDS = 5.0
LAST_MOMENT = 0.2
TRIES = 3
FELL = "the fork server died during the trial"


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
    server: subprocess.Popen[bytes]
    host: int = 0
    worker: int = 0
    alone: bool = False


class Pool:
    """Runs work in processes of its own. A context manager: leaving it ends everything it started."""

    def __init__(self, workers: int, limits: Limits, preload: Iterable[str] = PRELOAD) -> None:
        self.workers, self.limits, self.preload = workers, limits, tuple(preload)
        self._server: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._running: list[_Running] = []
        self._fallen: deque[Work] = deque()
        self._warmth: list[dict[str, Any]] = []

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
        """Yield an outcome for each piece of work, as they come.

        Work that fell together with the fork server is made again at the end, one piece at a time: what ended the
        server ends it again, and costs itself alone.

        Raises:
            NoForkServer: the server does not start.
            NoRoom: the disk is full.
        """
        waiting = deque(works)
        while waiting or self._running or self._fallen:
            while waiting and len(self._running) < self.workers:
                self._running.append(self._start(waiting.popleft()))
            if not self._running:
                self._running.append(self._start(self._fallen.popleft(), alone=True))
            yield from self._listen()

    def warm(self, entry: str, arguments: Mapping[str, Any]) -> None:
        """Have the fork server call ``entry(arguments)``, so that workers find in memory what it loads.

        For trusted loading only: nothing limits it, and what it leaves behind is in every worker.
        """
        request = {"entry": entry, "arguments": dict(arguments)}
        _send_warm(self._served(), request)
        self._warmth.append(request)

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
                if done.fault == FELL and not running.alone:
                    self._fallen.append(running.work)
                    _drop_log(running.work)
                else:
                    yield done

    def _hear(self, running: _Running) -> Done | None:
        """Take one message of a worker; the last one carries the result."""
        try:
            message, _ = receive(running.line, 5.0)
        except (Closed, BadFrame, TimeoutError) as fault:
            died = f"the worker of the trial died ({type(fault).__name__.lower()}): {fault}"
            return self._outcome(running, fault=FELL if _gone(running.server) else died)
        if "full" in message:
            raise NoRoom(str(message["full"]))
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
        if running.work.folder is not None:
            shorten(running.work.folder / LOG)

    def _start(self, work: Work, *, alone: bool = False) -> _Running:
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
                assert self._server is not None
                return _Running(work, near, time.monotonic(), self._server, alone=alone)
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
                [sys.executable, "-m", "xaic.execution.forkserver", str(os.getpid()), str(far.fileno()), *self.preload],
                pass_fds=[far.fileno()],
                env=environment,
                process_group=0,  # Ctrl-C is the parent's to answer
            )
            far.close()
            near.settimeout(START_SECONDS)
            self._line = near
            try:
                ready = near.recv(64)
            except OSError:
                ready = b""
            if not ready:
                self._stop()
                raise NoForkServer
            for request in self._warmth:
                _send_warm(near, request)
        return self._line

    def _stop(self) -> None:
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._server is not None:  # it ends by itself when its line closes, after all that it started
            try:
                self._server.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            self._server = None


def _send_warm(line: socket.socket, request: Mapping[str, Any]) -> None:
    """Have the server load something and wait until it has; a server that falls over it is missed at the next work."""
    with suppress(OSError):
        line.send(json.dumps(request).encode())
        line.recv(64)


def _gone(server: subprocess.Popen[bytes]) -> bool:
    """Tell whether a fork server is gone: it ends a moment after the workers that it takes along."""
    try:
        server.wait(LAST_MOMENT)
    except subprocess.TimeoutExpired:
        return False
    return True


def _drop_log(work: Work) -> None:
    """Forget what was printed by work that is made again."""
    if work.folder is not None:
        (work.folder / LOG).unlink(missing_ok=True)


def _kill(pid: int) -> None:
    import signal

    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
