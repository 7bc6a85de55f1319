"""Where relative sectional propagation starts: class-wise activation maps at the last convolutional block.

The relative map and its purge are a reconstruction: the published helper and the paper's words were at hand,
its equation 2 was not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

from method_adapters.attribution._relevance.graph import Network, UnsupportedModel
from method_adapters.attribution._relevance.layers import Rectifier
from method_adapters.attribution._relevance.rules import column, divide, totals

if TYPE_CHECKING:
    from torch import Tensor

Start = Literal["single", "relative"]
Purge = Literal["sign", "channel"]

_POSITIVE, _NEGATIVE = 2.0, 1.0  # totals of target and hostile relevance at the start
_ROUNDING = 64  # differences of fewer units in the last place are taken for 0


def start_layer(network: Network) -> int:
    """Return the index of the last ReLU over positions; without one, of the last ReLU.

    Raises:
        UnsupportedModel: the network has no ReLU behind an affine layer.
    """
    found = [
        index
        for index, layer in enumerate(network.layers)
        if isinstance(layer, Rectifier) and network.above_affine[index]
    ]
    if not found:
        raise UnsupportedModel("RSP starts at the last ReLU of the convolutions; this model has no ReLU")
    return max([index for index in found if len(network.shapes[index]) > 1] or found)


def predicted(logits: Tensor, targets: Tensor, activation: str) -> Tensor:
    """Return [N, K] the set P of classes that compete: the predicted ones and the target.

    Sigmoid: score >= 1/2, logit >= 0. Softmax: the target and the highest other class, since it predicts one
    class only.
    """
    own = torch.zeros_like(logits, dtype=torch.bool).scatter_(1, targets.unsqueeze(1), value=True)
    if activation == "sigmoid":
        return own | (logits >= 0)
    runner_up = logits.masked_fill(own, -torch.inf).argmax(1, keepdim=True)
    return own.scatter(1, runner_up, value=True) if logits.shape[1] > 1 else own


def gradients(network: Network, values: list[Tensor], start: int, chosen: Tensor) -> Tensor:
    """Return the gradient of logit ``chosen`` [N] of each row to the activations A of layer ``start``."""
    with torch.enable_grad():
        activations = values[start].detach().requires_grad_()
        logits = network.resume([*values[:start], activations])[-1]
        found: Tensor = torch.autograd.grad(logits.gather(1, chosen.unsqueeze(1)).sum(), activations)[0]
    return found


def class_map(network: Network, values: list[Tensor], start: int, chosen: Tensor) -> Tensor:
    """Return M_c / max M_c of the class c = ``chosen`` [N], with M_c = g_{c,k} A_k.

    g_{c,k} is the mean over positions of ∂y_c/∂A_k. A map without a positive entry is divided by its largest
    size instead, which keeps its sign.
    """
    activations = values[start]
    gain = gradients(network, values, start, chosen)
    positions = tuple(range(2, gain.ndim))
    found = activations * (gain.mean(positions, keepdim=True) if positions else gain)
    flat = found.flatten(1)
    high = flat.amax(1)
    return divide(found, column(torch.where(high > 0, high, flat.abs().amax(1)), found).expand_as(found))


def relative_map(network: Network, values: list[Tensor], start: int, targets: Tensor, competing: Tensor) -> Tensor:
    """Return Rel = (|P| - 1) M_t - Σ_{c in P without t} M_c, its two signs scaled to a total of 1 each.

    Where the maps of all competing classes coincide nothing is relative, and Rel is 0.
    """
    others = competing.scatter(1, targets.unsqueeze(1), value=False)
    own = class_map(network, values, start, targets)
    hostile = torch.zeros_like(own)
    for rank in range(int(others.sum(1).max())):
        has, chosen = _ranked(others, rank)
        hostile += class_map(network, values, start, chosen) * column(has, own)
    return _scaled(_without_noise(own * column(others.sum(1), own) - hostile, own), 1.0, 1.0)


def _without_noise(difference: Tensor, terms: Tensor) -> Tensor:
    """Set to 0 what is no more than rounding of the terms: scaling would blow it up to a map of its own."""
    floor = _ROUNDING * torch.finfo(terms.dtype).eps * terms.flatten(1).abs().amax(1)
    return torch.where(difference.abs() > column(floor, difference), difference, 0)


def _ranked(members: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """Return whether each row has a member number ``rank``, and its class (0 where it has none)."""
    order = members.long().cumsum(1)
    hit = members & (order == rank + 1)
    return hit.any(1), hit.long().argmax(1)


def purged(relative: Tensor, purge: Purge) -> Tensor:
    """Remove units in conflict with s, the relative map summed over channels.

    Target relevance then totals 2, hostile relevance -1. ``sign`` keeps at each position the units whose sign
    agrees with s. ``channel`` gives every channel s / C. With a single position there are no sections, and
    nothing is removed.
    """
    if relative[0, 0].numel() == 1:
        return _scaled(relative, _POSITIVE, _NEGATIVE)
    section = _without_noise(relative.sum(1, keepdim=True), relative)
    if purge == "sign":
        return _scaled(relative * (relative.sign() == section.sign()), _POSITIVE, _NEGATIVE)
    spread = _scaled(section, _POSITIVE, _NEGATIVE) / relative.shape[1]
    return spread.expand_as(relative).clone()


def _scaled(r: Tensor, positive: float, negative: float) -> Tensor:
    """Scale each row: its positive part to a total of ``positive``, its negative part to -``negative``."""
    up, down = r.clamp_min(0), -r.clamp_max(0)
    up = up * column(divide(torch.full_like(totals(up), positive), totals(up)), up)
    return up - down * column(divide(torch.full_like(totals(down), negative), totals(down)), down)


def start_map(
    network: Network,
    values: list[Tensor],
    start: int,
    targets: Tensor,
    *,
    kind: Start,
    purge: Purge,
    activation: str,
) -> Tensor:
    """Return the relevance that propagation starts from, in the shape of the activations of layer ``start``.

    ``single``, and rows where no class competes: R = M_t / max M_t. ``relative``: the purged relative map.
    """
    competing = predicted(values[-1], targets, activation)
    alone = competing.sum(1) < 2
    if kind == "single" or bool(alone.all()):
        return class_map(network, values, start, targets)
    relative = purged(relative_map(network, values, start, targets, competing), purge)
    if not bool(alone.any()):
        return relative
    return torch.where(column(alone, relative) > 0, class_map(network, values, start, targets), relative)
