"""Every metric under every law; and planted defects, each of which its law must find."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from torch import Tensor

from tests.metrics.laws import EXEMPT, LAWS
from tests.metrics.tensor_sweeps import random_readings
from xaic import metrics
from xaic.engine.sweeps import UndeclaredSweep
from xaic.metrics.base import Metric, all_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from xaic.engine.attribution import AttributionSweeps

METRICS = {key: one for key, one in all_metrics().items() if one.function.__module__.startswith("xaic.metrics.")}
KINDS = ("image", "table")
UNITS = 8

SEEDS = st.integers(0, 2**32 - 1).filter(lambda seed: seed not in {41, 97})  # those are what laws draw anew with
NUMBERS = st.integers(4, 14)
FEW = settings(max_examples=3, deadline=None, database=None)
SOME = settings(max_examples=30, deadline=None, database=None, phases=[Phase.generate])
MANY = 100
"""Units by which two draws differ somewhere, even in a score that is 1 for one unit in twenty and else 0."""


def obeys(kind: str, metric: str, law: str, seed: int, units: int) -> None:
    """Fail unless a metric obeys a law at random readings."""
    more = MANY if law == "it_looks" else 0
    LAWS[law](METRICS[metric], random_readings(units + more, seed, image=kind == "image"))


def breaks(kind: str, metric: str, law: str, seed: int, units: int) -> bool:
    try:
        obeys(kind, metric, law, seed, units)
    except AssertionError:
        return True
    return False


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", KINDS)
def test_metric_obeys_law(kind: str, metric: str, law: str) -> None:
    if (metric, law) in EXEMPT:  # an exemption that is not needed must go: some readings break the law
        assert find(st.tuples(SEEDS, NUMBERS), lambda drawn: breaks(kind, metric, law, *drawn), settings=SOME)
        return

    @FEW
    @given(seed=SEEDS, units=NUMBERS)
    def at_any_readings(seed: int, units: int) -> None:
        obeys(kind, metric, law, seed, units)

    at_any_readings()


def test_as_many_items_are_collected_as_there_are_metrics_laws_and_kinds() -> None:
    """Counted by pytest itself, in a process of its own; and no declared metric is missing from the battery."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    collected = [line for line in done.stdout.splitlines() if "::test_metric_obeys_law[" in line]
    assert len(set(collected)) == len(METRICS) * len(LAWS) * len(KINDS)
    sources = Path(metrics.__file__).parent.glob("*.py")
    declared = sum(len(re.findall(r"^@metric\($", path.read_text("utf-8"), re.MULTILINE)) for path in sources)
    assert len(METRICS) == declared


def test_exemptions_name_metrics_and_laws() -> None:
    assert {metric for metric, _ in EXEMPT} <= set(METRICS)
    assert {law for _, law in EXEMPT} <= set(LAWS)


# planted defects: (law, what is wrong, a metric that is wrong so, its sound twin)


def mean_positive(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    maps: Tensor = s.maps(subject)
    return maps.clamp_min(0).sum(1) / maps.abs().sum(1)


def only_a_mean(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    return mean_positive(s, subject, v).mean()


def integers(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    return (mean_positive(s, subject, v) * 100).long()


def large_share(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    maps = s.maps(subject).abs()
    return (maps / maps.amax(1, keepdim=True) > 0.5).double().mean(1) + 0 * maps.sum(1)


def maximum_of_the_batch(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    maps = s.maps(subject).abs()
    return (maps / maps.amax() > 0.5).double().mean(1) + 0 * maps.sum(1)


def first_batch_only(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    whole = mean_positive(s, subject, v)
    return whole[:4].mean().expand(len(whole)).clone()


def compared_within_the_batch(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    whole = mean_positive(s, subject, v)
    return (whole[:, None] >= whole).double().mean(1)


def noise_by_row(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    whole = mean_positive(s, subject, v)
    return whole + 0.01 * torch.rand(len(whole), generator=torch.Generator().manual_seed(0)).double()


def global_reseed(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    torch.manual_seed(0)
    return mean_positive(s, subject, v)


def global_draw(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    whole = mean_positive(s, subject, v)
    return whole + 0.01 * torch.rand(len(whole)).double()


def always_one(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    return torch.ones_like(mean_positive(s, subject, v))


def absolute_in_place(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    values: Tensor = s.output(subject).values
    return values.clamp_min(0).flatten(1).sum(1) / values.abs_().flatten(1).sum(1)


def running_total() -> Callable[..., Tensor]:
    seen: list[Tensor] = []

    def metric(s: AttributionSweeps, subject: str, v: str) -> Tensor:
        seen.append(mean_positive(s, subject, v))
        return torch.stack([one for one in seen if one.shape == seen[-1].shape]).sum(0)

    return metric


def floor_by_type(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    values: Tensor = s.output(subject).values.flatten(1)
    return values.clamp_min(0).sum(1) / (values.abs().sum(1) + 1e6 * torch.finfo(values.dtype).eps)


def nan_is_zero(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    return mean_positive(s, subject, v).nan_to_num(0)


def unguarded_division(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    maps = s.maps(subject)
    ratio: Tensor = maps.amax(1) / maps.std(1)
    return ratio


def beyond_the_range(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    maps = s.maps(subject)
    return maps.clamp_min(0).sum(1) / maps.sum(1)


def behind_the_gate(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    return mean_positive(s, subject, v) + 0 * s.predictions().sum(1)


def slope(mass: Tensor, drop: Tensor) -> Tensor:
    found: Tensor = (mass * drop).sum(1) / (mass.norm(dim=1) * drop.norm(dim=1))
    return found


def one_subset_at_a_time(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    read = s.subsets(v)
    return slope(s.maps(subject) @ read.removed.double().T, read.drop)


def cumulative_subsets(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    read = s.subsets(v)
    return slope(s.maps(subject) @ read.removed.double().cummax(0).values.T, read.drop)


def inside(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    positive, mask = s.maps(subject).clamp_min(0), s.truth("mask").flatten(1)
    share = (positive * mask).sum(1) / positive.sum(1)
    return torch.where(mask.any(1), share, torch.full_like(share, torch.nan))


def width_for_height(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    positive, mask = s.maps(subject).clamp_min(0), s.truth("mask").transpose(-1, -2).flatten(1)
    return (positive * mask).sum(1) / positive.sum(1)


def true_for_an_empty_mask(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    maps, mask = s.maps(subject), s.truth("mask").flatten(1)
    hit = mask.gather(1, maps.argmax(1, keepdim=True)).squeeze(1) | ~mask.any(1)
    return hit.double() + 0 * maps.sum(1)


def area(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    curve = s.removal(subject, v)
    return torch.trapezoid(curve.morf, curve.fractions, dim=1)


def unit_spacing(s: AttributionSweeps, subject: str, v: str) -> Tensor:
    return torch.trapezoid(s.removal(subject, v).morf, dim=1)


def absolute_threshold(s: AttributionSweeps, subject: str, _v: str) -> Tensor:
    maps = s.maps(subject).abs()
    return (maps > 0.5).double().mean(1) + 0 * maps.sum(1)


DEFECTS: list[tuple[str, Callable[..., Tensor], Callable[..., Tensor]]] = [
    ("one_score_a_unit", only_a_mean, mean_positive),
    ("one_score_a_unit", integers, mean_positive),
    ("units_stand_alone", maximum_of_the_batch, large_share),
    ("splits_join", maximum_of_the_batch, large_share),
    ("splits_join", first_batch_only, mean_positive),
    ("units_stand_alone", first_batch_only, mean_positive),
    ("splits_join", compared_within_the_batch, mean_positive),
    ("order_of_units_is_free", noise_by_row, mean_positive),
    ("no_global_chance", global_reseed, mean_positive),
    ("no_global_chance", global_draw, mean_positive),
    ("it_looks", always_one, mean_positive),
    ("inputs_stay", absolute_in_place, mean_positive),
    ("calls_repeat", running_total(), mean_positive),
    ("precision_is_free", floor_by_type, mean_positive),
    ("nan_stays_nan", nan_is_zero, mean_positive),
    ("flat_maps_are_no_infinity", unguarded_division, mean_positive),
    ("hard_readings_keep_the_range", beyond_the_range, mean_positive),
    ("order_of_repetitions_is_free", cumulative_subsets, one_subset_at_a_time),
    ("places_are_free", width_for_height, inside),
    ("empty_truths_are_undefined", true_for_an_empty_mask, inside),
    ("steps_are_free", unit_spacing, area),
    ("scale_is_free", absolute_threshold, large_share),
]


def planted(function: Callable[..., Tensor]) -> Metric:
    """Return a metric that is not registered, with what its function reads declared."""
    reads: dict[Callable[..., Tensor], tuple[str, ...]] = {
        area: ("removal",),
        unit_spacing: ("removal",),
        cumulative_subsets: ("output", "subsets"),
        one_subset_at_a_time: ("output", "subsets"),
    }
    needs = ("mask",) if function in {inside, width_for_height, true_for_an_empty_mask} else ()
    return Metric(
        id=function.__name__,
        family="attribution",
        title="",
        property="",
        unit="",
        range=(-1.0, 1.0),
        direction="none",
        source="",
        sweeps=reads.get(function, ("output",)),
        function=function,
        needs=needs,
    )


@pytest.mark.parametrize(("law", "defect", "sound"), DEFECTS, ids=lambda x: x if isinstance(x, str) else x.__name__)
def test_law_finds_the_defect_and_passes_its_twin(
    law: str, defect: Callable[..., Tensor], sound: Callable[..., Tensor]
) -> None:
    readings = random_readings(UNITS)
    LAWS[law](planted(sound), readings)
    with pytest.raises(AssertionError):
        LAWS[law](planted(defect), random_readings(UNITS))


def test_a_sweep_must_be_declared_to_be_read_and_read_to_be_declared() -> None:
    readings = random_readings(UNITS)
    law = LAWS["reads_what_it_declares"]
    law(planted(mean_positive), readings)
    with pytest.raises(UndeclaredSweep, match="predictions"):
        law(planted(behind_the_gate), readings)
    with pytest.raises(AssertionError, match="again is declared and not read"):
        law(replace(planted(mean_positive), sweeps=("output", "again")), readings)


def test_every_law_has_a_defect() -> None:
    assert {law for law, _, _ in DEFECTS} | {"reads_what_it_declares"} == set(LAWS)
