"""``xaic show``: everything about one thing, by its id."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable


def show(
    id: Annotated[str, typer.Argument(help="Id of a method, benchmark, criterion, profile, specimen or metric.")],
) -> int:
    """Show a method's card, a benchmark, criterion, profile, specimen or metric as YAML.

    Example: [bold]xaic show EX-FAI-01[/bold]
    """
    from xaic.documents.errors import UnknownName
    from xaic.documents.store import to_data

    known: set[str] = set()
    for look in (_methods, _benchmarks, _criteria, _profiles, _specimens, _metrics):
        found = look()
        known |= set(found)
        if id in found:
            text = yaml.safe_dump(to_data(found[id]()), sort_keys=False, allow_unicode=True, width=100)
            typer.echo(text.rstrip())
            return 0
    raise UnknownName("method, benchmark, criterion, profile, specimen or metric", id, known)


def _same(found: Any) -> Any:
    return found


def _card(id: str) -> Any:
    from xaic.methods.discovery import locate

    return locate(id).card


def _methods() -> dict[str, Callable[[], Any]]:
    from xaic.methods.discovery import installed

    return {id: partial(_card, id) for id in installed()}


def _benchmarks() -> dict[str, Callable[[], Any]]:
    from xaic.harness import catalogue

    return {id: partial(_same, found) for id, found in catalogue.benchmarks().items()}


def _criteria() -> dict[str, Callable[[], Any]]:
    from xaic.harness import catalogue

    return {id: partial(_same, found) for id, found in catalogue.criteria().items()}


def _profiles() -> dict[str, Callable[[], Any]]:
    from xaic.harness import catalogue

    return {id: partial(_same, found) for id, found in catalogue.profiles().items()}


def _specimens() -> dict[str, Callable[[], Any]]:
    from xaic.specimens.base import all_specimens

    return {id: specimen.record for id, specimen in all_specimens().items()}


def _metrics() -> dict[str, Callable[[], Any]]:
    from xaic.metrics.base import all_metrics

    return {id: metric.declaration for id, metric in all_metrics().items()}
