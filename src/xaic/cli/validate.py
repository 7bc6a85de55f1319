"""``xaic validate``: check documents against their schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def validate(
    files: Annotated[list[Path], typer.Argument(help="JSON, YAML, .jsonl or Parquet files of xaic, or run folders.")],
) -> int:
    """Check documents: every fault with its JSON pointer and what mends it.

    Exits 0 when all are valid, 65 when one is not, 66 when one is missing.

    Example: [bold]xaic validate conformance/criteria/EX-FAI-01.yaml reports/quick-1[/bold]
    """
    from xaic.documents.checking import check_path
    from xaic.documents.errors import XaicError

    console, errors = (
        Console(highlight=False, soft_wrap=True),
        Console(stderr=True, highlight=False, soft_wrap=True),
    )
    worst = 0
    for path in files:
        try:
            for kind, count in check_path(path).items():
                console.print(f"{path}: valid ({count} {kind})", markup=False)
        except XaicError as fault:
            errors.print(str(fault), markup=False)
            worst = max(worst, fault.exit_status)
    return worst
