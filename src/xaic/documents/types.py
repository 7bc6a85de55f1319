"""The documents of xaic as frozen dataclasses; the JSON Schemas under ``schemas/`` are their master.

What is measured, decided and written lives here; how it is read and written lives in ``store``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal

Json = Any
"""Plain data: None, bool, int, float, str, list, dict with string keys."""


class State(StrEnum):
    """The six words a verdict can say."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "not applicable"
    NOT_TESTED = "not tested"
    ERROR = "error"


class Level(StrEnum):
    """How much a profile asks for a criterion."""

    REQUIRED = "required"
    RECOMMENDED = "recommended"
    OPTIONAL = "optional"


@dataclass(frozen=True)
class Capabilities:
    """What a method can take and what its values are, as data; the planner derives 'not applicable' from it."""

    access: Literal["gradients", "outputs", "none"] = "gradients"
    signed: bool = True
    stochastic: bool = False
    inputs: tuple[str, ...] = ("image", "tabular", "series")
    outputs: tuple[str, ...] = ("softmax", "sigmoid")
    modules: tuple[str, ...] = ()  # torch module class names covered; empty: any
    requires: tuple[str, ...] = ()  # torch module class names of which the model must have one; empty: none
    granularity: str = "feature"  # feature | location | patch
    target_specific: bool = True


@dataclass(frozen=True)
class ClaimedProperty:
    """One checkable statement of a method's author (an item of the ICS)."""

    property: str  # completeness | conservation | determinism | ...
    value: float | None = None
    scope: str = ""


@dataclass(frozen=True)
class MethodCard:
    """What a method is, what its values mean, what it needs and what it claims."""

    id: str
    title: str
    family: str
    purpose: str
    version: str = "1"
    role: Literal["method", "control", "oracle"] = "method"
    truth: Literal["sensitivity", "contribution", "region", "prediction", ""] = ""
    explains: str = "the model's output for the target class"
    capabilities: Capabilities = field(default_factory=Capabilities)
    parameters: dict[str, Json] = field(default_factory=dict)
    convergence: str | None = None  # the parameter that, doubled, gives a closer approximation
    claims: tuple[ClaimedProperty, ...] = ()
    unclaimed: tuple[str, ...] = ()  # properties the author explicitly does not claim
    assumptions: tuple[str, ...] = ()
    simplifications: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    cost: str = ""  # e.g. "32 gradient passes an input"
    references: tuple[str, ...] = ()
    themes: dict[str, tuple[str, ...]] = field(default_factory=dict)  # T-STK, T-LC, T-NEED, T-FORM, ...
    control: str | None = None  # C1 ... C8 for controls
    schema: str = "xaic/card/1"


@dataclass(frozen=True)
class Benchmark:
    """What methods of one family are tried on, and how."""

    id: str
    title: str
    family: str
    specimen: str
    variant: str
    edition: str
    protocol: dict[str, Json]  # units, steps, draws, ... as the family's sweeps read them
    truths: tuple[str, ...] = ()  # sensitivity | contribution | region: what is known here
    controls: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()  # what criteria may need: 'mask', 'second object', 'randomised models' ...
    metrics: tuple[str, ...] = ()  # ids or glob patterns
    gating: bool = True
    notes: str = ""
    schema: str = "xaic/benchmark/1"


@dataclass(frozen=True)
class Rule:
    """How a criterion decides: a decision rule with its numbers."""

    id: str  # DR1 ... DR10
    alpha: float = 0.05
    functional: str = "mean"
    margin: float = 0.0
    p0: float = 0.95
    tolerance: float | None = None
    parts: dict[str, str] = field(default_factory=dict)  # role in the rule -> part of the metric
    reference: str | None = None


@dataclass(frozen=True)
class Check:
    """One comparison inside a criterion: a metric under a rule. A criterion passes when all its checks pass."""

    metric: str  # a metric id, or 'card' for inspection of the method card
    rule: Rule
    part: str = ""  # which part of the metric's scores is compared
    controls: tuple[str, ...] = ()  # C1 ... C8, or ids of methods that are to be beaten
    operators: tuple[str, ...] = ()  # perturbation operators; empty: all that the benchmark runs


@dataclass(frozen=True)
class Crosswalk:
    """A topic of another document that a criterion was informed by; passing the criterion fulfils nothing there."""

    source: str
    topic: str
    relation: Literal["informed by"] = "informed by"


