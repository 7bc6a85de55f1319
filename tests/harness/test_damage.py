"""Damaged, edited and contended run folders: a clear error, or the trial is made again; a full disk loses nothing."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.harness.conftest import TINY
from tests.harness.runs import CONTENT, command, differing, documents, environment, load, records, xaic
from xaic.documents.checking import check_path
from xaic.documents.errors import BadData, BadDocument, MissingFile, UnknownSchema
from xaic.harness.folder import LoadedRun, RunIsHeld, held

TRIAL = "trials/attribution.gradient--attribution-small-table--s0"


@pytest.fixture
def copy(tiny: Path, tmp_path: Path) -> Path:
    """A copy of the undisturbed run that a test may damage."""
    return Path(shutil.copytree(tiny, tmp_path / "run"))


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**load(path), **changes}, sort_keys=True, indent=1) + "\n")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def miscount(path: Path) -> None:
    edit(path, units=99)


@pytest.mark.parametrize(
    ("name", "damage", "fault", "told"),
    [
        ("measurements.parquet", cut, BadData, "the file is not the one its sidecar describes"),
        ("measurements.parquet", Path.unlink, MissingFile, "the run is not whole; go on with: xaic run --resume"),
        ("measurements.json", lambda path: edit(path, rows="many"), BadDocument, "at /rows: 'many'"),
        ("trial.json", cut, BadDocument, r"trial\.json: line \d+, column \d+"),
        ("trial.json", empty, BadDocument, r"trial\.json: line 1, column 1"),
        ("trial.json", lambda path: edit(path, state="fine"), BadDocument, "at /state: 'fine' is not one of"),
        ("trial.json", Path.unlink, MissingFile, "the run is not finished; go on with: xaic run --resume"),
        (
            "trial.json",
            lambda path: edit(path, schema="xaic/trial/99"),
            UnknownSchema,
            "at /schema: 'xaic/trial/99' is not known to this xaic",
        ),
    ],
)
def test_reading_what_is_damaged_is_a_clear_error(
    copy: Path, name: str, damage: Callable[[Path], None], fault: type[Exception], told: str
) -> None:
    damage(copy / TRIAL / name)
    with pytest.raises(fault, match=told):
        _ = LoadedRun.open(copy).measurements
    with pytest.raises((BadData, MissingFile)):
        check_path(copy)


def test_what_was_changed_after_the_run_is_found_though_it_is_valid(copy: Path) -> None:
    miscount(copy / TRIAL / "trial.json")
    with pytest.raises(BadData, match=r"run\.json: at /files: trials/.*/trial\.json has another hash"):
        check_path(copy)


def test_a_resumed_run_makes_again_every_trial_that_is_damaged_and_no_other(tiny: Path, copy: Path) -> None:
    cut(copy / TRIAL / "measurements.parquet")
    names = [path.name for path in (copy / "trials").iterdir() if path.name != Path(TRIAL).name]
    damaged = {Path(TRIAL).name, *names[:4]}
    damages: list[Callable[[Path], None]] = [cut, empty, Path.unlink, miscount]
    for name, damage in zip(names, damages, strict=False):
        damage(copy / "trials" / name / "trial.json")
    kept = {name: (copy / "trials" / name / "trial.json").stat().st_mtime_ns for name in names[4:]}
    (copy / "verdicts.jsonl").unlink()
    empty(copy / "timing.json")
    (copy / ".timing.json.123.part").write_text("half a fi")
    done = xaic("run", "--resume", copy)
    assert done.returncode == 0, done.stderr
    assert f"[{12 - len(damaged)}/12] measuring" in done.stderr
    assert {name: (copy / "trials" / name / "trial.json").stat().st_mtime_ns for name in kept} == kept
    assert differing(documents(tiny), documents(copy)) == []


def test_a_damaged_head_of_a_run_is_written_again(tiny: Path, copy: Path) -> None:
    cut(copy / "run.json")
    done = xaic("run", "--resume", copy)
    assert done.returncode == 0, done.stderr
    assert differing(documents(tiny), documents(copy)) == []


@pytest.mark.parametrize("name", ["plan.json", f"{TRIAL}/trial.json"])
def test_documents_of_another_version_are_not_written_over(copy: Path, name: str) -> None:
    kind = Path(name).stem
    edit(copy / name, schema=f"xaic/{kind}/99")
    before = documents(copy)
    if kind == "trial":  # an unfinished run: nothing tells that the record was another
        (copy / "run.json").unlink()
        before.pop("run.json")
    done = xaic("run", "--resume", copy)
    assert done.returncode == 65
    assert f"at /schema: 'xaic/{kind}/99' is not known to this xaic; it reads" in done.stderr
    assert "Traceback" not in done.stderr
    assert differing(before, documents(copy)) == []


def test_trials_of_an_edited_plan_are_made_again_where_it_concerns_them(tiny: Path, copy: Path) -> None:
    plan = load(copy / "plan.json")
    image = next(b for b in plan["benchmarks"] if b["id"] == "attribution/small-image")
    image["protocol"]["units"] = 12
    edit(copy / "plan.json", **plan)
    done = xaic("run", "--resume", copy)
    assert done.returncode == 0, done.stderr
    assert "[6/12] measuring" in done.stderr
    assert {r["benchmark"]: r["units"] for r in records(copy).values()} == {
        "attribution/small-image": 12,
        "attribution/small-table": 24,
    }
    table = {name: data for name, data in documents(tiny).items() if "small-table" in name}
    assert differing(table, {name: documents(copy)[name] for name in table}) == []
    check_path(copy)


def test_a_specimen_that_changed_since_is_refused(copy: Path) -> None:
    plan = load(copy / "plan.json")
    edit(copy / "plan.json", specimens={**plan["specimens"], "small/table": "0" * 64})
    done = xaic("run", "--resume", copy)
    assert done.returncode == 65
    assert "specimen small/table is another than the one the run was planned with" in done.stderr


def test_no_two_processes_work_in_one_folder(copy: Path, tmp_path: Path) -> None:
    with held(copy):
        done = xaic("run", "--resume", copy)
        assert done.returncode == 64
        assert "another xaic is at work there; wait for it or choose another folder" in done.stderr
        with pytest.raises(RunIsHeld), held(copy):
            pass
    new = tmp_path / "new"
    new.mkdir()
    with held(new):
        assert xaic("run", *CONTENT, *TINY, "--out", new).returncode == 64
    assert list(new.iterdir()) == []


SMALL_DISK = """
set -e
mount -t tmpfs -o size={small}k none {disk}
status=0
{run} || status=$?
echo "full: $status with $(find {disk} -name trial.json | wc -l) trials"
mount -o remount,size=64m {disk}
{resume}
cp -r {disk}/run {kept}
"""


def test_a_full_disk_ends_the_run_with_its_finished_trials_and_room_lets_it_go_on(tiny: Path, tmp_path: Path) -> None:
    may = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
    if may.returncode:
        pytest.skip("mounting a small disk is not permitted here")
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    disk.mkdir()
    script = SMALL_DISK.format(
        small=600,
        disk=disk,
        kept=kept,
        run=" ".join(command("run", *CONTENT, *TINY, "--workers", "1", "--out", disk / "run")),
        resume=" ".join(command("run", "--resume", disk / "run")),
    )
    done = subprocess.run(
        ["unshare", "-rm", "bash", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={**environment(), "XAIC_CACHE": os.environ["XAIC_CACHE"]},
    )
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stderr
    assert "make room: finished trials are kept, go on with xaic run --resume RUN" in done.stderr
    assert "Traceback" not in done.stderr
    (finished,) = re.findall(r"full: 3 with (\d+) trials", done.stdout)
    assert 0 < int(finished) < 12
    assert differing(documents(tiny), documents(kept)) == []
