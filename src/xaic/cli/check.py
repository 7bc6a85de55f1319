"""``xaic check``: the same run, with an exit status by verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xaic.cli import options
from xaic.cli.progress import announcing
from xaic.cli.tables import print_deviations, print_summary


def check(
    methods: Annotated[list[str], typer.Argument(help="Ids, glob patterns, package.module:Class or ./file.py:Class.")],
    profile: options.Profile = "quick",
    seed: options.Seed = 0,
    workers: options.Workers = 0,
    out: options.Out = None,
    content: options.Content = None,
    plugin: options.Plugins = None,
    call_seconds: options.CallSeconds = 120.0,
    trial_seconds: options.TrialSeconds = 900.0,
    memory_gib: options.MemoryGib = 6.0,
    expect: Annotated[
        Path | None,
        typer.Option("--expect", help="Compare with this file of expected verdicts instead; unexpected passes count."),
    ] = None,
) -> int:
    """Try methods and exit by their verdicts.

    0: all Required criteria pass. 1: some fail. 2: none fails, some are inconclusive (or nothing was applicable).
    3: an error, or fewer trials executed than planned. With --expect: 0 when every verdict is the expected one or
    misses it by the last digits of another processor, else 1.

    Example: [bold]xaic check ./mine.py:MyMethod --profile quick[/bold]
    """
    from xaic.documents.store import read
    from xaic.documents.types import Expected
    from xaic.harness import Settings, deviations, verdict_status
    from xaic.library import make

    expected = read(Expected, expect) if expect is not None else None  # before the run: a wrong file costs no minutes
    settings = Settings(
        methods=tuple(methods),
        profile=profile,
        seed=seed,
        content=tuple(map(str, content or ())),
        plugins=tuple(plugin or ()),
        limits={"call_seconds": call_seconds, "trial_seconds": trial_seconds, "memory_gib": memory_gib},
    )
    with announcing() as announce:
        made = make(settings, out, workers=workers, announce=announce)
    print_summary(made)
    if not made.whole:
        return 3
    if expected is not None and expect is not None:
        found = deviations(made, expected)
        print_deviations(found, expect)
        return 1 if any(not one.close for one in found) else 0
    return verdict_status(made)
