"""Removal curves: pixel flipping and ROAD, in both orders.

xaic makes the most-relevant-first and the least-relevant-first curve in one sweep, because its metrics read both;
Quantus is called once for each. Both remove in the same order: Quantus is handed the maps as ranks, so that ties are
broken alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from bare import imputing
from counting import Passes
from quantus_side import Caller, DealtFill, peer
from rows import Agreement, Row, gaps

from xaic.engine import removal

if TYPE_CHECKING:
    from bench import Bench
    from quantus_side import Setting
    from torch import Tensor

TOLERANCE = 1e-4
ONE_IMAGE = 1 + 1e-6
ROUNDING = 1e-6
"""Percentages are raised by this share: Quantus cuts the number of removed pixels off, where xaic rounds."""


def ranked(sweeps: Any, subject: str = "method") -> Tensor:
    """Return a subject's maps as ranks [N, L], the most relevant the highest, without ties."""
    order = removal.ranks(sweeps.maps(subject), sweeps.task.units, sweeps.streams.at("ties"))
    return (order.shape[1] - 1 - order).float()


def flipped(caller: Caller, maps: Tensor, steps: int, fill: float | Tensor) -> Tensor:
    """Return Quantus' pixel flipping curve [N, T]: the score after each of T steps."""
    if isinstance(fill, float):
        how: dict[str, Any] = {"perturb_baseline": fill}
    else:
        how = {"perturb_func": DealtFill(fill, steps, caller.setting.batch)}
    found = caller("PixelFlipping", maps, features_in_step=maps.shape[1] // steps, **how)
    return torch.as_tensor(np.asarray(found))


def road(caller: Caller, maps: Tensor, steps: int, noise: float) -> Tensor:
    """Return Quantus' ROAD accuracies [T - 1], from 1/T to (T-1)/T removed; all units in one batch.

    With everything removed its system of equations is singular, and of several batches it would keep the first.
    """
    shares = [100 * step / steps * (1 + ROUNDING) for step in range(1, steps)]
    found = caller("ROAD", maps, batch=len(maps), percentages=shares, noise=noise)
    return torch.tensor([found[share] for share in shares])


def curve_passes(units: int, steps: int) -> Passes:
    """Passes of both curves: inner steps of each, and the two ends that they share."""
    return Passes(forward=2 * units * (steps - 1) + 2 * units)


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this group."""
    flipping = _flipping(bench)
    roads = _roads(bench)
    return [*flipping, *roads]


def _flipping(bench: Bench) -> list[Row]:
    case, steps = bench.case, int(bench.case.protocol["steps"])
    fill = float(case.task.baseline.flatten()[0])
    before = bench.cost_now()
    with bench.opened("attribution.gradient") as sweeps:
        maps = ranked(sweeps)
    curves, ours = bench.ours(lambda sweeps: sweeps.removal("method", "mean"))

    def both(setting: Setting) -> tuple[Tensor, Tensor]:
        caller = Caller(case, setting)
        return flipped(caller, maps, steps, fill), flipped(caller, -maps, steps, fill)

    results, quantus = peer(bench.pilots.predicting, both, quick=bench.quick)
    morf, lerf = results[bench.pilots.predicting.best]
    agreements = (
        Agreement.of("score at every step, most relevant first", gaps(curves.morf[:, 1:], morf), TOLERANCE),
        Agreement.of("score at every step, least relevant first", gaps(curves.lerf[:, 1:], lerf), TOLERANCE),
    )
    needed = curve_passes(len(case.task.units), steps)
    cost = before.between(bench.cost_now())
    row = Row(
        case=case.name,
        group="curves",
        name="pixel flipping, both orders",
        settings=f"{len(case.task.units)} images, {steps} steps, constant baseline {fill:g}",
        ours=ours,
        needed=needed,
        bare_seconds=cost.seconds(needed),
        peer=quantus,
        target=1.8,
        note="PixelFlipping called with the map and with its negative",
        agreements=agreements,
    )
    return [row]


def _roads(bench: Bench) -> list[Row]:
    case, steps = bench.case, int(bench.case.protocol["steps"])
    units = len(case.task.units)
    noise = 0.01 * float(case.task.background.std())
    before = bench.cost_now()
    with bench.opened("attribution.gradient") as sweeps:
        maps, alone = ranked(sweeps), imputing(case, sweeps, bench.cost.chosen.chunk)
    curves, ours = bench.ours(lambda sweeps: sweeps.removal("method", "road"))
    pilot = bench.pilots.predicting

    def both(setting: Setting) -> tuple[Tensor, Tensor]:
        caller = Caller(case, setting)
        return road(caller, maps, steps, noise), road(caller, -maps, steps, noise)

    results, quantus = peer(pilot, both, quick=bench.quick)
    images = gaps(curves.hit[:, 1:-1].sum(0), results[pilot.best][0] * units)
    needed = curve_passes(units, steps)
    cost = before.between(bench.cost_now())
    row = Row(
        case=case.name,
        group="curves",
        name="ROAD, both orders",
        settings=f"{units} images, {steps} steps, noise {noise:.2g}; Quantus in one batch of {units}",
        ours=ours,
        needed=needed,
        bare_seconds=cost.seconds(needed),
        extra=alone.curve * (2 * units * (steps - 1) + units),
        peer=quantus,
        target=9.0,
        note="ROAD called with the map and with its negative, without the step at which all is removed",
        agreements=(Agreement.of("accuracy at every step", images, ONE_IMAGE, "images"),),
    )
    return [row]
