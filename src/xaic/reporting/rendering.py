"""How templates are rendered: everything is escaped unless it was built as markup, and a missing name is a fault."""

from __future__ import annotations

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xaic.documents.types import State
from xaic.reporting.words import SIGNS, anchor, bounds, count, figure, short


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("xaic.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "anchor": anchor, "short": short, "count": count}
    environment.globals |= {"sign": sign, "signs": SIGNS, "bounds": bounds, "anchor": anchor}
    return environment


def sign(state: State) -> Markup:
    """Return the picture of a state; its word stands beside it or in a label."""
    return Markup('<svg class="s {0}" aria-hidden="true"><use href="#s-{0}"/></svg>').format(SIGNS[state].css)


def render_template(name: str, **values: Any) -> Markup:
    """Return a template of this room with its values filled in."""
    return Markup(_environment().get_template(name).render(**values))  # noqa: S704 - every value was escaped
