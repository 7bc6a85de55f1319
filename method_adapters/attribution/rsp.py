"""Relative Sectional Propagation (Nam et al. 2021): relevance for a class against those it competes with.

``rsp`` explains any covered ``nn.Module``; ``rsp_propagation`` also gives the total at every layer. Below
them stands the adapter ``RSP``. The start map lives in ``_relevance.start_map``, layers and shared rules in
``_relevance``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from method_adapters.attribution._relevance import (
    COVERED,
    Network,
    Propagation,
    Rules,
    batches,
    detached,
    trace,
    walk,
)
from method_adapters.attribution._relevance.adapter import heat_map, network_of
from method_adapters.attribution._relevance.rules import divide, sum_rule, uniform_shift
from method_adapters.attribution._relevance.start_map import Purge, Start, start_layer, start_map
from method_adapters.attribution._relevance.windows import floats_a_row, scatter, windows
from xaic.documents.types import Capabilities, ClaimedProperty, MethodCard
from xaic.families.attribution import Attribution, AttributionTask
from xaic.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor, nn

    from method_adapters.attribution._relevance.layers import Affine
    from xaic.methods.base import Context, State

ROWS = 32  # rows propagated at a time
FLOATS = 2**21  # numbers that windows and correlations may take at a time: 8 MiB, about a core's cache


@dataclass(frozen=True)
class Options:
    """How RSP starts and purges.

    ``start``: ``relative`` (target against its competitors) or ``single`` (target only). ``purge``: how
    conflicting units of the relative map are removed, by ``sign`` or by spreading over the ``channel`` axis.
    ``activation``: the model's, ``sigmoid`` or ``softmax``; it tells which classes compete. ``purge_layers``
    purges at every hidden convolution too.
    """

    start: Start = "relative"
    purge: Purge = "sign"
    activation: str = "softmax"
    purge_layers: bool = False

    def __post_init__(self) -> None:
        """Refuse options that do not exist."""
        for value, allowed in (
            (self.start, ("single", "relative")),
            (self.purge, ("sign", "channel")),
            (self.activation, ("softmax", "sigmoid")),
        ):
            if value not in allowed:
                raise ValueError(f"{value!r} is no option of RSP; choose {' or '.join(allowed)}")


def rsp(model: nn.Module | Network, inputs: Tensor, targets: Tensor, options: Options | None = None) -> Tensor:
    """Return the RSP relevance of every input, shaped like ``inputs`` [N, ...].

    Positive: speaks for the target. Negative: hostile, speaks for the competing classes. The total of a row
    is that of its start map: 2 - 1 for the relative map where both signs occur. Cost: one forward pass, a
    gradient of the layers above the last convolution for each competing class, and one relevance pass
    backwards.

    Args:
        model: a module that maps inputs [N, ...] to logits [N, K]; or a traced ``Network``.
        inputs: [N, ...].
        targets: [N] class indices.
        options: the start and the purge.

    Raises:
        UnsupportedModel: the model holds an operation that is not covered; the message names it.
    """
    return rsp_propagation(model, inputs, targets, options).relevance


def rsp_propagation(
    model: nn.Module | Network, inputs: Tensor, targets: Tensor, options: Options | None = None
) -> Propagation:
    """Return what ``rsp`` returns, with the total of relevance at every layer on the way."""
    options = options or Options()
    with detached():
        network = model if isinstance(model, Network) else trace(model, inputs)
        start = start_layer(network)
        rules = Rules(partial(sectional_rule, purge=options.purge_layers), _positive_sum_rule)
        parts = []
        for x, t in batches(inputs, targets, ROWS):
            values = network.values(x)
            relevance = start_map(
                network,
                values,
                start,
                t,
                kind=options.start,
                purge=options.purge,
                activation=options.activation,
            )
            parts.append(walk(network, values, start, relevance, rules))
        return Propagation.join(parts)


def sectional_rule(layer: Affine, x: Tensor, r: Tensor, *, purge: bool = False) -> Tensor:
    """Propagate R through a hidden layer along correlations G^± of relevance and activation; weights cancel.

    G^±_{k,i,u} = Σ_p R^±_k(p) x⁺_i(p+u), Z^± = (x⁺ * G^±) 1[R^± ≠ 0], C^± = x⁺ ⊙ (G^±)ᵀ * (R^± / Z^±).
    Kernels of more than one position: C = 2 (C⁺ - C⁻), then C - (ΣC - ΣR) / N · 1[C ≠ 0]; where nothing was
    lost, ΣC - ΣR is ΣR⁺ - ΣR⁻. Kernels of one position: C = C⁺ - C⁻, and the same shift, which is 0 unless
    relevance was lost. A linear layer reads all of its input at once: it is treated as a kernel of more than
    one position.
    """
    kept = r
    if purge and r.ndim > 2:
        kept = torch.where(r.sign() == r.sum(1, keepdim=True).sign(), r, 0)
    x = x.clamp_min(0)
    rows = max(1, FLOATS // floats_a_row(layer, x, kept))
    c = torch.cat(
        [_along_correlations(layer, *part) for part in zip(torch.split(x, rows), torch.split(kept, rows), strict=True)]
    )
    return uniform_shift(layer, c if layer.pointwise else 2 * c, r)


def _along_correlations(layer: Affine, x: Tensor, r: Tensor) -> Tensor:
    """Return C⁺ - C⁻: both signs at once, as twice as many output channels."""
    patches = windows(layer, x)
    grouped = r.reshape(len(r), layer.groups, -1, patches.shape[-1])
    signed = torch.cat([grouped.clamp_min(0), -grouped.clamp_max(0)], 2)
    correlations = signed @ patches.transpose(2, 3)  # G [N, groups, 2 O / groups, J]
    share = divide(signed, correlations @ patches)
    share[:, :, grouped.shape[2] :].neg_()
    return x * scatter(layer, correlations.transpose(2, 3) @ share, x)


def _positive_sum_rule(parts: tuple[Tensor, ...], r: Tensor) -> tuple[Tensor, ...]:
    """Return the ratio rule of a residual sum over the positive part of each branch."""
    return sum_rule(tuple(part.clamp_min(0) for part in parts), r)


class RSP(Method[Any, AttributionTask, Attribution]):
    """Adapter of ``rsp``: one signed value a location, summed over channels."""

    card = MethodCard(
        id="attribution.rsp",
        title="RSP: relative sectional propagation",
        family="attribution",
        purpose="Shows what speaks for a class and, with a minus sign, what speaks for its competitors.",
        truth="region",
        explains="the target class against the other predicted classes",
        capabilities=Capabilities(
            access="gradients", inputs=("image", "series"), modules=COVERED, granularity="location"
        ),
        parameters={"start": "relative", "purge": "sign", "purge_layers": False},
        claims=(
            ClaimedProperty("conservation", 1e-3, "every layer keeps the total of the start map (not of the logit)"),
            ClaimedProperty("determinism", 1e-5, "same inputs, machine and thread count"),
        ),
        unclaimed=(
            "completeness: values are shares of evidence, not parts of the logit",
            "sensitivity to weights between start and first layer: they act through activations only",
            "implementation invariance",
        ),
        assumptions=(
            "hidden layers are followed by ReLU",
            "the last convolution's map still tells the objects apart",
            "BatchNorm is in evaluation mode",
        ),
        simplifications=(
            "the start (relative map and purge) is a reconstruction: the paper's equation 2 was not seen",
            "after the purge by sign, totals are set to 2 and -1, as the published channel variant does",
            "classes that compete under sigmoid: those with a score of at least 1/2, and the target",
            "classes that compete under softmax: the target and the highest other class",
            "where no class competes, the single-class start is used",
            "BatchNorm is folded into the layer before it, or kept as a convolution of one weight a channel",
            "relevance that a rule cannot place (its denominator is 0) is shared evenly, not dropped",
            "any first layer gets the box rule, with each input's own smallest and largest value as the box",
            "purge_layers is an option of this implementation",
        ),
        limits=(
            "two competing classes: the maps of the two are negatives of each other by construction",
            "where the maps of target and competitors coincide, the relative map is 0",
            "with a linear hidden layer the shares become x² / Σx² and the class no longer shows",
            "no attention, gating, LayerNorm, sigmoid or padding modules",
        ),
        cost="1 layerwise forward pass, 1 gradient of the head a competing class, 1 relevance pass an input",
        references=("Nam, Choi, Lee 2021, Relative sectional propagation, AAAI (arXiv:2012.03434)",),
        themes={
            "T-STK": ("developers", "evaluators", "auditors"),
            "T-LC": ("design and development", "verification and validation"),
            "T-NEED": ("why this class and not that one", "detail down to single locations"),
            "T-FORM": ("visual", "numeric"),
            "T-APPR": ("post hoc, local", "contrastive"),
            "T-TECH": (
                "white box: activations and gradients",
                "convolutional ReLU networks",
                "two-coloured map around 0",
            ),
            "T-FAM": ("post hoc local: attribution by backward decomposition",),
        },
    )

    def run(self, task: AttributionTask, state: State, ctx: Context) -> Attribution:  # noqa: ARG002
        """Return one map a row, [N, 1, ...] or [N, D]."""
        network = network_of(task.model.digest, ctx.module(task.model), task.inputs)
        options = Options(
            start=ctx.parameter("start"),
            purge=ctx.parameter("purge"),
            activation=task.model.activation,
            purge_layers=ctx.parameter("purge_layers"),
        )
        ctx.count(len(task.inputs), len(task.inputs))
        found = rsp_propagation(network, task.inputs, task.targets, options)
        return Attribution(heat_map(found.relevance), found.totals[0])


__all__ = ["RSP", "Options", "rsp", "rsp_propagation"]
