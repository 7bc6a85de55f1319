"""A project outside of this one, with xaic in its tests: its methods by entry point, the plug-in, checks of its own."""

from __future__ import annotations

import configparser
import importlib.metadata
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.harness.conftest import cache  # noqa: F401 - a fixture that every test here uses
from tests.harness.runs import SMALL, environment, load, verdicts

PROJECT = Path(__file__).parent / "project"
HONEST = "xaic::outside_maps.maps:Honest::"
KNOWN = any(entry.name == "xaic" for entry in importlib.metadata.entry_points(group="pytest11"))
PLUGIN = () if KNOWN else ("-p", "xaic.pytest_plugin")
"""A plain checkout has no entry points: then the plug-in is named."""
ALONE = "conformance"
"""A folder without tests: the project's own ask for checks as well, and are left out where the plug-in is tried."""
TINY = (
    ALONE,
    "--xaic-profile",
    "tiny",
    f"--xaic-plugin={SMALL / 'small.py'}",
    f"--xaic-content={SMALL}",
    "--xaic-workers=1",
)


def install(project: Path, site: Path) -> None:
    """Lay a project's package and metadata down as an installer does."""
    head = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))["project"]
    shutil.copytree(project / "src", site)
    info = site / f"{head['name'].replace('-', '_')}-{head['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {head['name']}\nVersion: {head['version']}\n")
    entries = configparser.ConfigParser()
    entries.read_dict(head["entry-points"])
    with (info / "entry_points.txt").open("w") as out:
        entries.write(out)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the project, installed beside itself."""
    copy = Path(shutil.copytree(PROJECT, tmp_path / "project"))
    install(copy, tmp_path / "site")
    return copy


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in the project, as its people do."""
    path = os.pathsep.join(filter(None, (str(project.parent / "site"), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, "-p", "no:cacheprovider", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=project,
        env=environment(PYTHONPATH=path),
    )


def cases(path: Path) -> dict[str, ET.Element]:
    """Return name -> test case of a JUnit file."""
    return {
        f"{c.get('classname')}::{c.get('name')}": c for c in ET.fromstring(path.read_text("utf-8")).iter("testcase")
    }


def test_a_method_that_holds_what_could_be_decided_passes(project: Path) -> None:
    done = run(project, "-m", "xaic", "--xaic", "outside_maps.maps:Honest", *TINY, "--xaic-out=out", "--junitxml=x.xml")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {key[1:]: verdict["state"] for key, verdict in verdicts(project / "out").items()}
    shown = cases(project / "x.xml")
    assert len(shown) == len(found) + 1  # and one: everything planned was executed
    for (criterion, benchmark), state in found.items():
        case = shown[f"xaic.outside_maps.maps:Honest::{criterion}[{benchmark}]"]
        tags = [child.tag for child in case if child.tag != "properties"]
        assert tags == ([] if state == "pass" else ["skipped"]), (criterion, state)
        figures = {p.get("name"): p.get("value") for p in case.iter("property")}
        assert figures["xaic.state"] == state
    assert found["EX-DOC-01", "card"] == "pass"
    assert found["EX-REP-01", "attribution/small-table"] == "inconclusive"
    assert re.search(
        r"INCONCLUSIVE xaic::outside_maps.maps:Honest::EX-REP-01\[attribution/small-table\] - inc", done.stdout
    )
    assert f"report: {project / 'out'}/report.html" in done.stdout
    counts = re.search(r"(\d+) passed, (\d+) skipped, .*?(\d+) inconclusive", done.stdout)
    assert counts, done.stdout
    assert int(counts[3]) == list(found.values()).count("inconclusive")


def test_a_method_that_claims_too_much_fails_with_what_the_verdict_rests_on(project: Path) -> None:
    selected = ("-k", "EX-AXI or EX-DOC-01", "--xaic-out=out")
    done = run(project, "--xaic", "outside.boast*", "--xaic", "outside_maps.maps:Honest", *TINY, *selected)
    assert done.returncode == 1, done.stdout + done.stderr
    text = done.stdout
    assert "FAILED xaic::outside.boastful::EX-AXI-01[attribution/small-table]" in text
    (verdict,) = [v for key, v in verdicts(project / "out").items() if v["state"] == "fail"]
    assert (verdict["method"], verdict["criterion"]) == ("outside.boastful", "EX-AXI-01")
    for told in (
        f"fail: {verdict['reason']}",
        f"rule       {verdict['rule']}",
        "interval",
        f"n          {verdict['n']} u",
    ):
        assert told in text
    assert "Traceback" not in text
    assert "pytest_plugin.py" not in text
    plan = load(project / "out" / "plan.json")
    assert {r["criterion"] for r in plan["requirements"]} == {"EX-AXI-01", "EX-DOC-01"}
    assert [b["id"] for b in plan["benchmarks"]] == ["attribution/small-table"]
    assert plan["deviations"] == ["only a part was asked: EX-AXI-01, EX-DOC-01, where they were selected"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--xaic", "outside.honset"), "xaic: no method is called 'outside.honset'; did you mean outside.honest"),
        (
            ("--xaic", "outside.honest", "--xaic-profile", "tinny"),
            "xaic: no profile is called 'tinny'; did you mean tiny?",
        ),
        (("--xaic", "outside.honest", "--xaic-profile", "no.yaml"), "no.yaml: no such file"),
    ],
    ids=["method", "profile", "file"],
)
def test_a_name_that_nobody_knows_is_an_error_of_collection(
    project: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = run(project, *TINY, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert told in done.stdout
    assert "Traceback" not in done.stdout
    assert not (project / "reports").exists()


def test_a_class_that_is_not_there_is_an_error_not_a_failure(project: Path) -> None:
    done = run(project, "-m", "xaic", "--xaic", "outside_maps.maps:Nobody", *TINY)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "ERROR xaic::outside_maps.maps:Nobody::EX-DOC-01[card] - error: the method cannot be l" in done.stdout
    assert "methods there: Honest, Boastful" in done.stdout, done.stdout
    assert "pytest_plugin.py" not in done.stdout
    assert "2 errors" in done.stdout


def test_its_own_tests_ask_for_checks(project: Path) -> None:
    done = run(project, "-rs", "-v")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "test_conformance[outside_maps.maps:Honest::EX-DOC-01[card]] PASSED" in done.stdout
    assert "test_conformance[trials::executed] PASSED" in done.stdout
    assert "inconclusive: holds for 16 of 16 units" in done.stdout
    assert "4 passed, 1 skipped" in done.stdout
    (made,) = (project / "reports").iterdir()
    assert (made / "report.html").is_file()


def test_its_tox_environment_gives_the_exit_status_of_the_verdicts(project: Path) -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(project / "tox.ini")
    (line,) = tox["testenv:xaic"]["commands"].strip().splitlines()
    assert "{posargs:--xaic-profile quick}" in line
    line = line.replace("{posargs:--xaic-profile quick}", shlex.join((*TINY, "-k", "EX-DOC")))
    command = shlex.split(line.replace("{env_tmp_dir}", str(project / "tmp")))
    assert command[0] == "pytest"
    done = run(project, *command[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (project / "tmp" / "run" / "run.json").is_file()
    assert set(cases(project / "tmp" / "xaic.xml")) == {f"xaic.{HONEST[6:]}EX-DOC-0{n}[card]" for n in (1, 2)}
