"""Telling how far a run is: a bar with time left on a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from types import TracebackType


class Announcer:
    """Called by the harness with what is going on; shows it on standard error.

    Time left is the time so far scaled by the trials to come; trials differ, so it is called 'about'.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.started = time.monotonic()
        self.bar: Progress | None = None

    def __enter__(self) -> Self:
        """Open the bar where standard error is a terminal."""
        if self.console.is_terminal:
            self.bar = Progress(
                TextColumn("{task.description}"),
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
        spent = time.monotonic() - self.started
        left = f"about {_clock(spent * (total - done) / done)} left" if 0 < done < total else ""
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total or None, description=what[:60], left=left)
        else:
            place = f"[{done}/{total}] " if total else ""
            self.console.print(
                f"{_clock(spent)} {place}{what}{'; ' + left if left else ''}", markup=False, soft_wrap=True
            )


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
