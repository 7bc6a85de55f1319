"""What the attribution sweeps return: shared masks and noise, and known answers on a linear model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load

from tests.engine.material import Riemann, counted_cnn, fixed_maps, linear_model, random_task, sweeps_of
from xaic.engine.attribution import SUBSET_SHARES

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps
    from xaic.families.attribution import AttributionTask


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, rtol=0, atol=2e-6)


@pytest.fixture
def task(tmp_path: Path) -> AttributionTask:
    return random_task(counted_cnn(tmp_path), (2, 6, 6))


class Linear:
    """A task of a two-class linear model under a sigmoid, with what is known of it in double precision."""

    def __init__(self, folder: Path, n: int = 6, size: int = 20) -> None:
        g = torch.Generator().manual_seed(8)
        self.weights, self.offset = torch.randn(2, size, generator=g) / 4, torch.tensor([0.3, -0.2])
        self.task = random_task(linear_model(folder, self.weights, self.offset), (size,), n, targets=2)
        self.maps = torch.randn(n, size, generator=g)

    def scores(self, gone: Tensor) -> Tensor:
        """Return both classes' scores [N, 2] with locations ``gone`` [N, L] at the baseline."""
        x = torch.where(gone, self.task.baseline, self.task.inputs).double()
        return (x @ self.weights.double().T + self.offset.double()).sigmoid()

    def target(self, gone: Tensor) -> Tensor:
        return self.scores(gone).gather(1, self.task.targets[:, None]).squeeze(1)

    def sweeps(self, **more: Any) -> AttributionSweeps:
        return sweeps_of(self.task, fixed_maps(self.task, self.maps), **more)

    @property
    def nothing(self) -> Tensor:
        return torch.zeros_like(self.maps, dtype=torch.bool)


@pytest.fixture
def linear(tmp_path: Path) -> Linear:
    return Linear(tmp_path)


# subsets


def test_subsets_are_the_same_for_every_unit_method_and_operator(task: AttributionTask) -> None:
    one = sweeps_of(task, subsets=20).subsets("mean")
    others = [
        sweeps_of(task, fixed_maps(task, task.inputs), subsets=20).subsets("blur"),
        sweeps_of(task.select([3, 1]), subsets=20).subsets("mean"),
    ]
    assert one.removed.shape == (20, 36)
    assert all(torch.equal(one.removed, other.removed) for other in others)
    torch.testing.assert_close(others[1].drop, one.drop[[3, 1]], rtol=0, atol=1e-5)
    assert not torch.equal(sweeps_of(task, subsets=20, seed=1).subsets("mean").removed, one.removed)


def test_subsets_have_the_stated_sizes_in_turn_and_no_two_are_alike(task: AttributionTask) -> None:
    found = sweeps_of(task, subsets=20).subsets("mean")
    wanted = [max(1, round(share * 36)) for share in SUBSET_SHARES] * 4
    assert found.size.tolist() == found.removed.sum(1).tolist() == wanted
    assert len({tuple(row) for row in found.removed.tolist()}) > 16


def test_drops_of_a_linear_model(linear: Linear) -> None:
    found = linear.sweeps(subsets=10).subsets("mean")
    assert found.drop.dtype == torch.float64
    for number, subset in enumerate(found.removed):
        gone = subset.expand_as(linear.maps)
        wanted = linear.target(linear.nothing) - linear.target(gone)
        close(found.drop[:, number], wanted)


# neighbours


def test_neighbours_are_noise_of_the_stated_scale(task: AttributionTask) -> None:
    found = sweeps_of(task, neighbours=40, noise=0.1).neighbours()
    noise = found.inputs - task.inputs
    assert found.inputs.shape == (40, *task.inputs.shape)
    assert float(noise.std()) == pytest.approx(0.1 * float(task.background.std(0).mean()), rel=0.02)
    assert abs(float(noise.mean())) < 5 * float(noise.std()) / noise.numel() ** 0.5
    apart = torch.corrcoef(noise.flatten(0, 1).flatten(1))
    assert float(apart.fill_diagonal_(0).abs().max()) < 0.7  # no two of 200 share their noise


