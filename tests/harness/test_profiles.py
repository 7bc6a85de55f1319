"""Profiles that build on others: the strongest level wins, nothing is loosened in silence, what is left out is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from xaic.documents.errors import BadData, UnknownName
from xaic.documents.types import Drop, Level, Profile, Requirement
from xaic.harness import catalogue
from xaic.harness.profiles import get_profile, laid_out, part_of

EDITION = "2026.1"


def asked(profile: Profile) -> dict[tuple[str, str], str]:
    """Return (criterion, benchmark) -> level; each pair is asked once."""
    pairs = [(r.criterion, place, r.level.value) for r in profile.requirements for place in r.benchmarks]
    assert len({pair[:2] for pair in pairs}) == len(pairs)
    return {(criterion, place): level for criterion, place, level in pairs}


def mine(folder: Path, **entries: Any) -> str:
    head = {"schema": "xaic/profile/1", "id": "mine", "title": "Mine", "edition": EDITION, "purpose": "try"}
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump({**head, "requirements": [], **entries}))
    return str(path)


def needs(criterion: str, *benchmarks: str, level: str = "required") -> dict[str, Any]:
    return {"criterion": criterion, "benchmarks": list(benchmarks), "level": level}


def test_a_profile_that_imports_nothing_is_as_it_was_written() -> None:
    assert get_profile("quick") is catalogue.profiles()["quick"]


def test_an_import_brings_everything_and_says_nothing_more(tmp_path: Path) -> None:
    found, quick = get_profile(mine(tmp_path, imports=["quick"])), get_profile("quick")
    assert found.protocol == quick.protocol
    assert found.benchmarks == quick.benchmarks
    assert found.deviations == ()
    assert (found.id, found.imports) == ("mine", ())
    assert asked(found)["EX-FAI-01", "attribution/series"] == "required"
    assert asked(found)["EX-FAI-01", "attribution/tabular"] == "recommended"
    assert asked(found)["EX-DOC-01", "*"] == "required"
    assert {c for c, _ in asked(found)} == {r.criterion for r in quick.requirements}


def test_own_requirements_add_and_tighten(tmp_path: Path) -> None:
    own = [needs("EX-FAI-01", "attribution/tabular"), needs("EX-LOC-03", "attribution/photographs-grid")]
    found, quick = asked(get_profile(mine(tmp_path, imports=["quick"], requirements=own))), asked_of("quick")
    assert found["EX-FAI-01", "attribution/tabular"] == "required"
    assert found.keys() - quick.keys() == {("EX-LOC-03", "attribution/photographs-grid")}


def asked_of(name: str) -> dict[tuple[str, str], str]:
    return asked(laid_out(Profile("x", "x", EDITION, "x", (), imports=(name,))))


def test_loosening_is_refused_with_the_mend(tmp_path: Path) -> None:
    own = [needs("EX-LOC-01", "attribution/series", level="recommended")]
    with pytest.raises(BadData, match="EX-LOC-01 on attribution/series is required by import and recommended here; a"):
        get_profile(mine(tmp_path, imports=["quick"], requirements=own))


def test_what_is_dropped_is_told_with_its_reason(tmp_path: Path) -> None:
    drops = [{"criterion": "EX-ROB-01", "benchmarks": ["attribution/s*"], "reason": "no series here"}]
    found = get_profile(mine(tmp_path, imports=["quick"], drops=drops))
    assert ("EX-ROB-01", "attribution/series") not in asked(found)
    assert ("EX-ROB-01", "attribution/tabular") in asked(found)
    assert found.deviations == ("EX-ROB-01 on attribution/series, required by import, is not asked: no series here",)


def test_a_drop_that_drops_nothing_is_refused(tmp_path: Path) -> None:
    drops = [{"criterion": "EX-ROB-01", "benchmarks": ["attribution/trace"], "reason": "why not"}]
    with pytest.raises(BadData, match="drops EX-ROB-01, which nothing it imports asks there"):
        get_profile(mine(tmp_path, imports=["quick"], drops=drops))
    with pytest.raises(BadData, match="drops something but imports nothing"):
        get_profile(mine(tmp_path, requirements=[needs("EX-DOC-01", "*")], drops=drops))


def test_another_protocol_than_the_imported_is_told(tmp_path: Path) -> None:
    found = get_profile(mine(tmp_path, imports=["quick"], protocol={"attribution": {"units": 24, "steps": 10}}))
    assert found.protocol["attribution"]["units"] == 24
    assert found.deviations == ("units of attribution is 24, not 96 as imported",)


def test_profiles_are_joined_at_the_strongest_level() -> None:
    both = get_profile("sal+quick")
    assert (both.id, both.deviations) == ("sal+quick", ())
    assert both.protocol == get_profile("quick").protocol
    joined, sal, quick = asked(both), asked_of("sal"), asked_of("quick")
    assert joined.keys() == sal.keys() | quick.keys()
    order = [level.value for level in (Level.OPTIONAL, Level.RECOMMENDED, Level.REQUIRED)]
    for pair, level in joined.items():
        levels = [one[pair] for one in (sal, quick) if pair in one]
        assert level == max(levels, key=order.index)


@pytest.mark.parametrize("name", ["base", "mask", "cf", "repair", "compress", "limits", "full"])
def test_every_shipped_module_is_laid_out_and_drops_nothing(name: str) -> None:
    found = get_profile(name)
    assert found.deviations == ()
    assert {c for c, _ in asked(found)} >= {"EX-DOC-01"}


def test_full_is_the_whole_catalogue() -> None:
    every = {one.id for one in catalogue.criteria().values() if one.kind == "criterion"}
    assert {c for c, _ in asked(get_profile("full"))} == every


def test_joined_profiles_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    other = mine(tmp_path, requirements=[needs("EX-DOC-01", "*")], protocol={"attribution": {"units": 24}})
    with pytest.raises(BadData, match="set units of attribution to 96 and to 24; write a profile that imports them"):
        get_profile(f"quick+{other}")


def test_a_circle_is_refused(tmp_path: Path) -> None:
    path = mine(tmp_path, imports=[str(tmp_path / "mine.yaml")])
    with pytest.raises(BadData, match="import each other in a circle: mine -> mine"):
        get_profile(path)


def test_names_that_nothing_answers_to(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="no profile is called 'quikc'; did you mean quick"):
        get_profile("sal+quikc")
    with pytest.raises(UnknownName, match="no benchmark is called 'attribution/tabelar'"):
        get_profile(mine(tmp_path, imports=["quick"], requirements=[needs("EX-FAI-01", "attribution/tabelar")]))


def test_another_edition_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"mine is of edition 2027\.1, quick of 2026\.1"):
        get_profile(mine(tmp_path, imports=["quick"], edition="2027.1"))


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_whatever_is_tightened_and_dropped_nothing_else_is_lost(data: st.DataObject) -> None:
    before = asked_of("quick")
    pairs = sorted(before)
    raised = data.draw(st.lists(st.sampled_from(pairs), max_size=5, unique=True))
    gone = data.draw(st.lists(st.sampled_from(pairs), max_size=3, unique=True))
    raised = [pair for pair in raised if pair not in gone]
    profile = Profile(
        "x",
        "x",
        EDITION,
        "x",
        tuple(Requirement(criterion, (place,), Level.REQUIRED) for criterion, place in raised),
        imports=("quick",),
        drops=tuple(Drop(criterion, "because", (place.replace("*", "[*]"),)) for criterion, place in gone),
    )
    after = laid_out(profile)
    assert asked(after) == {p: "required" if p in raised else level for p, level in before.items() if p not in gone}
    assert len(after.deviations) == len(gone)


def test_a_part_asks_for_the_chosen_places_only_and_says_so() -> None:
    quick = get_profile("quick")
    part = part_of(quick, [("EX-FAI-01", "attribution/series"), ("EX-DOC-01", "card")])
    whole = asked_of("quick")
    assert asked(part) == {key: whole[key] for key in (("EX-FAI-01", "attribution/series"), ("EX-DOC-01", "*"))}
    assert part.benchmarks == ()
    assert part.protocol == quick.protocol
    assert part.deviations == ("only a part was asked: EX-DOC-01, EX-FAI-01, where they were selected",)


def test_a_part_of_nothing_that_is_asked_asks_nothing() -> None:
    assert part_of(get_profile("quick"), [("EX-FAI-01", "attribution/nowhere")]).requirements == ()
