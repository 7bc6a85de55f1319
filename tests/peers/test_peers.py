"""The comparison with peers, end to end on its tiny model: values agree, and both sides make the passes they should.

Costs are printed by it, never tested: a test that fails on a busy machine teaches nobody anything.
"""

import json
import math
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

Rows = dict[str, dict[str, Any]]

PEERS = Path(__file__).parents[2] / "benchmarks" / "peers"

pytestmark = [
    pytest.mark.skipif(find_spec("quantus") is None, reason="Quantus is not installed: pip install '.[test]'"),
    pytest.mark.skipif(not PEERS.is_dir(), reason="benchmarks/peers is part of the checkout, not of the package"),
]

# The tiny model's settings, as benchmarks/peers/cases.py has them: the formulas below are this test's own.
N, T, S, R, M, OPERATORS, SUBJECTS = 8, 8, 16, 4, 2, 4, 5
IG_STEPS, IG_GAP = 32, 2
SHAP = 32

EXPECTED = {
    # what: (xaic forward, xaic backward), (peer forward, peer backward)
    "pixel flipping, both orders": ((2 * N * (T - 1) + 2 * N, 0), (2 * N * T, 0)),
    "ROAD, both orders": ((2 * N * (T - 1) + 2 * N, 0), (2 * N * (T - 1), 0)),
    "faithfulness correlation": ((N * S + N, 0), (N * S + N, 0)),
    # Quantus explains six times; RIS predicts twice a neighbour, ROS and RRS three times, and the inputs once
    "six robustness metrics": ((2 * N * R + N, N * R), (6 * N * R + 2 * N * R + 2 * (3 * N * R + N), 6 * N * R)),
    "maximum sensitivity alone": ((2 * N * R + N, N * R), (N * R + N, N * R + N)),
    "gradient": ((N, N), (N, N)),
    "integrated gradients": ((N * (IG_STEPS + IG_GAP), N * IG_STEPS), (N * IG_STEPS, N * IG_STEPS)),
    "KernelSHAP": ((N * SHAP + N + 1, 0), (N * SHAP + N, 0)),
}

AGREEING = {
    "pixel flipping, both orders": 2,
    "ROAD, both orders": 1,
    "faithfulness correlation": 1,
    "infidelity at the best scale": 1,
    "six robustness metrics": 6,
    "maximum sensitivity alone": 1,
    "gradient": 1,
    "integrated gradients": 1,
    "KernelSHAP": 1,
    "measurements for 'sal', input x gradient": 3,
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """What the quick mode wrote, by the name of the row; the run itself fails where values do not agree."""
    out = tmp_path_factory.mktemp("peers")
    run = subprocess.run(
        [sys.executable, str(PEERS / "run.py"), "--quick", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=out,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-2000:]
    data = json.loads((out / "peers.json").read_text("utf-8"))
    assert (out / "peers.md").read_text("utf-8") in run.stdout
    return {row["name"]: row for row in data["rows"]}


def passes(counted: dict[str, int]) -> tuple[int, int]:
    return counted["forward"], counted["backward"]


def test_every_group_is_there(found: Rows) -> None:
    groups = {row["group"] for row in found.values()}
    assert groups == {"curves", "subsets", "neighbours", "explanations", "whole", "verdicts"}


@pytest.mark.parametrize(("name", "many"), AGREEING.items())
def test_values_agree(found: Rows, name: str, many: int) -> None:
    agreements = found[name]["agreements"]
    assert len(agreements) == many
    for agreement in agreements:
        assert agreement["share"] >= agreement["least"], agreement
        assert agreement["holds"]


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_counted_passes(found: Rows, name: str, expected: tuple[tuple[int, int], tuple[int, int]]) -> None:
    row = found[name]
    assert passes(row["ours"]["passes"]) == expected[0]
    assert passes(row["peer"]["measured"]["passes"]) == expected[1]


def test_captum_predicts_the_inputs_again_for_every_chunk(found: Rows) -> None:
    row = found["infidelity at the best scale"]
    assert passes(row["ours"]["passes"]) == (N * S + N, 0)
    size = re.search(r"chunks of (\d+)", row["peer"]["setting"])
    chunks = math.ceil(N * S / int(size[1])) if size else 1
    assert passes(row["peer"]["measured"]["passes"]) == (N * S + chunks * N, 0)


def test_a_later_method_does_not_predict_at_the_neighbours_again(found: Rows) -> None:
    assert passes(found["six robustness metrics, later method"]["ours"]["passes"]) == (N * R, N * R)


@pytest.mark.parametrize(("name", "asked", "more"), [("gradient", 1, 0), ("integrated gradients", IG_STEPS, IG_GAP)])
def test_the_whole_set_makes_what_it_needs(found: Rows, name: str, asked: int, more: int) -> None:
    row = found[f"whole metric set, {name}"]
    # again, other target, neighbours, random models; doubled counts twice
    calls = 1 + 1 + R + M + (2 if more else 0)
    curves = OPERATORS * (2 * N * (T - 1) * SUBJECTS + N * (T - 1))
    masks = OPERATORS * 4 * N * SUBJECTS
    shared = 1 + OPERATORS * (N + N * S) + N * R
    gaps = (calls - (1 if more else 0)) * more  # a call with doubled steps reads the gap once, like any other
    needed = (curves + masks + shared + N * (calls * asked + gaps), N * calls * asked)
    assert passes(row["needed"]) == needed
    made = passes(row["ours"]["passes"])
    assert made[1] == needed[1]
    assert needed[0] <= made[0] <= 1.1 * needed[0]


def test_the_books_of_the_harness_are_those_of_the_model(found: Rows) -> None:
    """Rows that sweeps count, less what was made before the clock started, are rows that the model saw."""
    row = found["whole metric set, gradient"]
    counted = row["sweeps"]["counted"].values()
    before = 2 * N  # predictions and clean maps
    assert sum(sweep["forward"] for sweep in counted) - before == row["ours"]["passes"]["forward"]
    assert sum(sweep["backward"] for sweep in counted) - N == row["ours"]["passes"]["backward"]


def test_verdicts_need_fewer_passes_than_the_peer_makes(found: Rows) -> None:
    row = found["measurements for 'sal', input x gradient"]
    needed, made = passes(row["needed"]), passes(row["ours"]["passes"])
    assert made[1] == needed[1]
    assert needed[0] <= made[0] <= 1.1 * needed[0]
    curves = 9 * 2 * N * (3 * T + T - 1)  # of nine subjects in both orders
    correlations = 9 * OPERATORS * (N * S + N)
    layers = 3
    explained = N * R + N * R * IG_STEPS + N * layers + N  # stabilities, MPRT with its original
    assert passes(row["peer"]["measured"]["passes"]) == (curves + correlations + explained, explained)
