"""One test for each kind of defect that was seen in a peer (Quantus 0.6.0): here it must not occur.

Each docstring says what went wrong there. Where a kind cannot occur by construction, the construction is tested.
"""

from __future__ import annotations

import re
import tomllib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from tests.engine.material import (
    CNN,
    MIXED,
    SEEN,
    Riemann,
    counted_cnn,
    fixed_maps,
    keep,
    linear_model,
    mixed,
    random_model,
    random_task,
    sweeps_of,
)
from tests.metrics.tensor_sweeps import MAPS, random_readings, table
from xaic import metrics
from xaic.engine.randomise import randomised_model
from xaic.engine.streams import Streams
from xaic.metrics.base import all_metrics, get_metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps
    from xaic.families.attribution import AttributionTask

METRICS = {key: one for key, one in all_metrics().items() if one.function.__module__.startswith("xaic.metrics.")}
ROOT = Path(__file__).parents[2]


@pytest.fixture
def task(tmp_path: Path) -> AttributionTask:
    """Twelve images of three channels, 6 x 6."""
    return random_task(counted_cnn(tmp_path, channels=3), (3, 6, 6), n=12)


def noise(task: AttributionTask, seed: int = 3) -> Tensor:
    return torch.randn(task.inputs.shape, generator=torch.Generator().manual_seed(seed))


def score(key: str, sweeps: AttributionSweeps, variant: str = "") -> Tensor:
    found = get_metric(key).function(sweeps, "method", variant)
    scores: Tensor = found if isinstance(found, torch.Tensor) else found[""]
    return scores


@pytest.mark.parametrize("operator", ["road", "mean"])
def test_01_road_counts_every_batch(task: AttributionTask, operator: str) -> None:
    """There, the accuracy curve of ROAD was that of the first batch; the others were computed and dropped."""
    method = fixed_maps(task, noise(task))
    found = [score("faithfulness.accuracy_auc", sweeps_of(task, method, chunk=c), operator) for c in (4, 64)]
    assert found[0].shape == (12,)
    assert torch.equal(*found)
    alone = [score("faithfulness.accuracy_auc", sweeps_of(task.select([i]), method), operator) for i in range(12)]
    torch.testing.assert_close(found[0], torch.cat(alone))
    assert len(set(found[0][4:].tolist())) > 1


def test_02_sensitivity_n_counts_every_batch(task: AttributionTask) -> None:
    """There, Sensitivity-n too kept one batch, and its value changed sign with the batch size."""
    method = fixed_maps(task, noise(task))
    found = [score("faithfulness.sens_n", sweeps_of(task, method, chunk=c, subsets=20), "mean") for c in (1, 5, 500)]
    for one in found[1:]:
        torch.testing.assert_close(one, found[0], rtol=0, atol=1e-4)
    alone = [score("faithfulness.sens_n", sweeps_of(task.select([i]), method, subsets=20), "mean") for i in range(12)]
    torch.testing.assert_close(torch.cat(alone), found[0], rtol=0, atol=1e-4)


def test_03_road_takes_colour_images(task: AttributionTask) -> None:
    """There, indices ran over channels and pixels, imputation over pixels alone: an error, or zeros throughout."""
    sweeps = sweeps_of(task, fixed_maps(task, noise(task)), steps=6)
    SEEN.clear()
    scores = score("faithfulness.accuracy_auc", sweeps, "road")
    assert bool(scores.isfinite().all())
    assert float(scores.std()) > 0
    changed = (SEEN.rows()[-2 * 12 * 5 :] != task.inputs.repeat(2 * 5, 1, 1, 1)).flatten(2)
    assert bool((changed.any(1) == changed.all(1)).all())  # every channel of a pixel is imputed, or none


