"""The positive control: what is known by construction about the benchmark's inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from method_adapters.attribution._card import control_card
from xaic.documents.errors import BadData
from xaic.documents.types import Capabilities
from xaic.families.attribution import Attribution
from xaic.methods.base import Control
from xaic.methods.controls import DerivedProbe

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from xaic.families.attribution import AttributionTask
    from xaic.families.base import Posed
    from xaic.methods.base import ControlSetting, Probe
    from xaic.methods.controls import Question


def known_maps(truths: Mapping[str, Tensor], rows: Tensor, targets: Tensor, asked: Tensor) -> Tensor:
    """Return the truth of rows for the classes ``targets`` [N]; the benchmark explains ``asked`` [N].

    Contributions come first, then the masks of all classes, then the mask of the explained class.

    Raises:
        BadData: nothing is known, or nothing about one of the classes.
    """
    if "contribution" not in truths and "masks" in truths:
        masks = truths["masks"][rows]
        return masks[torch.arange(len(rows)), targets].unsqueeze(1)
    name = next((name for name in ("contribution", "mask", "sensitivity") if name in truths), "")
    if not name:
        raise BadData(f"the benchmark knows no map by construction; its truths: {sorted(truths)}")
    if not torch.equal(targets, asked):
        raise BadData(f"the truth {name!r} is known for the explained classes only")
    return truths[name][rows]


class PlantedTruth(Control):
    """Contributions known in closed form, or the mask of the object that the class stands for.

    It answers for the benchmark's units, some or all. At other inputs of a unit and on other models it says
    the same, for it knows no others.
    """

    card = control_card(
        "oracle",
        "Oracle: planted truth",
        "What is known by construction: exact contributions, or the region that matters.",
        control="",
        able=Capabilities(access="none"),
        cost="no pass",
        role="oracle",
        truth="contribution",
        parameters={"derived": True, "base": "attribution.random"},  # some method: it is not asked
        assumptions=("the benchmark's construction is as its specimen says",),
        references=("Yang, Kim 2019, Benchmarking attribution methods with relative feature importance, arXiv",),
    )

    def derive(self, base: Probe[Any, Any], setting: ControlSetting) -> DerivedProbe:
        """Return the probe that tells the truth; the base is not asked."""
        posed: Posed[AttributionTask] = setting.posed
        place = {unit: row for row, unit in enumerate(posed.task.units)}

        def answer(question: Question) -> Attribution:
            task: AttributionTask = question.task
            missing = [unit for unit in task.units if unit not in place]
            if missing:
                raise BadData(f"nothing is known about unit {missing[0]!r}")
            rows = torch.tensor([place[unit] for unit in task.units])
            maps = known_maps(posed.truths, rows, task.targets, posed.task.targets[rows])
            return Attribution(maps.to(task.inputs.dtype))

        return DerivedProbe(self.card, base, answer, setting.generator)
