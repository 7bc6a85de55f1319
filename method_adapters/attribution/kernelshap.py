"""KernelSHAP: Shapley values as a weighted least squares over coalitions (Lundberg and Lee 2017).

Samples come in complementary pairs (Covert and Lee 2021); subset sizes that the budget covers come whole. The
constraint that the values sum to f(x) - f(b) is eliminated, so it holds exactly.
"""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import torch

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._coalitions import Features, answers, ends
from xaic.documents.types import Capabilities, ClaimedProperty
from xaic.methods.attribution import AttributionMethod

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


def size_mass(features: int, size: int) -> float:
    """Return the Shapley kernel's weight of all subsets of a size together: (D - 1) / (k (D - k))."""
    return (features - 1) / (size * (features - size))


def every_subset(features: int) -> tuple[Tensor, Tensor]:
    """Return all proper subsets [2^D - 2, D] and their kernel weights (D - 1) / (C(D, k) k (D - k))."""
    numbers = torch.arange(1, 2**features - 1)
    kept = (numbers.unsqueeze(1) >> torch.arange(features)).bitwise_and(1).bool()
    weight = torch.tensor([0.0, *(size_mass(features, k) / comb(features, k) for k in range(1, features))])
    return kept, weight.double()[kept.sum(1)]


def drawn_subsets(features: int, samples: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return about ``samples`` subsets [S, D] and their weights [S]: extreme sizes whole, the rest in pairs.

    Sizes k and D - k are taken whole while their share of the kernel would draw as many samples as they have
    subsets. The rest are pairs: a size by its weight, a subset of that size evenly, and its complement.
    """
    sizes = range(1, features // 2 + 1)
    mass = {k: size_mass(features, k) * (1 if 2 * k == features else 2) for k in sizes}
    left, budget = sum(mass.values()), samples
    parts, weights = [], []
    size = 1
    while size in mass and budget * mass[size] / left >= (whole := _whole_size(features, size)):
        parts.append(_all_of_size(features, size))
        weights.append(torch.full((whole,), mass[size] / whole, dtype=torch.float64))
        budget, left, size = budget - whole, left - mass[size], size + 1
    pairs = budget // 2
    if size in mass and pairs > 0:
        shares = torch.tensor([mass[k] for k in sizes[size - 1 :]])
        drawn = torch.multinomial(shares, pairs, replacement=True, generator=generator) + size
        ranks = torch.rand(pairs, features, generator=generator).argsort(1).argsort(1)
        kept = ranks < drawn.unsqueeze(1)
        parts.append(torch.cat([kept, ~kept]))
        weights.append(torch.full((2 * pairs,), left / (2 * pairs), dtype=torch.float64))
    return torch.cat(parts), torch.cat(weights)


def _whole_size(features: int, size: int) -> int:
    return comb(features, size) * (1 if 2 * size == features else 2)


def _all_of_size(features: int, size: int) -> Tensor:
    members = torch.tensor(list(combinations(range(features), size)))
    kept = torch.zeros(len(members), features, dtype=torch.bool).scatter_(1, members, value=True)
    return kept if 2 * size == features else torch.cat([kept, ~kept])


def shapley_matrix(kept: Tensor, weights: Tensor) -> Tensor:
    """Return the matrix [D, S] that turns values of coalitions into Shapley values, but for their even part.

    With an orthonormal basis B of the directions that sum to zero, φ = Δ/D + B β. β is the weighted least
    squares solution of (z B) β = v(z) - v(0) - |z| Δ / D, smallest in norm where samples leave it open. The
    matrix is B (W^½ z B)⁺ W^½.
    """
    features = kept.shape[1]
    spanning = torch.cat([torch.ones(features, 1), torch.eye(features)[:, :-1]], 1).double()
    basis = torch.linalg.qr(spanning).Q[:, 1:]
    root = weights.double().sqrt()
    found: Tensor = basis @ torch.linalg.pinv(root.unsqueeze(1) * (kept.double() @ basis)) * root
    return found


def shapley_values(kept: Tensor, weights: Tensor, values: Tensor, full: Tensor, empty: Tensor) -> Tensor:
    """Return Shapley values [N, D] from values of coalitions [N, S], of all features [N] and of none [N]."""
    gain = (full - empty).double().unsqueeze(1)
    share = kept.double().mean(1)
    residual = values.double() - empty.double().unsqueeze(1) - gain * share
    return gain / kept.shape[1] + residual @ shapley_matrix(kept, weights).T


class KernelSHAP(AttributionMethod):
    """Shapley values of the game in which absent features take the baseline's values."""

    card = attribution_card(
        "kernelshap",
        "KernelSHAP",
        "Shares out the difference of the logit from the baseline's as fairly as cooperative games do.",
        truth="contribution",
        technique="Shapley values by weighted regression over coalitions",
        able=Capabilities(access="outputs", stochastic=True, granularity="patch"),
        parameters={"samples": 256, "exact_up_to": 12, "grid": 5, "segments": 16},
        convergence="samples",
        claims=(ClaimedProperty("completeness", 1e-3, "relative to f(x) - f(baseline); by construction"),),
        assumptions=(
            "the baseline carries no evidence",
            "features may be absent independently of each other",
        ),
        limits=(
            "absent features make inputs unlike any input",
            "images and series are explained by patches and segments",
            "sampled above the number of features given by exact_up_to",
        ),
        cost="258 forward passes an input; 2^D up to 12 features",
        references=(
            "Lundberg, Lee 2017, A unified approach to interpreting model predictions, NeurIPS",
            "Covert, Lee 2021, Improving KernelSHAP, AISTATS",
        ),
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return maps whose sums are f(x) - f(b): each feature's value is spread over its locations."""
        model = ctx.module(task.model)
        features = Features.of(task, int(ctx.parameter("grid")), int(ctx.parameter("segments")))
        full, empty = ends(model, task)
        if features.count == 1:
            return features.spread((full - empty).unsqueeze(1))
        if features.count <= int(ctx.parameter("exact_up_to")):
            kept, weights = every_subset(features.count)
        else:
            samples = max(int(ctx.parameter("samples")), 2 * features.count)
            kept, weights = drawn_subsets(features.count, samples, ctx.generator(""))
        values = answers(model, task, features, kept, ctx)
        return features.spread(shapley_values(kept, weights, values, full, empty)).to(task.inputs.dtype)
