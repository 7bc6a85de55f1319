"""Reading models: BatchNorm folding, traced operations, refusals, and the caller's model left as it was."""

from __future__ import annotations

import operator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from method_adapters.attribution._relevance import Propagation, UnsupportedModel, trace
from method_adapters.attribution._relevance.layers import Affine, Norm
from method_adapters.attribution.rap import rap, rap_propagation
from method_adapters.attribution.rsp import Options, rsp, rsp_propagation
from xaic.specimens.networks import convolutional, convolutional_1d, perceptron, residual

if TYPE_CHECKING:
    from collections.abc import Callable


class Lambda(nn.Module):
    """A forward made of a function of (module, x)."""

    def __init__(self, function: Any, **parts: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.function(self, x)
        return found


def settled(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give BatchNorm statistics and parameters that are far from 0 and 1; evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                for value, low, high in (
                    (module.running_mean, -1.0, 1.0),
                    (module.running_var, 0.3, 3.0),
                    (module.weight, -1.5, 1.5),
                    (module.bias, -0.5, 0.5),
                ):
                    if value is not None:
                        value.uniform_(low, high, generator=generator)
    return model.eval()


def sequential(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


IMAGES, SERIES, ROWS = (3, 12, 10), (2, 24), (7,)
HEAD = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 4))
MODELS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "cnn with norm": (lambda: convolutional(3, ((4,), (6, 8))), IMAGES),
    "residual with norm": (lambda: residual(3, (4, 6)), IMAGES),
    "series": (lambda: convolutional_1d(2, (4, 6)), SERIES),
    "mlp": (lambda: perceptron([7, 9, 8, 4]), ROWS),
    "series with norm": (
        lambda: sequential(
            nn.Conv1d(2, 6, 5, 2, bias=False),
            nn.BatchNorm1d(6),
            nn.ReLU(),
            nn.AvgPool1d(2),
            nn.Flatten(),
            nn.Linear(30, 4),
        ),
        SERIES,
    ),
    "mlp with norm": (
        lambda: sequential(
            nn.Linear(7, 9), nn.BatchNorm1d(9, affine=False), nn.ReLU(), nn.Dropout(0.5), nn.Linear(9, 4)
        ),
        ROWS,
    ),
    "norm first": (
        lambda: sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), *HEAD),
        IMAGES,
    ),
    "norm first on rows": (
        lambda: sequential(nn.BatchNorm1d(7), nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 4)),
        ROWS,
    ),
    "norm after relu and pooling": (
        lambda: sequential(
            nn.Conv2d(3, 6, 3),
            nn.ReLU(),
            nn.BatchNorm2d(6),
            nn.MaxPool2d(3, 2, 1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            *HEAD,
        ),
        IMAGES,
    ),
    "norm after flatten": (
        lambda: sequential(
            nn.Conv2d(3, 2, 5),
            nn.ReLU(),
            nn.Flatten(),
            nn.BatchNorm1d(96),
            nn.Linear(96, 5),
            nn.ReLU(),
            nn.Linear(5, 4),
        ),
        IMAGES,
    ),
    "two norms in a row": (
        lambda: sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Identity(), nn.BatchNorm2d(6), nn.ReLU(), *HEAD),
        IMAGES,
    ),
    "norm beside another reader": (
        lambda: Lambda(
            lambda m, x: m.head(torch.relu(m.both(m.conv(x)))),
            conv=nn.Conv2d(3, 6, 3),
            both=Lambda(lambda m, x: x + m.norm(x), norm=nn.BatchNorm2d(6)),
            head=nn.Sequential(*deepcopy(HEAD)),
        ),
        IMAGES,
    ),
    "odd convolutions": (
        lambda: sequential(
            nn.Conv2d(3, 6, (3, 2), (2, 1), (1, 0), (1, 2), groups=3),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding="same", groups=2),
            nn.ReLU(),
            nn.AvgPool2d(3, 2, 1, count_include_pad=False),
            nn.Dropout2d(),
            nn.Conv2d(6, 6, 1, padding="valid"),
            nn.ReLU(),
            *HEAD,
        ),
        IMAGES,
    ),
    "functions": (
        lambda: Lambda(
            lambda m, x: m.head(
                functional.dropout(
                    functional.max_pool2d(functional.relu(m.conv(x)), 2, stride=2, padding=1),
                    training=m.training,
                ).view(x.size(0), -1)
            ),
            conv=nn.Conv2d(3, 2, 3),
            head=nn.Linear(60, 4),
        ),
        IMAGES,
    ),
    "shapes and means": (
        lambda: Lambda(
            lambda m, x: m.head(
                torch.reshape(functional.avg_pool2d(m.conv(x).relu(), 2), (x.shape[0], 6, -1))
                .mean(-1)
                .contiguous()
                .unsqueeze(2)
                .squeeze(2)
            ),
            conv=nn.Conv2d(3, 6, 3),
            head=nn.Linear(6, 4),
        ),
        IMAGES,
    ),
    "branches": (
        lambda: Lambda(
            lambda m, x: m.head(
                torch.cat([torch.relu(m.one(x)), torch.relu(m.other(x)).add(torch.relu(m.one(x)))], dim=1).mean((2, 3))
            ),
            one=nn.Conv2d(3, 3, 3, padding=1),
            other=nn.Conv2d(3, 3, 1),
            head=nn.Linear(6, 4),
        ),
        IMAGES,
    ),
    "pooling before the first layer": (
        lambda: sequential(nn.AvgPool2d(2), nn.Conv2d(3, 6, 3), nn.ReLU(), *HEAD),
        IMAGES,
    ),
}


