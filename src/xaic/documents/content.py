"""Where the declarative content lies: criteria, claims, profiles, benchmarks and schemas.

The wheel carries it inside the package; a checkout has it at the top level. ``overlay`` lays a user's own folders of
the same shape over it: a file of theirs with an id of ours takes the place of ours.
"""

from __future__ import annotations

from pathlib import Path

from xaic.documents.errors import MissingFile

_PACKAGE = Path(__file__).parents[1]
_overlays: list[Path] = []


def roots() -> list[Path]:
    """Return the content folders, the most particular last."""
    packed = _PACKAGE / "content"
    base = packed if packed.is_dir() else _PACKAGE.parents[1]
    if not (base / "schemas").is_dir():
        raise MissingFile(base / "schemas", "reinstall xaic: its content folders are missing")
    return [base, *_overlays]


def overlay(*folders: str | Path) -> None:
    """Lay the user's content folders over the shipped ones, in place of earlier overlays."""
    for folder in folders:
        if not Path(folder).is_dir():
            raise MissingFile(folder, "give a folder that holds conformance/, benchmarks/ or schemas/")
    _overlays[:] = [Path(folder).resolve() for folder in folders]


def files(kind: str, suffix: str = ".yaml") -> dict[str, Path]:
    """Return stem -> path of every file below ``kind`` (as 'conformance/criteria'), overlays winning."""
    found: dict[str, Path] = {}
    for root in roots():
        folder = root / kind
        for path in sorted(folder.rglob(f"*{suffix}")) if folder.is_dir() else []:
            found[path.relative_to(folder).as_posix().removesuffix(suffix)] = path
    return found
