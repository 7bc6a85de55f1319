"""Telling how far a run is: a bar with time left on a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from xaic.documents.errors import Interrupted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType


@contextmanager
def announcing() -> Iterator[Announcer]:
    """Show how far a run is; an interruption becomes a fault with its own exit status.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    try:
        with Announcer() as announcer:
            yield announcer
    except KeyboardInterrupt as fault:
        raise Interrupted(str(fault) or "interrupted") from None


class Announcer:
    """Called by the harness with what is going on; shows it on standard error.

    Time left is the time of the trials made so far, scaled by those to come; trials differ, so it is called 'about'.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.started = time.monotonic()
        self.bar: Progress | None = None
        self.first: tuple[int, float] | None = None  # trials that were finished when the first was begun, and when

    def __enter__(self) -> Self:
        """Open the bar where standard error is a terminal."""
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("{task.fields[left]}"),
                console=self.console,
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task("preparing", total=None, left="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, done: int, total: int, what: str) -> None:
        """Show that ``done`` of ``total`` trials are finished and ``what`` is going on."""
        now = time.monotonic()
        left = self._left(done, total, now) if total else ""
        if self.bar is not None:
            self.bar.update(
                self.task, completed=done, total=total or None, description=what[:60], left=left, refresh=True
            )
        else:
            place = f"[{done}/{total}] " if total else ""
            self.console.print(
                f"{_clock(now - self.started)} {place}{what}{'; ' + left if left else ''}",
                markup=False,
                soft_wrap=True,
            )

    def _left(self, done: int, total: int, now: float) -> str:
        """Return in words how long the rest takes; '' before the first trial and after the last."""
        before, begun = self.first = self.first or (done, now)
        if not before < done < total:
            return ""
        return f"about {_clock((now - begun) * (total - done) / (done - before))} left"


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
