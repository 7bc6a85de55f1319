"""What there is, and everything about one thing."""

from __future__ import annotations

import pytest
import yaml

from tests.cli.conftest import Say
from xaic.documents.schemas import validate
from xaic.harness import catalogue
from xaic.methods.discovery import installed
from xaic.metrics.base import all_metrics
from xaic.specimens.base import all_specimens


@pytest.mark.parametrize(
    ("what", "known"),
    [
        ("methods", installed),
        ("benchmarks", catalogue.benchmarks),
        ("criteria", catalogue.criteria),
        ("profiles", catalogue.profiles),
        ("specimens", all_specimens),
        ("metrics", all_metrics),
    ],
)
def test_lists_are_plain_lines_for_pipes_one_for_each_thing(say: Say, what: str, known: object) -> None:
    found, out, errors = say("list", what)
    assert (found, errors) == (0, "")
    rows = [line.split("\t") for line in out.splitlines()]
    assert [row[0] for row in rows] == list(known())  # type: ignore[operator]
    assert len({len(row) for row in rows}) == 1
    assert all(all(row) for row in rows)


@pytest.mark.parametrize(
    ("id", "kind"),
    [
        ("attribution.gradient", "card"),
        ("attribution/tabular", "benchmark"),
        ("EX-FAI-01", "criterion"),
        ("quick", "profile"),
        ("tabular", "specimen"),
        ("faithfulness.deletion_auc", None),
    ],
)
def test_show_gives_the_whole_document_as_yaml(say: Say, id: str, kind: str | None) -> None:
    found, out, _ = say("show", id)
    assert found == 0
    document = yaml.safe_load(out)
    assert document["id"] == id
    if kind:
        assert validate(document, id, kind) == kind


def test_show_suggests_what_was_meant(say: Say) -> None:
    found, out, errors = say("show", "EX-FAI-1")
    assert (found, out) == (64, "")
    assert "is called 'EX-FAI-1'; did you mean EX-FAI-01" in errors
