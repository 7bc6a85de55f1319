"""``xaic report``: judge and render a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write. Default: the run's folder.")] = None,
) -> int:
    """Render the report of a run again: report.html and junit.xml.

    Example: [bold]xaic report reports/quick-20260101-120000[/bold]
    """
    from xaic.harness import load_run
    from xaic.reporting import write_report

    typer.echo(write_report(load_run(run), out or run))
    return 0
