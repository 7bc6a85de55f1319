"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Methods = Annotated[
    list[str] | None,
    typer.Option(
        "--method",
        "-m",
        help="An id, a glob pattern of ids, package.module:Class or ./file.py:Class. Several may be given. "
        "Default: every shipped method.",
    ),
]
Profile = Annotated[str, typer.Option("--profile", "-p", help="Id of a profile or path of a profile's YAML file.")]
Seed = Annotated[int, typer.Option("--seed", help="Seeds every random draw.", min=0)]
Workers = Annotated[int, typer.Option("--workers", "-j", help="Trials at a time; 0: one a core.", min=0)]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Folder of the run. Default: reports/<profile>-<time>.")]
Content = Annotated[
    list[Path] | None,
    typer.Option("--content", help="A folder of your own conformance/, benchmarks/, schemas/, laid over the shipped."),
]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", help="A module or .py file with families, metrics or specimens of your own."),
]
CallSeconds = Annotated[float, typer.Option("--call-seconds", help="Time limit of one call of a method.", min=0.1)]
TrialSeconds = Annotated[float, typer.Option("--trial-seconds", help="Time limit of one trial.", min=1)]
MemoryGib = Annotated[float, typer.Option("--memory-gib", help="Memory a method may take.", min=0.1)]