def case(name: str, rows: int = 5, dtype: torch.dtype = torch.float32) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(3)
    make, shape = MODELS[name]
    model = settled(make()).to(dtype)
    inputs = torch.rand(rows, *shape, dtype=dtype) if len(shape) == 3 else torch.randn(rows, *shape, dtype=dtype)
    return model, inputs, torch.arange(rows) % 4 % model(inputs).shape[1]


METHODS: dict[str, Callable[[nn.Module, Tensor, Tensor], Propagation]] = {
    "rap": rap_propagation,
    "rsp": rsp_propagation,
    "rsp single": lambda m, x, t: rsp_propagation(m, x, t, Options("single")),
    "rsp channel": lambda m, x, t: rsp_propagation(
        m, x, t, Options("relative", "channel", "sigmoid", purge_layers=True)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_the_network_computes_what_the_model_computes_without_any_norm(name: str) -> None:
    model, inputs, _ = case(name)
    network = trace(model, inputs)
    assert not any(isinstance(layer, Norm) for layer in network.layers)
    wanted = model(inputs).detach()
    assert wanted.abs().max() > 0.01
    assert_close(network.logits(inputs), wanted, rtol=1e-5, atol=1e-5 * float(wanted.abs().max()))
    assert [tuple(v.shape[1:]) for v in network.values(inputs)] == list(network.shapes)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_every_layer_keeps_the_total(name: str, method: str) -> None:
    model, inputs, targets = case(name)
    found = METHODS[method](model, inputs, targets)
    assert found.relevance.shape == inputs.shape
    assert found.relevance.abs().amax() > 0
    assert len(found.layers) == len(found.totals) >= 2
    assert float(found.deviation().max()) < 1e-4
    # the evidence is about the map that is returned
    assert_close(found.relevance.flatten(1).sum(1).double(), found.totals[-1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_rap_conserves_the_logit(name: str) -> None:
    model, inputs, targets = case(name)
    logits = model(inputs).gather(1, targets.unsqueeze(1)).flatten().detach()
    assert_close(rap(model, inputs, targets).flatten(1).sum(1), logits, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", MODELS)
def test_a_batch_gives_what_its_rows_give_alone_and_calls_repeat(name: str, method: str) -> None:
    model, inputs, targets = case(name, rows=35, dtype=torch.float64)  # more than one batch of the implementation
    whole = METHODS[method](model, inputs, targets).relevance
    assert torch.equal(whole, METHODS[method](model, inputs, targets).relevance)
    for row in (0, 17, 34):
        alone = METHODS[method](model, inputs[[row]], targets[[row]]).relevance
        assert_close(alone[0], whole[row], rtol=1e-7, atol=1e-7 * float(whole[row].abs().max()))


def test_a_norm_right_after_a_layer_is_folded_into_it() -> None:
    model, inputs, _ = case("two norms in a row")
    assert sum(isinstance(layer, Affine) for layer in trace(model, inputs).layers) == 2
    model, inputs, _ = case("norm beside another reader")
    kept = [layer for layer in trace(model, inputs).layers if isinstance(layer, Affine)]
    assert [layer.groups for layer in kept] == [1, 6, 1]


def test_a_residual_network_is_explained_across_its_branches() -> None:
    model, inputs, targets = case("residual with norm")
    layers = rap_propagation(model, inputs, targets).layers
    assert {
        "features.block1.shortcut",
        "features.block1.conv2",
        "features.block1.conv1",
        "features.conv",
    } <= set(layers)


@pytest.mark.parametrize("method", ["rap", "rsp"])
def test_the_callers_model_inputs_and_random_state_stay_as_they_were(method: str) -> None:
    model, inputs, targets = case("cnn with norm")
    model.train()
    calls: list[Any] = []
    for module in model.modules():
        module.register_forward_hook(lambda *_: calls.append(1))
    inputs.requires_grad_()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    flags = [(p.requires_grad, p.grad) for p in model.parameters()]
    state, kept = torch.random.get_rng_state(), inputs.detach().clone()
    found = METHODS[method](model, inputs, targets).relevance
    assert not found.requires_grad
    assert not calls
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert [(p.requires_grad, p.grad) for p in model.parameters()] == flags
    assert all(module.training and len(module._forward_hooks) == 1 for module in model.modules())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.equal(inputs, kept)
    assert inputs.requires_grad
    assert inputs.grad is None
    # evaluation mode is what was explained
    assert_close(METHODS[method](model.eval(), inputs, targets).relevance, found)


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.no_grad, torch.enable_grad])
def test_it_works_whatever_gradient_mode_the_caller_is_in(mode: Any) -> None:
    model, inputs, targets = case("residual with norm")
    wanted = rap(model, inputs, targets), rsp(model, inputs, targets)
    with mode():
        fresh = inputs.clone()
        assert torch.equal(rap(model, fresh, targets), wanted[0])
        assert torch.equal(rsp(model, fresh, targets), wanted[1])


def test_weights_changed_after_tracing_do_not_reach_the_network() -> None:
    model, inputs, _ = case("mlp")
    network = trace(model, inputs)
    before = network.logits(inputs)
    with torch.no_grad():
        for p in model.parameters():
            p.zero_()
    assert torch.equal(network.logits(inputs), before)


def linear_after(function: Any, **parts: nn.Module) -> nn.Module:
    return Lambda(
        lambda m, x: m.head(function(m, m.conv(x)).mean((2, 3))),
        conv=nn.Conv2d(3, 4, 3),
        head=nn.Linear(4, 2),
        **parts,
    )


REFUSED: dict[str, tuple[nn.Module, str]] = {
    "gelu": (
        linear_after(lambda m, x: m.act(x), act=nn.GELU()),
        r"act \(GELU\) is not covered; covered modules: Linear",
    ),
    "layer norm": (
        linear_after(lambda m, x: m.norm(x), norm=nn.GroupNorm(1, 4)),
        r"norm \(GroupNorm\) is not covered",
    ),
    "padding module": (linear_after(lambda m, x: m.pad(x), pad=nn.ZeroPad2d(1)), r"pad \(ZeroPad2d\)"),
    "product": (linear_after(lambda m, x: x * x), "mul is not covered"),
    "sigmoid": (linear_after(lambda m, x: torch.sigmoid(x)), "sigmoid is not covered"),
    "method": (linear_after(lambda m, x: x.permute(0, 1, 3, 2)), "permute is not covered"),
    "bias by hand": (linear_after(lambda m, x: x + 1), "not computed from the input"),
    "scaled sum": (linear_after(lambda m, x: torch.add(x, x, alpha=2)), "alpha = 1 only"),
    "gate": (
        linear_after(lambda m, x: operator.add(x, x.mean((2, 3), keepdim=True))),
        "two branches of one shape",
    ),
    "mean over the batch": (linear_after(lambda m, x: x.mean(0, keepdim=True)), "averages over the batch"),
    "concat of rows": (linear_after(lambda m, x: torch.cat([x, x])), "along the batch"),
    "index": (linear_after(lambda m, x: x[:, :2]), "getitem is covered for shapes only"),
    "reflection": (
        sequential(nn.Conv2d(3, 6, 3, padding=1, padding_mode="reflect"), nn.ReLU(), *HEAD),
        r"0 \(Conv2d\) pads with 'reflect'",
    ),
    "uneven padding": (sequential(nn.Conv2d(3, 6, 2, padding="same"), nn.ReLU(), *HEAD), "pads unevenly"),
    "norm of the batch": (
        sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6, track_running_stats=False), nn.ReLU(), *HEAD),
        r"1 \(BatchNorm2d\) keeps no running statistics",
    ),
    "linear over pixels": (
        sequential(nn.Linear(10, 4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2)),
        "flatten before it",
    ),
    "flattened rows": (Lambda(lambda m, x: m.head(x.view(-1, 30)), head=nn.Linear(30, 2)), "mixes the batch"),
    "branch on data": (
        Lambda(lambda m, x: m.head(x.mean((2, 3))) if x.sum() > 0 else x, head=nn.Linear(3, 2)),
        "branch on data",
    ),
    "no logits": (sequential(nn.Conv2d(3, 6, 3), nn.ReLU()), r"one tensor of logits \[N, K\]"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_is_not_covered_is_refused_by_name(name: str) -> None:
    model, message = REFUSED[name]
    with pytest.raises(UnsupportedModel, match=message):
        rap(model, torch.rand(2, *IMAGES), torch.tensor([0, 1]))


def test_heads_that_a_method_cannot_start_from_are_refused() -> None:
    pooled = sequential(nn.Conv2d(3, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(UnsupportedModel, match="the last layer must be Linear"):
        rap(pooled, torch.rand(2, *IMAGES), torch.tensor([0, 1]))
    with pytest.raises(UnsupportedModel, match="this model has no ReLU"):
        rsp(nn.Linear(7, 3), torch.rand(2, 7), torch.tensor([0, 1]))


def test_a_linear_model_is_all_output_layer() -> None:
    # |c| / Σ|c| · y: the whole map has the sign of the logit
    model = nn.Linear(7, 3).double()
    inputs, targets = torch.randn(4, 7, dtype=torch.float64), torch.tensor([0, 1, 2, 0])
    size = (inputs * model.weight[targets]).abs().detach()
    logits = model(inputs).gather(1, targets.unsqueeze(1)).detach()
    assert_close(rap(model, inputs, targets), size / size.sum(1, keepdim=True) * logits)
