"""The fork server: has imported the heavy modules once and forks a worker in milliseconds.

Started as ``python -m xaic.execution.forkserver PARENT FD MODULE...``. On the line FD comes one JSON object a request,
with the worker's end of a socket beside it; or, with none beside it, a function that loads what every worker would
load for itself. The server runs nothing else. It is the parent of whatever loses its own, so that nothing a method
started outlives its trial; when the line closes it ends all that is left and itself.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import psutil

from xaic.execution.limits import adopt_orphans, die_with_parent
from xaic.registry import load_entry

if TYPE_CHECKING:
    from collections.abc import Collection

REQUEST = 1 << 22
READY = b'{"ready": true}'


def main() -> None:
    """Serve until the parent is gone."""
    signal.signal(signal.SIGTERM, lambda *_: _leave())
    die_with_parent(int(sys.argv[1]), by=signal.SIGTERM)
    adopt_orphans()
    line = socket.socket(fileno=int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    for name in sys.argv[3:]:
        importlib.import_module(name)
    with suppress(OSError):
        line.send(READY)
    workers: set[int] = set()
    while True:
        ready, _, _ = select.select([line], [], [], 0.2)
        _bury(workers)
        if ready:
            data, descriptors, _, _ = socket.recv_fds(line, REQUEST, 1)
            if not data:
                _leave()
            request = json.loads(data)
            if descriptors:
                workers.add(_fork(request, descriptors[0], line))
            else:
                _warm(request, line)


def _warm(request: dict[str, Any], line: socket.socket) -> None:
    """Load what workers share. What cannot be loaded fails in the trial that needs it, with its reason."""
    with suppress(Exception):
        load_entry(request["entry"])(request["arguments"])
    with suppress(OSError):
        line.send(READY)


def _fork(job: dict[str, object], descriptor: int, line: socket.socket) -> int:
    server = os.getpid()
    pid = os.fork()
    if pid == 0:
        from xaic.execution.worker import work

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        line.close()
        work(job, socket.socket(fileno=descriptor), server)
    os.close(descriptor)
    return pid


def _bury(workers: set[int]) -> None:
    """Collect what ended; where something did, kill the children that are no workers: a method left them behind."""
    ended = []
    with suppress(ChildProcessError):
        while pid := os.waitpid(-1, os.WNOHANG)[0]:
            ended.append(pid)
    workers.difference_update(ended)
    if ended:
        _kill_children(but=workers)


def _leave() -> None:
    """Kill every child, and the children these leave, until none is left; then end."""
    with suppress(ChildProcessError):
        while True:
            _kill_children()
            os.waitpid(-1, 0)
    os._exit(0)


def _kill_children(but: Collection[int] = ()) -> None:
    for child in psutil.Process().children():
        if child.pid not in but:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(child.pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