def test_noise_belongs_to_the_unit_not_to_its_row_or_method(task: AttributionTask) -> None:
    one = sweeps_of(task).neighbours()
    part = sweeps_of(task.select([4, 2]), fixed_maps(task, task.inputs)).neighbours()
    assert torch.equal(part.inputs, one.inputs[:, [4, 2]])
    assert not torch.equal(sweeps_of(task, seed=1).neighbours().inputs, one.inputs)


def test_what_is_told_of_neighbours_is_the_models_own(task: AttributionTask) -> None:
    found = sweeps_of(task, neighbours=6, noise=1.0).neighbours()
    module = task.model.module()
    with torch.no_grad():
        logits = torch.stack([module(x) for x in found.inputs])
        clean = module(task.inputs)
    torch.testing.assert_close(found.logits, logits, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.clean_logits, clean, rtol=1e-5, atol=1e-5)
    assert torch.equal(found.kept, logits.argmax(-1) == clean.argmax(-1))
    assert bool(found.kept.any())
    assert not bool(found.kept.all())
    assert found.features.shape == (6, 5, 6)
    inner = module.get_submodule("inner")
    pooled = inner.get_submodule("pool")(inner.get_submodule("features")(task.inputs)).flatten(1)
    torch.testing.assert_close(found.clean_features, pooled, rtol=1e-5, atol=1e-5)


def test_a_neighbour_is_kept_by_prediction_not_by_target(task: AttributionTask) -> None:
    one = sweeps_of(task, neighbours=6, noise=1.0).neighbours()
    other = sweeps_of(task.with_targets((task.targets + 1) % 3), neighbours=6, noise=1.0).neighbours()
    assert torch.equal(one.kept, other.kept)


# signed removal and masking


def test_signed_removal_takes_as_many_of_each_sign(linear: Linear) -> None:
    found = linear.sweeps(mask_share=0.2).signed_removal("method", "mean")
    order = linear.maps.argsort(1, descending=True)
    assert found.count.tolist() == [4] * 6
    up = linear.nothing.scatter(1, order[:, :4], value=True)
    down = linear.nothing.scatter(1, order[:, -4:], value=True)
    for values, gone in (
        (found.before, linear.nothing),
        (found.without_positive, up),
        (found.without_negative, down),
    ):
        close(values, linear.target(gone))


def test_signed_removal_stops_at_the_smaller_sign(linear: Linear) -> None:
    linear.maps = linear.maps.abs()
    linear.maps[0, 3] = -1.0
    linear.maps[1] *= -1
    linear.maps[2] = 0.0
    found = linear.sweeps(mask_share=0.5).signed_removal("method", "mean")
    assert found.count.tolist() == [1, 0, 0, 0, 0, 0]
    gone = linear.nothing.clone()
    gone[0, 3] = True
    close(found.without_negative, linear.target(gone))
    close(found.without_positive[1:], found.before[1:])


def test_masking_removes_the_top_share_or_keeps_it_alone(linear: Linear) -> None:
    found = linear.sweeps(mask_share=0.25).masking("method", "mean")
    top = linear.nothing.scatter(1, linear.maps.topk(5).indices, value=True)
    for values, gone in ((found.before, linear.nothing), (found.removed, top), (found.kept, ~top)):
        close(values, linear.scores(gone))


# subjects


def test_the_other_target_is_the_runner_up_unless_the_benchmark_knows_better(task: AttributionTask) -> None:
    sweeps = sweeps_of(task)
    logits = sweeps.predictions()
    found = sweeps.other_target("method")
    for row in range(5):
        rest = [k for k in logits[row].argsort(descending=True).tolist() if k != int(task.targets[row])]
        assert int(found.targets[row]) == rest[0]
    asked = sweeps.probes["method"].asked[-1][0]
    assert torch.equal(asked.targets, found.targets)
    known = (task.targets + 2) % 3
    assert torch.equal(sweeps_of(task, truths={"other_target": known}).other_target("method").targets, known)


