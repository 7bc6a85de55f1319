"""The probe: a method as trusted code calls it. Cached by content, counted, limited in time, its answers checked."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from xaic.documents.errors import BadData, ContractBreach
from xaic.documents.store import from_data
from xaic.documents.types import MethodCard
from xaic.engine.cache import Cache
from xaic.execution.faults import MethodBroke, MethodDied, MethodRaised, MethodTimedOut
from xaic.execution.limits import end_of, kill_group
from xaic.execution.protocol import BadFrame, Closed, receive, send
from xaic.families.base import Family, Parcel, get_family
from xaic.families.model import Model
from xaic.methods.base import State

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from xaic.engine.meter import Meter

LOAD_SECONDS = 60.0


class HostProbe:
    """Implements ``xaic.methods.base.Probe`` over a line to a host.

    Args:
        line: the socket to the host.
        reap: waits for the host's end and returns its wait status, or None where it still runs.
        pid: the host's process, for killing its group.
        call_seconds: limit of one call.
    """

    def __init__(self, line: socket.socket, pid: int, reap: Callable[[], int | None], call_seconds: float) -> None:
        self.line, self.pid, self.reap, self.call_seconds = line, pid, reap, call_seconds
        self.state = State()
        self.meter: Meter | None = None
        self.cache: Cache | None = None
        self._key = ""
        self._counted: set[str] = set()

    def load(
        self,
        reference: str,
        *,
        method: str = "",
        digest: str = "",
        parameters: Mapping[str, Any] | None = None,
        seed: int = 0,
        cache: Path | None = None,
        scratch: Path | None = None,
        meter: Meter | None = None,
        plugins: tuple[str, ...] = (),
    ) -> Self:
        """Have the host load a method and remember what its answers are cached and counted under."""
        settings = {
            "method": method,
            "parameters": dict(parameters or {}),
            "seed": seed,
            "scratch": str(scratch or ""),
        }
        header, _ = self._ask(
            {"op": "load", "reference": reference, "plugins": list(plugins), **settings}, {}, LOAD_SECONDS
        )
        self.card: MethodCard = from_data(MethodCard, header.get("card"), reference)
        self.source_digest = str(header.get("digest"))
        if digest and digest != self.source_digest:
            raise MethodBroke(f"{reference}: the source changed since the run was planned; start a new run")
        self.family: Family[Any, Any] = get_family(self.card.family)
        self.meter, self.cache = meter, Cache(cache) if cache else None
        self._key = json.dumps([self.source_digest, settings["parameters"], method, seed], sort_keys=True)
        return self

    def __enter__(self) -> Self:
        """Return the probe; the host lives until the block ends."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the host and all it started."""
        self.close()

    def close(self) -> None:
        """End the host and all it started."""
        self.line.close()
        kill_group(self.pid)

    def fit(self, data: Parcel) -> State:
        """Fit the method; its state stays with the host, and a copy is kept here for metrics."""
        header, tensors = self._ask({"op": "fit", "data": dict(data.data)}, dict(data.tensors), self.call_seconds)
        model = Model.from_data(header["model"]) if header.get("model") else None
        self.state = State(tensors, dict(header.get("data", {})), model)
        if self.meter is not None:
            with self.meter.counting("fit"):
                self._count(header)
        return self.state

    def run(self, task: Any, draw: int | str = 0, **params: float) -> Any:
        """Return the method's output for a task: from the cache, or from the host.

        Raises:
            TrialFault: the method raised, died, took too long or broke its contract.
        """
        parcel = task.pack()
        # another draw of a method that draws nothing is the same call
        key = self._digest(parcel, draw if self.card.capabilities.stochastic else "", params)
        if self.cache is not None and (found := self.cache.get(key)) is not None:
            answer, counted = Parcel(found.tensors, found.data["data"]), found.data["passes"]
        else:
            answer, counted = self._call(task, parcel, draw, params)
            if self.cache is not None:
                self.cache.put(key, Parcel(answer.tensors, {"data": dict(answer.data), "passes": counted}))
        if self.cache is None or key not in self._counted:  # a call counts once a trial, wherever its answer came from
            self._counted.add(key)
            self._count(counted)
        return self.family.unpack_output(answer)

    def repeat(self, task: Any, draw: int | str = 0, **params: float) -> Any:
        """Return the output of a call made again, past the cache."""
        answer, counted = self._call(task, task.pack(), draw, params)
        self._count(counted)
        return self.family.unpack_output(answer)

    def _call(
        self, task: Any, parcel: Parcel, draw: int | str, params: Mapping[str, float]
    ) -> tuple[Parcel, dict[str, int]]:
        request = {"op": "run", "draw": str(draw), "params": dict(params), "data": dict(parcel.data)}
        header, tensors = self._ask(request, dict(parcel.tensors), self.call_seconds)
        data = header.get("data")
        answer = Parcel(tensors, data if isinstance(data, dict) else {})
        try:
            self.family.check(task, self.family.unpack_output(answer))
        except ContractBreach as fault:
            raise MethodBroke(str(fault)) from fault
        except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as fault:
            raise MethodBroke(f"the answer is no output of family {self.family.id}: {fault!r}") from fault
        return answer, {name: _number(header.get(name)) for name in ("forward", "backward")}

    def _ask(
        self, header: dict[str, Any], tensors: dict[str, Any], seconds: float
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Send a request and return the answer; every way in which none comes is a fault of its own."""
        try:
            send(self.line, header, tensors, seconds)
            answer, found = receive(self.line, seconds)
        except TimeoutError as fault:
            self.close()
            raise MethodTimedOut(
                f"no answer to '{header['op']}' within {seconds:g} s; the process was killed"
            ) from fault
        except Closed as fault:
            status = self.reap()
            how = end_of(status) if status is not None else "closed its line"
            raise MethodDied(f"the method's process {how} during '{header['op']}'") from fault
        except BadFrame as fault:
            self.close()
            raise MethodBroke(f"the method's process answered with no frame: {fault}") from fault
        if "breach" in answer:
            raise MethodBroke(str(answer["breach"])[:2000])
        if "error" in answer:
            raise MethodRaised(str(answer["error"])[:2000])
        return answer, found

    def _digest(self, parcel: Parcel, draw: int | str, params: Mapping[str, float]) -> str:
        """Return the key of a call: method, parameters, draw, plain data and every tensor's bytes."""
        data = (
            {**parcel.data, "model": parcel.data.get("model", {}).get("digest")}
            if "model" in parcel.data
            else parcel.data
        )
        key = sha256(json.dumps([self._key, str(draw), dict(params), dict(data)], sort_keys=True).encode())
        for name, tensor in sorted(parcel.tensors.items()):
            key.update(f"|{name}|{tensor.dtype}|{tuple(tensor.shape)}|".encode())
            key.update(tensor.detach().cpu().contiguous().numpy().tobytes())
        return key.hexdigest()

    def _count(self, counted: Mapping[str, Any]) -> None:
        if self.meter is not None:
            self.meter.add(_number(counted.get("forward")), _number(counted.get("backward")))


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise BadData(f"a count of passes must be a whole number, not {value!r}")
    return value
