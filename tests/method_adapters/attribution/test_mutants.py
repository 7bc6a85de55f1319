"""Each mutant has the defect that its name says, and is found only by its reference."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from method_adapters.attribution.integrated_gradients import IntegratedGradients
from method_adapters.mutants.attribution import Drowned, FewSteps, Halved, Negated
from xaic.harness.inspection import card_faults, claim_faults
from xaic.methods.discovery import installed, locate

KINDS = ("image", "tabular", "series")


@pytest.mark.parametrize("kind", KINDS)
def test_signs_are_turned_and_values_halved(kind: str, cases: Any) -> None:
    sound = cases.explain(IntegratedGradients, kind)
    assert float(sound.abs().max()) > 0
    assert torch.equal(cases.explain(Negated, kind), -sound)
    assert torch.equal(cases.explain(Halved, kind), sound / 2)


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_three_times_as_wide_as_the_map_and_drawn_for_each_unit(kind: str, cases: Any) -> None:
    sound, drowned = cases.explain(IntegratedGradients, kind), cases.explain(Drowned, kind)
    width = (drowned - sound).flatten(1).std(1) / sound.flatten(1).std(1)
    assert float(width.mean()) == pytest.approx(3, rel=0.35)
    task = cases.a_task(kind)
    alone = torch.cat([cases.explain(Drowned, kind, task.select([row])) for row in range(len(task.units))])
    torch.testing.assert_close(alone, drowned, rtol=1e-4, atol=1e-5)


def test_two_steps_miss_the_sum_that_is_claimed(cases: Any) -> None:
    task, module = cases.a_task("image"), cases.NETWORKS["image"]()
    with torch.no_grad():
        logits = module(torch.cat([task.inputs, task.baseline[None]]))
    wanted = logits[:-1].gather(1, task.targets[:, None])[:, 0] - logits[-1][task.targets]
    gaps = [(cases.explain(m, "image").flatten(1).sum(1) - wanted).abs() for m in (FewSteps, IntegratedGradients)]
    assert float(gaps[0].max()) > 5 * float(gaps[1].max())
    assert {claim.property for claim in FewSteps.card.claims} >= {"completeness"}


@pytest.mark.parametrize("mutant", [Drowned, FewSteps, Halved, Negated])
def test_cards_are_whole_and_nobody_meets_a_mutant_by_chance(mutant: Any) -> None:
    assert card_faults(mutant.card) + claim_faults(mutant.card) == []
    assert mutant.card.id not in installed()
    assert locate(f"method_adapters.mutants.attribution:{mutant.__name__}").card == mutant.card
