"""Planning: from a profile and methods to the full list of trials, before the first of them runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xaic.documents.errors import Misuse
from xaic.documents.store import from_data
from xaic.documents.types import Benchmark, Criterion, MethodCard, Plan, PlannedTrial, Profile, Requirement
from xaic.harness import catalogue
from xaic.methods.discovery import installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHARED = "shared"
"""Stands in the place of a method in the trial that makes what every method of a benchmark shares."""

DEFAULT_LIMITS = {"call_seconds": 120.0, "trial_seconds": 900.0, "memory_gib": 6.0}


@dataclass(frozen=True)
class Subject:
    """A method that will be tried: how to load it and what its card says; a fault where it could not be loaded."""

    id: str
    reference: str
    digest: str = ""
    card: dict[str, Any] | None = None
    fault: str = ""
    asked: bool = True  # named by the user, not only needed for comparison
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def family(self) -> str:
        """The family the card names; '' where there is no card."""
        return str(self.card["family"]) if self.card else ""

    @property
    def role(self) -> str:
        """The role the card names."""
        return str(self.card["role"]) if self.card else "method"


def references(patterns: Iterable[str], profile: Profile) -> dict[str, bool]:
    """Return reference -> asked: the methods named, and what the profile needs to compare them with."""
    from xaic.methods.discovery import resolve

    chosen = dict.fromkeys(resolve(list(patterns)), True)
    for reference in sorted(_needed(profile)):
        chosen.setdefault(reference, False)
    return chosen


def _needed(profile: Profile) -> set[str]:
    criteria = [catalogue.get_criterion(r.criterion) for r in profile.requirements]
    named = {c for criterion in criteria for check in criterion.checks for c in check.controls if "." in c}
    named |= {check.rule.reference for criterion in criteria for check in criterion.checks if check.rule.reference}
    named |= {criterion.method for criterion in criteria if criterion.method}
    own = {id for id, method in installed().items() if method.role in {"control", "oracle"}}
    return named | own


def make_plan(
    profile: Profile,
    subjects: list[Subject],
    *,
    seed: int,
    limits: Mapping[str, float],
    plugins: tuple[str, ...] = (),
    content: tuple[str, ...] = (),
    tuning: Mapping[str, Any] | None = None,
) -> Plan:
    """Lay out every trial of every method on every benchmark the profile asks of its family."""
    _refuse_doubles(subjects)
    asked_families = {s.family for s in subjects if s.asked and s.card}
    kept = [s for s in subjects if s.asked or s.family in asked_families]
    benchmarks = _benchmarks(profile, asked_families)
    criteria = {r.criterion: catalogue.get_criterion(r.criterion) for r in profile.requirements}
    used = sorted({b.family for b in benchmarks})
    trials = [PlannedTrial(shared_trial(b.id), SHARED, b.id, seed, stage=0) for b in benchmarks]
    for benchmark in benchmarks:
        trials += [
            PlannedTrial(trial_id(s.id, benchmark.id, seed), s.id, benchmark.id, seed, 1, unfit(s, benchmark))
            for s in kept
            if s.family == benchmark.family and _takes_part(s, benchmark)
        ]
    return Plan(
        profile=profile.id,
        seed=seed,
        methods=tuple(
            {
                "id": s.id,
                "reference": s.reference,
                "digest": s.digest,
                "card": s.card,
                "fault": s.fault,
                "asked": s.asked,
                "parameters": s.parameters,
            }
            for s in kept
        ),
        benchmarks=tuple(benchmarks),
        criteria=tuple(criteria[id] for id in sorted(criteria) if criteria[id].family in {"any", *used}),
        requirements=profile.requirements,
        trials=tuple(trials),
        limits={**DEFAULT_LIMITS, **limits},
        plugins=plugins,
        content=content,
        tuning=dict(tuning or {}),
        specimens=_specimens(benchmarks),
    )


def _refuse_doubles(subjects: list[Subject]) -> None:
    seen: dict[str, str] = {}
    for subject in subjects:
        if subject.id in seen:
            raise Misuse(
                f"{seen[subject.id]} and {subject.reference} are both called {subject.id!r}; give one card another id"
            )
        seen[subject.id] = subject.reference


def _benchmarks(profile: Profile, families: set[str]) -> list[Benchmark]:
    extra = Requirement("", profile.benchmarks)
    measured = [r for r in profile.requirements if not catalogue.of_card(catalogue.get_criterion(r.criterion))]
    wanted = {id for r in (*measured, extra) for family in families for id in catalogue.expand(r, family)}
    known = catalogue.benchmarks()
    return [catalogue.under(profile, known[id]) for id in sorted(wanted)]


def _specimens(benchmarks: list[Benchmark]) -> dict[str, str]:
    from xaic.specimens.base import specimen_digest

    pairs = sorted({(b.specimen, b.variant) for b in benchmarks})
    return {f"{specimen}/{variant}": specimen_digest(specimen, variant) for specimen, variant in pairs}


def _takes_part(subject: Subject, benchmark: Benchmark) -> bool:
    """Controls run where the benchmark names them, oracles where it offers truth; derived controls only on demand."""
    assert subject.card is not None
    if subject.role == "oracle":
        return bool(benchmark.truths)
    if subject.role == "control" and not subject.asked:
        return subject.card["control"] in benchmark.controls and not is_derived(subject)
    return True


def is_derived(subject: Subject) -> bool:
    """Tell whether a control is derived from another method's output."""
    return bool(subject.card and subject.card["parameters"].get("derived"))


def unfit(subject: Subject, benchmark: Benchmark) -> str:
    """Return why a method cannot be tried on a benchmark, by the capabilities its card declares; '' if it can."""
    from xaic.specimens.facts import material_facts

    assert subject.card is not None
    card = from_data(MethodCard, subject.card, subject.reference)
    facts = material_facts(benchmark.specimen, benchmark.variant)
    able = card.capabilities
    if facts["kind"] not in able.inputs:
        return f"takes {', '.join(able.inputs)} inputs; the specimen is {facts['kind']}"
    if facts["activation"] and facts["activation"] not in able.outputs:
        return f"takes {', '.join(able.outputs)} outputs; the model has {facts['activation']}"
    if able.requires and not set(able.requires) & set(facts["modules"]):
        return f"needs a model with {' or '.join(able.requires)}"
    missing = sorted(set(facts["modules"]) - set(able.modules)) if able.modules else []
    if missing:
        return f"does not cover the model's modules {', '.join(missing)}"
    return ""


def shared_trial(benchmark: str) -> str:
    """Return the id of the trial that makes what a benchmark's methods share."""
    return f"{SHARED}--{slug(benchmark)}"


def slug(text: str) -> str:
    """Return an id as part of a file name."""
    return text.replace("/", "-")


def trial_id(method: str, benchmark: str, seed: int) -> str:
    """Return the id of a trial: also the name of its folder."""
    return f"{slug(method)}--{slug(benchmark)}--s{seed}"


def criterion_applies(criterion: Criterion, family: str) -> bool:
    """Tell whether a criterion speaks of a family."""
    return criterion.family in {"any", family}
