"""Gradient and propagation methods against known answers, Captum called plainly, and their formulas."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from captum.attr import NoiseTunnel, Saliency
from torch import nn

from method_adapters.attribution._passes import rows_at_once, twin
from method_adapters.attribution._spatial import last_spatial_layer
from method_adapters.attribution.deeplift import DeepLIFT
from method_adapters.attribution.grad_cam import GradCAM
from method_adapters.attribution.gradient import Gradient
from method_adapters.attribution.guided_grad_cam import GuidedGradCAM
from method_adapters.attribution.input_x_gradient import InputXGradient
from method_adapters.attribution.integrated_gradients import IntegratedGradients
from method_adapters.attribution.lrp import LRP
from method_adapters.attribution.occlusion import Occlusion
from method_adapters.attribution.smoothgrad import SmoothGrad, smoothed
from xaic.documents.errors import BadData

if TYPE_CHECKING:
    from torch import Tensor


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def linear(weights: list[list[float]]) -> nn.Module:
    module = nn.Linear(len(weights[0]), len(weights), bias=False)
    module.weight.data = torch.tensor(weights)
    return module.requires_grad_(requires_grad=False)


WEIGHTS = [[1.0, -2.0, 0.5, 0.0, 0.0, 3.0], [0.0, 1.0, 1.0, 1.0, -1.0, 0.0], [2.0, 0.0, 0.0, -1.0, 0.0, 1.0]]


def test_a_linear_model_gives_its_weights(cases: Any) -> None:
    task, module = cases.a_task("tabular"), linear(WEIGHTS)
    w = np.array(WEIGHTS)[task.targets.numpy()]
    x, b = task.inputs.numpy(), task.baseline.numpy()
    assert np.allclose(cases.explain(Gradient, "tabular", task, module), w)
    assert np.allclose(cases.explain(SmoothGrad, "tabular", task, module), w, atol=1e-6)
    assert np.allclose(cases.explain(InputXGradient, "tabular", task, module), w * x, atol=1e-6)
    assert np.allclose(cases.explain(LRP, "tabular", task, module, epsilon=1e-9), w * x, atol=1e-4)
    for cls in (IntegratedGradients, DeepLIFT, Occlusion):
        assert np.allclose(cases.explain(cls, "tabular", task, module), w * (x - b), atol=1e-5)


def test_the_logit_is_explained_not_the_softmax(cases: Any) -> None:
    """The logits' gradients for all targets of one input need not sum to zero; those of softmax would."""
    task = cases.a_task("tabular", n=3)
    same = task.with_inputs(task.inputs[:1].expand(3, -1))
    assert float(cases.explain(Gradient, "tabular", same).sum(0).abs().max()) > 1e-2


def test_integrated_gradients_of_a_polynomial_by_hand(cases: Any) -> None:
    """f = (u·x)² from b: φ_i = (x_i - b_i) u_i (u·x + u·b); 2 u·z has its mean in the middle of the line."""

    class Squared(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x @ torch.tensor([1.0, -2, 0.5, 0, 1, 3])).square().unsqueeze(1).expand(-1, 3)

    task = cases.a_task("tabular")
    u, x, b = np.array([1.0, -2, 0.5, 0, 1, 3]), task.inputs.double().numpy(), task.baseline.double().numpy()
    expected = (x - b) * u * (x @ u + b @ u)[:, None]
    found = cases.explain(IntegratedGradients, "tabular", task, Squared(), n_steps=2)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_more_steps_bring_integrated_gradients_nearer_to_completeness(cases: Any) -> None:
    task, module = cases.a_task("image", n=20), cases.NETWORKS["image"]()
    gain = cases.target_gain(module, task)
    gaps = [
        float(
            (cases.explain(IntegratedGradients, "image", task, module, n_steps=s).flatten(1).sum(1) - gain).abs().mean()
        )
        for s in (4, 16, 64)
    ]
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize("kind", ["image", "tabular", "series"])
def test_smoothgrad_is_captums_gradient_averaged_over_the_same_noise(kind: str, cases: Any) -> None:
    task, module = cases.a_task(kind), cases.NETWORKS[kind]()
    noise = 0.3 * torch.randn(5, 7, *task.inputs.shape[1:], generator=torch.Generator().manual_seed(3))
    found = smoothed(module, task.inputs, task.targets, noise)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        each = [
            Saliency(module).attribute((task.inputs + noise[:, s]).requires_grad_(), target=task.targets, abs=False)
            for s in range(7)
        ]
    assert torch.allclose(found, torch.stack(each).mean(0), atol=1e-6)


