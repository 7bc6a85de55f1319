"""Explanation methods: xaic's adapters beside Captum's methods, called as the harness calls them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from captum.attr import IntegratedGradients, KernelShap, Saliency, ShapleyValues
from captum_side import Chunk, module, peer_of_chunks
from counting import Passes
from measuring import measured
from probing import opened
from rows import Agreement, Row, nearest

from method_adapters.attribution._coalitions import Features

if TYPE_CHECKING:
    from bench import Bench
    from cases import Case
    from measuring import Measured
    from rows import Peer
    from torch import Tensor

STEPS = 32
SAMPLES = 256
GRID = 7
FEW = 2
TOLERANCE = 1e-4
LEAST = 0.75
"""Share of the images that must agree, at one of the peer's settings."""


def rows(bench: Bench) -> list[Row]:
    """Return the rows of this group."""
    bench = bench.of(8)
    return [_gradient(bench), _integrated(bench), _kernelshap(bench)]


def _ours(bench: Bench, method: str, **parameters: Any) -> tuple[Tensor, Measured]:
    """Return the maps of a method, and what they took once its model was loaded."""

    def given() -> Any:
        return opened(bench.case, method, bench.tunings, parameters=parameters)

    with given() as sweeps:
        sweeps.probes["method"].run(bench.case.task.select([0]))
    return measured(lambda sweeps: sweeps.output("method").values, given, once=bench.quick)


def _row(bench: Bench, needed: Passes, ours: Measured, peer: Peer, **more: Any) -> Row:
    cost = bench.cost_now()
    return Row(
        case=bench.case.name,
        group="explanations",
        ours=ours,
        needed=needed,
        bare_seconds=cost.seconds(needed),
        peer=peer,
        **more,
    )


def _gradient(bench: Bench) -> Row:
    case = bench.case
    values, ours = _ours(bench, "attribution.gradient")

    def call(setting: Chunk) -> Tensor:
        rows = case.task.inputs.clone().requires_grad_()
        found: Tensor = Saliency(module(case, setting)).attribute(rows, target=case.task.targets, abs=False)
        return found.detach()

    theirs, captum = peer_of_chunks(call, [0], quick=bench.quick)
    units = len(case.task.units)
    return _row(
        bench,
        Passes(units, units),
        ours,
        captum,
        name="gradient",
        settings=f"{units} images",
        agreements=(_agreement("map", values, theirs),),
        note="Captum in both; xaic's figure holds packing, checking and caching of a trial's call",
    )


def _integrated(bench: Bench) -> Row:
    case = bench.case
    values, ours = _ours(bench, "attribution.integrated_gradients", n_steps=STEPS, most_steps=STEPS)
    units = len(case.task.units)

    def call(setting: Chunk) -> Tensor:
        found: Tensor = IntegratedGradients(module(case, setting)).attribute(
            case.task.inputs,
            baselines=case.task.baseline[None],
            target=case.task.targets,
            n_steps=STEPS,
            method="riemann_middle",
            internal_batch_size=setting.size or None,
        )
        return found.detach()

    theirs, captum = peer_of_chunks(call, [0, *(k * units for k in (1, 2, 4))], quick=bench.quick)
    needed = Passes(units * STEPS, units * STEPS)
    return _row(
        bench,
        needed,
        ours,
        captum,
        name="integrated gradients",
        settings=f"{units} images, {STEPS} steps",
        agreements=(_agreement("map", values, theirs),),
        note="Captum in both; xaic's adapter also reads the convergence gap, two forward passes an image",
    )


def _kernelshap(bench: Bench) -> Row:
    case = bench.case
    samples = 32 if bench.quick else SAMPLES
    grid = 4 if bench.quick else GRID
    _, ours = _ours(bench, "attribution.kernelshap", samples=samples, grid=grid)
    units = len(case.task.units)
    features = Features.of(case.task, grid, 1)
    mask = features.index[None, None]

    def call(setting: Chunk) -> Tensor:
        found: Tensor = KernelShap(module(case, setting)).attribute(
            case.task.inputs,
            baselines=case.task.baseline[None],
            target=case.task.targets,
            feature_mask=mask,
            n_samples=samples,
            perturbations_per_eval=setting.size or 1,
        )
        return found

    _, captum = peer_of_chunks(call, [0, 16, 64, samples], quick=bench.quick)
    needed = Passes(forward=units * samples + units + 1)
    return _row(
        bench,
        needed,
        ours,
        captum,
        name="KernelSHAP",
        settings=f"{units} images, {samples} samples, {grid} x {grid} patches",
        target=5.0,
        of_default=True,
        agreements=(_exact_shapley(bench),),
        note="the target is against Captum's default, one sample a call; values are compared where both are exact",
    )


def _exact_shapley(bench: Bench) -> Agreement:
    """Compare Shapley values of 2 x 2 patches: xaic takes all subsets, Captum's ShapleyValues all orders."""
    case = bench.case.of(4)
    values, _ = _ours(bench.of(4), "attribution.kernelshap", grid=FEW)
    features = Features.of(case.task, FEW, 1)
    found = ShapleyValues(module(case, Chunk(0))).attribute(
        case.task.inputs,
        baselines=case.task.baseline[None],
        target=case.task.targets,
        feature_mask=features.index[None, None],
        perturbations_per_eval=4,
    )
    return _agreement(f"Shapley values of {FEW} x {FEW} patches", values, {Chunk(4): _spread(case, features, found)})


def _spread(case: Case, features: Features, found: Tensor) -> Tensor:
    """Return Captum's values, which it writes on every pixel of a patch, as shares of a pixel."""
    sizes = torch.bincount(features.index.flatten(), minlength=features.count)
    shares: Tensor = found / sizes[features.index].view(1, *case.task.inputs.shape[1:])
    return shares


def _agreement(what: str, ours: Tensor, theirs: dict[Chunk, Tensor]) -> Agreement:
    """Compare maps with the peer's at every setting, as shares of a map's largest value; return the nearest."""
    ours = ours.double().flatten(1)
    found = {}
    for setting, values in theirs.items():
        other = values.double().flatten(1)
        differences = (ours - other).abs().amax(1) / other.abs().amax(1)
        found[setting] = Agreement.of(what, differences, TOLERANCE, "relative", least=LEAST)
    return nearest(found)
