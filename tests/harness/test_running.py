"""Whole runs: every document is valid, the same seed gives the same bytes, another seed gives other draws."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

from tests.harness.conftest import TINY
from tests.harness.runs import (
    CONTENT,
    SMALL,
    UNLIKE,
    differing,
    documents,
    environment,
    load,
    make,
    records,
    verdicts,
    xaic,
)
from xaic.documents.checking import check_path
from xaic.harness import foreseen
from xaic.harness.folder import LoadedRun, new_folder


def test_every_document_of_a_run_is_valid_and_every_trial_is_there(tiny: Path) -> None:
    plan, head = load(tiny / "plan.json"), load(tiny / "run.json")
    found = check_path(tiny)
    trials = len(plan["trials"])
    assert trials == 12
    assert {kind: found[kind] for kind in ("plan", "run", "environment", "trial")} == {
        "plan": 1,
        "run": 1,
        "environment": 1,
        "trial": trials,
    }
    assert found["measurement"] == found["measurement table"] == trials - 2  # all but what methods share
    assert found["verdict"] == sum(head["states"].values()) == len(load(tiny / "verdicts.jsonl")) == 22
    assert (head["planned"], head["executed"], head["not_applicable"], head["errored"]) == (trials, trials, 0, 0)


def test_one_worker_gives_the_bytes_of_two(tiny: Path, tmp_path: Path) -> None:
    again = make(tmp_path / "again", *TINY, "--workers", "1")
    assert differing(documents(tiny), documents(again)) == []
    for name in UNLIKE:  # with times and machine of the other run, the report is the same as well
        shutil.copy(tiny / name, again / name)
    pages = [tmp_path / "one", tmp_path / "two"]
    for run, page in zip((tiny, again), pages, strict=True):
        assert xaic("report", run, "--out", page).returncode == 0
    one, two = ((page / "report.html").read_text("utf-8") for page in pages)
    assert two.replace(str(again), str(tiny)) == one


def test_the_library_gives_the_bytes_of_the_command(tiny: Path, tmp_path: Path) -> None:
    methods = ["attribution.gradient", "attribution.smoothgrad"]
    script = f"""import xaic
run = xaic.run(methods={methods!r}, profile="tiny", workers=2, out={str(tmp_path / "run")!r},
               plugins=[{str(SMALL / "small.py")!r}], content=[{str(SMALL)!r}])
print(len(run.verdicts), len(run.measurements))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment(), cwd=tmp_path
    )
    read = LoadedRun.open(tiny)
    assert done.stdout.split() == [str(len(read.verdicts)), str(len(read.measurements))]
    assert differing(documents(tiny), documents(tmp_path / "run")) == []


def test_another_seed_gives_other_draws_of_the_same_plan(tiny: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other", *TINY, "--seed", "1")
    one, two = LoadedRun.open(tiny), LoadedRun.open(other)
    key = ["method", "benchmark", "metric", "variant", "subject", "part", "unit"]
    both = one.measurements.merge(two.measurements, on=key, suffixes=("", "_other"))
    assert len(both) == len(one.measurements) == len(two.measurements)
    same = both["value"].eq(both["value_other"]) | (both["value"].isna() & both["value_other"].isna())
    drawn = both["method"].isin(["attribution.random", "attribution.smoothgrad"]) & both["metric"].eq(
        "faithfulness.deletion_auc"
    )
    assert not same[drawn].all()
    fixed = both["metric"].eq("complexity.gini") & both["method"].eq("attribution.gradient")
    assert fixed.any()
    assert same[fixed & both["subject"].eq("method")].all()  # what draws nothing does not change


def test_a_verdict_carries_what_is_needed_to_judge_it(tiny: Path) -> None:
    found = verdicts(tiny)
    one = found["attribution.gradient", "EX-FAI-01", "attribution/small-table"]
    controls = {row["control"] for row in one["details"]}
    assert controls == {"C1", "C4", "C7"}
    assert {row["operator"] for row in one["details"]} == {"mean", "resample"}
    assert one["n"] == 24  # the profile's units, fewer than the benchmark's
    assert one["lower"] <= one["estimate"] <= one["upper"]
    assert one["weakest"]["control"] in controls
    assert one["rule"].startswith("DR1")
    assert one["edition"] == "2026.1"
    assert len(one["worst_units"]) == 5
    planned = found["attribution.gradient", "EX-RND-02", "none"]
    assert (planned["state"], bool(planned["reason"])) == ("not tested", True)
    away = found["attribution.gradient", "EX-AXI-01", "attribution/small-table"]
    assert (away["state"], away["reason"]) == ("not applicable", "the method does not claim completeness")


def test_derived_controls_are_scored_inside_the_method_and_others_in_trials_of_their_own(tiny: Path) -> None:
    table = LoadedRun.open(tiny).measurements
    mine = table[(table["method"] == "attribution.gradient") & (table["metric"] == "faithfulness.deletion_auc")]
    assert set(mine[mine["benchmark"] == "attribution/small-image"]["subject"]) == {"method", "C2", "C8"}
    assert set(mine[mine["benchmark"] == "attribution/small-table"]["subject"]) == {"method", "C7"}
    tried = {(r["control"], r["benchmark"]) for r in records(tiny).values() if r["control"]}
    assert tried == {
        ("C1", "attribution/small-table"),
        ("C4", "attribution/small-table"),
        ("C1", "attribution/small-image"),
        ("C5", "attribution/small-image"),
    }


def test_scores_in_a_file_are_those_of_the_table(tiny: Path) -> None:
    run = LoadedRun.open(tiny)
    trial = "attribution.gradient--attribution-small-table--s0"
    raw = pd.read_parquet(tiny / "trials" / trial / "measurements.parquet")
    shown = run.measurements[run.measurements["trial"] == trial]
    assert list(raw["value"].fillna(-9)) == list(shown["value"].fillna(-9))


def test_a_run_folder_is_not_used_twice(tiny: Path) -> None:
    before = documents(tiny)
    done = xaic("run", *CONTENT, "--out", tiny, *TINY)
    assert done.returncode == 64
    assert "a run lies there; go on with it by --resume" in done.stderr
    assert differing(before, documents(tiny)) == []


def test_a_plan_foresees_every_verdict_and_no_other(tiny: Path) -> None:
    run = LoadedRun.open(tiny)
    keys = [(one.method, one.criterion, one.benchmark, one.level) for one in foreseen(run.plan)]
    assert keys == [(v.method, v.criterion, v.benchmark, v.level) for v in run.verdict_list]


def test_runs_of_one_second_get_folders_of_their_own(tmp_path: Path) -> None:
    made = [new_folder(tmp_path / "reports", "some/mine.yaml") for _ in range(4)]
    assert len(set(made)) == 4
    assert all(path.is_dir() and path.name.startswith("mine-") for path in made)
