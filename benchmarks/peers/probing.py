"""xaic's side: the harness's own probe and host, in one process, and sweeps made as a trial makes them.

A trial puts the method into a process of its own. Here the host answers from a thread instead, so that one clock sees
all CPU time: frames are still packed, sent, checked, hashed and cached as in a trial.
"""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from method_adapters.attribution import derived_controls
from xaic.engine.cache import Cache
from xaic.engine.runner import Runner, Tuning
from xaic.engine.streams import Streams
from xaic.engine.sweeps import sweeps_class
from xaic.execution.host import Host
from xaic.execution.probe import HostProbe
from xaic.execution.protocol import Closed, receive, send
from xaic.methods.base import ControlSetting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cases import Case

    from xaic.methods.base import Control

SEED = 7
HOURS = 24 * 3600.0

DERIVED: tuple[type[Control], ...] = (
    derived_controls.ShuffleControl,
    derived_controls.PhaseControl,
    derived_controls.SwapControl,
    derived_controls.WrongModelControl,
)


class ThreadedProbe(HostProbe):
    """The probe of a trial; its host is a thread of this process."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.thread = threading.Thread(target=_answer, args=(theirs,), daemon=True)
        self.thread.start()
        super().__init__(ours, pid=0, reap=lambda: None, call_seconds=HOURS)

    def close(self) -> None:
        """Close the line: the thread ends by itself, and no process is killed."""
        self.line.close()
        self.thread.join()


def _answer(line: socket.socket) -> None:
    host = Host()
    with suppress(Closed), line:
        while True:
            send(line, *host.answer(*receive(line)))


@contextmanager
def opened(
    case: Case,
    method: str,
    tunings: Mapping[str, Tuning],
    *,
    derived: bool = False,
    cache: Path | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Iterator[Any]:
    """Yield sweeps as a trial has them: with derived controls where asked, and with its own cache or another's."""
    with TemporaryDirectory(prefix="xaic-peers-") as folder, ThreadedProbe() as probe:
        cache = cache or Path(folder) / "cache"
        streams = Streams(SEED).at("benchmark", case.name)
        runner = Runner(tunings=dict(tunings))
        sweeps = sweeps_class("attribution")(case.posed, {}, case.protocol, runner, streams, cache=Cache(cache))
        probe.load(
            method,
            method=method,
            parameters=parameters,
            seed=SEED,
            cache=cache,
            scratch=Path(folder) / "scratch",
            meter=sweeps.meter,
        )
        sweeps.probes["method"] = probe
        for kind in DERIVED if derived else ():
            control = kind()
            generator = sweeps.streams.at("control", control.card.id).generator()
            setting = ControlSetting(posed=sweeps.posed, generator=generator, **sweeps.for_controls())
            sweeps.probes[str(control.card.control)] = control.derive(probe, setting)
        yield sweeps
