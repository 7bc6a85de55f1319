"""Tests of this project: what a map is, and what xaic says of it on a few rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from outside_maps.maps import Honest
from torch import nn

from xaic.testing import checks

SMOKE = Path(__file__).parents[1] / "conformance" / "profiles" / "smoke.yaml"


def test_the_map_of_a_linear_model_is_its_weights() -> None:
    model = nn.Linear(3, 2)
    inputs, targets, nothing = torch.zeros(2, 3), torch.tensor([0, 1]), cast("Any", None)
    assert torch.equal(Honest().explain(model, inputs, targets, nothing), model.weight)


@pytest.mark.parametrize("check", checks(Honest, str(SMOKE), workers=1))
def test_conformance(check: Callable[[], None]) -> None:
    check()
