"""Rendering of a run: one self-contained HTML file, JUnit XML for continuous integration, Markdown, plain text.

The catalogue of criteria, which needs no run, is rendered here as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.documents.store import write_bytes
from xaic.reporting.catalogue import catalogue_page
from xaic.reporting.html import render
from xaic.reporting.junit import to_junit
from xaic.reporting.markdown import to_markdown
from xaic.reporting.plain import headline, told, unexecuted

if TYPE_CHECKING:
    from pathlib import Path

    from xaic.harness.folder import LoadedRun

__all__ = ["catalogue_page", "headline", "render", "to_junit", "to_markdown", "told", "unexecuted", "write_report"]


def write_report(run: LoadedRun, folder: Path) -> Path:
    """Write ``report.html`` and ``junit.xml`` of a run and return the path of the first."""
    write_bytes(folder / "junit.xml", to_junit(run))
    write_bytes(folder / "report.html", render(run).encode())
    return folder / "report.html"
