"""Editions: the shipped content is as it was frozen, and a run says where its own is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.runs import SMALL
from xaic.documents import content
from xaic.documents.errors import UnknownName
from xaic.harness import catalogue
from xaic.harness.editions import altered, editions

EDITION = "2026.1"


@pytest.fixture
def alone() -> None:
    """Only the shipped content."""
    content.overlay()


@pytest.mark.usefixtures("alone")
def test_the_shipped_content_is_as_it_was_frozen() -> None:
    """Where this fails: undo the change, or give what changed a new edition (python -m xaic.harness freeze ID)."""
    assert altered(EDITION) == ()
    frozen = editions()[EDITION].files
    assert len(frozen) == len(catalogue.criteria()) + len(catalogue.profiles()) + len(catalogue.benchmarks())


@pytest.mark.usefixtures("alone")
def test_all_content_is_of_a_frozen_edition() -> None:
    named = [one.edition for one in catalogue.criteria().values()]
    named += [one.edition for one in catalogue.profiles().values()]
    named += [one.edition for one in catalogue.benchmarks().values()]
    assert set(named) == {EDITION}


def test_what_a_user_adds_or_replaces_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "conformance" / "profiles"
    folder.mkdir(parents=True)
    shipped = content.files("conformance/profiles")["quick"].read_text("utf-8")
    (folder / "quick.yaml").write_text(shipped.replace("units: 96", "units: 95"))
    (folder / "sal.yaml").write_text(content.files("conformance/profiles")["sal"].read_text("utf-8") + "title: Other\n")
    (folder / "mine.yaml").write_text("schema: xaic/profile/1\n")
    try:
        content.overlay(tmp_path)
        assert altered(EDITION) == ("conformance/profiles/mine.yaml", "conformance/profiles/quick.yaml")
        content.overlay(SMALL)
        assert "benchmarks/attribution/small-table.yaml" in altered(EDITION)
    finally:
        content.overlay()


def test_an_edition_that_was_not_frozen_is_told() -> None:
    with pytest.raises(UnknownName, match=r"no edition is called '2026.9'"):
        altered("2026.9")
