"""Two maps with the same values: one says on its card what they are, one says more than is true."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from xaic import AttributionMethod, Context, MethodCard
from xaic.documents.types import Capabilities, ClaimedProperty


class Honest(AttributionMethod):
    """The gradient of the target's logit."""

    card = MethodCard(
        id="outside.honest",
        title="Gradient",
        family="attribution",
        purpose="Show to which parts of the input the target's logit is sensitive.",
        truth="sensitivity",
        capabilities=Capabilities(access="gradients", signed=True, stochastic=False),
        unclaimed=("completeness",),
        assumptions=("the model is differentiable at the input",),
        limits=("first order only",),
        cost="1 gradient pass an input",
        references=("Simonyan, Vedaldi and Zisserman 2014, section 3",),
        themes={
            "T-STK": ("developers",),
            "T-LC": ("verification and validation",),
            "T-NEED": ("which parts of this input mattered",),
            "T-FORM": ("visual",),
            "T-APPR": ("post hoc, local",),
            "T-TECH": ("needs gradients",),
            "T-FAM": ("post hoc: attribution",),
        },
    )

    def explain(self, model: nn.Module, inputs: Tensor, targets: Tensor, ctx: Context) -> Tensor:
        """Return one map per input, shaped like the inputs."""
        inputs = inputs.clone().requires_grad_(True)
        logits = model(inputs).gather(1, targets[:, None])
        (gradient,) = torch.autograd.grad(logits.sum(), inputs)
        return gradient


class Boastful(Honest):
    """The same map, which claims to add up to the logit's change: it does not."""

    card = replace(
        Honest.card,
        id="outside.boastful",
        title="Gradient, boasting",
        claims=(ClaimedProperty("completeness", 0.02, "all networks"),),
        unclaimed=("implementation invariance",),
    )
