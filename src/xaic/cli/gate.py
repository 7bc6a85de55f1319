"""``xaic gate``: a run held against a baseline run, with an exit status by what became worse."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from xaic.documents.types import Gate

SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file to which a step of GitHub Actions appends its summary."""


def gate(
    baseline: Annotated[Path, typer.Option("--baseline", help="Folder of a run, or its report.html or run.json.")],
    candidate: Annotated[Path, typer.Option("--candidate", help="The run to be judged, named in the same way.")],
    method: Annotated[
        list[str] | None,
        typer.Option("--method", "-m", help="OLD=NEW: id of a method in the baseline and in the candidate."),
    ] = None,
    level: Annotated[
        str, typer.Option("--level", help="Compare criteria of this level and above: required, recommended, optional.")
    ] = "required",
    rerun: Annotated[
        list[Path] | None,
        typer.Option("--rerun", help="The baseline made again with another seed, for the repeatability limit."),
    ] = None,
    waivers: Annotated[
        Path | None, typer.Option("--waivers", help="YAML file of regressions that are let pass until a day.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Where to write. Default: gate.json in the candidate's folder.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option("--markdown", help="Also write Markdown for a pull request to this file.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Also write JUnit XML to this file.")] = None,
) -> int:
    """Hold a run against a baseline run: did an explanation become worse?

    0: no regression. 1: a regression is shown. 2: these units cannot decide; it says how many could. 3: a run is not
    whole, or a comparison is missing.

    Example: [bold]xaic gate --baseline reports/main --candidate reports/branch --markdown gate.md[/bold]
    """
    from xaic.cli.tables import print_gate
    from xaic.documents.store import write
    from xaic.library import gate as hold_against

    found = hold_against(
        baseline, candidate, methods=_renamed(method or []), level=level, reruns=rerun or (), waivers=waivers
    )
    path = out or _folder(candidate) / "gate.json"
    write(found, path)
    _render(found, markdown, junit)
    print_gate(found, path)
    return found.status


def _folder(run: Path) -> Path:
    return run.parent if run.is_file() else run


def _renamed(pairs: list[str]) -> dict[str, str]:
    from xaic.documents.errors import Misuse

    found = {}
    for pair in pairs:
        old, equals, new = pair.partition("=")
        if not (old and equals and new):
            raise Misuse(f"--method {pair}: write OLD=NEW, the ids of one method in the baseline and in the candidate")
        if old in found:
            raise Misuse(f"--method {pair}: {old} is renamed twice")
        found[old] = new
    return found


def _render(found: Gate, markdown: Path | None, junit: Path | None) -> None:
    """Write Markdown and JUnit where they are asked for, and the summary of a GitHub step where there is one."""
    from xaic.documents.store import write_bytes
    from xaic.gating import gate_to_junit, gate_to_markdown

    if markdown is not None:
        write_bytes(markdown, gate_to_markdown(found).encode())
    if junit is not None:
        write_bytes(junit, gate_to_junit(found))
    step = os.environ.get(SUMMARY)
    if step:
        with Path(step).open("a", encoding="utf-8") as out:
            out.write(gate_to_markdown(found))
