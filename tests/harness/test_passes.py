"""Passes are counted where they happen: the model's own count, kept in its forward, agrees with the records."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.harness.runs import CONTENT, once, records, xaic

METHODS = (
    "attribution.gradient",  # by way of Captum, as the next five
    "attribution.integrated_gradients",
    "attribution.deeplift",
    "attribution.grad_cam",
    "attribution.guided_grad_cam",
    "attribution.occlusion",
    "attribution.smoothgrad",  # on sweeps of its own, as the next two
    "attribution.lime",
    "attribution.kernelshap",
)


@pytest.fixture(scope="session")
def counted(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Counter[tuple[str, str]]]:
    """A run, and what the models themselves counted: (worker, forward or backward) -> rows.

    ``tiny`` was run before, so that chunk sizes are known and nothing passes through a model but trials.
    """
    methods = [part for name in METHODS for part in ("--method", name)]

    def make(run: Path) -> None:
        asked = ("--profile", "tiny", *methods, "--workers", "1", "--out")
        done = xaic("run", *CONTENT, *asked, run, XAIC_TEST_COUNT=str(run.with_suffix(".count")))
        assert done.returncode == 0, done.stderr

    run = once(tmp_path_factory, "counted", make)
    found: Counter[tuple[str, str]] = Counter()
    for line in run.with_suffix(".count").read_text().splitlines():
        worker, what, rows = line.split()
        found[worker, what] += int(rows)
    return run, found


def told(run: Path) -> list[tuple[int, int]]:
    """Return (forward, backward) of every trial that made any, without what it read from the shared trial."""
    totals = []
    for name, record in records(run).items():
        own = [made for made in record["passes"].values() if name.startswith("shared--") or not made["shared"]]
        totals.append((sum(made["forward"] for made in own), sum(made["backward"] for made in own)))
    return sorted(total for total in totals if total != (0, 0))


def test_every_trial_tells_the_passes_that_its_models_counted(
    counted: tuple[Path, Counter[tuple[str, str]]],
) -> None:
    run, found = counted
    workers = {worker for worker, _ in found}
    assert sorted((found[worker, "forward"], found[worker, "backward"]) for worker in workers) == told(run)


def test_the_counts_of_these_methods_differ_and_are_not_small(counted: tuple[Path, Counter[tuple[str, str]]]) -> None:
    """Else agreement would show little."""
    totals = told(counted[0])
    assert len(set(totals)) > len(METHODS)
    assert sum(backward for _, backward in totals) > 1000


def test_what_is_shared_is_counted_once_a_benchmark_and_named_as_shared(
    counted: tuple[Path, Counter[tuple[str, str]]],
) -> None:
    trials = records(counted[0])
    shared = trials["shared--attribution-small-table"]["passes"]
    assert all(made["shared"] for made in shared.values())
    one = trials["attribution.gradient--attribution-small-table--s0"]["passes"]
    read = {name: made for name, made in one.items() if made["shared"]}
    assert read
    assert {name: made["forward"] for name, made in read.items()} == {name: shared[name]["forward"] for name in read}


def test_every_pass_is_counted_under_what_asked_for_it(counted: tuple[Path, Counter[tuple[str, str]]]) -> None:
    names = {name for record in records(counted[0]).values() for name in record["passes"]}
    assert "unassigned" not in names
    assert {"output", "contract", "again", "removal", "randomised"} <= names


def test_a_gradient_costs_one_pass_a_row(counted: tuple[Path, Counter[tuple[str, str]]]) -> None:
    """24 units: the output; 4 rows together, each alone and in another draw for the contract; the output once more."""
    passes = records(counted[0])["attribution.gradient--attribution-small-image--s0"]["passes"]
    method = {name: (passes[name]["forward"], passes[name]["backward"]) for name in ("contract", "again")}
    assert method == {"contract": (12, 12), "again": (24, 24)}
    assert passes["output"]["backward"] == 24 * 2  # and once under the wrong model of control C8