def test_04_the_trained_model_is_no_random_one(task: AttributionTask, tmp_path: Path) -> None:
    """There, the mean similarity to randomised models included the model itself, whose similarity is 1."""
    sweeps = sweeps_of(task, folder=tmp_path / "cache", randomisations=4)
    found = score("randomisation.mprt", sweeps)
    own, others = sweeps.maps("method"), sweeps.at_locations(sweeps.randomised("method"))
    alike = [[abs(spearmanr(a, b).statistic) for a, b in zip(own, other, strict=True)] for other in others]
    np.testing.assert_allclose(found.numpy(), np.mean(alike, 0), rtol=1e-6)
    assert float(found.mean()) < float(np.mean([*alike, [1.0] * 12]))
    asked = [asked.model.digest for asked, draw, _ in sweeps.probes["method"].asked if draw.startswith("randomised")]
    assert len(set(asked)) == 4
    assert task.model.digest not in asked


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", ["image", "table"])
def test_05_no_map_is_divided_by_the_largest_of_its_batch(kind: str, metric: str) -> None:
    """There, one image's map a hundred times as large changed the scores of all the others."""
    readings = random_readings(8, image=kind == "image")
    louder = readings.change_unit(5, lambda x: 100 * x, *MAPS)
    before, after = readings.scores(METRICS[metric]), louder.scores(METRICS[metric])
    rest = [row for row in range(8) if row != 5]
    for part, values in before.items():
        torch.testing.assert_close(after[part][rest], values[rest], rtol=1e-12, atol=1e-12, equal_nan=True)


def test_06_units_are_compared_across_the_whole_benchmark(task: AttributionTask) -> None:
    """There, a score that compares inputs with each other looked for partners inside a batch only."""
    order = [7, 2, 11, 0, 5, 1, 9, 3, 4, 10, 6, 8]
    found = [score("robustness.contrast", sweeps_of(task, Riemann(), chunk=chunk)) for chunk in (1, 5, 64)]
    turned = score("robustness.contrast", sweeps_of(task.select(order), Riemann()))
    assert int(found[0].isfinite().sum()) > 9  # a unit whose prediction changes at every neighbour is undefined
    for one, wanted in ((found[1], found[0]), (found[2], found[0]), (turned, found[0][order])):
        torch.testing.assert_close(one, wanted, rtol=0, atol=1e-4, equal_nan=True)


def test_07_subsets_are_removed_one_at_a_time(task: AttributionTask) -> None:
    """There, every patch was removed from what earlier ones had left: 256, 512, 768 ... pixels were gone."""
    sweeps = sweeps_of(task, subsets=10)
    sweeps.predictions()
    SEEN.clear()
    found = sweeps.subsets("mean")
    gone = (SEEN.rows().view(10, 12, 3, 36) != task.inputs.flatten(2)).all(2)
    assert torch.equal(gone, found.removed[:, None].expand_as(gone))
    assert torch.equal(gone.sum(2), found.size[:, None].expand(10, 12))


