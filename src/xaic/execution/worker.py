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
from xaic.execution.faults import FULL, TrialFault
from xaic.execution.limits import LOG, die_with_parent, kill_group
from xaic.execution.probe import HostProbe
from xaic.execution.protocol import Closed, send
from xaic.registry import load_entry

if TYPE_CHECKING:
    from collections.abc import Mapping


def work(job: Mapping[str, Any], line: socket.socket, server: int) -> NoReturn:
    """Make one piece of work, tell the pool, and leave; ``server`` is the process that forked this one."""
    die_with_parent(server)
    folder = Path(job["folder"]) if job["folder"] else None
    log = folder / LOG if folder else None
    near, far = socket.socketpair()
    worker, pid = os.getpid(), os.fork()
    if pid == 0:
        near.close()
        line.close()
        host.serve(far, log, job["limits"]["memory_gib"], worker)
    far.close()
    answer: dict[str, Any]
    with suppress(Closed):
        send(line, {"worker": worker, "host": pid})
        answer = _answer(job, HostProbe(near, pid, lambda: _reap(pid), job["limits"]["call_seconds"]))
        kill_group(pid)
        send(line, answer)
    kill_group(pid)
    os._exit(0)


def _answer(job: Mapping[str, Any], probe: HostProbe) -> dict[str, Any]:
    torch.set_num_threads(1)
    try:
        return {"result": load_entry(job["entry"])(job["arguments"], probe.load)}
    except TrialFault as fault:
        return {"fault": str(fault)}
    except XaicError as fault:
        return {"fault": f"{type(fault).__name__}: {fault}"}
    except OSError as fault:
        return {"full": str(fault)} if fault.errno in FULL else _failed(fault)
    except BaseException as fault:  # noqa: BLE001 - told to the parent, which records it
        return _failed(fault)


def _failed(fault: BaseException) -> dict[str, Any]:
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
