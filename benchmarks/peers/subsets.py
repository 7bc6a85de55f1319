"""Random subsets: faithfulness correlation beside Quantus, infidelity beside Captum.

xaic removes the same subsets of five sizes from every image. The very same subsets are dealt to the peers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from captum_side import infidelities, peer_of_chunks
from counting import Passes
from measuring import measured
from quantus_side import Caller, dealt_subsets, peer
from rows import Agreement, Row, gaps

from xaic.metrics.base import get_metric

if TYPE_CHECKING:
    from bench import Bench
    from quantus_side import Setting
    from torch import Tensor

    from xaic.engine.readings import Subsets

TOLERANCE = 1e-4


def correlations(caller: Caller, maps: Tensor, removed: Tensor, **how: Any) -> Tensor:
    """Return Quantus' faithfulness correlation [N] over dealt subsets."""
    with dealt_subsets(removed, len(maps), caller.setting.batch):
        found = caller("FaithfulnessCorrelation", maps, nr_runs=len(removed), subset_size=1, **how)
    return torch.as_tensor(np.asarray(found))


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this group."""
    case = bench.case
    units, many = len(case.task.units), int(case.protocol["subsets"])
    needed = Passes(forward=units * many + units)
    with bench.opened("attribution.gradient") as sweeps:
        maps, subsets = sweeps.maps("method").float(), sweeps.subsets("mean")
    settings = f"{units} images, {many} subsets of 5 to 50 %, constant baseline"
    shared = {"case": case.name, "group": "subsets", "settings": settings, "needed": needed}
    return [
        _correlation(bench, maps, subsets, shared),
        _of_controls(bench, subsets, shared),
        _infidelity(bench, maps, subsets, shared),
    ]


def _metric(name: str) -> Any:
    function = get_metric(name).function
    return lambda sweeps: function(sweeps, "method", "mean")


def _correlation(bench: Bench, maps: Tensor, subsets: Subsets, shared: dict[str, Any]) -> Row:
    case = bench.case
    fill = float(case.task.baseline.flatten()[0])
    before = bench.cost_now()
    values, ours = bench.ours(_metric("faithfulness.correlation"))

    def call(setting: Setting) -> Tensor:
        return correlations(Caller(case, setting), maps, subsets.removed, perturb_baseline=fill)

    results, quantus = peer(bench.pilots.predicting, call, quick=bench.quick)
    cost = before.between(bench.cost_now())
    return Row(
        **shared,
        name="faithfulness correlation",
        ours=ours,
        bare_seconds=cost.seconds(shared["needed"]),
        peer=quantus,
        target=1.8,
        note="for one map; the passes serve all methods and controls of a benchmark, Quantus makes them again for each",
        agreements=(
            Agreement.of("correlation of every image", gaps(values, results[bench.pilots.predicting.best]), TOLERANCE),
        ),
    )


def _of_controls(bench: Bench, subsets: Subsets, shared: dict[str, Any]) -> Row:
    """The correlation of a method and of the four controls derived from it: what a comparison with controls needs."""
    case = bench.case
    fill = float(case.task.baseline.flatten()[0])
    function = get_metric("faithfulness.correlation").function
    before = bench.cost_now()
    with bench.opened("attribution.gradient", derived=True) as sweeps:
        maps = {name: sweeps.maps(name).float().nan_to_num() for name in sweeps.probes}
        _, ours = measured(lambda _: [function(sweeps, name, "mean") for name in maps], once=True)

    def call(setting: Setting) -> list[Tensor]:
        caller = Caller(case, setting)
        return [correlations(caller, one, subsets.removed, perturb_baseline=fill) for one in maps.values()]

    _, quantus = peer(bench.pilots.predicting, call, quick=bench.quick)
    needed = Passes(forward=shared["needed"].forward - len(case.task.units))
    cost = before.between(bench.cost_now())
    return Row(
        **{**shared, "needed": needed},
        name="faithfulness correlation, method and 4 controls",
        ours=ours,
        bare_seconds=cost.seconds(needed),
        peer=quantus,
        note="subsets are removed once for all five maps; clean predictions are there already",
    )


def _infidelity(bench: Bench, maps: Tensor, subsets: Subsets, shared: dict[str, Any]) -> Row:
    case = bench.case
    before = bench.cost_now()
    values, ours = bench.ours(_metric("faithfulness.infidelity"))
    theirs, captum = peer_of_chunks(
        lambda setting: infidelities(case, setting, maps, subsets.removed),
        [0, *(k * len(case.task.units) for k in (1, 2, 4))],
        quick=bench.quick,
    )
    scaled = next(iter(theirs.values())).double() / (subsets.drop**2).mean(1)
    cost = before.between(bench.cost_now())
    return Row(
        **shared,
        name="infidelity at the best scale",
        ours=ours,
        bare_seconds=cost.seconds(shared["needed"]),
        peer=captum,
        note="Captum's normalised value is divided by the mean square of the drops: xaic reports a share",
        agreements=(Agreement.of("share of every image", gaps(values, scaled), TOLERANCE),),
    )
