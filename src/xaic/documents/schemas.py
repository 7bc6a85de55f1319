"""Checking a document against its JSON Schema: every fault with its JSON pointer and what mends it.

Every document names its schema and version, as ``"schema": "xaic/run/1"``. Readers take the versions listed in the
schema folder and no others.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from xaic.documents.content import files
from xaic.documents.errors import BadDocument, UnknownSchema

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jsonschema.exceptions import ValidationError

_NAME = re.compile(r"xaic/([a-z]+)/(\d+)")


@cache
def _validators(paths: tuple[tuple[str, Path], ...]) -> dict[str, Draft202012Validator]:
    schemas = {name.removesuffix(".schema"): json.loads(path.read_text("utf-8")) for name, path in paths}
    resources = [(schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()]
    registry: Registry[Any] = Registry().with_resources(resources)
    return {
        name: Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for name, schema in schemas.items()
    }


def validators() -> dict[str, Draft202012Validator]:
    """Return kind -> validator for every schema that content offers."""
    return _validators(tuple(sorted(files("schemas", ".json").items())))


def validate(document: Any, where: str | Path, kind: str | None = None) -> str:
    """Check a document and return its kind.

    Raises:
        BadDocument: it names no schema, an unknown one, another than ``kind``, or breaks its schema.
    """
    known = validators()
    if not isinstance(document, dict):
        raise BadDocument(where, ["the document is no object; write key: value pairs with a 'schema' entry"])
    name = document.get("schema")
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise BadDocument(where, [f"at /schema: {name!r} names no schema; write e.g. {_known(known)}"])
    found = match.group(1)
    if found not in known or _version(known[found].schema) != match.group(2):
        raise UnknownSchema(where, [f"at /schema: {name!r} is not known to this xaic; it reads {_known(known)}"])
    if kind is not None and found != kind:
        raise BadDocument(where, [f"at /schema: a {kind} document is needed here, this is a {found}"])
    faults = sorted(known[found].iter_errors(document), key=lambda e: (list(map(str, e.absolute_path)), e.message))
    if faults:
        raise BadDocument(where, [_explain(fault) for fault in faults])
    return found


def _version(schema: Any) -> str:
    return str(schema["properties"]["schema"]["const"]).rsplit("/", 1)[1]


def _known(known: Mapping[str, Draft202012Validator]) -> str:
    return ", ".join(f"xaic/{kind}/{_version(v.schema)}" for kind, v in sorted(known.items()))


def pointer(path: Any) -> str:
    """Return a JSON pointer (RFC 6901)."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path) or "/"


_MENDS = {
    "required": "add it",
    "additionalProperties": "remove it or correct its spelling",
    "enum": "use one of the listed values",
    "const": "write exactly that value",
    "type": "write a value of that type",
    "pattern": "write it in that form",
    "minItems": "give more items",
    "minLength": "write something",
    "minimum": "raise it",
    "maximum": "lower it",
}


def _explain(fault: ValidationError) -> str:
    message = fault.message if len(fault.message) < 240 else fault.message[:237] + "..."
    return f"at {pointer(fault.absolute_path)}: {message}; {_MENDS.get(str(fault.validator), 'see the schema')}"
