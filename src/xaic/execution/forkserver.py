"""The fork server: has imported the heavy modules once and forks a worker in milliseconds.

Started as ``python -m xaic.execution.forkserver FD MODULE...``. On the line FD comes one JSON object a request, with
the worker's end of a socket beside it. The server runs nothing else, and dies with its parent.
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

from xaic.execution.limits import die_with_parent

REQUEST = 1 << 22


def main() -> None:
    """Serve until the parent is gone."""
    die_with_parent()
    line = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import torch

    torch.set_num_threads(1)
    for name in sys.argv[2:]:
        importlib.import_module(name)
    line.send(b'{"ready": true}')
    while True:
        ready, _, _ = select.select([line], [], [], 0.2)
        _bury()
        if ready:
            data, descriptors, _, _ = socket.recv_fds(line, REQUEST, 1)
            if not data:
                os._exit(0)
            _fork(json.loads(data), descriptors[0], line)


def _fork(job: dict[str, object], descriptor: int, line: socket.socket) -> None:
    if os.fork() == 0:
        from xaic.execution.worker import work

        line.close()
        work(job, socket.socket(fileno=descriptor))
    os.close(descriptor)


def _bury() -> None:
    """Collect workers that ended."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    main()
