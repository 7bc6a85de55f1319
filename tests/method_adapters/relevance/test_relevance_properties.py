"""What holds for every layer: adjoint windows, kept totals, cancelled weights, no map out of rounding."""

from __future__ import annotations

from typing import Any, cast

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.testing import assert_close

from method_adapters.attribution._relevance.layers import Affine
from method_adapters.attribution._relevance.rules import box_rule, divide, sum_rule
from method_adapters.attribution._relevance.start_map import predicted
from method_adapters.attribution._relevance.windows import scatter, windows
from method_adapters.attribution.rap import hidden_rule
from method_adapters.attribution.rsp import rsp, sectional_rule

FEW = settings(max_examples=60, deadline=None)


@st.composite
def layers(draw: st.DrawFn) -> tuple[Affine, Tensor, Tensor]:
    """A random affine layer with an input and relevance of both signs at its output."""
    axes = draw(st.integers(0, 2))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    rows, groups = draw(st.integers(1, 3)), draw(st.integers(1, 2)) if axes else 1
    inputs, outputs = groups * draw(st.integers(1, 3)), groups * draw(st.integers(1, 3))
    kernel, stride, padding, dilation, size = (
        tuple(draw(st.integers(low, high)) for _ in range(axes))
        for low, high in ((1, 3), (1, 3), (0, 2), (1, 2), (5, 8))
    )
    weight = torch.randn(outputs, inputs // groups, *kernel, dtype=torch.float64, generator=generator)
    layer = Affine("layer", (0,), weight, None, stride, padding, dilation, groups)
    x = torch.randn(rows, inputs, *size, dtype=torch.float64, generator=generator)
    if draw(st.booleans()):
        x = x.relu()
    out = layer.apply(x, weight)
    r = torch.randn(out.shape, dtype=torch.float64, generator=generator)
    keep = torch.rand(out.shape, generator=generator) < draw(st.floats(0.2, 1.0))
    reads = layer.apply(torch.ones_like(x), torch.ones_like(weight)) > 0  # the rest reads padding only
    return layer, x, r * keep * reads


def total(x: Tensor) -> Tensor:
    return x.flatten(1).sum(1)


def reached(layer: Affine, size: Tensor, placed: Tensor) -> Tensor:
    """Rows with a unit of ``placed`` that reads an active input; in other rows relevance is shared evenly."""
    rows = (placed & (layer.apply(size, layer.weight.abs()) > 0)).flatten(1).any(1)
    return rows.view((-1,) + (1,) * (size.ndim - 1)).expand_as(size)


@FEW
@given(layers())
def test_transpose_is_the_adjoint(drawn: tuple[Affine, Tensor, Tensor]) -> None:
    layer, x, s = drawn
    back = layer.transpose(s, layer.weight, x)
    assert back.shape == x.shape
    assert_close(total(layer.apply(x, layer.weight) * s), total(x * back))


@FEW
@given(layers())
def test_windows_times_weights_is_the_convolution_and_scatter_is_its_adjoint(
    drawn: tuple[Affine, Tensor, Tensor],
) -> None:
    layer, x, s = drawn
    patches = windows(layer, x)
    weights = layer.weight.reshape(layer.groups, -1, patches.shape[2])
    assert_close((weights @ patches).view(s.shape), layer.apply(x, layer.weight))
    other = torch.randn(patches.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert_close(total(patches * other), total(x * scatter(layer, other, x)))


@FEW
@given(layers())
def test_rap_keeps_the_total_of_any_layer(drawn: tuple[Affine, Tensor, Tensor]) -> None:
    layer, x, r = drawn
    found = hidden_rule(layer, x, r)
    assert_close(total(found), total(r), rtol=1e-9, atol=1e-9)
    assert not found[reached(layer, x.abs(), r > 0) & (x == 0)].any()


@FEW
@pytest.mark.parametrize("purge", [False, True])
@given(drawn=layers())
def test_rsp_keeps_the_total_of_any_layer(purge: Any, drawn: tuple[Affine, Tensor, Tensor]) -> None:
    layer, x, r = drawn
    found = sectional_rule(layer, x, r, purge=purge)
    assert_close(total(found), total(r), rtol=1e-9, atol=1e-9)
    if not purge:
        assert not found[reached(layer, x.clamp_min(0), r != 0) & (x <= 0)].any()


@FEW
@given(layers())
def test_the_first_layer_keeps_the_total_sign_by_sign(drawn: tuple[Affine, Tensor, Tensor]) -> None:
    layer, x, r = drawn
    r = r.abs()
    found = box_rule(layer, x, r)
    assert_close(total(found), total(r), rtol=1e-9, atol=1e-9)
    assert float(found.min()) >= 0


@FEW
@given(layers(), st.floats(0.01, 100.0))
def test_rules_are_homogeneous(drawn: tuple[Affine, Tensor, Tensor], factor: float) -> None:
    layer, x, r = drawn
    assume(bool((r != 0).any()))
    for rule in (hidden_rule, sectional_rule, box_rule):
        assert_close(rule(layer, x, factor * r), factor * rule(layer, x, r), rtol=1e-7, atol=1e-9 * factor)


@FEW
@given(layers(), st.integers(0, 2**31))
def test_hidden_weights_cancel_from_rsp(drawn: tuple[Affine, Tensor, Tensor], seed: int) -> None:
    layer, x, r = drawn
    other = torch.randn(layer.weight.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    twin = Affine("twin", (0,), other, None, layer.stride, layer.padding, layer.dilation, layer.groups)
    assert torch.equal(sectional_rule(layer, x, r), sectional_rule(twin, x, r))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_divide_never_overflows(dtype: torch.dtype) -> None:
    tiny = torch.finfo(dtype).tiny
    found = divide(torch.tensor([1.0, 1.0, 0.0, 6.0], dtype=dtype), torch.tensor([0.0, tiny, 0.0, -2.0], dtype=dtype))
    assert found.tolist() == [0.0, 0.0, 0.0, -3.0]


@FEW
@given(st.integers(0, 2**31))
def test_a_sum_of_cancelling_branches_keeps_the_total(seed: int) -> None:
    g = torch.Generator().manual_seed(seed)
    x, r = torch.randn(3, 4, generator=g), torch.randn(3, 4, generator=g)
    one, other = sum_rule((x, -x), r)
    assert_close(one, r / 2)
    assert_close(other, r / 2)


def test_which_classes_compete() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.0, -1.0], [-1.0, -2.0, -3.0, -0.5], [0.0, 5.0, -5.0, 1.0]])
    targets = torch.tensor([1, 0, 2])
    assert predicted(logits, targets, "softmax").tolist() == [
        [True, True, False, False],
        [True, False, False, True],
        [False, True, True, False],
    ]
    assert predicted(logits, targets, "sigmoid").tolist() == [
        [True, True, True, False],
        [True, False, False, False],
        [True, True, True, True],
    ]


def test_relative_maps_of_two_classes_with_the_same_evidence_are_silent_not_noise() -> None:
    # one live hidden unit: both logits have proportional gradients, so that their maps coincide
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv1d(1, 3, 3), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(3, 1), nn.Linear(1, 2)
    )
    with torch.no_grad():
        cast("nn.Linear", net[5]).weight.copy_(torch.tensor([[1.0], [0.3]]))
    assert not rsp(net, torch.rand(6, 1, 9), torch.tensor([0, 1] * 3)).any()


@FEW
@given(layers())
def test_a_constant_input_is_not_lost_at_the_first_layer(drawn: tuple[Affine, Tensor, Tensor]) -> None:
    layer, x, r = drawn
    flat = torch.full_like(x, 0.7)
    assert_close(total(box_rule(layer, flat, r)), total(r), rtol=1e-9, atol=1e-9)
