"""Axioms that methods claim: do attributions sum to what they explain?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps

LEAST_SHARE = 0.05
"""Differences of the logit below this share of the largest are measured against that floor."""


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
def completeness(sweeps: AttributionSweeps, subject: str, variant: str) -> dict[str, Tensor]:  # noqa: ARG001
    """|sum a - (f(x) - f(x'))| / max(|f(x) - f(x')|, floor). Parts: 'difference', 'absolute', 'doubled' (steps doubled).

    The floor is a twentieth of the logit's range over classes at the unit, so that it depends on the unit alone.
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