def test_cross_removal_scores_the_own_target_in_the_other_ones_order(task: AttributionTask) -> None:
    """Asked for the other class, a method of that class's maps alone removes in their order."""
    sweeps = sweeps_of(task, Riemann(), steps=6)
    other = sweeps.other_target("method").maps
    swapped = sweeps_of(task, fixed_maps(task, other), steps=6).removal("method", "mean")
    torch.testing.assert_close(sweeps.cross_removal("method", "mean"), swapped.morf, rtol=0, atol=1e-6)
    assert not torch.allclose(sweeps.removal("method", "mean").morf, swapped.morf, atol=1e-4)


def test_doubling_asks_for_twice_the_convergence_parameter(task: AttributionTask) -> None:
    sweeps = sweeps_of(task)
    assert sweeps.doubled("method") is not None
    assert sweeps.probes["method"].asked[-1][2] == {"steps": 6}
    assert sweeps_of(task, fixed_maps(task, task.inputs)).doubled("method") is None


def test_a_method_that_claims_no_sum_is_not_doubled(task: AttributionTask) -> None:
    method = Riemann()
    method.card = replace(method.card, claims=())  # type: ignore[misc]
    assert sweeps_of(task, method).doubled("method") is None


def test_every_call_draws_anew_and_says_for_what(task: AttributionTask, tmp_path: Path) -> None:
    sweeps = sweeps_of(task, folder=tmp_path / "cache")
    for name in ("output", "draws", "neighbour_maps", "randomised", "other_target"):
        getattr(sweeps, name)("method")
    draws = [draw for _, draw, _ in sweeps.probes["method"].asked]
    assert len(draws) == len(set(draws)) == 1 + 2 + 2 + 2 + 1
    sweeps.again("method")
    assert sweeps.probes["method"].asked[-1][1] == "0"  # the same draw, on purpose


def test_maps_sum_the_channels_of_a_location(task: AttributionTask) -> None:
    sweeps = sweeps_of(task, fixed_maps(task, task.inputs))
    torch.testing.assert_close(sweeps.maps("method"), task.inputs.double().sum(1).flatten(1))
    many = torch.stack([task.inputs, 2 * task.inputs])
    torch.testing.assert_close(sweeps.at_locations(many)[1], 2 * sweeps.maps("method"))


def test_what_a_report_shows_is_kept_however_a_metric_asked_for_it(task: AttributionTask) -> None:
    sweeps = sweeps_of(task, fixed_maps(task, task.inputs))
    found = sweeps.removal(operator="mean", subject="method")
    kept = load(sweeps.keepsakes()["curves.safetensors"])
    torch.testing.assert_close(kept["removal/method/mean/morf"], found.morf.float())
    torch.testing.assert_close(kept["fractions"], found.fractions.float())
    maps = load(sweeps.keepsakes()["maps.safetensors"])["values"]
    torch.testing.assert_close(maps, task.inputs.sum(1), rtol=1e-5, atol=1e-5)


# what is kept for other trials


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.safetensors")}


def test_kept_sweeps_are_known_by_all_that_they_depend_on(task: AttributionTask, tmp_path: Path) -> None:
    folder = tmp_path / "cache"

    def fill(one: AttributionTask, **more: Any) -> None:
        sweeps_of(one, folder=folder, **more).subsets("mean")

    fill(task)
    known = files(folder)
    fill(task, steps=9, draws=1, mask_share=0.4)  # no part of it
    assert files(folder) == known
    others: list[tuple[AttributionTask, dict[str, Any]]] = [
        (task.with_inputs(task.inputs + 1e-6), {}),
        (task.with_targets((task.targets + 1) % 3), {}),
        (replace(task, baseline=task.baseline + 1e-6), {}),
        (replace(task, background=task.background * 1.001), {}),
        (task.with_model(counted_cnn(tmp_path, norm=True)), {}),
        (replace(task, units=tuple(f"{unit}x" for unit in task.units)), {}),
        (task, {"seed": 1}),
        (task, {"subsets": 7}),
    ]
    for one, more in others:
        before = files(folder)
        fill(one, **more)
        assert len(files(folder) - before) >= 2  # predictions and subsets


def test_a_damaged_file_is_made_again(task: AttributionTask, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    wanted = sweeps_of(task, folder=folder).subsets("mean")
    for path in folder.rglob("*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    found = sweeps_of(task, folder=folder).subsets("mean")
    assert torch.equal(found.drop, wanted.drop)
