"""``xaic validate``: for every kind of document, each fault with its JSON pointer and what mends it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cli.conftest import Say
from tests.harness.runs import load
from xaic.documents.content import files
from xaic.documents.schemas import validators
from xaic.documents.store import to_data
from xaic.documents.types import Waiver, Waivers
from xaic.harness import to_expected
from xaic.library import gate, load_run
from xaic.methods.discovery import locate
from xaic.specimens.base import get_specimen

TRIAL = "trials/forecast.last--forecast-walks--s0"
KINDS = sorted(validators())


@pytest.fixture(scope="session")
def samples(toy: Path) -> dict[str, dict[str, Any]]:
    """One valid document of every kind."""
    return {
        "plan": load(toy / "plan.json"),
        "run": load(toy / "run.json"),
        "environment": load(toy / "environment.json"),
        "trial": load(toy / TRIAL / "trial.json"),
        "measurement": load(toy / TRIAL / "measurements.json"),
        "verdict": load(toy / "verdicts.jsonl")[0],
        "expected": to_data(to_expected(load_run(toy))),
        "gate": to_data(gate(toy, toy)),
        "waivers": to_data(Waivers((Waiver("EX-FAI-01", "*", "*", "known", "Ada", "2026-12-31"),))),
        "card": to_data(locate("attribution.gradient").card),
        "specimen": to_data(get_specimen("tabular").record()),
        "benchmark": yaml.safe_load(files("benchmarks")["attribution/tabular"].read_text("utf-8")),
        "criterion": yaml.safe_load(files("conformance/criteria")["EX-FAI-01"].read_text("utf-8")),
        "edition": load(files("conformance/editions", ".json")["2026.1"]),
        "profile": yaml.safe_load(files("conformance/profiles")["quick"].read_text("utf-8")),
    }


def write(folder: Path, document: Any, suffix: str = ".json") -> Path:
    path = folder / f"document{suffix}"
    path.write_text(yaml.safe_dump(document) if suffix == ".yaml" else json.dumps(document), "utf-8")
    return path


def test_there_is_a_sample_of_every_kind(samples: dict[str, Any]) -> None:
    assert sorted(samples) == KINDS


@pytest.mark.parametrize("suffix", [".json", ".yaml"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_valid_document_of_each_kind_is_called_by_its_name(
    say: Say, samples: dict[str, Any], tmp_path: Path, kind: str, suffix: str
) -> None:
    path = write(tmp_path, samples[kind], suffix)
    assert say("validate", path) == (0, f"{path}: valid (1 {kind})\n", "")


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_comes_with_pointer_and_mend(say: Say, samples: dict[str, Any], tmp_path: Path, kind: str) -> None:
    known = validators()[kind].schema
    assert isinstance(known, dict)
    needed = next(name for name in sorted(known["required"]) if name != "schema")
    spoiled = {name: value for name, value in samples[kind].items() if name != needed}
    path = write(tmp_path, {**spoiled, "surplus": 1})
    status, out, errors = say("validate", path)
    assert (status, out) == (65, "")
    lines = errors.splitlines()
    assert f"{path}: at /: '{needed}' is a required property; add it" in lines
    assert [line for line in lines if "('surplus' was unexpected); remove it or correct its spelling" in line]
    for wrong, told in ((f"xaic/{kind}/9", f"'xaic/{kind}/9' is not known to this xaic"), (None, "names no schema")):
        status, _, errors = say("validate", write(tmp_path, {**samples[kind], "schema": wrong}))
        assert status == 65
        assert f"{path}: at /schema: " in errors
        assert told in errors


@pytest.mark.parametrize(
    ("kind", "place", "value", "told"),
    [
        ("criterion", ("checks", 0, "rule", "id"), "DR0", "at /checks/0/rule/id: 'DR0'"),
        ("profile", ("requirements", 1, "level"), "wished", "at /requirements/1/level: 'wished' is not one of"),
        ("plan", ("trials", 2, "seed"), "7", "at /trials/2/seed: '7' is not of type 'integer'; write a value of"),
        ("gate", ("rows", 0, "shifts", 0, "margin"), -1, "at /rows/0/shifts/0/margin: -1 is less than the minimum"),
        ("waivers", ("waivers", 0, "expires"), "2026-02-30", "at /waivers/0/expires: '2026-02-30' is not a 'date'"),
        ("benchmark", ("id",), "No Slash", "at /id: 'No Slash' does not match"),
        ("card", ("capabilities", "access"), "all", "at /capabilities/access: 'all' is not one of"),
        (
            "expected",
            ("verdicts", "forecast.last", "EX-TOY-01", "forecast/walks"),
            "good",
            "at /verdicts/forecast.last/EX-TOY-01/forecast~1walks: 'good' is not one of",
        ),
    ],
)
def test_pointers_lead_into_the_depth_of_a_document(
    say: Say, samples: dict[str, Any], tmp_path: Path, kind: str, place: tuple[Any, ...], value: Any, told: str
) -> None:
    document = json.loads(json.dumps(samples[kind]))
    inner = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    status, _, errors = say("validate", write(tmp_path, document))
    assert status == 65
    assert told in errors


def test_a_whole_run_is_counted_by_kinds(say: Say, toy: Path) -> None:
    status, out, errors = say("validate", toy)
    assert (status, errors) == (0, "")
    found = {line.partition("valid (")[2].rstrip(")") for line in out.splitlines()}
    wanted = "1 environment, 1 plan, 1 run, 3 trial, 2 measurement, 2 measurement table, 2 verdict"
    assert found == set(wanted.split(", "))


def test_all_shipped_content_is_valid(say: Say) -> None:
    kinds = ("benchmarks", "conformance/criteria", "conformance/profiles")
    folders = {path.parent for kind in kinds for path in files(kind).values()}
    assert say("validate", *sorted(folders))[0] == 0


def test_faults_of_several_files_are_all_told_and_the_worst_counts(say: Say, toy: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(toy, tmp_path / "run"))
    (run / TRIAL / "measurements.parquet").write_bytes(b"PAR1")
    lines = (run / "verdicts.jsonl").read_text().splitlines()
    (run / "verdicts.jsonl").write_text(lines[0] + "\n" + lines[1][:40] + "\n")
    status, out, errors = say("validate", run, tmp_path / "nowhere.json", toy / "plan.json")
    assert status == 66  # missing is worse than bad
    assert "verdicts.jsonl:2: column" in errors
    assert "measurements.parquet: the file is not the one its sidecar describes" in errors
    assert "run.json: at /files: verdicts.jsonl has another hash: it was changed since" in errors
    assert "nowhere.json: no such file" in errors
    assert f"{toy / 'plan.json'}: valid (1 plan)" in out


def test_what_is_no_document_is_told(say: Say, tmp_path: Path) -> None:
    for name, content, told in (
        ("a.txt", "x", "is no document of xaic"),
        ("a.json", "{", "line 1, column 2"),
        ("a.yaml", "a: [1", "is not YAML"),
        ("a.yaml", "[1, 2]", "the document is no object"),
        ("a.json", "\udcff", "is not UTF-8 text"),
    ):
        path = tmp_path / name
        path.write_bytes(content.encode("utf-8", "surrogateescape"))
        status, _, errors = say("validate", path)
        assert status == 65
        assert told in errors
