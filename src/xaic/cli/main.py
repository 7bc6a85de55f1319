"""The application: its commands, and how faults end a command.

Exit statuses: 0 done (``run``), all Required pass (``check``) or no regression (``gate``); 1 a Required criterion
fails, or a regression is shown; 2 neither, but something is undecided; 3 an error, or fewer trials executed than
planned; 64 usage; 65 bad data; 66 missing file; 70 internal fault; 130 interrupted; 141 the reader of the output went
away. Typer's own defaults (2 on misuse, 1 on a crash or a broken pipe) would collide and are mapped.
"""

from __future__ import annotations

import errno
import os
import sys
import traceback
from typing import Annotated, Any

import typer
from rich.console import Console

from xaic.cli import check, gate, listing, new, report, run, show, validate
from xaic.documents.errors import XaicError
from xaic.version import __version__

USAGE, INTERNAL, INTERRUPTED, UNREAD = 64, 70, 130, 141
REFUSALS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT}
"""Numbers of errors by which the system refuses something: no fault of xaic."""

MISUSE: Any = next(cls for cls in typer.BadParameter.__mro__ if cls.__name__ in {"ClickException", "TyperException"})
"""What the parser raises on a wrong command line: its home moved between Typer's versions."""

app = typer.Typer(
    name="xaic",
    help="Conformance and benchmark harness for explainable AI.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("run")(run.run)
app.command("check")(check.check)
app.command("gate")(gate.gate)
app.command("report")(report.report)
app.command("show")(show.show)
app.command("validate")(validate.validate)
app.add_typer(listing.app, name="list")
app.add_typer(new.app, name="new")


def _version(value: bool) -> None:  # noqa: FBT001 - a typer callback
    if value:
        typer.echo(f"xaic {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[  # noqa: FBT002 - a typer option
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Conformance and benchmark harness for explainable AI: verdicts with intervals, not only scores."""


def main(arguments: list[str] | None = None) -> None:
    """Run a command and leave with its exit status."""
    sys.exit(status(arguments))


def status(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit status; every fault is one message on standard error."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    try:
        found = app(arguments, standalone_mode=False)
        sys.stdout.flush()  # here, where it can be told that it failed
    except (typer.Abort, KeyboardInterrupt):
        errors.print("interrupted", markup=False)
        return INTERRUPTED
    except MISUSE as fault:
        if fault.format_message():  # a command without arguments has shown its help
            errors.print(f"xaic: {fault.format_message()}; see xaic --help", markup=False)
        return USAGE
    except XaicError as fault:
        errors.print(f"xaic: {fault}", markup=False)
        return fault.exit_status
    except (BrokenPipeError, SystemExit):  # Typer and rich leave so when nobody reads what is printed
        _drop_output()
        return UNREAD
    except Exception as fault:  # noqa: BLE001 - the last resort says what happened and where to report it
        if isinstance(fault, OSError) and fault.errno in REFUSALS:
            errors.print(f"xaic: {fault}", markup=False)
            _drop_output()
        else:
            errors.print(traceback.format_exc(), markup=False)
            errors.print("xaic: internal fault; please report the lines above", markup=False)
        return INTERNAL
    return int(found) if isinstance(found, int) else 0


def _drop_output() -> None:
    """Send what was not written yet nowhere: Python would try once more as it ends, and change the exit status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
