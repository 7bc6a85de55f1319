"""The worker: a trusted process that makes one piece of work, with the host of a method beside it.

The host is forked first, before anything runs here: what it could alter is its own copy.
"""

from __future__ import annotations

import os
import socket
import traceback
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import torch

from xaic.documents.errors import XaicError
from xaic.execution import host
from xaic.execution.faults import TrialFault
from xaic.execution.limits import LOG_LIMIT, die_with_parent, kill_group
from xaic.execution.probe import HostProbe
from xaic.execution.protocol import Closed, send
from xaic.registry import load_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def work(job: Mapping[str, Any], line: socket.socket) -> NoReturn:
    """Make one piece of work, tell the parent, and leave."""
    die_with_parent()
    folder = Path(job["folder"]) if job["folder"] else None
    log = folder / "log.txt" if folder else None
    near, far = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        near.close()
        line.close()
        host.serve(far, log, job["limits"]["memory_gib"])
    far.close()
    answer: dict[str, Any]
    with suppress(Closed):
        send(line, {"worker": os.getpid(), "host": pid})
        answer = _answer(job, HostProbe(near, pid, lambda: _reap(pid), job["limits"]["call_seconds"]))
        kill_group(pid)
        _shorten(log)
        send(line, answer)
    kill_group(pid)
    os._exit(0)


def _answer(job: Mapping[str, Any], probe: HostProbe) -> dict[str, Any]:
    torch.set_num_threads(1)
    try:
        module, _, name = job["entry"].partition(":")
        entry: Callable[..., Any] = getattr(load_module(module), name)
        return {"result": entry(job["arguments"], probe.load)}
    except TrialFault as fault:
        return {"fault": str(fault)}
    except XaicError as fault:
        return {"fault": f"{type(fault).__name__}: {fault}"}
    except BaseException as fault:  # noqa: BLE001 - told to the parent, which records it
        return {"fault": f"the harness failed: {type(fault).__name__}: {fault}\n{traceback.format_exc()}"}


def _reap(pid: int) -> int | None:
    """Return how the host ended, waiting a moment for it."""
    import time

    for _ in range(40):
        with suppress(ChildProcessError):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return status
        time.sleep(0.05)
    return None


def _shorten(log: Path | None) -> None:
    """Keep the first part of what a method printed; drop an empty log."""
    if log is None or not log.is_file():
        return
    size = log.stat().st_size
    if size == 0:
        log.unlink()
    elif size > LOG_LIMIT:
        os.truncate(log, LOG_LIMIT)
        with log.open("ab") as file:
            file.write(f"\n[cut: {size} bytes were written]\n".encode())
