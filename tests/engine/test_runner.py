"""The runner: the same logits at every chunk size and layout, rows counted exactly, nothing left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from tests.engine.material import CNN, SEEN, Counted, counted_cnn, random_model
from xaic.engine.meter import Passes
from xaic.engine.runner import Runner, Tuning, chunks

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.model import Model

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
ROUNDING = 1e-5


def images(n: int = 23) -> Tensor:
    return torch.randn(n, 2, 9, 7, generator=torch.Generator().manual_seed(3))


def runner(model: Model, chunk: int = 5, *, channels_last: bool = False) -> Runner:
    return Runner({model.digest: Tuning(chunk, channels_last)})


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("chunk", [1, 4, 23, 64])
@pytest.mark.parametrize("norm", [False, True])
def test_chunk_and_layout_change_nothing_but_rounding(
    tmp_path: Path, *, norm: bool, chunk: int, channels_last: bool
) -> None:
    model, x = counted_cnn(tmp_path, norm=norm), images()
    with torch.no_grad():
        wanted = model.module()(x)
    found = runner(model, chunk, channels_last=channels_last).predict(model, x)
    torch.testing.assert_close(found, wanted, rtol=ROUNDING, atol=ROUNDING * float(wanted.abs().max()))


def test_series_and_tables_take_any_layout(tmp_path: Path) -> None:
    series = random_model(tmp_path, "xaic.specimens.networks:convolutional_1d", {"widths": [4, 4], "classes": 3})
    table = random_model(tmp_path, "xaic.specimens.networks:perceptron", {"widths": [6, 5, 2]})
    for model, shape in ((series, (1, 20)), (table, (6,))):
        x = torch.randn(11, *shape, generator=torch.Generator().manual_seed(1))
        found = [runner(model, 4, channels_last=last).predict(model, x) for last in (False, True)]
        assert torch.equal(*found)
        torch.testing.assert_close(found[0], model.module()(x), rtol=ROUNDING, atol=ROUNDING)


@pytest.mark.parametrize("chunk", [1, 5, 23, 100])
def test_rows_are_counted_exactly(tmp_path: Path, chunk: int) -> None:
    model = counted_cnn(tmp_path)
    one = runner(model, chunk)
    SEEN.clear()
    one.predict(model, images())
    one.features(model, images(6))
    assert one.meter.total() == Passes(29, 0)
    assert (SEEN.forward, SEEN.backward) == (29, 0)
    assert max(len(rows) for rows in SEEN.inputs) <= chunk


def test_rows_are_made_chunk_by_chunk_right_before_they_are_run(tmp_path: Path) -> None:
    model, x = counted_cnn(tmp_path), images()
    steps: list[tuple[int, int, int]] = []
    SEEN.clear()

    def make(rows: slice) -> Tensor:
        steps.append((rows.start, rows.stop, SEEN.forward))
        return x[rows]

    runner(model, 10).stream(model, 23, make)
    assert steps == [(0, 10, 0), (10, 20, 10), (20, 23, 20)]
    assert torch.equal(SEEN.rows(), x)


def test_chunks_cover_every_row_once() -> None:
    for total in (0, 1, 7, 8, 9):
        found = [row for part in chunks(total, 4) for row in range(total)[part]]
        assert found == list(range(total))


def test_no_rows_cost_no_pass(tmp_path: Path) -> None:
    model = counted_cnn(tmp_path)
    one = runner(model)
    assert one.predict(model, images()[:0]).numel() == 0
    assert one.meter.total() == Passes(0, 0)


def test_features_are_the_output_of_the_representation(tmp_path: Path) -> None:
    model, x = counted_cnn(tmp_path, norm=True), images()
    inner = model.module().get_submodule("inner")
    with torch.no_grad():
        pooled = inner.get_submodule("pool")(inner.get_submodule("features")(x)).flatten(1)
        wanted = inner.get_submodule("head")(pooled)
    logits, features = runner(model, 4).features(model, x)
    torch.testing.assert_close(features, pooled, rtol=ROUNDING, atol=ROUNDING)
    torch.testing.assert_close(logits, wanted, rtol=ROUNDING, atol=ROUNDING)


def test_features_of_a_model_without_a_representation_are_its_logits(tmp_path: Path) -> None:
    model = random_model(tmp_path, CNN, {"channels": 2, "blocks": [[4]], "classes": 3})
    one = runner(model)
    logits, features = one.features(model, images(6))
    assert torch.equal(logits, features)
    assert one.meter.total() == Passes(6, 0)


def test_models_are_frozen_and_run_in_inference_mode(tmp_path: Path) -> None:
    model = counted_cnn(tmp_path, norm=True)
    one = runner(model)
    SEEN.clear()
    logits, features = one.features(model, images())
    module = one.module(model)
    assert SEEN.inference
    assert all(SEEN.inference)
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not any(part.training for part in module.modules())
    for found in (logits, features):
        assert not found.requires_grad
        assert not found.is_inference()
        (found * 1).requires_grad_().sum().backward()  # of use in autograd afterwards


def test_a_pass_moves_no_statistics(tmp_path: Path) -> None:
    model = counted_cnn(tmp_path, norm=True)
    one = runner(model)
    before = {name: value.clone() for name, value in one.module(model).state_dict().items()}
    one.features(model, images())
    assert all(torch.equal(before[name], value) for name, value in one.module(model).state_dict().items())


def hooks(module: nn.Module) -> int:
    return sum(len(getattr(part, kind)) for part in module.modules() for kind in HOOKS)


def test_hooks_are_gone_after_an_exception_and_the_next_call_is_sound(tmp_path: Path) -> None:
    model, x = counted_cnn(tmp_path), images()
    one = runner(model, 5)
    wanted = one.features(model, x)
    bad = x.clone()
    bad[12] = torch.nan
    with pytest.raises(ArithmeticError, match="I do not like NaN"):
        one.features(model, bad)
    assert isinstance(one.module(model), Counted)
    assert hooks(one.module(model)) == 0
    again = one.features(model, x)
    assert all(torch.equal(a, b) for a, b in zip(wanted, again, strict=True))


def test_a_module_is_built_once_for_a_function(tmp_path: Path) -> None:
    model, other = counted_cnn(tmp_path), random_model(tmp_path, CNN, {"channels": 2, "blocks": [[4]]}, seed=5)
    one = runner(model)
    assert one.module(model) is one.module(model)
    assert one.module(other) is not one.module(model)
    assert one.tuning(other) == Tuning()
