"""Integrated gradients with a planted defect: sign-flipped, noise-drowned, mis-scaled, of too few steps."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from method_adapters.attribution.integrated_gradients import IntegratedGradients
from xaic.methods.attribution import per_unit_noise

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.documents.types import MethodCard
    from xaic.families.attribution import AttributionTask
    from xaic.methods.base import Context


def mutated(name: str, defect: str, **changes: Any) -> MethodCard:
    """Return the card of a mutant of integrated gradients: it says of itself what the sound method says."""
    return replace(
        IntegratedGradients.card,
        id=f"mutant.{name}",
        title=f"Mutant: {defect}",
        purpose=f"Carries a planted defect: {defect}.",
        **changes,
    )


class Negated(IntegratedGradients):
    """-IG: what supports the class is said to oppose it."""

    card = mutated("negated", "integrated gradients with their sign turned")

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return the maps with their sign turned."""
        return -super().explain_task(task, ctx)


class Drowned(IntegratedGradients):
    """IG + ε, ε ~ N(0, (3 sd)²), sd that of the unit's own values: most of the map is noise."""

    card = mutated(
        "drowned",
        "integrated gradients under noise of three standard deviations",
        claims=(),
        capabilities=replace(IntegratedGradients.card.capabilities, stochastic=True),
    )

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return the maps with noise of each unit's own stream."""
        maps = super().explain_task(task, ctx)
        spread = maps.flatten(1).std(1).view(-1, *[1] * (maps.ndim - 1))
        return maps + 3 * spread * per_unit_noise(task, ctx, tuple(maps.shape[1:]))


class Halved(IntegratedGradients):
    """IG / 2: ranks are sound, sums are not, and completeness is claimed."""

    card = mutated("halved", "half of integrated gradients, completeness claimed")

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return half of the maps."""
        return super().explain_task(task, ctx) / 2


class FewSteps(IntegratedGradients):
    """IG by two steps and no more, completeness claimed."""

    card = mutated(
        "few_steps",
        "integrated gradients of two steps, completeness claimed",
        parameters={"n_steps": 2, "tolerance": 0.01, "most_steps": 2},
    )
