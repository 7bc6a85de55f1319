"""Editions: what decides is frozen before anything is measured by it, so that no rule can follow the results.

Words that explain (titles, statements, sources) may be mended within an edition; what decides a verdict may not.
``python -m xaic.harness freeze ID`` freezes the shipped content. A run says which of its content is not as frozen.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from xaic.documents import content
from xaic.documents.errors import UnknownName
from xaic.documents.store import digest, parse, read, write
from xaic.documents.types import Edition

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "conformance/editions"
KINDS = ("conformance/criteria", "conformance/claims", "conformance/profiles", "benchmarks")
"""Folders of what decides verdicts."""

WORDS = {
    *("title", "statement", "purpose", "notes", "reason", "outline", "stakeholders", "lifecycle", "sources"),
    *("evidence", "methods", "tier", "crosswalk", "examples"),
}
"""Fields that explain and decide nothing."""


def editions() -> dict[str, Edition]:
    """Return every frozen edition by id."""
    return {path.stem: read(Edition, path) for path in content.files(FOLDER, ".json").values()}


def present() -> dict[str, str]:
    """Return path -> SHA-256 of what decides in each file as it is now, overlays included."""
    paths = {f"{kind}/{stem}.yaml": path for kind in KINDS for stem, path in sorted(content.files(kind).items())}
    return {name: digest(_deciding(parse(path))) for name, path in paths.items()}


def _deciding(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in WORDS}


def altered(id: str) -> tuple[str, ...]:
    """Return the paths of content that is other than an edition froze it: changed, added or gone.

    Raises:
        UnknownName: no edition has that id.
    """
    known, now = editions(), present()
    if id not in known:
        raise UnknownName("edition", id, known)
    frozen = known[id].files
    return tuple(sorted(path for path in {*frozen, *now} if frozen.get(path) != now.get(path)))


def freeze(id: str) -> Path:
    """Write the shipped content as an edition, frozen today, and return where."""
    content.overlay()
    path = content.roots()[0] / FOLDER / f"{id}.json"
    write(Edition(id, f"{datetime.now(UTC):%Y-%m-%d}", present()), path)
    return path
