"""The report of a run as one HTML file: no network, no other file, every string of a method escaped.

The page forbids itself what it does not need: its policy allows the one style sheet and the one script by their
hashes and pictures as data, nothing else. Markup that slipped through could neither run nor call home.
"""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from xaic.reporting.charts import style_sheet
from xaic.reporting.page import Page
from xaic.reporting.rendering import render_template
from xaic.reporting.words import printable

if TYPE_CHECKING:
    from xaic.harness.folder import LoadedRun

SCRIPTS = ("filter.js", "sheet.js", "pictures.js", "reading.js")
STYLES = ("report.css", "print.css")


def render(run: LoadedRun) -> str:
    """Return the report of a run as HTML."""
    styles, script = assets()
    page = render_template(
        "report.html.j2",
        page=Page(run),
        styles=Markup(styles),  # noqa: S704 - files of this room
        script=Markup(script),  # noqa: S704 - files of this room
        policy=policy(styles, script),
    )
    return printable(str(page))


@cache
def assets() -> tuple[str, str]:
    """Return the style sheet and the script of the page."""
    room = files("xaic.reporting") / "templates"
    sheets = [(room / name).read_text("utf-8") for name in STYLES]
    return "\n".join([*sheets, style_sheet()]), "\n".join((room / name).read_text("utf-8") for name in SCRIPTS)


def policy(styles: str, script: str) -> str:
    """Return a content security policy that allows these two texts and data pictures, and nothing else."""
    hashes = (b64encode(sha256(text.encode()).digest()).decode() for text in (styles, script))
    style, code = (f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; img-src data:; style-src {style}; script-src {code}; base-uri 'none'; form-action 'none'"
    )