@pytest.mark.parametrize("shape", [(3, 5, 7), (1, 11, 3), (13,), (2, 17)], ids=str)
def test_08_sizes_need_not_divide(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """There, a patch that did not divide the image ended in an error."""
    size = int(np.prod(shape))
    weights = torch.randn(3, size, generator=torch.Generator().manual_seed(1)) / size**0.5
    task = random_task(linear_model(tmp_path, weights, torch.zeros(3)), shape)
    sweeps = sweeps_of(task, Riemann(), steps=4, subsets=15)
    for key, one in METRICS.items():
        if one.property in {"faithfulness", "sign correctness"}:
            assert bool(score(key, sweeps, "mean").isfinite().all()), key


def test_09_no_sweep_rewrites_the_model_for_shifted_inputs(task: AttributionTask, tmp_path: Path) -> None:
    """There, inputs were shifted and the first bias was meant to undo it, which padding spoils: another model.

    Here methods and metrics meet the model itself, or one whose parameters are all redrawn; nothing in between.
    """
    sweeps = sweeps_of(task, folder=tmp_path / "cache")
    for metric in METRICS.values():
        if metric.family == "attribution" and not metric.needs:
            metric.function(sweeps, "method", "mean" if metric.variants else "")
    asked = {asked.model.digest for asked, *_ in sweeps.probes["method"].asked}
    random = {sweeps.random_model(i).digest for i in range(2)}
    assert asked == {task.model.digest, *random}
    assert set(sweeps.runner._modules) == {task.model.digest}


@pytest.mark.parametrize("key", [key for key in METRICS if key.startswith("localisation.")])
def test_10_an_empty_mask_is_undefined_never_a_hit(key: str) -> None:
    """There, the pointing game put NaN into an array of booleans, which made it True; its weighted form failed."""
    empty = torch.zeros(2, 3, dtype=torch.bool)
    masks = {name: empty.clone() for name in ("mask", "other_mask", "cells", "decoys")}
    scores = table([[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]], **masks).score(METRICS[key])
    assert scores.is_floating_point()
    assert bool(scores.isnan().all())


def test_11_layers_and_models_are_drawn_apart(tmp_path: Path) -> None:
    """There, layers of one shape got one seed and so equal weights, and one model was changed and handed out again."""
    config = {"channels": 2, "blocks": [[5, 5, 5]], "classes": 3, "norm": True}
    model = random_model(tmp_path, CNN, config)
    sample = torch.randn(8, 2, 6, 6, generator=torch.Generator().manual_seed(1))
    one, other = (randomised_model(model, sample, Streams(0), i, tmp_path) for i in range(2))
    layers = dict(one.module().named_parameters())
    assert not torch.equal(layers["features.conv2.weight"], layers["features.conv3.weight"])
    assert not torch.equal(layers["features.norm2.weight"], layers["features.norm3.weight"])
    assert one.weights != other.weights
    assert not torch.equal(one.module()(sample), other.module()(sample))


def test_12_bare_parameters_are_redrawn_too(tmp_path: Path) -> None:
    """There, only modules with a reset function were randomised: class tokens and position embeddings stayed."""
    model = keep(tmp_path, MIXED, {}, mixed().state_dict())
    other = dict(randomised_model(model, torch.zeros(8, 8), Streams(0), 0, tmp_path).module().named_parameters())
    assert {"token", "places", "scale"} <= set(other)
    assert all(bool((other[name] != before).all()) for name, before in mixed().named_parameters())


def test_13_pixels_are_removed_whole(task: AttributionTask) -> None:
    """There, flipping removed single channel values of colour images, so a step of 256 took 85 pixels and a third."""
    sweeps = sweeps_of(task, fixed_maps(task, noise(task)), steps=4)
    sweeps.predictions()
    sweeps.emptied("mean")
    SEEN.clear()
    score("faithfulness.deletion_auc", sweeps, "mean")
    changed = (SEEN.rows().view(3, 2, 12, 3, 36) != task.inputs.flatten(2)).permute(3, 0, 1, 2, 4)
    assert torch.equal(changed.any(0), changed.all(0))
    assert [set(step.sum(-1).flatten().tolist()) for step in changed[0]] == [{9}, {18}, {27}]


class Fails(Riemann):
    """Fails at neighbours."""

    def run(self, task: AttributionTask, state: Any, ctx: Any) -> Any:
        if not torch.equal(task.inputs, self.clean):
            raise OverflowError("too far out")
        return super().run(task, state, ctx)

    clean: Tensor


def test_14_errors_are_told_and_arguments_do_not_leak(task: AttributionTask, tmp_path: Path) -> None:
    """There, a failing metric was swallowed and missed later, arguments of one method reached the next, and the
    caller's dictionary came back changed.
    """
    method = Fails()
    method.clean = task.inputs
    protocol: dict[str, Any] = {"steps": 4, "operators": ["mean"], "neighbours": 2}
    before = {**protocol, "operators": ["mean"]}
    sweeps = sweeps_of(task, method, folder=tmp_path / "cache", **protocol)
    for _ in range(2):  # and nothing is remembered of a failure
        with pytest.raises(OverflowError, match="too far out"):
            score("robustness.ris", sweeps)
    assert score("axioms.completeness", sweeps).shape == (12,)  # asks for twice the steps, and the next call for none
    sweeps.again("method")
    params = [params for _, _, params in sweeps.probes["method"].asked]
    assert {"steps": 6} in params
    assert params[-1] == {}
    assert protocol == before


@pytest.mark.parametrize("metric", METRICS)
def test_15_no_metric_changes_what_it_is_given(metric: str) -> None:
    """There, complexity and sparseness took absolute values in the caller's own array."""
    readings = random_readings(6).change(lambda x: -x.abs(), *MAPS)
    before = {name: tensor.clone() for name, tensor in readings.tensors.items()}
    readings.scores(METRICS[metric])
    assert all(torch.equal(readings[name], tensor) for name, tensor in before.items())


def test_16_nothing_that_is_deprecated_is_called_and_every_requirement_is_pinned() -> None:
    """There, areas under curves used names that NumPy had removed, and no requirement had an upper bound."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for metric in METRICS.values():
            random_readings(6).scores(metric)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    names = {re.split(r"[<>=~!\[ ]", requirement)[0].lower().replace("_", "-") for requirement in wanted}
    assert names - {"xaic"} <= {name.lower().replace("_", "-") for name in pinned}


def test_17_what_a_reader_must_know_does_not_depend_on_where_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """There, notes on sensitive parameters were shown on GitHub's machines only, by an inverted condition.

    Here a metric's declaration says it, everywhere the same; no metric reads the environment.
    """
    told = []
    for present in (True, False):
        for name in ("CI", "GITHUB_ACTIONS"):
            monkeypatch.setenv(name, "true") if present else monkeypatch.delenv(name, raising=False)
        told.append([metric.declaration() for metric in METRICS.values()])
    assert told[0] == told[1]
    assert all(one[word] for one in told[0] for word in ("title", "property", "unit", "source", "direction", "range"))
    assert not any("environ" in path.read_text("utf-8") for path in Path(metrics.__file__).parent.glob("*.py"))


@pytest.mark.parametrize("steps", [1, 2, 3, 7, 35, 36, 37, 500])
def test_18_any_number_of_steps_will_do(task: AttributionTask, steps: int) -> None:
    """There, removing more than one feature a step raised an error."""
    found = sweeps_of(task, fixed_maps(task, noise(task)), steps=steps).removal("method", "mean")
    assert len(found.fractions) == min(steps, 36) + 1
    assert bool((found.fractions.diff() > 0).all())
    assert bool(found.morf.isfinite().all())


def test_19_maps_are_read_as_they_are_and_neighbours_held_against_the_models_own_word(task: AttributionTask) -> None:
    """There, continuity normalised maps twice and compared with the given label; focus took width for height."""
    readings = random_readings(8)
    louder = readings.change(lambda x: 3 * x, "output", "neighbour_maps")
    lipschitz = get_metric("robustness.local_lipschitz")
    torch.testing.assert_close(louder.score(lipschitz), 3 * readings.score(lipschitz))
    near = [sweeps_of(one, noise=1.0).neighbours() for one in (task, task.with_targets((task.targets + 1) % 3))]
    assert torch.equal(near[0].kept, near[1].kept)
    cells = torch.zeros(1, 1, 4, 6, dtype=torch.bool)
    cells[..., :2, 3:] = True  # the cell at the top right of a mosaic that is wider than high
    maps = torch.zeros(1, 1, 4, 6).double()
    maps[..., 0, 5] = 1
    wide = random_readings(1).put(inputs=maps, output=maps, mask=cells, cells=cells)
    assert wide.score(get_metric("localisation.focus")).tolist() == [1]
    assert wide.put(output=maps.flip(-1)).score(get_metric("localisation.focus")).tolist() == [0]


@pytest.mark.parametrize("key", ["faithfulness.deletion_auc", "faithfulness.insertion_auc", "faithfulness.abpc"])
def test_20_areas_do_not_grow_with_the_number_of_steps(tmp_path: Path, key: str) -> None:
    """There, areas were taken with unit spacing, so twice the steps made twice the score."""
    weights = torch.randn(2, 60, generator=torch.Generator().manual_seed(1)) / 6
    task = random_task(linear_model(tmp_path, weights, torch.zeros(2)), (60,), targets=2)
    areas = [score(key, sweeps_of(task, Riemann(), steps=steps), "mean") for steps in (10, 20, 60)]
    assert float(areas[0].abs().mean()) > 0.1
    for one in areas[:2]:
        torch.testing.assert_close(one, areas[2], rtol=0, atol=0.04)
