"""Noisy neighbours: the six robustness metrics from one sweep, beside Quantus' six calls and Captum's one metric.

Every metric reads the same neighbours: the noise that xaic drew is dealt to the peers. Noise is small enough that no
prediction changes, because Quantus' relative stabilities turn NaN where one does, and xaic leaves such neighbours out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from captum_side import largest_sensitivity, peer_of_chunks
from counting import Passes
from quantus_side import Caller, DealtNoise, peer
from rows import Agreement, Row, nearest

from xaic.metrics.base import get_metric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench import Bench
    from cases import Case
    from quantus_side import Setting
    from torch import Tensor

NOISE = 0.01
LEAST = 0.75
"""Share of the images that must agree."""

TOLERANCE = 1e-3
"""Relative: the relative stabilities divide by elements of a map that nearly vanish, the peers in single precision."""

SIX: dict[str, tuple[str, dict[str, Any]]] = {
    "robustness.max_sensitivity": ("MaxSensitivity", {}),
    "robustness.average_sensitivity": ("AvgSensitivity", {}),
    "robustness.local_lipschitz": ("LocalLipschitzEstimate", {}),
    "robustness.ris": ("RelativeInputStability", {}),
    "robustness.ros": ("RelativeOutputStability", {}),
    "robustness.rrs": ("RelativeRepresentationStability", {"layer_names": ["pool"]}),
}
"""xaic's metric -> Quantus' metric of the same definition."""


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this group."""
    bench = bench.of(len(bench.case.task.units), noise=NOISE)
    with bench.opened("attribution.gradient") as sweeps:
        maps, around = sweeps.output("method").values, sweeps.neighbours()
    changed = int((~around.kept).any(0).sum())
    return [*_six(bench, maps, around.inputs, changed), _largest(bench, around.inputs, changed)]


def _score(name: str, sweeps: Any) -> Tensor:
    found = get_metric(name).function(sweeps, "method", "")
    assert isinstance(found, torch.Tensor)
    return found


def _scores(sweeps: Any) -> dict[str, Tensor]:
    return {name: _score(name, sweeps) for name in SIX}


def stabilities(
    caller: Caller, maps: Tensor, inputs: Tensor, names: list[str], explain: Any = None
) -> dict[str, Tensor]:
    """Return Quantus' scores [N] of some of the six at dealt neighbours [R, N, ...]."""
    found = {}
    for name in names:
        metric, more = SIX[name]
        noise = DealtNoise(inputs, caller.setting.batch)
        scores = caller(
            metric, maps, nr_samples=len(inputs), perturb_func=noise, softmax=False, explain=explain, **more
        )
        found[name] = torch.as_tensor(np.asarray(scores)).flatten()
    return found


def _six(bench: Bench, maps: Tensor, inputs: Tensor, changed: int) -> list[Row]:
    case = bench.case
    units, many = len(case.task.units), len(inputs)
    before = bench.cost_now()
    values, ours = bench.ours(_scores)
    _, later = bench.ours(_scores, ready=lambda sweeps: sweeps.neighbours())

    def call(setting: Setting) -> dict[str, Tensor]:
        return stabilities(Caller(case, setting), maps, inputs, list(SIX))

    results, quantus = peer(bench.pilots.explaining, call, quick=bench.quick)
    explained = Passes(forward=units * many, backward=units * many)
    predicted = Passes(forward=units * many + units)
    cost = before.between(bench.cost_now())
    first = Row(
        case=case.name,
        group="neighbours",
        name="six robustness metrics",
        settings=f"{units} images, {many} neighbours, noise {NOISE:g} of the spread, gradient",
        ours=ours,
        needed=explained + predicted,
        bare_seconds=cost.seconds(explained + predicted),
        peer=quantus,
        target=12.0,
        note="one method alone: it pays for the predictions at the neighbours that a benchmark's methods share",
        agreements=_agreements(case, values, results, changed),
    )
    second = replace(
        first,
        name="six robustness metrics, later method",
        ours=later,
        needed=explained,
        bare_seconds=cost.seconds(explained),
        note="predictions at the neighbours are there already; Quantus' figures are those of the row above",
        agreements=(),
    )
    return [first, second]


def _agreements(
    case: Case, ours: dict[str, Tensor], results: Mapping[Any, dict[str, Tensor]], changed: int
) -> tuple[Agreement, ...]:
    """Compare the six, but for RIS where inputs hold zeros: each side puts a small number of its own in their place."""
    comparable = [name for name in SIX if name != "robustness.ris" or not bool((case.task.inputs == 0).any())]
    return tuple(
        nearest({setting: _agreement(name, ours[name], theirs[name], changed) for setting, theirs in results.items()})
        for name in comparable
    )


def _agreement(name: str, ours: Tensor, theirs: Tensor, changed: int) -> Agreement:
    ours, theirs = ours.double(), theirs.double()
    both = ours.isfinite() & theirs.isfinite()
    differences = ((ours - theirs).abs() / theirs.abs())[both]
    left_out = f"{int((~both).sum())} of {len(both)} images left out, their prediction changes" if changed else ""
    return Agreement.of(f"{name} of every image", differences, TOLERANCE, "relative", least=LEAST, note=left_out)


def _largest(bench: Bench, inputs: Tensor, changed: int) -> Row:
    case = bench.case
    units, many = len(case.task.units), len(inputs)
    before = bench.cost_now()
    name = "robustness.max_sensitivity"
    values, ours = bench.ours(lambda sweeps: _score(name, sweeps))
    theirs, captum = peer_of_chunks(
        lambda setting: largest_sensitivity(case, setting, inputs),
        [0, *(k * units for k in (1, 2))],
        quick=bench.quick,
    )
    needed = Passes(forward=2 * units * many + units, backward=units * many)
    cost = before.between(bench.cost_now())
    return Row(
        case=case.name,
        group="neighbours",
        name="maximum sensitivity alone",
        settings=f"{units} images, {many} neighbours, gradient",
        ours=ours,
        needed=needed,
        bare_seconds=cost.seconds(needed),
        peer=captum,
        note="xaic predicts at the neighbours, to leave out those at which the class changes; Captum does not look",
        agreements=(nearest({at: _agreement(name, values, one, changed) for at, one in theirs.items()}),),
    )
