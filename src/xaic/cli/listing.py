"""``xaic list``: what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(no_args_is_help=True, help="List what there is. Example: [bold]xaic list methods[/bold]")


def _print(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> int:
    console = Console(highlight=False)
    if not console.is_terminal:  # plain columns for pipes: one line a row, never wrapped
        for row in rows:
            typer.echo("\t".join(row))
        return 0
    table = Table(*columns, title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return 0


@app.command()
def methods() -> int:
    """List installed methods, controls and oracles. Example: xaic list methods."""
    from xaic.methods.discovery import installed, locate

    rows = [(m.id, m.role, m.family, locate(m.id).card.title) for m in installed().values()]
    return _print("methods", ("id", "role", "family", "title"), rows)


@app.command()
def benchmarks() -> int:
    """List benchmarks. Example: xaic list benchmarks."""
    from xaic.harness import catalogue

    rows = [(b.id, b.family, f"{b.specimen}/{b.variant}", b.title) for b in catalogue.benchmarks().values()]
    return _print("benchmarks", ("id", "family", "specimen", "title"), rows)


@app.command()
def criteria(
    markdown: Annotated[  # noqa: FBT002 - a typer option
        bool, typer.Option("--markdown", help="Print the catalogue of criteria as a Markdown page instead.")
    ] = False,
) -> int:
    """List criteria and claims. Example: xaic list criteria."""
    from xaic.harness import catalogue

    if markdown:
        from xaic.reporting import catalogue_page

        typer.echo(catalogue_page(), nl=False)
        return 0
    rows = [(c.id, c.kind, c.family, c.status, c.title["en"]) for c in catalogue.criteria().values()]
    return _print("criteria", ("id", "kind", "family", "status", "title"), rows)


@app.command()
def profiles() -> int:
    """List profiles. Example: xaic list profiles."""
    from xaic.harness import catalogue

    rows = [(p.id, p.edition, str(len(p.requirements)), p.title) for p in catalogue.profiles().values()]
    return _print("profiles", ("id", "edition", "requirements", "title"), rows)


@app.command()
def specimens() -> int:
    """List specimens with their variants. Example: xaic list specimens."""
    from xaic.specimens.base import all_specimens

    records = [specimen.record() for specimen in all_specimens().values()]
    rows = [(r.id, r.kind, r.licence, ", ".join(r.variants), r.title) for r in records]
    return _print("specimens", ("id", "kind", "licence", "variants", "title"), rows)


@app.command()
def metrics() -> int:
    """List metrics with range and direction. Example: xaic list metrics."""
    from xaic.metrics.base import all_metrics

    def bounds(low: float | None, high: float | None) -> str:
        return f"[{'-inf' if low is None else f'{low:g}'}, {'inf' if high is None else f'{high:g}'}]"

    rows = [(m.id, m.family, bounds(*m.range), m.direction, m.title) for m in all_metrics().values()]
    return _print("metrics", ("id", "family", "range", "better", "title"), rows)
