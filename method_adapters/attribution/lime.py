"""LIME: a weighted ridge regression on which features are there (Ribeiro et al. 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from method_adapters.attribution._card import attribution_card
from method_adapters.attribution._coalitions import Features, answers
from xaic.documents.types import Capabilities
from xaic.methods.attribution import AttributionMethod

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


def drawn_presence(features: int, samples: int, generator: torch.Generator) -> Tensor:
    """Return which features are there [S, D]: all in the first sample, each by a fair coin in the others."""
    kept = torch.rand(samples, features, generator=generator) < 0.5
    kept[0] = True
    return kept


def proximity(kept: Tensor, width: float) -> Tensor:
    """Return weights [S]: exp(-d² / width²), d the cosine distance between a sample and the input itself."""
    distance = 1 - kept.double().mean(1).sqrt()
    return torch.exp(-((distance / width) ** 2))


def ridge_matrix(kept: Tensor, weights: Tensor, ridge: float) -> Tensor:
    """Return the matrix [D, S] that turns values [N, S] into ridge coefficients, with an intercept.

    With z centred by its weighted mean: (Zᵀ W Z + ridge · 1)⁻¹ Zᵀ W; the intercept is not penalised.
    """
    mean = (weights.unsqueeze(1) * kept).sum(0) / weights.sum()
    weighted = ((kept - mean) * weights.unsqueeze(1)).T
    penalty = ridge * torch.eye(kept.shape[1], dtype=torch.float64)
    found: Tensor = torch.linalg.solve(weighted @ (kept - mean) + penalty, weighted)
    return found


class LIME(AttributionMethod):
    """Coefficients of a linear model of f_t, fitted on inputs with features switched to the baseline."""

    card = attribution_card(
        "lime",
        "LIME",
        "Fits a small linear model to the target's logit around the input and shows its coefficients.",
        truth="contribution",
        technique="local surrogate model",
        able=Capabilities(access="outputs", stochastic=True, granularity="patch"),
        parameters={"samples": 256, "kernel_width": 0.25, "ridge": 1.0, "grid": 5, "segments": 16},
        convergence="samples",
        assumptions=("the baseline carries no evidence", "near the input, features add up"),
        limits=(
            "the kernel's width decides what near means",
            "ridge regression shrinks the coefficients",
            "images and series are explained by patches and segments",
        ),
        cost="256 forward passes an input",
        references=("Ribeiro, Singh, Guestrin 2016, Why should I trust you?, KDD",),
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return maps in which each feature's coefficient is spread evenly over its locations."""
        features = Features.of(task, int(ctx.parameter("grid")), int(ctx.parameter("segments")))
        kept = drawn_presence(features.count, int(ctx.parameter("samples")), ctx.generator(""))
        values = answers(ctx.module(task.model), task, features, kept, ctx).double()
        weights = proximity(kept, float(ctx.parameter("kernel_width")))
        found = values @ ridge_matrix(kept.double(), weights, float(ctx.parameter("ridge"))).T
        return features.spread(found).to(task.inputs.dtype)
