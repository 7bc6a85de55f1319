"""``xaic report``: render a run again, as tables for a document, or keep its verdicts as the expected ones."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="The folder of a run.")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write. Default: the run's folder.")] = None,
    expected: Annotated[
        Path | None,
        typer.Option("--expected", help="Also write the run's verdicts to this file, for xaic check --expect."),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Also write the verdicts as Markdown tables to this file.")
    ] = None,
) -> int:
    """Render the report of a run again: report.html and junit.xml.

    Example: [bold]xaic report reports/quick-20260101-120000 --expected expected.json[/bold]
    """
    from xaic.documents.store import write, write_bytes
    from xaic.harness import LoadedRun, to_expected
    from xaic.registry import load_plugins
    from xaic.reporting import to_markdown, write_report

    made = LoadedRun.open(run)
    load_plugins(made.plan.plugins)
    typer.echo(write_report(made, out or run))
    if expected is not None:
        write(to_expected(made), expected)
        typer.echo(expected)
    if markdown is not None:
        write_bytes(markdown, to_markdown(made).encode())
        typer.echo(markdown)
    return 0