def test_smoothgrad_agrees_with_captums_noise_tunnel_in_the_mean(cases: Any) -> None:
    """Both are means of S gradients: they differ by less than 5 standard errors everywhere."""
    task, module, samples = cases.a_task("tabular", n=1), cases.NETWORKS["tabular"](), 3000
    spread = 0.1 * float(task.inputs.max() - task.inputs.min())
    found = cases.explain(SmoothGrad, "tabular", task, module, samples=samples)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tunnel = NoiseTunnel(Saliency(module)).attribute(
            task.inputs,
            nt_type="smoothgrad",
            nt_samples=samples,
            stdevs=spread,
            target=task.targets,
            abs=False,
        )
    noise = spread * torch.randn(1, 500, 6, generator=torch.Generator().manual_seed(1))
    single = torch.cat([smoothed(module, task.inputs, task.targets, noise[:, s : s + 1]) for s in range(500)])
    error = single.std(0) * (2 / samples) ** 0.5
    assert float(error.max()) > 1e-4  # noise matters here
    assert bool(((found - tunnel).abs()[0] <= 5 * error + 1e-6).all())


def test_deeplift_is_complete_where_relu_meets_max_pooling(cases: Any) -> None:
    task = cases.a_task("image", n=30)
    for module in (
        cases.ready(cases.cnn(norm=False)),
        cases.ready(cases.cnn()),
        cases.ready(cases.Residual(bias=True)),
    ):
        sums = cases.explain(DeepLIFT, "image", task, module).flatten(1).sum(1)
        assert torch.allclose(sums, cases.target_gain(module, task), atol=1e-4)


def test_deeplift_of_one_relu_is_the_rescale_rule_by_hand(cases: Any) -> None:
    """relu(x1 + x2 - 1) at (2, 1), baseline (0, 0): Δout 2 over Δin 3, so 4/3 and 2/3."""
    module = nn.Sequential(nn.Linear(2, 1), nn.ReLU())
    module[0].weight.data, module[0].bias.data = torch.ones(1, 2), torch.tensor([-1.0])
    module.requires_grad_(requires_grad=False)
    task = cases.a_task("tabular", n=1, features=2)
    task = replace(task, inputs=torch.tensor([[2.0, 1.0]]), baseline=torch.zeros(2), targets=torch.tensor([0]))
    assert torch.allclose(cases.explain(DeepLIFT, "tabular", task, module), torch.tensor([[4 / 3, 2 / 3]]))


@pytest.mark.parametrize("architecture", ["cnn", "residual", "series"])
def test_lrp_conserves_the_logit_without_biases(architecture: str, cases: Any) -> None:
    kind = "series" if architecture == "series" else "image"
    if architecture == "cnn":
        module = cases.cnn(bias=False, norm=False)
    else:
        module = cases.Residual(bias=False) if architecture == "residual" else cases.cnn_1d()
    module = cases.ready(module)
    for part in module.modules():
        if isinstance(getattr(part, "bias", None), nn.Parameter):
            part.bias.data.zero_()
    task = cases.a_task(kind, n=20)
    with torch.no_grad():
        logit = module(task.inputs)[torch.arange(20), task.targets]
    sums = cases.explain(LRP, kind, task, module, epsilon=1e-9).flatten(1).sum(1)
    assert torch.allclose(sums, logit, rtol=1e-3, atol=1e-4)


