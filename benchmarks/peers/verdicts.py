"""The measurements behind one method's verdicts under the profile ``sal`` on one benchmark, controls included.

xaic makes them in the trials of a run: what all share, the method with its derived controls, the other controls, the
reference method. A user of Quantus calls a metric for the method and again for each control. Where Quantus has no
metric of the kind it is counted for nothing: sign, contrast, repeatability. It is given the maps of method and controls
free of charge, and one parameter randomisation test instead of ten random models.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from asked import DERIVED, Asked, asked, method_of
from bare import imputing
from counting import Passes
from curves import ONE_IMAGE, TOLERANCE, ranked
from likes import REFERENCE, STEPS, Likes, Material
from measuring import NOTHING, measured
from quantus_side import LIBRARY
from rows import Agreement, Peer, Row, gaps

from xaic.families.base import get_family
from xaic.harness.contract import examine
from xaic.methods.discovery import load_method
from xaic.metrics.base import get_metric

if TYPE_CHECKING:
    from bench import Bench
    from measuring import Measured
    from torch import Tensor

PROFILE, BENCHMARK = "sal", "attribution/fashion-plain"
METHODS = ("attribution.gradient", "attribution.input_x_gradient")
"""One gradient pass each. Criteria of attribution mass apply to the second only: its values are contributions."""

PARAMETERS: dict[str, dict[str, Any]] = {REFERENCE: {"n_steps": STEPS, "most_steps": STEPS}}
PROTOCOL = {"subsets": 256, "neighbours": 8, "randomisations": 10, "draws": 3, "noise": 0.05}
"""As the shipped image benchmarks have it; steps are those of the case, which Quantus must be able to divide."""

ORDERS = {"faithfulness.deletion_auc": "morf", "faithfulness.insertion_auc": "lerf"}

UNITS = {"large": 8, "middle": 32, "small": 64, "tiny": 8}


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this group."""
    protocol = {} if bench.quick else PROTOCOL
    bench = bench.of(UNITS[bench.case.name], **protocol)
    return [_verdicts(bench, method) for method in (METHODS[-1:] if bench.quick else METHODS)]


def _verdicts(bench: Bench, method: str) -> Row:
    wanted = asked(PROFILE, BENCHMARK, method)
    before = bench.cost_now()
    material, ours = _ours(bench, method, wanted)
    cost = before.between(bench.cost_now())
    found, theirs, left_out = _theirs(bench, method, wanted, material)
    needed = needed_passes(bench, wanted)
    p = bench.case.protocol
    predicting, explaining = bench.pilots.predicting.best, bench.pilots.explaining.best
    subjects = len({one.subject for one in wanted})
    return Row(
        case=bench.case.name,
        group="verdicts",
        name=f"measurements for '{PROFILE}', {load_method(method).card.title.lower()}",
        settings=(
            f"{p['units']} images, {len(wanted)} metrics of {subjects} subjects, 4 operators, {p['steps']} steps, "
            f"{p['subsets']} subsets, {p['neighbours']} neighbours"
        ),
        ours=ours,
        needed=needed,
        bare_seconds=cost.seconds(needed),
        extra=_imputation(bench, wanted, material),
        peer=Peer(LIBRARY, f"predicting: {predicting}; explaining: {explaining}", theirs),
        target=5.0,
        note=f"Quantus has nothing for {', '.join(sorted(left_out))}",
        agreements=_agreements(material, found),
    )


def _ours(bench: Bench, method: str, wanted: list[Asked]) -> tuple[Material, Measured]:
    """Make the trials one after the other, with one cache, as a run does."""
    material, total = Material(), NOTHING
    with TemporaryDirectory(prefix="xaic-peers-") as folder:
        trials: dict[str, list[Asked]] = {method: []}
        for one in wanted:
            trial = method if one.subject in {"method", *DERIVED} else method_of(one.subject)
            trials.setdefault(trial, []).append(one)
        for trial, pairs in trials.items():
            own, parameters = trial == method, PARAMETERS.get(trial)
            with bench.opened(trial, derived=own, cache=Path(folder), parameters=parameters) as sweeps:
                if own:
                    total += _prepare(sweeps, wanted)
                _, took = measured(lambda _: _score(sweeps, pairs), once=True)  # noqa: B023 - used in this turn only
                total += took
                _keep(material, sweeps, pairs, own=own)
                if own:
                    subsets = material.removed is not None
                    chunk = bench.cost.chosen.chunk
                    material.imputing = imputing(bench.case, sweeps, chunk, subsets=subsets)
    return material, total


def _prepare(sweeps: Any, wanted: list[Asked]) -> Measured:
    names = frozenset(name for one in wanted for name in get_metric(one.metric).sweeps)
    _, took = measured(lambda _: sweeps.prepare(names), once=True)
    return took


def _score(sweeps: Any, pairs: list[Asked]) -> None:
    examine(get_family("attribution"), sweeps.task, sweeps.probes["method"])
    for one in pairs:
        metric = get_metric(one.metric)
        for variant in sweeps.protocol[metric.variants] if metric.variants else [""]:
            with sweeps.reading(metric.sweeps):
                metric.function(sweeps, _subject(sweeps, one), variant)


def _subject(sweeps: Any, one: Asked) -> str:
    """Return under which name a trial knows a subject: in a trial of its own it is the method."""
    return one.subject if one.subject in sweeps.probes else "method"


