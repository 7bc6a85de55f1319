"""The short ways to write a method: what an author writes, and what is derived from it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
import torch
from torch import Tensor, nn

from xaic.documents.errors import BadData
from xaic.documents.schemas import validate
from xaic.documents.store import to_data
from xaic.engine.streams import Streams
from xaic.families.attribution import AttributionTask
from xaic.methods.attribution import AttributionMethod, attribution_method, per_unit_noise
from xaic.methods.base import State
from xaic.methods.discovery import load_method

if TYPE_CHECKING:
    from xaic.families.model import Model

PLUGIN = '''
"""A method in a file of a user's own."""
import torch
from xaic.methods.attribution import AttributionMethod, attribution_method


class Saliency(AttributionMethod):
    def explain(self, model, inputs, targets, ctx):
        logits = model(inputs.requires_grad_()).gather(1, targets[:, None])
        return torch.autograd.grad(logits.sum(), inputs)[0]


@attribution_method(title="Ones", access="none")
def ones(model, inputs, targets):
    return torch.ones_like(inputs)
'''


class Ctx:
    """A context with one module, parameters and real streams."""

    device, scratch = torch.device("cpu"), Path()

    def __init__(self, **parameters: Any) -> None:
        self.parameters = parameters
        self.lent = nn.Linear(4, 2, bias=False).requires_grad_(requires_grad=False)
        self.lent.weight.data = torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]])

    def generator(self, unit: str = "") -> torch.Generator:
        return Streams(3).generator(unit)

    def progress(self, share: float) -> None: ...

    def count(self, forward: int, backward: int = 0) -> None: ...

    def parameter(self, name: str) -> Any:
        return self.parameters[name]

    def module(self, model: Model) -> nn.Module:
        return self.lent


def a_task() -> AttributionTask:
    x = torch.arange(8.0).view(2, 4)
    nothing = cast("Model", None)
    return AttributionTask("tabular", x, torch.tensor([0, 1]), x[0], x, nothing, ("a", "b"))


def run(cls: type[AttributionMethod], **parameters: Any) -> Tensor:
    values: Tensor = cls().run(a_task(), State(), Ctx(**{**cls.card.parameters, **parameters})).values
    return values


class WeightTimesInput(AttributionMethod):
    """Multiplies weights
    and inputs.

    More words that are no purpose.
    """

    truth = "contribution"
    access = "gradients"
    signed = True
    references = ("Nobody 2024",)

    def explain(self, model: nn.Module, inputs: Tensor, targets: Tensor, ctx: Any) -> Tensor:
        inputs.requires_grad_()
        (gradient,) = torch.autograd.grad(model(inputs).gather(1, targets.unsqueeze(1)).sum(), inputs)
        return gradient * inputs


def test_three_lines_make_a_method_with_a_card() -> None:
    card = WeightTimesInput.card
    assert (card.id, card.title) == ("attribution.weight_times_input", "Weight times input")
    assert card.purpose == "Multiplies weights and inputs."
    assert (card.truth, card.references, card.claims) == ("contribution", ("Nobody 2024",), ())
    validate(to_data(card), "here", "card")
    expected = torch.tensor([[0.0, 2, 6, 12], [20, 30, 42, 56]])
    assert torch.equal(run(WeightTimesInput), expected)
    assert not run(WeightTimesInput).requires_grad


def test_the_inputs_are_a_copy_that_may_be_changed() -> None:
    @attribution_method
    def careless(model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        return inputs.mul_(0)

    task = a_task()
    careless().run(task, State(), Ctx())
    assert torch.equal(task.inputs, torch.arange(8.0).view(2, 4))


def test_a_function_becomes_a_method_whose_keywords_are_parameters() -> None:
    @attribution_method(title="Scaled", truth="sensitivity", stochastic=True, cost="nothing")
    def scaled_input(model: nn.Module, inputs: Tensor, targets: Tensor, ctx: Any, *, factor: float = 2.0) -> Tensor:
        """Scale the input."""
        assert ctx.device.type == "cpu"
        return factor * inputs

    assert issubclass(scaled_input, AttributionMethod)
    assert (scaled_input.__name__, scaled_input.card.id) == ("scaled_input", "attribution.scaled_input")
    assert (scaled_input.card.title, scaled_input.card.purpose) == ("Scaled", "Scale the input.")
    assert scaled_input.card.capabilities.stochastic
    assert scaled_input.card.parameters == {"factor": 2.0}
    assert torch.equal(run(scaled_input), 2 * a_task().inputs)
    assert torch.equal(run(scaled_input, factor=3.0), 3 * a_task().inputs)


def test_a_subclass_starts_from_its_parents_card_under_a_name_of_its_own() -> None:
    class Variant(WeightTimesInput):
        stochastic = True

    assert Variant.card.id == "attribution.variant"
    assert Variant.card.truth == "contribution"
    assert Variant.card.capabilities.stochastic
    assert not WeightTimesInput.card.capabilities.stochastic


def test_misspelt_fields_and_signatures_are_refused() -> None:
    with pytest.raises(BadData, match="titel"):
        attribution_method(titel="x")(lambda model, inputs, targets: inputs)
    with pytest.raises(BadData, match="model, inputs, targets"):
        attribution_method(lambda inputs: inputs)

    def no_default(model: nn.Module, inputs: Tensor, targets: Tensor, *, steps: int) -> Tensor:
        return inputs * steps

    with pytest.raises(BadData, match="defaults"):
        attribution_method(no_default)


def test_a_method_may_see_the_whole_task() -> None:
    class FromBaseline(AttributionMethod):
        def explain_task(self, task: AttributionTask, ctx: Any) -> Tensor:
            return task.inputs - task.baseline

    assert torch.equal(run(FromBaseline)[0], torch.zeros(4))


def test_a_method_without_a_function_says_so() -> None:
    class Empty(AttributionMethod):
        """Nothing."""

    with pytest.raises(NotImplementedError, match="Empty"):
        run(Empty)


def test_noise_of_a_unit_is_its_own() -> None:
    task, ctx = a_task(), Ctx()
    whole = per_unit_noise(task, ctx, (3, 5))
    assert whole.shape == (2, 3, 5)
    assert not torch.equal(whole[0], whole[1])
    assert torch.equal(per_unit_noise(task.select([1]), ctx, (3, 5))[0], whole[1])
    even = per_unit_noise(task, ctx, (1000,), "uniform")
    assert float(even.min()) >= 0
    assert float(even.max()) < 1
    assert abs(float(even.mean()) - 0.5) < 0.05
    assert abs(float(per_unit_noise(task, ctx, (4000,)).std()) - 1) < 0.05


@pytest.mark.parametrize(
    ("name", "expected"), [("Saliency", [[1.0, 2, 3, 4], [5, 6, 7, 8]]), ("ones", [[1.0] * 4] * 2)]
)
def test_both_ways_work_from_a_file(name: str, expected: list[list[float]], tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(PLUGIN, "utf-8")
    method = cast("AttributionMethod", load_method(f"{path}:{name}"))
    assert torch.equal(method.run(a_task(), State(), Ctx()).values, torch.tensor(expected))
