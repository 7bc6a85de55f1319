"""Axioms that methods claim: do attributions sum to what they explain?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps

LEAST_SHARE = 0.05
"""Floor of the difference of the target's logit, as a share of the largest difference over classes."""

LEAST_TOTAL = 1e-6
"""Floor of the total that conservation is relative to."""


@metric(
    id="axioms.completeness",
    family="attribution",
    title="Completeness: gap between the sum of attributions and the difference of the logit",
    property="completeness",
    unit="relative gap",
    range=(0.0, None),
    direction="lower",
    source="Sundararajan et al. 2017, proposition 1",
    sweeps=("output", "predictions", "baseline_logits", "doubled"),
    subjects="method",
)
def completeness(sweeps: AttributionSweeps, subject: str, _variant: str) -> dict[str, Tensor]:
    """|sum a - (f(x) - f(x'))| / max(|f(x) - f(x')|, floor), f the target's logit and x' the task's baseline.

    The floor is a twentieth of the largest difference |f_k(x) - f_k(x')| over classes k, so it depends on
    the unit alone. Parts: 'absolute' (the gap itself), 'difference' (f(x) - f(x')), and 'doubled' (the
    relative gap with the convergence parameter doubled) where the method has one.
    """
    task = sweeps.task
    logits = sweeps.predictions().double()
    start = sweeps.baseline_logits().double()
    at = task.targets[:, None]
    difference = logits.gather(1, at).squeeze(1) - start[task.targets]
    floor = LEAST_SHARE * (logits - start).abs().amax(1).clamp_min(1e-6)
    scale = torch.maximum(difference.abs(), floor)

    def gap(values: Tensor) -> Tensor:
        return (values.double().flatten(1).sum(1) - difference).abs()

    absolute = gap(sweeps.output(subject).values)
    doubled = sweeps.doubled(subject)
    more = {} if doubled is None else {"doubled": gap(doubled) / scale}
    return {"": absolute / scale, "absolute": absolute, "difference": difference, **more}


@metric(
    id="axioms.conservation",
    family="attribution",
    title="Conservation: gap between the sum of relevance and the total that the method shares out",
    property="conservation",
    unit="relative gap",
    range=(0.0, None),
    direction="lower",
    source="Bach et al. 2015, eq. 2",
    sweeps=("output", "predictions"),
    subjects="method",
)
def conservation(sweeps: AttributionSweeps, subject: str, _variant: str) -> dict[str, Tensor]:
    """|sum a - T| / |T|, T the total the method states; NaN where it states none.

    Part 'logit': |T - f(x)| / |f(x)|, whether that total is the target's logit.
    """
    found = sweeps.output(subject)
    logit = sweeps.predictions().double().gather(1, sweeps.task.targets[:, None]).squeeze(1)
    if found.total is None:
        nothing = torch.full_like(logit, torch.nan)
        return {"": nothing, "logit": nothing}
    total = found.total.double()
    spread = found.values.double().flatten(1).sum(1)
    return {"": _relative(spread - total, total), "logit": _relative(total - logit, logit)}


def _relative(gap: Tensor, whole: Tensor) -> Tensor:
    return gap.abs() / whole.abs().clamp_min(LEAST_TOTAL)
