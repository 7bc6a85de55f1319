"""No network: a shipped benchmark runs where there is no interface at all, with nothing kept from earlier runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.harness.runs import command, environment, records

ALONE = ("unshare", "-rn")
LOOK = "from pathlib import Path; print(Path('/proc/net/dev').read_text())"
PROFILE = """
schema: xaic/profile/1
id: one
title: One
edition: "2026.1"
purpose: One shipped benchmark on few units.
requirements: [{criterion: EX-REP-01, benchmarks: [attribution/tabular]}]
protocol:
  attribution: {units: 12, steps: 2, subsets: 4, draws: 2, neighbours: 1, randomisations: 1}
"""


def test_a_method_runs_without_any_network_and_without_anything_kept(tmp_path: Path) -> None:
    may = subprocess.run([*ALONE, "python3", "-c", LOOK], capture_output=True, text=True, check=False)
    if may.returncode:
        pytest.skip(f"a network namespace is not permitted here: {may.stderr.strip()}")
    assert [line.split(":")[0].strip() for line in may.stdout.splitlines() if ":" in line] == ["lo"]  # and that is down
    run, cache, profile = tmp_path / "run", tmp_path / "cache", tmp_path / "one.yaml"
    profile.write_text(PROFILE)
    cache.mkdir()
    asked = ("--profile", profile, "--method", "attribution.integrated_gradients", "--out", run)
    done = subprocess.run(
        [*ALONE, *command("run", *asked)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(XAIC_CACHE=str(cache), HOME=str(tmp_path)),
    )
    assert done.returncode == 0, done.stderr
    passes = records(run)["attribution.integrated_gradients--attribution-tabular--s0"]["passes"]
    assert sum(made["forward"] for made in passes.values()) > 0
    assert sum(made["backward"] for made in passes.values()) > 0
    assert any(cache.iterdir())  # what was measured is kept there now, and was not before