def test_lrp_of_two_layers_is_the_epsilon_rule_by_hand(cases: Any) -> None:
    """R_j = Σ_k a_j w_jk R_k / (z_k + ε sign z_k), twice, in NumPy."""
    task, epsilon = cases.a_task("tabular"), 0.1
    module = cases.ready(nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3)))
    w1, b1, w2, b2 = (p.double().numpy() for p in module.parameters())
    x, t = task.inputs.double().numpy(), task.targets.numpy()
    z1 = x @ w1.T + b1
    a = np.maximum(z1, 0)
    z2 = (a @ w2.T + b2)[np.arange(5), t]
    r1 = a * w2[t] * (z2 / (z2 + epsilon * np.sign(z2)))[:, None]
    expected = x * ((r1 / (z1 + epsilon * np.where(z1 < 0, -1, 1))) @ w1)
    assert np.allclose(cases.explain(LRP, "tabular", task, module, epsilon=epsilon), expected, atol=1e-5)


def test_grad_cam_by_its_formula(cases: Any) -> None:
    task, module = cases.a_task("image"), cases.ready(cases.Residual(bias=True))
    x = task.inputs.clone().requires_grad_()
    before = module.relu0(module.stem(x))
    maps = module.relu2(module.add(module.relu1(module.conv(before)), module.shortcut(before)))
    logit = module.head(module.flat(module.pool(maps)))[torch.arange(5), task.targets].sum()
    alpha = torch.autograd.grad(logit, maps)[0].mean((2, 3), keepdim=True)
    expected = (alpha * maps).sum(1, keepdim=True).relu().detach()
    assert float(expected.max()) > 0
    assert torch.allclose(cases.explain(GradCAM, "image", task, module), expected, atol=1e-6)


def test_the_layer_of_grad_cam_runs_last_though_another_is_registered_last(cases: Any) -> None:
    module = cases.ready(cases.Residual(bias=True))
    assert last_spatial_layer(module, torch.randn(2, 1, 14, 14)) is module.relu2
    pooled: Any = cases.ready(cases.cnn())
    assert last_spatial_layer(pooled, torch.randn(2, 1, 14, 14)) is pooled[6]
    assert not any(part._forward_hooks for part in module.modules())


def test_grad_cam_says_when_a_model_has_no_positions(cases: Any) -> None:
    flat = nn.Sequential(nn.Flatten(), cases.ready(cases.mlp(196)))
    with pytest.raises(BadData, match="keeps positions"):
        cases.explain(GradCAM, "image", None, flat)


def test_guided_grad_cam_is_zero_outside_of_grad_cam(cases: Any) -> None:
    region, fine = cases.explain(GradCAM, "image"), cases.explain(GuidedGradCAM, "image")
    outside = region == 0
    assert bool(outside.any())
    assert float(fine.abs().max()) > 0
    assert float(fine[outside].abs().max()) == 0


def test_occlusion_of_a_sum_is_the_mean_fall_of_the_windows(cases: Any) -> None:
    """f = Σ x over 14 x 14, windows of 2 moved by 1: an element gets its windows' mean sum of x - b."""

    class Total(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.flatten(1).sum(1, keepdim=True).expand(-1, 3)

    task = cases.a_task("image", n=2)
    gap = (task.inputs - task.baseline).double().numpy()[:, 0]
    total, count = np.zeros_like(gap), np.zeros_like(gap)
    for i in range(13):
        for j in range(13):
            window = (slice(None), slice(i, i + 2), slice(j, j + 2))
            total[window] += gap[window].sum((1, 2))[:, None, None]
            count[window] += 1
    found = cases.explain(Occlusion, "image", task, Total())
    assert np.allclose(found[:, 0], total / count, atol=1e-4)


def test_a_twin_shares_tensors_but_no_hooks(cases: Any) -> None:
    module = cases.NETWORKS["image"]()
    other: Any = twin(module)
    other[0].register_forward_hook(lambda *_: None)
    assert not module[0]._forward_hooks
    assert all(a is b for a, b in zip(module.parameters(), other.parameters(), strict=True))


@pytest.mark.parametrize(("values", "rows"), [(1, 4096), (784, 83), (128, 512), (3 * 224 * 224, 16)])
def test_rows_at_once(values: int, rows: int) -> None:
    assert rows_at_once(torch.empty(1, values)) == rows
