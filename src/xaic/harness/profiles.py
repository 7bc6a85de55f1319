"""Profiles that build on others: imported, combined, tightened; what is left out is told, never lost in silence."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xaic.documents.errors import BadData, UnknownName
from xaic.documents.store import read
from xaic.documents.types import Level, Profile, Requirement
from xaic.harness import catalogue

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    Asked = dict[tuple[str, str], Level]  # (criterion, benchmark) -> level
    Protocol = dict[str, dict[str, Any]]

JOIN = "+"
STRENGTH = (Level.OPTIONAL, Level.RECOMMENDED, Level.REQUIRED)


def get_profile(name: str) -> Profile:
    """Return a profile by id, by the path of a YAML file, or several joined by '+'; what it imports is laid out.

    Raises:
        UnknownName: no profile, criterion or benchmark has that name.
        BadData: profiles import each other in a circle, contradict each other, or loosen what they import.
    """
    names = name.split(JOIN)
    if len(names) == 1:
        return laid_out(_read(name))
    parts = [_read(one) for one in names]
    joined = Profile(
        id=JOIN.join(part.id for part in parts),
        title=" and ".join(part.title for part in parts),
        edition=parts[0].edition,
        purpose=" ".join(part.purpose for part in parts),
        requirements=(),
    )
    return _over(joined, [laid_out(part) for part in parts])


def _read(name: str) -> Profile:
    if name.endswith((".yaml", ".yml")):
        return read(Profile, Path(name))
    known = catalogue.profiles()
    if name not in known:
        raise UnknownName("profile", name, known)
    return known[name]


def laid_out(profile: Profile, within: tuple[str, ...] = ()) -> Profile:
    """Return a profile with the requirements and protocol of all it imports; its own may tighten them.

    What it drops stands in ``deviations``, in words.
    """
    if not profile.imports:
        if profile.drops:
            raise BadData(f"profile {profile.id}: drops something but imports nothing; leave the drops out")
        return profile
    if profile.id in within:
        raise BadData(f"profiles import each other in a circle: {' -> '.join((*within, profile.id))}")
    return _over(profile, [laid_out(_read(name), (*within, profile.id)) for name in profile.imports])


def _over(profile: Profile, imported: list[Profile]) -> Profile:
    """Return a profile laid over those it imports."""
    for one in imported:
        if one.edition != profile.edition:
            raise BadData(f"profile {profile.id} is of edition {profile.edition}, {one.id} of {one.edition}")
    asked = _strongest(imported)
    dropped = list(_drop(profile, asked))
    _tighten(profile, asked)
    protocol, changed = _protocol(profile, imported)
    return replace(
        profile,
        imports=(),
        drops=(),
        requirements=tuple(_grouped(asked)),
        benchmarks=tuple(dict.fromkeys(b for one in (*imported, profile) for b in one.benchmarks)),
        protocol=protocol,
        deviations=(*(told for one in imported for told in one.deviations), *dropped, *changed, *profile.deviations),
    )


def _strongest(profiles: list[Profile]) -> Asked:
    """Return what is asked by any of the profiles, at the strongest of their levels."""
    asked: Asked = {}
    for profile in profiles:
        for pair, level in _pairs(profile):
            asked[pair] = max(asked.get(pair, level), level, key=STRENGTH.index)
    return asked


def _pairs(profile: Profile) -> Iterator[tuple[tuple[str, str], Level]]:
    """Yield (criterion, benchmark) and level; a criterion of cards, or one that is only planned, keeps its pattern."""
    for requirement in profile.requirements:
        for benchmark in _places(requirement.criterion, requirement.benchmarks):
            yield (requirement.criterion, benchmark), requirement.level


def _places(criterion: str, patterns: tuple[str, ...]) -> list[str]:
    wanted = catalogue.get_criterion(criterion)
    if catalogue.untried(wanted):
        return list(patterns)
    known = [b.id for b in catalogue.benchmarks().values() if wanted.family in {"any", b.family}]
    for pattern in patterns:
        if not fnmatch.filter(catalogue.benchmarks(), pattern):
            raise UnknownName("benchmark", pattern, catalogue.benchmarks())
    return [id for id in known if any(fnmatch.fnmatchcase(id, pattern) for pattern in patterns)]


def _drop(profile: Profile, asked: Asked) -> Iterator[str]:
    """Remove what a profile drops and yield it in words."""
    for drop in profile.drops:
        places = [
            (criterion, place)
            for criterion, place in asked
            if criterion == drop.criterion and any(fnmatch.fnmatchcase(place, p) for p in drop.benchmarks)
        ]
        if not places:
            raise BadData(f"profile {profile.id}: drops {drop.criterion}, which nothing it imports asks there")
        for pair in places:
            yield f"{pair[0]} on {pair[1]}, {asked.pop(pair).value} by import, is not asked: {drop.reason}"


def _tighten(profile: Profile, asked: Asked) -> None:
    """Lay a profile's own requirements over the imported ones."""
    for pair, level in _pairs(profile):
        before = asked.get(pair, level)
        if STRENGTH.index(level) < STRENGTH.index(before):
            raise BadData(
                f"profile {profile.id}: {pair[0]} on {pair[1]} is {before.value} by import and {level.value} here; "
                "a profile may only tighten: name it under drops, with the reason"
            )
        asked[pair] = level


def _protocol(profile: Profile, imported: list[Profile]) -> tuple[Protocol, list[str]]:
    """Return the protocol of all profiles, and what the last one says otherwise than those it imports, in words."""
    merged: Protocol = {}
    for one in imported:
        for family, entries in one.protocol.items():
            place = merged.setdefault(family, {})
            for name, value in entries.items():
                if place.setdefault(name, value) != value:
                    raise BadData(
                        f"profile {profile.id}: its imports set {name} of {family} to {place[name]} and to {value}; "
                        "write a profile that imports them and sets it"
                    )
    told = []
    for family, entries in profile.protocol.items():
        place = merged.setdefault(family, {})
        told += [
            f"{name} of {family} is {value}, not {place[name]} as imported"
            for name, value in entries.items()
            if place.get(name, value) != value
        ]
        place.update(entries)
    return merged, told


def _grouped(asked: Asked) -> Iterator[Requirement]:
    """Yield one requirement for each criterion and level, in the order in which they were asked."""
    groups: dict[tuple[str, Level], list[str]] = {}
    for (criterion, place), level in asked.items():
        groups.setdefault((criterion, level), []).append(place)
    for (criterion, level), places in groups.items():
        yield Requirement(criterion, tuple(places), level)


def part_of(profile: Profile, pairs: Collection[tuple[str, str]]) -> Profile:
    """Return a laid-out profile that asks for some (criterion, benchmark) only; it says so in its deviations.

    A criterion that asks for no trial stands with any place: its verdict names none of the benchmarks.
    """
    chosen: list[Requirement] = []
    for requirement in profile.requirements:
        criterion = requirement.criterion
        if catalogue.untried(catalogue.get_criterion(criterion)):
            places = requirement.benchmarks if any(criterion == one for one, _ in pairs) else ()
        else:
            known = _places(criterion, requirement.benchmarks)
            places = tuple(place for place in known if (criterion, place) in pairs)
        if places:
            chosen.append(replace(requirement, benchmarks=places))
    told = f"only a part was asked: {', '.join(sorted({one for one, _ in pairs}))}, where they were selected"
    return replace(profile, requirements=tuple(chosen), benchmarks=(), deviations=(*profile.deviations, told))
