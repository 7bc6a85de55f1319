"""Relative Attributing Propagation (Nam et al. 2020): bipolar relevance that conserves the logit.

``rap`` explains any covered ``nn.Module``; ``rap_propagation`` also gives the total at every layer. Below
them stands the adapter ``RAP``. Layers, BatchNorm folding and shared rules live in ``_relevance``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from method_adapters.attribution._relevance import (
    COVERED,
    Network,
    Propagation,
    Rules,
    UnsupportedModel,
    batches,
    detached,
    trace,
    walk,
)
from method_adapters.attribution._relevance.adapter import heat_map, network_of
from method_adapters.attribution._relevance.layers import Affine
from method_adapters.attribution._relevance.rules import column, divide, sum_rule, totals, uniform_shift
from xaic.documents.types import Capabilities, ClaimedProperty, MethodCard
from xaic.families.attribution import Attribution, AttributionTask
from xaic.methods.base import Method

if TYPE_CHECKING:
    from torch import Tensor, nn

    from xaic.methods.base import Context, State

ROWS = 32  # rows propagated at a time: bounds memory


def rap(model: nn.Module | Network, inputs: Tensor, targets: Tensor) -> Tensor:
    """Return the RAP relevance of inputs [N, ...], in their shape; each row sums to the target's logit.

    Positive: relevant for the target. Negative: irrelevant, below the average share. Cost: one forward pass
    and about two convolution pairs a layer backwards, no autograd.

    Args:
        model: a module that maps inputs to logits [N, K], its last layer linear; or a traced ``Network``.
        inputs: [N, ...].
        targets: [N] class indices.

    Raises:
        UnsupportedModel: the model holds an operation that is not covered; the message names it.
    """
    return rap_propagation(model, inputs, targets).relevance


def rap_propagation(model: nn.Module | Network, inputs: Tensor, targets: Tensor) -> Propagation:
    """Return what ``rap`` returns, with the total of relevance at every layer on the way."""
    with detached():
        network = model if isinstance(model, Network) else trace(model, inputs)
        parts = [_propagate(network, x, t) for x, t in batches(inputs, targets, ROWS)]
        return Propagation.join(parts)


def _propagate(network: Network, inputs: Tensor, targets: Tensor) -> Propagation:
    head = network.layers[-1]
    if not isinstance(head, Affine) or head.axes:
        raise UnsupportedModel(f"{head.name}: RAP starts at a linear layer; the last layer must be Linear")
    values = network.values(inputs)
    source = head.inputs[0]
    start = output_rule(values[source], head.weight, values[-1], targets)
    return walk(network, values, source, start, RULES)


def output_rule(x: Tensor, weight: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
    """Return the start [N, D]: R_j = |c_j| / Σ_k |c_k| · y_t, the logit absolutely redistributed.

    Contributions are c_j = x_j w_jt; the bias b_t is split between the positive and the negative ones in
    proportion to their signed sums Pos and Neg and spread by share, which makes c_j (1 + b_t / (Pos + Neg)).
    Their sum is the logit y_t and the factor cancels from |c_j| / Σ|c_k|, so that Pos + Neg = 0 needs no case
    of its own.
    """
    size = (x * weight[targets]).abs()
    logit = logits.gather(1, targets.unsqueeze(1)).flatten()
    return size * column(divide(logit.double(), totals(size)), size)


def hidden_rule(layer: Affine, x: Tensor, r: Tensor) -> Tensor:
    """Propagate R through a hidden affine layer: twice by relative influence, then shift uniformly.

    For x⁺, with Z₊ = x⁺ W⁺ and Z₋ = x⁺ |W⁻| where R ≠ 0 and q = Z₋ / (Z₊ + Z₋): R⁺ goes fully along Z₊ and
    with weight q along Z₋. R⁻ goes fully along Z₋ (convolution) or Z₊ (linear layer), and with weight q along
    Z₋. The same for x⁻ with W⁺ and W⁻ exchanged. The sum is shifted to keep the total: C - (ΣC - ΣR) / N ·
    1[C ≠ 0].
    """
    plus, minus = layer.weight.clamp_min(0), -layer.weight.clamp_max(0)
    c = _twice(layer, x.clamp_min(0), r, plus, minus)
    if bool((x < 0).any()):
        c = c + _twice(layer, -x.clamp_max(0), r, minus, plus)
    return uniform_shift(layer, c, r)


def _twice(layer: Affine, size: Tensor, r: Tensor, plus: Tensor, minus: Tensor) -> Tensor:
    """Return the contribution of inputs of one sign, given by their ``size`` |x|.

    ``plus`` are the weights (as sizes) whose product with the input is positive, ``minus`` those of negative
    products.
    """
    z_plus, z_minus = layer.apply(size, plus), layer.apply(size, minus)
    positive, against = r.clamp_min(0), r.clamp_max(0)
    along_plus = positive if layer.axes else r
    along_minus = divide(z_minus * r, z_plus + z_minus) + (against if layer.axes else 0)
    return size * (
        layer.transpose(divide(along_plus, z_plus), plus, size)
        + layer.transpose(divide(along_minus, z_minus), minus, size)
    )


RULES = Rules(hidden=hidden_rule, add=sum_rule)


class RAP(Method[Any, AttributionTask, Attribution]):
    """Adapter of ``rap``: one signed value a location, summed over channels."""

    card = MethodCard(
        id="attribution.rap",
        title="RAP: relative attributing propagation",
        family="attribution",
        purpose="Shows which parts of an input a network found relevant and which irrelevant for a class.",
        truth="region",
        explains="the logit of the target class",
        capabilities=Capabilities(
            access="gradients", inputs=("image", "tabular", "series"), modules=COVERED, granularity="location"
        ),
        claims=(
            ClaimedProperty("conservation", 1e-3, "every layer keeps the total, which is the target's logit"),
            ClaimedProperty("determinism", 1e-5, "same inputs, machine and thread count"),
        ),
        unclaimed=(
            "sign of a contribution: in a linear model all values take the sign of the logit",
            "implementation invariance",
            "sensitivity to a baseline",
        ),
        assumptions=(
            "hidden layers are followed by ReLU",
            "the last layer is linear and gives logits",
            "BatchNorm is in evaluation mode",
        ),
        simplifications=(
            "BatchNorm is folded into the layer before it, or kept as a convolution of one weight a channel",
            "the published code's own rule for BatchNorm is not used",
            "the output layer is told by its place, not by a largest relevance of 1",
            "a layer in which no relevance finds a way shares it evenly over its inputs: none is lost",
            "hidden inputs below zero go by the sign of the product; the layer is shifted once, not by sign",
            "where a denominator of first layer or pooling is 0, relevance is shared evenly, not dropped",
            "any first layer gets the box rule, with each input's own smallest and largest value as the box",
        ),
        limits=(
            "a sum of branches that nearly cancel makes large values of both signs",
            "no attention, gating, LayerNorm, sigmoid or padding modules",
        ),
        cost="1 layerwise forward pass and 1 relevance pass an input (two convolution pairs a layer)",
        references=("Nam, Gur, Choi, Wolf, Lee 2020, Relative attributing propagation, AAAI (arXiv:1904.00605)",),
        themes={
            "T-STK": ("developers", "evaluators", "auditors"),
            "T-LC": ("design and development", "verification and validation"),
            "T-NEED": ("which parts speak for the class and which do not", "detail down to single locations"),
            "T-FORM": ("visual", "numeric"),
            "T-APPR": ("post hoc, local",),
            "T-TECH": (
                "white box: weights and activations",
                "feed-forward ReLU networks",
                "two-coloured map around 0",
            ),
            "T-FAM": ("post hoc local: attribution by backward decomposition",),
        },
    )

    def run(self, task: AttributionTask, state: State, ctx: Context) -> Attribution:  # noqa: ARG002
        """Return one map a row, [N, 1, ...] or [N, D]."""
        network = network_of(task.model.digest, ctx.module(task.model), task.inputs)
        ctx.count(len(task.inputs), len(task.inputs))
        found = rap_propagation(network, task.inputs, task.targets)
        return Attribution(heat_map(found.relevance), found.totals[0])


__all__ = ["RAP", "rap", "rap_propagation"]
