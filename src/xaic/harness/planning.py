"""Planning: from a profile and methods to the full list of trials, before the first of them runs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from xaic.documents.errors import ExtraMissing, Misuse
from xaic.documents.store import from_data
from xaic.documents.types import Benchmark, MethodCard, Plan, PlannedTrial, Profile, Requirement
from xaic.harness import catalogue
from xaic.harness.catalogue import CARD
from xaic.harness.editions import altered, editions
from xaic.harness.narrowing import narrowed
from xaic.harness.vetting import vet
from xaic.methods.discovery import installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHARED = "shared"
"""Stands in the place of a method in the trial that makes what every method of a benchmark shares."""

LONGEST = 80
"""Characters of an id that stand in a file name."""

DEFAULT_BASE = "attribution.integrated_gradients"
"""What a derived control is derived from when it is tried as a method of its own."""

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
    from xaic.methods.discovery import locate, resolve

    chosen = dict.fromkeys(resolve(list(patterns)), True)
    for reference in sorted(_needed(profile)):
        chosen.setdefault(reference, False)
    cards = [locate(id).card for id, asked in chosen.items() if id in installed() and (asked or _is_oracle(id))]
    bases = {str(card.parameters.get("base", DEFAULT_BASE)) for card in cards if card.parameters.get("derived")}
    return {**dict.fromkeys(sorted(bases), False), **chosen}


def _is_oracle(id: str) -> bool:
    return installed()[id].role == "oracle"


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
    """Lay out every trial of every method on every benchmark the profile asks of its family.

    Raises:
        Misuse: two methods have one id.
        BadData: profile, criteria or benchmarks name what is not there.
    """
    _refuse_doubles(subjects)
    asked_families = {s.family for s in subjects if s.asked and s.card}
    kept = [s for s in subjects if s.asked or not s.card or s.family in asked_families]
    benchmarks = _benchmarks(profile, asked_families)
    criteria = {r.criterion: catalogue.get_criterion(r.criterion) for r in profile.requirements}
    vet(profile, criteria.values(), benchmarks)
    benchmarks = [narrowed(b, profile, criteria.values()) for b in benchmarks]
    spoken = {"any", *asked_families, *(b.family for b in benchmarks)}
    digests, missing = _specimens(benchmarks)
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
        criteria=tuple(criteria[id] for id in sorted(criteria) if criteria[id].family in spoken),
        elsewhere=tuple(id for id in sorted(criteria) if criteria[id].family not in spoken),
        requirements=profile.requirements,
        trials=tuple(_trials(kept, benchmarks, missing, seed)),
        limits={**DEFAULT_LIMITS, **limits},
        plugins=plugins,
        content=content,
        tuning=dict(tuning or {}),
        specimens=digests,
        edition=profile.edition,
        title=profile.title,
        purpose=profile.purpose,
        deviations=profile.deviations,
        altered=altered(profile.edition) if profile.edition in editions() else ("all: no such edition was frozen",),
    )


def _trials(
    subjects: list[Subject], benchmarks: list[Benchmark], missing: Mapping[str, str], seed: int
) -> Iterator[PlannedTrial]:
    """Yield what every benchmark shares, methods that cannot be loaded, then every method on every benchmark."""
    for b in benchmarks:
        yield PlannedTrial(shared_trial(b.id), SHARED, b.id, seed, 0, *_hindrance(b, missing))
    for s in subjects:
        if not s.card:
            fault = f"the method cannot be loaded: {s.fault}"
            yield PlannedTrial(trial_id(s.id, CARD, seed), s.id, CARD, seed, fault=fault)
    ids = {s.id for s in subjects}
    for b in benchmarks:
        for s in subjects:
            if s.family == b.family and _takes_part(s, b):
                base = base_of({"card": s.card})
                if base and base not in ids:
                    raise Misuse(f"{s.id} is derived from {base}, which is not in this run; name that method too")
                yield PlannedTrial(trial_id(s.id, b.id, seed), s.id, b.id, seed, 1, *_hindrance(b, missing, s))


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
    measured = [r for r in profile.requirements if not catalogue.untried(catalogue.get_criterion(r.criterion))]
    wanted = {id for r in (*measured, extra) for family in families for id in catalogue.expand(r, family)}
    known = catalogue.benchmarks()
    return [catalogue.under(profile, known[id]) for id in sorted(wanted)]


def _specimens(benchmarks: list[Benchmark]) -> tuple[dict[str, str], dict[str, str]]:
    """Return specimen/variant -> digest, and why those that need a package that is not installed have none."""
    from xaic.specimens.base import specimen_digest

    digests: dict[str, str] = {}
    missing: dict[str, str] = {}
    for specimen, variant in sorted({(b.specimen, b.variant) for b in benchmarks}):
        try:
            digests[f"{specimen}/{variant}"] = specimen_digest(specimen, variant)
        except ExtraMissing as fault:
            missing[f"{specimen}/{variant}"] = str(fault)
    return digests, missing


def _hindrance(benchmark: Benchmark, missing: Mapping[str, str], subject: Subject | None = None) -> tuple[str, str]:
    """Return why a trial is not applicable, and why it is an error: a gating benchmark is never dropped; '' if not."""
    reason = missing.get(f"{benchmark.specimen}/{benchmark.variant}")
    if reason:
        return ("", reason) if benchmark.gating else (reason, "")
    return (unfit(subject, benchmark) if subject else "", "")


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


def base_of(method: Mapping[str, Any]) -> str:
    """Return the id of what a derived control is derived from when it is tried on its own; '' for other methods."""
    parameters = (method["card"] or {}).get("parameters", {})
    return str(parameters.get("base", DEFAULT_BASE)) if parameters.get("derived") else ""


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
    """Return an id as part of a file name; what is no id (a reference that could not be loaded) gets a hash as well."""
    plain = re.sub(r"[^\w.-]", "-", text, flags=re.ASCII)
    if plain == text.replace("/", "-", 1) and len(plain) <= LONGEST:
        return plain
    return f"{plain[-LONGEST:].strip('.-')}-{sha256(text.encode()).hexdigest()[:8]}"


def trial_id(method: str, benchmark: str, seed: int) -> str:
    """Return the id of a trial: also the name of its folder."""
    return f"{slug(method)}--{slug(benchmark)}--s{seed}"
