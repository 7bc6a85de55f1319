"""Drafting: from what the user asks to a plan, with nothing run but the reading of the methods' cards."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaic.documents import content
from xaic.execution import Limits, Pool, Work
from xaic.harness.planning import Subject, make_plan, references
from xaic.harness.profiles import get_profile, part_of
from xaic.harness.settings import Settings
from xaic.registry import load_plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from xaic.documents.types import Plan, Profile


@dataclass(frozen=True)
class Wanted:
    """Settings with what their names stand for: the profile laid out, and reference -> asked of every method."""

    settings: Settings
    profile: Profile
    references: Mapping[str, bool]

    @classmethod
    def of(cls, settings: Settings) -> Wanted:
        """Lay the user's content and plug-ins over the shipped, and look every name up.

        Raises:
            UnknownName: a method, profile, criterion or benchmark has no such name.
        """
        content.overlay(*settings.content)
        load_plugins(settings.plugins)
        profile = get_profile(settings.profile)
        if settings.only:
            profile = part_of(profile, settings.only)
        return cls(settings, profile, references(_patterns(settings.methods), profile))

    def plan(self, subjects: list[Subject]) -> Plan:
        """Return the plan, without chunk sizes: those are measured when a run is made."""
        asked = self.settings
        return make_plan(
            self.profile,
            subjects,
            seed=asked.seed,
            limits=asked.limits,
            plugins=asked.plugins,
            content=asked.content,
        )


def draft(settings: Settings, *, workers: int = 0) -> Plan:
    """Return what a run would be planned with, but for its chunk sizes; methods only tell their cards.

    Raises:
        UnknownName: a method, profile, criterion or benchmark has no such name.
        BadData: profile, criteria or benchmarks do not fit each other.
        Misuse: two methods have one id.
    """
    settings = settings.anywhere()
    wanted = Wanted.of(settings)
    with Pool(workers or cores(), Limits(**settings.limits)) as pool:
        return wanted.plan(describe(pool, wanted.references, settings.plugins))


def cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _patterns(methods: Iterable[str]) -> list[str]:
    from xaic.methods.discovery import installed

    return list(methods) or [id for id, method in installed().items() if method.role == "method"]


def describe(pool: Pool, wanted: Mapping[str, bool], plugins: tuple[str, ...]) -> list[Subject]:
    """Ask every method's own process for its card."""
    works = [
        Work(reference, "xaic.harness.trial:describe", {"reference": reference, "plugins": list(plugins)})
        for reference in wanted
    ]
    told = {outcome.id: outcome for outcome in pool.run(works)}
    subjects = []
    for reference, asked in wanted.items():
        outcome = told[reference]
        if outcome.fault:
            subjects.append(Subject(reference, reference, fault=outcome.fault, asked=asked))
        else:
            card, digest = outcome.result["card"], outcome.result["digest"]
            subjects.append(
                Subject(card["id"], reference, digest, card, asked=asked, parameters=dict(card["parameters"]))
            )
    return subjects
