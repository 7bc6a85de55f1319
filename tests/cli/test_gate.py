"""``xaic gate`` from end to end: real runs, real calls, every exit status."""

from __future__ import annotations

import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.conftest import Say
from tests.harness.runs import TOY_CONTENT, load, once, plain, xaic

RENAMED = "forecast.last=forecast.zero"
WAVERING = '''
"""The last value, but for three series in eighty, where it is far away."""

from typing import Any

import torch
from torch import Tensor

from xaic import Context, Method, MethodCard, State
from xaic.documents.types import Capabilities


class Wavering(Method[Any, Any, Tensor]):
    card = MethodCard(
        id="forecast.last",
        title="last",
        family="forecast",
        purpose="say the next value",
        truth="prediction",
        capabilities=Capabilities(access="outputs", inputs=("walk",)),
    )

    def run(self, task: Any, state: State, ctx: Context) -> Tensor:
        far = torch.tensor([unit in {"walk-0", "walk-1", "walk-2"} for unit in task.units])
        return torch.where(far, task.values[:, -1] + 1000, task.values[:, -1])
'''


@pytest.fixture(scope="session")
def copy(toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy run once more, elsewhere."""
    return Path(shutil.copytree(toy, tmp_path_factory.mktemp("copied") / "run"))


@pytest.fixture(scope="session")
def wavering(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run of a method that became worse on three units."""

    def make(run: Path) -> None:
        run.mkdir()
        (run / "wavering.py").write_text(WAVERING)
        method = f"{run / 'wavering.py'}:Wavering"
        done = xaic("run", *TOY_CONTENT, "--profile", "toy", "--method", method, "--out", run / "run")
        assert done.returncode == 0, done.stderr

    return once(tmp_path_factory, "wavering", make) / "run"


def gate(baseline: Path, candidate: Path, *more: str | Path, **environment: str) -> tuple[int, str]:
    done = xaic("gate", "--baseline", baseline, "--candidate", candidate, *more, **environment)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_0_where_nothing_became_worse(toy: Path, copy: Path, tmp_path: Path) -> None:
    markdown, junit, step = (tmp_path / name for name in ("gate.md", "gate.xml", "step.md"))
    step.write_text("before\n")
    status, out = gate(toy, copy, "--markdown", markdown, "--junit", junit, GITHUB_STEP_SUMMARY=str(step))
    assert status == 0, out
    assert "no regression in 2 of 2 comparisons; no score moved" in out
    assert load(copy / "gate.json")["status"] == 0
    assert xaic("validate", copy / "gate.json").returncode == 0
    assert markdown.read_text().startswith("## xaic gate: No regression")
    assert step.read_text() == "before\n" + markdown.read_text()
    assert ET.fromstring(junit.read_bytes()).get("failures") == "0"


def test_1_where_a_method_became_worse_and_0_where_somebody_answers_for_it(
    toy: Path, copy: Path, tmp_path: Path
) -> None:
    status, out = gate(toy, copy, "--method", RENAMED, "--out", tmp_path / "gate.json")
    assert status == 1, out
    assert "regression in 1 of 2 comparisons; worst: EX-TOY-01 on forecast/walks for forecast.zero" in plain(out)
    assert "passed, and now fails" in out
    waivers = tmp_path / "waivers.yaml"
    entry = (
        "{criterion: EX-TOY-*, benchmark: '*', method: forecast.zero, reason: known, owner: Ada, expires: 2999-01-01}"
    )
    waivers.write_text(f"schema: xaic/waivers/1\nwaivers:\n- {entry}\n")
    status, out = gate(toy, copy, "--method", RENAMED, "--out", tmp_path / "gate.json", "--waivers", waivers)
    assert status == 0, out
    assert "waived until 2999-01-01 by Ada: known" in plain(out)


def test_2_where_the_units_cannot_decide(toy: Path, wavering: Path, tmp_path: Path) -> None:
    only = tmp_path / "only"
    done = xaic("run", *TOY_CONTENT, "--profile", "toy", "--method", f"{TOY_CONTENT[1]}:Last", "--out", only)
    assert done.returncode == 0, done.stderr
    status, out = gate(only, wavering)
    assert status == 2, out
    assert "undecided in 1 of 1 comparisons, no regression shown" in out
    assert "units would decide" in out
    needed = load(wavering / "gate.json")["rows"][0]["shifts"][0]["needed"]
    assert needed > 80


def test_3_where_a_method_is_missing_or_a_run_is_not_finished(toy: Path, wavering: Path, tmp_path: Path) -> None:
    status, out = gate(toy, wavering, "--out", tmp_path / "gate.json")  # forecast.zero is not in the candidate
    assert status == 3, out
    assert "the candidate has no such verdict" in out
    begun = Path(shutil.copytree(toy, tmp_path / "begun"))
    (begun / "run.json").unlink()
    status, out = gate(toy, begun)
    assert status == 3, out
    assert f"xaic run --resume {begun}" in plain(out)


def test_a_run_is_named_by_its_folder_its_report_or_its_record(say: Say, toy: Path, copy: Path) -> None:
    for name in ("", "report.html", "run.json"):
        status, out, errors = say("gate", "--baseline", toy / name, "--candidate", copy / name)
        assert (status, errors) == (0, "")
        assert f"gate: {copy / 'gate.json'}" in out


def test_64_misuse(say: Say, toy: Path, copy: Path) -> None:
    both = ("gate", "--baseline", toy, "--candidate", copy)
    for arguments, told in (
        (("gate", "--candidate", copy), "Missing option '--baseline'"),
        ((*both, "--method", "forecast.last"), "write OLD=NEW"),
        ((*both, "--method", "forecast.lost=forecast.last"), "no method of the baseline is called 'forecast.lost'"),
        ((*both, "--method", RENAMED, "--method", RENAMED), "forecast.last is renamed twice"),
        ((*both, "--level", "wished"), "no obligation level is called 'wished'"),
        (("gate", "--baseline", toy / "verdicts.jsonl", "--candidate", copy), "names no run"),
    ):
        status, out, errors = say(*arguments)
        assert (status, out) == (64, "")
        assert told in errors


def test_65_bad_data(say: Say, toy: Path, copy: Path, tmp_path: Path) -> None:
    damaged = Path(shutil.copytree(toy, tmp_path / "damaged"))
    lines = (damaged / "verdicts.jsonl").read_text()
    (damaged / "verdicts.jsonl").write_text(lines.replace('"pass"', '"fail"'))
    waivers = tmp_path / "waivers.yaml"
    waivers.write_text("schema: xaic/waivers/1\nwaivers: [{criterion: EX-TOY-01}]\n")
    for arguments, told in (
        ((toy, damaged), "verdicts.jsonl has another hash: it was changed since"),
        ((damaged, copy), "verdicts.jsonl has another hash: it was changed since"),
        ((toy, copy, "--waivers", waivers), "at /waivers/0: 'owner' is a required property"),
    ):
        baseline, candidate, *more = arguments
        status, out, errors = say("gate", "--baseline", baseline, "--candidate", candidate, *more)
        assert (status, out) == (65, "")
        assert told in errors


def test_66_missing(say: Say, toy: Path, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    for baseline, candidate, more in (
        (nowhere, toy, ()),
        (toy, nowhere, ()),
        (toy, tmp_path, ()),
        (toy, toy, ("--waivers", nowhere)),
    ):
        status, out, errors = say("gate", "--baseline", baseline, "--candidate", candidate, *more)
        assert (status, out) == (66, "")
        assert "no such file" in errors


def test_a_program_gates_and_reads_what_the_command_does(toy: Path, copy: Path, tmp_path: Path) -> None:
    import xaic as library

    assert library.gate(toy, copy).status == 0
    found = library.gate(library.load_run(toy), copy / "report.html", methods={"forecast.last": "forecast.zero"})
    assert found.status == 1
    assert {row.formerly for row in found.rows} == {"", "forecast.last"}
