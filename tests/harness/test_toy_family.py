"""A family that xaic does not know, added from a folder of the tests alone: it runs from end to end."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import xaic as package
from tests.harness.runs import TOY, TOY_CONTENT, differing, documents, load, once, records, verdicts, xaic
from xaic.documents.checking import check_path
from xaic.harness.folder import LoadedRun

METHODS = ("--method", f"{TOY / 'forecast.py'}:Last", "--method", f"{TOY / 'forecast.py'}:Zero")


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    def make(run: Path) -> None:
        done = xaic("run", *TOY_CONTENT, "--profile", "toy", *METHODS, "--out", run)
        assert done.returncode == 0, done.stderr

    return once(tmp_path_factory, "toy-of-harness", make)


def test_nothing_in_xaic_knows_of_the_family() -> None:
    texts = {path: path.read_text("utf-8") for path in Path(package.__file__).parent.rglob("*.py")}
    names = ('"forecast"', "forecast.hit", "forecast/walks", '"walks"', "EX-TOY-01")
    assert [path for path, text in texts.items() if any(name in text for name in names)] == []


def test_its_specimen_metric_criterion_benchmark_profile_and_methods_make_a_run(toy: Path) -> None:
    found = {key: v["state"] for key, v in verdicts(toy).items()}
    assert found == {
        ("forecast.last", "EX-TOY-01", "forecast/walks"): "pass",
        ("forecast.zero", "EX-TOY-01", "forecast/walks"): "fail",
    }
    assert {r["state"] for r in records(toy).values()} == {"done"}
    assert load(toy / "plan.json")["profile"] == "toy"
    assert set(LoadedRun.open(toy).measurements["metric"]) == {"forecast.hit"}
    check_path(toy)


def test_its_report_names_it(toy: Path) -> None:
    page = (toy / "report.html").read_text("utf-8")
    assert "EX-TOY-01" in page
    assert "Mostly near" in page
    assert 'name="EX-TOY-01 on forecast/walks"' in (toy / "junit.xml").read_text("utf-8")


def test_it_resumes_and_repeats(toy: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(toy, tmp_path / "run"))
    (run / "trials" / "forecast.last--forecast-walks--s0" / "trial.json").unlink()
    assert xaic("run", "--resume", run).returncode == 0
    assert differing(documents(toy), documents(run)) == []