def _keep(material: Material, sweeps: Any, pairs: list[Asked], *, own: bool) -> None:
    """Keep maps, curves and correlations; every sweep was made already."""
    operators = sweeps.protocol["operators"]
    for one in pairs:
        name = _subject(sweeps, one)
        material.maps[one.subject] = sweeps.maps(name).float()
        material.ranks[one.subject] = ranked(sweeps, name)
        for operator in operators:
            if one.metric == "faithfulness.deletion_auc":
                material.curves[one.subject, operator] = sweeps.removal(name, operator)
            if one.metric == "faithfulness.correlation":
                scores = get_metric(one.metric).function(sweeps, name, operator)
                material.correlations[one.subject, operator] = scores  # type: ignore[assignment]
    if own:
        material.fills = {o: sweeps.prepared(o).fill.flatten(1) for o in operators if o != "road"}
        material.neighbours = sweeps.neighbours().inputs
        if material.correlations:
            material.removed = sweeps.subsets("mean").removed
        material.other = sweeps.at_locations(sweeps.other_target("method").maps).float()


def _theirs(
    bench: Bench, method: str, wanted: list[Asked], material: Material
) -> tuple[dict[Asked, Any], Measured, set[str]]:
    quantus, total, found = Likes(bench, method, material), NOTHING, {}
    for one in wanted:
        if one.metric in quantus.known:
            call = quantus.known[one.metric]
            found[one], took = measured(lambda _: call(one.subject), once=True)  # noqa: B023 - used in this turn only
            total += took
    return found, total, {one.metric for one in wanted if one.metric not in quantus.known}


def _agreements(material: Material, found: dict[Asked, Any]) -> tuple[Agreement, ...]:
    """Compare what was measured on both sides; what was not compared is no agreement and does not appear."""
    differences: dict[str, list[Tensor]] = {"scores": [], "hits": [], "correlations": []}
    for one, values in found.items():
        if one.metric in ORDERS:
            for operator, theirs in values.items():
                curve = material.curves[one.subject, operator]
                if operator != "road":
                    differences["scores"].append(gaps(getattr(curve, ORDERS[one.metric])[:, 1:], theirs))
                elif ORDERS[one.metric] == "morf":
                    differences["hits"].append(gaps(curve.hit[:, 1:-1].sum(0), theirs * len(curve.hit)))
        elif one.metric == "faithfulness.correlation":
            ours = material.correlations
            pairs = [(ours[one.subject, o], t) for o, t in values.items() if o != "road"]
            differences["correlations"] += [gaps(a[a.isfinite()], b[a.isfinite()]) for a, b in pairs]
    limits = {
        "scores": ("scores along all removal curves but ROAD", TOLERANCE, "absolute"),
        "hits": ("ROAD accuracies", ONE_IMAGE, "images"),
        "correlations": ("faithfulness correlations but under ROAD", TOLERANCE, "absolute"),
    }
    return tuple(
        Agreement.of(what, torch.cat([one.flatten() for one in made]), limit, unit, note=f"{len(made)} compared")
        for (what, limit, unit), made in zip(limits.values(), differences.values(), strict=True)
        if made
    )


def needed_passes(bench: Bench, wanted: list[Asked]) -> Passes:
    """Return the passes that the asked metrics need, the method's own clean maps and predictions left out.

    The methods are deterministic: further draws are the clean maps, and the wrong model's (C8) those of a random model.
    """
    p, n = bench.case.protocol, len(bench.case.task.units)
    removed, subsets = _images(bench, wanted)
    forward = len(p["operators"]) * (removed + subsets) + n * int(p["neighbours"])
    alone = min(4, n) * (3 if n > 4 else 2)  # rows that the contract asks in part, alone and for another draw
    names = {name for one in wanted for name in get_metric(one.metric).sweeps}
    many = {"again": 1, "other_target": 1, "neighbour_maps": p["neighbours"], "randomised": p["randomisations"]}
    explained = n * sum(int(calls) for name, calls in many.items() if name in names) + alone
    referred = n * int(p["neighbours"]) + alone
    return Passes(forward + explained + referred * (STEPS + 2), explained + referred * STEPS)


def _imputation(bench: Bench, wanted: list[Asked], material: Material) -> float:
    """Return the CPU seconds of imputation alone: needed cost of the operator 'road'."""
    assert material.imputing is not None
    removed, subsets = _images(bench, wanted)
    return removed * material.imputing.curve + subsets * material.imputing.subset


def _images(bench: Bench, wanted: list[Asked]) -> tuple[int, int]:
    """Return how many images an operator fills: along curves and masks, and for random subsets."""
    n, inner = len(bench.case.task.units), int(bench.case.protocol["steps"]) - 1
    by_metric = {one.metric: [other.subject for other in wanted if other.metric == one.metric] for one in wanted}
    curves = {subject for metric in ORDERS for subject in by_metric.get(metric, [])}
    signs = len(by_metric.get("faithfulness.sign", []))
    subsets = int(bench.case.protocol["subsets"]) if "faithfulness.correlation" in by_metric else 0
    crossed = inner if "faithfulness.cross_target" in by_metric else 0
    return n * (1 + 2 * inner * len(curves) + crossed + 2 * signs), n * subsets