@dataclass(frozen=True)
class Examples:
    """Methods that can be run to see what a criterion does: ids or ``module:Class`` references."""

    passed: tuple[str, ...] = ()  # pass on some benchmark, fail on none
    failed: tuple[str, ...] = ()  # fail on some benchmark
    inapplicable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Criterion:
    """A test assertion: what must hold, how it is measured and how it is decided."""

    id: str
    title: dict[str, str]
    statement: dict[str, str]
    family: str  # a family of methods, 'any', or 'harness': of xaic itself, never asked of a method
    edition: str
    dimension: str  # faithfulness | randomisation | robustness | localisation | ...
    checks: tuple[Check, ...] = ()
    kind: Literal["criterion", "claim"] = "criterion"
    needs: dict[str, Json] = field(default_factory=dict)  # prerequisites: truth, offers, claims, capabilities
    method: str | None = None  # a claim's subject: the method it is made for
    status: Literal["active", "planned"] = "active"
    reason: str = ""  # why a planned criterion is not tested yet
    outline: str = ""  # what a planned criterion will measure and how it will decide
    stakeholders: tuple[str, ...] = ()
    lifecycle: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()  # kinds of explanation methods it speaks of, in words
    tier: Literal["T0", "T1", "T2", "T3", ""] = ""  # cost: seconds, minutes, hours or an accelerator, people
    crosswalk: tuple[Crosswalk, ...] = ()
    examples: Examples = field(default_factory=Examples)
    schema: str = "xaic/criterion/1"


@dataclass(frozen=True)
class Requirement:
    """One line of a profile: a criterion on benchmarks, at a level."""

    criterion: str
    benchmarks: tuple[str, ...]  # ids or glob patterns
    level: Level = Level.REQUIRED


@dataclass(frozen=True)
class Drop:
    """A requirement that a profile imports and does not ask, and why: every report tells it."""

    criterion: str
    reason: str
    benchmarks: tuple[str, ...] = ("*",)  # ids or glob patterns


@dataclass(frozen=True)
class Profile:
    """A selection of criteria and benchmarks with obligation levels, for one purpose."""

    id: str
    title: str
    edition: str
    purpose: str
    requirements: tuple[Requirement, ...]
    benchmarks: tuple[str, ...] = ()  # tried even where no requirement names them (pictures for people)
    protocol: dict[str, dict[str, Json]] = field(
        default_factory=dict
    )  # family -> overrides of its benchmarks' protocol
    imports: tuple[str, ...] = ()  # profiles whose requirements hold here as well
    drops: tuple[Drop, ...] = ()
    deviations: tuple[str, ...] = ()  # what is not as imported, in words; said by who lays profiles over each other
    schema: str = "xaic/profile/1"


@dataclass(frozen=True)
class Edition:
    """Criteria, claims, profiles and benchmarks as they were frozen, before anything was measured by them."""

    id: str
    frozen: str  # date
    files: dict[str, str]  # path below the content folder -> sha256
    schema: str = "xaic/edition/1"


@dataclass(frozen=True)
class Measurement:
    """Sidecar of a Parquet file of per-unit scores."""

    trial: str
    file: str
    sha256: str
    rows: int
    columns: dict[str, str]  # name -> meaning
    metrics: tuple[dict[str, Json], ...]  # declaration of every metric that has rows in the file
    schema: str = "xaic/measurement/1"


@dataclass(frozen=True)
class PlannedTrial:
    """One method on one benchmark with one seed."""

    id: str
    method: str
    benchmark: str
    seed: int
    stage: int = 1  # 0: what every method of the benchmark shares
    skip: str = ""  # why it is not applicable; empty: it runs
    fault: str = ""  # why it cannot run although it must: an error


@dataclass(frozen=True)
class Plan:
    """All that will be run, fixed before the first trial."""

    profile: str
    seed: int
    methods: tuple[dict[str, Json], ...]  # id, reference, digest, parameters, card
    benchmarks: tuple[Benchmark, ...]
    criteria: tuple[Criterion, ...]
    requirements: tuple[Requirement, ...]
    trials: tuple[PlannedTrial, ...]
    limits: dict[str, float]
    plugins: tuple[str, ...] = ()
    content: tuple[str, ...] = ()
    tuning: dict[str, Json] = field(default_factory=dict)  # model digest -> chunk and layout
    specimens: dict[str, str] = field(default_factory=dict)  # specimen/variant -> digest
    edition: str = ""  # of the profile, as are the two that follow
    title: str = ""
    purpose: str = ""
    altered: tuple[str, ...] = ()  # content that is not as the edition froze it
    deviations: tuple[str, ...] = ()  # what the profile does otherwise than those it imports
    elsewhere: tuple[str, ...] = ()  # criteria it asks of families to which no method of the run belongs
    schema: str = "xaic/plan/1"


