"""Words and signs: figures as readers write them, ids that never meet, and what no report may say."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xaic.documents.types import State
from xaic.reporting.words import SIGNS, SPOKEN, anchor, bounds, count, figure, guarded, printable, spoken, statement


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, ""), (0.0, "0"), (-0.0046, "−0.0046"), (1234.5, "1.23×10³"), (1e-5, "1×10⁻⁵"), (0.95, "0.95"), (64, "64")],
)
def test_figures(value: float | None, words: str) -> None:
    assert figure(value) == words


def test_an_open_side_is_named() -> None:
    assert bounds(None, 0.5) == "open to 0.5"
    assert bounds(-1.0, None) == "−1 to open"
    assert bounds(None, None) == ""


def test_counts_have_their_nouns() -> None:
    assert [count(1, "trial"), count(2000, "trial"), count(2, "trial was", "trials were")] == [
        "1 trial",
        "2,000 trials",
        "2 trials were",
    ]


@given(st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_other_names_get_other_ids(names: list[str]) -> None:
    one, other = (anchor(name) for name in names)
    assert one != other
    assert re.fullmatch(r"[A-Za-z0-9-]+", one)


def test_plain_names_stay_readable() -> None:
    assert anchor("EX-FAI-01") == "EX-FAI-01"


def test_the_statement_is_word_for_word() -> None:
    assert statement("P", "X") == (
        "Evaluated with Profile P vX, a test profile of xaic informed by themes of ISO/IEC TS 6254:2025. "
        "P is not an ISO or IEC document. TS 6254 provides guidance and sets no pass/fail criteria."
    )
    assert guarded(statement("P", "X")) == statement("P", "X")


@pytest.mark.parametrize(
    "claim",
    [
        "complies with ISO/IEC TS 6254",
        "It conforms to  TS 6254:2025 fully",
        "in compliance with the guidance of ISO/IEC TS 6254",
        "Conformity to TS 6254",
        "CONFORMANT WITH\nISO 6254",
    ],
)
def test_claims_of_conformity_are_left_out(claim: str) -> None:
    assert not re.search(r"(compl|conform)\w*\s+(with|to)", guarded(claim), re.IGNORECASE)


def test_what_cannot_be_printed_is_replaced() -> None:
    assert printable("a\x00b\u202ec\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert printable("한국어 naïve 🙂\n\t") == "한국어 naïve 🙂\n\t"


def test_every_state_has_a_sign_of_its_own() -> None:
    assert set(SIGNS) == set(State) == set(SPOKEN)
    assert len({sign.css for sign in SIGNS.values()}) == len({sign.word for sign in SIGNS.values()}) == len(State)


def test_the_worst_state_speaks() -> None:
    assert spoken([State.PASS, State.NOT_APPLICABLE]) is State.PASS
    assert spoken([State.PASS, State.INCONCLUSIVE, State.FAIL]) is State.FAIL
    assert spoken([State.FAIL, State.ERROR]) is State.ERROR
