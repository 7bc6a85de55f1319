"""``python -m xaic.specimens build ID``: make a specimen's files again; ``verify``: check those shipped."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from xaic.documents.errors import XaicError
from xaic.documents.store import write_bytes
from xaic.specimens.base import all_specimens, get_specimen

if TYPE_CHECKING:
    from collections.abc import Sequence


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m xaic.specimens", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser("build", help="make a specimen's files again")
    build.add_argument("id", help="the specimen")
    build.add_argument("--out", type=Path, help="folder to write to; default: in place of the shipped files")
    build.add_argument("--source", type=Path, help="folder with the original data, where the specimen asks for one")
    verify = commands.add_parser("verify", help="check the SHA-256 of every shipped file")
    verify.add_argument("id", nargs="*", help="the specimens; default: all")
    return parser


def _build(id: str, out: Path | None, source: Path | None) -> None:
    specimen = get_specimen(id)
    options = {} if source is None else {"source": source}
    with TemporaryDirectory(prefix="xaic-build-") as scratch:
        record = specimen.rebuild(Path(scratch), **options)
        for path in Path(scratch).iterdir():  # one by one: the folder's own mode is that of a scratch folder
            write_bytes((out or specimen.folder) / path.name, path.read_bytes())
    for name, value in sorted(record.performance.items()):
        sys.stdout.write(f"{name}: {value}\n")


def _verify(ids: Sequence[str]) -> None:
    for id in ids or all_specimens():
        specimen = get_specimen(id)
        for name in specimen.record().files:
            specimen.file(name)
        sys.stdout.write(f"{id}: {len(specimen.record().files)} files as recorded\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status of the fault it met, or 0."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "build":
            _build(given.id, given.out, given.source)
        else:
            _verify(given.id)
    except XaicError as fault:
        sys.stderr.write(f"{fault}\n")
        return fault.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