@dataclass(frozen=True)
class TrialRecord:
    """What one trial did."""

    id: str
    method: str
    benchmark: str
    seed: int
    state: Literal["done", "error", "not applicable"]
    reason: str = ""
    control: str = ""  # C1 ... C8 where the method is a control
    units: int = 0
    passes: dict[str, Json] = field(default_factory=dict)  # sweep -> {forward, backward, shared}
    metrics: dict[str, Json] = field(default_factory=dict)  # metric -> {sweeps, forward, backward}
    contract: dict[str, Json] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)  # name -> sha256
    asked: str = ""  # digest of what the plan asked: method, parameters, benchmark, seed, tuning, specimen
    schema: str = "xaic/trial/1"


@dataclass(frozen=True)
class Verdict:
    """One decision, with everything that is needed to judge it."""

    method: str
    criterion: str
    benchmark: str
    edition: str
    level: str
    state: State
    reason: str
    rule: str = ""  # the decision rule in words
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    margin: float | None = None
    n: int = 0
    weakest: dict[str, Json] = field(default_factory=dict)  # control, operator
    details: tuple[dict[str, Json], ...] = ()  # one row for each control x operator
    promise: str = ""  # exact | asymptotic (measured size ...)
    worst_units: tuple[str, ...] = ()
    schema: str = "xaic/verdict/1"


@dataclass(frozen=True)
class Environment:
    """Where a run was made; the only document beside timing that may differ between equal runs."""

    created: str
    python: str
    platform: str
    processor: str
    cores: int
    memory_gib: float
    packages: dict[str, str]
    git: dict[str, Json]
    command: tuple[str, ...]
    schema: str = "xaic/environment/1"


@dataclass(frozen=True)
class RunRecord:
    """The head of a run folder: denominators and what was written."""

    profile: str
    seed: int
    version: str
    planned: int
    executed: int
    not_applicable: int
    errored: int
    states: dict[str, int]
    files: dict[str, str]  # relative path -> sha256 of every deterministic document
    schema: str = "xaic/run/1"


@dataclass(frozen=True)
class SpecimenRecord:
    """Provenance of reference material."""

    id: str
    title: str
    kind: Literal["packaged", "procedural", "trained", "large"]
    origin: str
    licence: str
    rebuild: str
    truths: dict[str, str]  # truth -> how it is known
    variants: dict[str, str]
    files: dict[str, str]  # relative path -> sha256
    performance: dict[str, float] = field(default_factory=dict)
    notes: str = ""
    schema: str = "xaic/specimen/1"


@dataclass(frozen=True)
class Expected:
    """The verdicts a release stands for; a run is held against them in both directions."""

    profile: str
    seed: int
    verdicts: dict[str, dict[str, dict[str, str]]]  # method -> criterion -> benchmark -> state
    schema: str = "xaic/expected/1"


class Finding(StrEnum):
    """What holding a run against a baseline can find."""

    HELD = "no regression"
    REGRESSION = "regression"
    UNDECIDED = "undecided"
    MISSING = "missing"
    ERROR = "error"


@dataclass(frozen=True)
class Shift:
    """How the scores of one metric moved: candidate minus baseline on the same units, higher is better."""

    metric: str
    operator: str
    quantity: str  # what of the metric is compared: a part, 'change', 'share of units', 'icc' ...
    finding: Finding
    margin: float  # the loss that is let pass
    source: str  # where the margin comes from
    reason: str
    n: int = 0
    estimate: float | None = None
    lower: float | None = None
    upper: float | None = None
    p: float | None = None  # of a loss of the margin or more, adjusted after Holm; None where it was not tested
    needed: int | None = None  # units that would decide, all told
    promise: str = ""


@dataclass(frozen=True)
class GateRow:
    """One criterion on one benchmark for one method, in both runs."""

    method: str
    criterion: str
    benchmark: str
    level: str
    finding: Finding
    reason: str
    before: str  # state of the verdict in the baseline
    after: str  # and in the candidate; empty where there is none
    formerly: str = ""  # id of the method in the baseline, where it was renamed
    shifts: tuple[Shift, ...] = ()  # the one it turned on first
    waiver: str = ""  # who waived a regression, why and until when


@dataclass(frozen=True)
class Gate:
    """A run held against a baseline run."""

    baseline: dict[str, Json]
    candidate: dict[str, Json]
    level: Level
    alpha: float
    status: int  # 0 no regression, 1 regression, 2 undecided, 3 a run is not whole
    summary: str
    rule: str
    rows: tuple[GateRow, ...] = ()
    notes: tuple[str, ...] = ()
    schema: str = "xaic/gate/1"


@dataclass(frozen=True)
class Waiver:
    """A regression that somebody answers for, until a day. The first three may be glob patterns."""

    criterion: str
    benchmark: str
    method: str
    reason: str
    owner: str
    expires: str  # the last day on which it counts


@dataclass(frozen=True)
class Waivers:
    """Regressions that are let pass; an overlay, never a verdict."""

    waivers: tuple[Waiver, ...]
    schema: str = "xaic/waivers/1"
