"""The host: the process a method lives in. Nothing else runs here, and nothing it says is trusted.

It loads the method, answers ``load``, ``fit`` and ``run``, counts the rows that go through models, and looks whether a
call left model and inputs as they were.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from xaic.documents.errors import ContractBreach
from xaic.documents.store import to_data
from xaic.execution.context import HostContext
from xaic.execution.limits import die_with_parent, limit_memory
from xaic.execution.protocol import Closed, receive, send
from xaic.families.base import Parcel, get_family
from xaic.methods.base import Method, State
from xaic.methods.discovery import load_method, source_digest
from xaic.registry import load_plugins

if TYPE_CHECKING:
    import socket

TRACE_LIMIT = 8000


def serve(line: socket.socket, log: Path | None, memory_gib: float, worker: int) -> None:
    """Answer requests until the line closes, then leave; never returns."""
    status = 0
    try:
        os.setsid()
        die_with_parent(worker)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _redirect(log)
        torch.set_num_threads(1)
        limit_memory(memory_gib)
        host = Host()
        while True:
            header, tensors = receive(line)
            send(line, *host.answer(header, tensors))
    except Closed:
        pass
    except BaseException:  # noqa: BLE001 - the process ends here, whatever it is
        traceback.print_exc()
        status = 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _redirect(log: Path | None) -> None:
    """Send what the method prints to a file, on the level of file descriptors."""
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
    target = os.open(log or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)


class Host:
    """Holds the loaded method and what it was fitted to."""

    def __init__(self) -> None:
        self.method: Method[Any, Any, Any] | None = None
        self.state = State()
        self.settings: dict[str, Any] = {}

    def answer(self, header: dict[str, Any], tensors: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return header and tensors of the answer; a fault of the method is an answer too."""
        try:
            return getattr(self, f"_{header['op']}")(header, tensors)  # type: ignore[no-any-return]
        except ContractBreach as fault:
            return {"breach": str(fault)}, {}
        except BaseException as fault:  # noqa: BLE001 - whatever a method raises is its own fault
            trace = "".join(traceback.format_exception(fault))
            sys.stderr.write(trace)
            return {"error": f"{type(fault).__name__}: {fault}"[:2000], "trace": trace[-TRACE_LIMIT:]}, {}

    def _load(self, header: dict[str, Any], tensors: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: ARG002
        load_plugins(tuple(header["plugins"]))
        method = load_method(header["reference"])
        self.settings = header
        if header["scratch"]:
            Path(header["scratch"]).mkdir(parents=True, exist_ok=True)
        if isinstance(method, Method):
            self.method = method
            get_family(method.card.family)
        return {"card": to_data(method.card), "digest": source_digest(type(method))}, {}

    def _fit(self, header: dict[str, Any], tensors: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        method = self._ready()
        context = self._context(header)
        state = method.fit(Parcel(tensors, header["data"]), context)
        if not isinstance(state, State):
            raise ContractBreach(f"fit must return a State, not {type(state).__name__}")
        self.state = state
        model = state.model.to_data() if state.model else None
        return {"data": dict(state.data), "model": model, **context.passes()}, dict(state.tensors)

    def _run(self, header: dict[str, Any], tensors: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        method = self._ready()
        family = get_family(method.card.family)
        task = family.unpack(Parcel(tensors, header["data"]))
        context = self._context(header)
        before = {name: tensor.clone() for name, tensor in tensors.items()}
        output = method.run(task, self.state, context)
        changed = [name for name, tensor in tensors.items() if not torch.equal(tensor, before[name])]
        if changed:
            raise ContractBreach(f"the call changed its task in place: {', '.join(changed)}; work on a copy")
        context.examine()
        parcel = family.pack_output(output)
        return {"data": dict(parcel.data), **context.passes()}, dict(parcel.tensors)

    def _ready(self) -> Method[Any, Any, Any]:
        if self.method is None:
            raise ContractBreach("a derived control runs beside the method it is derived from, not on its own")
        return self.method

    def _context(self, header: dict[str, Any]) -> HostContext:
        method = self._ready()
        return HostContext(
            method=str(self.settings["method"]),
            seed=int(self.settings["seed"]),
            draw=str(header.get("draw", "fit")),
            scratch=Path(self.settings["scratch"]),
            parameters={**method.card.parameters, **self.settings["parameters"], **header.get("params", {})},
        )
