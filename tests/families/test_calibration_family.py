"""The calibration family: logits to fit on apart from those to be scored, and distributions that are some."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch

from xaic.documents.errors import BadData, ContractBreach
from xaic.families.base import Material, Parcel, get_family
from xaic.families.calibration import CalibrationTask, Distribution

FAMILY = get_family("calibration")
LOGITS = torch.tensor([[0.0, 1.0, 2.0], [3.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 5.0]])
TASK = CalibrationTask(LOGITS, tuple("abcd"))
SURE = torch.tensor([[1.0, 0.0, 0.0]]).repeat(4, 1)


def material(**more: Any) -> Material:
    given = {
        "kind": "scores",
        "inputs": LOGITS,
        "labels": torch.tensor([0, 1, 2, 0]),
        "targets": LOGITS.argmax(1),
        "units": tuple("abcd"),
        "background": -LOGITS,
        "background_labels": torch.tensor([2, 1, 0, 0]),
    }
    return Material(**{**given, **more})


def test_fitting_and_scoring_rows_are_kept_apart() -> None:
    posed = FAMILY.pose(material(), {"units": 3})
    assert torch.equal(posed.task.logits, LOGITS[:3])
    assert posed.task.units == ("a", "b", "c")
    assert torch.equal(posed.truths["labels"], torch.tensor([0, 1, 2]))
    assert torch.equal(posed.fit.tensors["logits"], -LOGITS)
    assert torch.equal(posed.fit.tensors["labels"], torch.tensor([2, 1, 0, 0]))
    assert "labels" not in posed.task.pack().tensors  # the method does not see the answers


def test_without_labels_there_is_nothing_to_fit_on() -> None:
    with pytest.raises(BadData, match="with background labels to fit on"):
        FAMILY.pose(material(background_labels=None), {})


def test_tasks_are_selected_and_travel() -> None:
    part = TASK.select([3, 1])
    assert part.units == ("d", "b")
    assert torch.equal(part.logits, LOGITS[[3, 1]])
    parcel = TASK.pack()
    found = FAMILY.unpack(Parcel(parcel.tensors, json.loads(json.dumps(dict(parcel.data)))))
    assert found.units == TASK.units
    assert torch.equal(found.logits, TASK.logits)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_distributions_are_accepted(dtype: torch.dtype) -> None:
    for p in (LOGITS.softmax(1), SURE, torch.full((4, 3), 1 / 3)):
        FAMILY.check(TASK, Distribution(p.to(dtype)))


@pytest.mark.parametrize(
    ("p", "told"),
    [
        (SURE[:3], r"have shape \[3, 3\]; return \[4, 3\]"),
        (SURE[:, :2], r"have shape \[4, 2\]"),
        (SURE.long(), "return floating point"),
        (SURE * torch.nan, "NaN or infinite"),
        (SURE * torch.inf, "NaN or infinite"),
        (SURE * 0.99, "the worst sum is off by 0.01"),
        (SURE + torch.tensor([0.1, -0.1, 0.0]), r"must be in \[0, 1\]"),
        (LOGITS, "sum to 1"),
    ],
)
def test_what_is_no_distribution_is_refused(p: torch.Tensor, told: str) -> None:
    with pytest.raises(ContractBreach, match=told):
        FAMILY.check(TASK, Distribution(p))


def test_outputs_travel_join_and_differ() -> None:
    p = LOGITS.softmax(1)
    for output in (Distribution(p), p):
        assert torch.equal(FAMILY.unpack_output(FAMILY.pack_output(output)).probabilities, p)
    with pytest.raises(ContractBreach, match="must be a tensor or Distribution, not dict"):
        FAMILY.pack_output({"p": p})
    assert torch.equal(FAMILY.join([Distribution(p[:1]), Distribution(p[1:])]).probabilities, p)
    moved = p + torch.tensor([0.1, -0.1, 0.0])
    torch.testing.assert_close(FAMILY.distance(Distribution(p), Distribution(moved)), torch.full((4,), 0.1))
    assert FAMILY.distance(Distribution(p), Distribution(p)).tolist() == [0] * 4
