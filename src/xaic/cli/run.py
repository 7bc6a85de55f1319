"""``xaic run``: make a run and its report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xaic.cli import options
from xaic.cli.progress import announcing
from xaic.cli.tables import print_summary


def run(
    method: options.Methods = None,
    profile: options.Profile = "quick",
    seed: options.Seed = 0,
    workers: options.Workers = 0,
    out: options.Out = None,
    content: options.Content = None,
    plugin: options.Plugins = None,
    call_seconds: options.CallSeconds = 120.0,
    trial_seconds: options.TrialSeconds = 900.0,
    memory_gib: options.MemoryGib = 6.0,
    resume: Annotated[Path | None, typer.Option("--resume", help="Go on with the run in this folder.")] = None,
) -> int:
    """Measure methods, decide criteria and write a report.

    Exits 0 when everything planned was executed, whatever the verdicts; 3 when something was not.

    Example: [bold]xaic run --method 'attribution.grad*' --method ./mine.py:MyMethod --profile quick[/bold]
    """
    from xaic.documents.errors import Misuse
    from xaic.harness import Settings
    from xaic.library import go_on, make

    if resume is not None and (method or out or content or plugin):
        raise Misuse("--resume goes on with what was planned: leave out --method, --out, --content and --plugin")
    with announcing() as announce:
        if resume is not None:
            made = go_on(resume, workers=workers, announce=announce)
        else:
            settings = Settings(
                methods=tuple(method or ()),
                profile=profile,
                seed=seed,
                content=tuple(map(str, content or ())),
                plugins=tuple(plugin or ()),
                limits={
                    "call_seconds": call_seconds,
                    "trial_seconds": trial_seconds,
                    "memory_gib": memory_gib,
                },
            )
            made = make(settings, out, workers=workers, announce=announce)
    print_summary(made)
    return 0 if made.whole else 3
