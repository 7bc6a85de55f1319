"""The whole set of metrics that the shipped image benchmarks ask for, on one method with its derived controls.

Held against the bare cost of the passes that the definitions need. Noisy linear imputation is needed cost, though no
pass: it is measured alone and added.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from bare import imputing
from counting import Passes
from measuring import measured
from rows import Row

from xaic.harness.catalogue import benchmarks
from xaic.harness.trial import chosen_metrics
from xaic.methods.discovery import load_method

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench import Bench
    from cases import Case

    from xaic.metrics.base import Metric

BENCHMARK = "attribution/fashion-plain"
WITHIN = 1.15
METHODS = {"attribution.gradient": 1, "attribution.integrated_gradients": 32}
"""Method -> gradient passes an image, at the parameters given below."""

PARAMETERS: dict[str, dict[str, Any]] = {"attribution.integrated_gradients": {"n_steps": 32, "most_steps": 32}}


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this group."""
    units = 8 if bench.quick else min(16, len(bench.case.task.units))
    return [_whole(bench.of(units), method) for method in METHODS]


def _whole(bench: Bench, method: str) -> Row:
    case = bench.case
    before = bench.cost_now()
    with bench.opened(method, derived=True, parameters=PARAMETERS.get(method)) as sweeps:
        metrics = chosen_metrics(benchmarks()[BENCHMARK], sweeps)
        _, ours = measured(lambda _: _score_all(sweeps, metrics), once=True)
        passes = sweeps.passes()
        subjects = len(sweeps.probes)
        alone = imputing(case, sweeps, bench.cost.chosen.chunk, subsets=True)
    needed = needed_passes(case, method, subjects)
    curve, subset = _imputed(case, subjects)
    cost = before.between(bench.cost_now())
    forward, backward = (sum(passes_[i] for passes_ in needed.values()) for i in (0, 1))
    total = Passes(forward, backward)
    settings = ", ".join(f"{case.protocol[key]} {key}" for key in ("units", "steps", "subsets", "neighbours"))
    return Row(
        case=case.name,
        group="whole",
        name=f"whole metric set, {load_method(method).card.title.lower()}",
        settings=f"{len(metrics)} metrics, {subjects} subjects, 4 operators, {settings}",
        ours=ours,
        needed=total,
        bare_seconds=cost.seconds(total),
        extra=curve * alone.curve + subset * alone.subset,
        within=WITHIN if case.name == "large" else 0.0,
        note=f"imputation alone: {1e6 * alone.curve:.0f} us an image along curves, {1e6 * alone.subset:.0f} of subsets",
        sweeps={"counted": passes, "needed": needed, "imputed": curve + subset},
    )


def _score_all(sweeps: Any, metrics: list[Metric]) -> None:
    """Score every metric as a trial does."""
    for metric in metrics:
        for subject in list(sweeps.probes) if metric.subjects == "all" else ["method"]:
            for variant in sweeps.protocol[metric.variants] if metric.variants else [""]:
                with sweeps.reading(metric.sweeps):
                    metric.function(sweeps, subject, variant)


def needed_passes(case: Case, method: str, subjects: int) -> dict[str, tuple[int, int]]:
    """Return sweep -> images forward and backward that the metrics' definitions ask for, the clean maps left out.

    Predictions of the clean inputs are there before the clock starts: derived controls are made from them.
    """
    n, asked = len(case.task.units), METHODS[method]
    p = case.protocol
    operators, inner = len(p["operators"]), int(p["steps"]) - 1
    extra = 2 if asked > 1 else 0  # the gap of the sum, which decides whether more steps are needed
    forward = Counter(
        baseline_logits=1,
        emptied=operators * n,
        subsets=operators * n * int(p["subsets"]),
        neighbours=n * int(p["neighbours"]),
        removal=operators * subjects * 2 * n * inner,
        cross_removal=operators * n * inner,
        signed_removal=operators * subjects * 2 * n,
        masking=operators * subjects * 2 * n,
    )
    calls = {  # further draws of a deterministic method are its clean maps, the wrong model (C8) is a random one
        "again": 1,
        "other_target": 1,
        "neighbour_maps": int(p["neighbours"]),
        "randomised": int(p["randomisations"]),
    }
    made = {name: (n * many * (asked + extra), n * many * asked) for name, many in calls.items()}
    if load_method(method).card.convergence:
        made["doubled"] = (n * (2 * asked + extra), n * 2 * asked)
    return {name: (count, 0) for name, count in forward.items()} | made


def _imputed(case: Case, subjects: int) -> Iterator[int]:
    """Yield how many images noisy linear imputation fills: on the way of curves and masks, and of random subsets."""
    n, inner = len(case.task.units), int(case.protocol["steps"]) - 1
    yield n * (subjects * 2 * inner + inner + 4 * subjects + 1)
    yield n * int(case.protocol["subsets"])
