"""The pytest plug-in in sessions of its own: what is collected, how each verdict is shown, and how processes share."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.harness.conftest import cache  # noqa: F401 - a fixture that every test here uses
from tests.harness.runs import SMALL, TOY, environment, load, verdicts

pytest_plugins = ["pytester"]

KNOWN = any(entry.name == "xaic" for entry in importlib.metadata.entry_points(group="pytest11"))
PLUGIN = () if KNOWN else ("-p", "xaic.pytest_plugin")
FORECAST = TOY / "forecast.py"
BASE = ("--xaic-workers=1", "--xaic-out=run", *PLUGIN, "-p", "no:cacheprovider")
FORECASTS = (f"--xaic-plugin={FORECAST}", f"--xaic-content={TOY}", "--xaic-profile=toy", *BASE)
MAPS = (f"--xaic-plugin={SMALL / 'small.py'}", f"--xaic-content={SMALL}", *BASE)
LAST, ZERO = f"--xaic={FORECAST}:Last", f"--xaic={FORECAST}:Zero"


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sessions in sessions are none of the outer one's workers, and their summaries are not shortened."""
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID", "PYTEST_ADDOPTS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("COLUMNS", "200")


def profile(folder: Path, level: str) -> str:
    """Write a profile of the toy criterion at a level and return the option that names it."""
    path = folder / f"{level}.yaml"
    path.write_text(
        f"{{schema: xaic/profile/1, id: {level}, title: T, edition: '2026.1', purpose: P., "
        f"requirements: [{{criterion: EX-TOY-01, benchmarks: ['forecast/*'], level: {level}}}]}}"
    )
    return f"--xaic-profile={path}"


def test_without_the_option_nothing_is_at_work_and_nothing_heavy_imported(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("""
        import sys
        def test_nothing(pytestconfig):
            assert not pytestconfig.pluginmanager.has_plugin("xaic-conformance")
            assert not {"torch", "pandas", "scipy", "numpy", "xaic.checks"} & set(sys.modules)
    """)
    done = pytester.runpytest_subprocess(*PLUGIN, "-p", "no:hypothesispytest")
    done.assert_outcomes(passed=1)
    assert done.ret == 0


def test_importing_the_plugin_imports_nothing_else_of_xaic() -> None:
    code = (
        "import sys, xaic.pytest_plugin; print(sorted(m for m in sys.modules if m.split('.')[0] in ('xaic', 'torch')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['xaic', 'xaic.pytest_plugin', 'xaic.version']"


def test_verdicts_are_collected_from_the_plan_and_nothing_is_run(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess(*FORECASTS, LAST, ZERO, "--collect-only", "-q", "-k", "Zero or trials")
    assert done.ret == 0
    done.stdout.fnmatch_lines([f"xaic::{FORECAST}:Zero::EX-TOY-01[[]forecast/walks[]]", "xaic::trials::executed"])
    done.stdout.no_fnmatch_line("*Last*")
    done.stdout.fnmatch_lines(["2/3 tests collected (1 deselected)*"])
    assert not (pytester.path / "run").exists()


def test_pass_fail_and_error_are_told_apart_in_words_and_in_junit(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess(*FORECASTS, LAST, ZERO, "--xaic=./no.py:No", "--junitxml=x.xml", "-v", "-rA")
    assert done.ret == 1
    done.assert_outcomes(passed=1, failed=1, errors=2)
    found = verdicts(pytester.path / "run")
    wrong = found["forecast.zero", "EX-TOY-01", "forecast/walks"]
    done.stdout.fnmatch_lines(
        [
            f"fail: {wrong['reason']}",
            "  method     forecast.zero",
            "  criterion  EX-TOY-01 on forecast/walks, required, edition 2026.1",
            "  estimate   0.*",
            "  interval   * to *",
            "  n          80 units",
            f"  rule       {wrong['rule'][:20]}*",
        ]
    )
    done.stdout.fnmatch_lines(["xaic: * of *", f"report: {pytester.path}/run/report.html", "ERROR xaic::./no.py:No::*"])
    assert "Traceback" not in done.stdout.str()
    assert "pytest_plugin.py" not in done.stdout.str()
    junit = ET.parse(pytester.path / "x.xml").getroot()
    tags = {case.get("classname"): [c.tag for c in case if c.tag != "properties"] for case in junit.iter("testcase")}
    assert {name.rpartition(":")[2]: tag for name, tag in tags.items() if name} == {
        "Last": [],
        "Zero": ["failure"],
        "No": ["error"],
        "xaic.trials": ["error"],
    }
    figures = {
        p.get("name"): p.get("value")
        for c in junit.iter("testcase")
        for p in c.iter("property")
        if "Zero" in str(c.attrib)
    }
    assert figures["xaic.lower"] == str(wrong["lower"])
    assert figures["xaic.n"] == "80"


def test_only_what_is_selected_is_run(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess(*FORECASTS, LAST, ZERO, "-m", "xaic", "-k", "Last")
    done.assert_outcomes(passed=1, deselected=2)
    assert done.ret == 0
    plan = load(pytester.path / "run" / "plan.json")
    assert [m["id"] for m in plan["methods"] if m["asked"]] == ["forecast.last"]
    again = pytester.runpytest_subprocess(*FORECASTS, LAST, ZERO, "-m", "xaic", "-x")
    again.stdout.fnmatch_lines(["*run: a run lies there; *", "*stopping after 1 failures*"])
    again.assert_outcomes(errors=1)
    assert again.ret == 1


def test_open_verdicts_are_an_outcome_of_their_own_that_fails_where_asked(pytester: pytest.Pytester) -> None:
    method = ("--xaic=attribution.gradient", "--xaic-profile=few", "--junitxml=x.xml")
    done = pytester.runpytest_subprocess(*MAPS, *method)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["xaic [?].*", "INCONCLUSIVE xaic::attribution.gradient::EX-REP-01* - inconclusive: *"])
    done.stdout.fnmatch_lines(["*1 passed*, 1 inconclusive*"])
    (skipped,) = ET.parse(pytester.path / "x.xml").getroot().iter("skipped")
    assert str(skipped.get("message")).startswith("inconclusive: ")
    strict = pytester.runpytest_subprocess(*MAPS, *method, "--xaic-strict", "--xaic-out=again")
    strict.assert_outcomes(passed=1, failed=1)
    assert strict.ret == 1


def test_a_fail_of_what_is_not_required_fails_no_session(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess(*FORECASTS, ZERO, profile(pytester.path, "recommended"), "--junitxml=x.xml")
    assert done.ret == 0
    done.stdout.fnmatch_lines(["xaic x.*", f"NOT REQUIRED xaic::{FORECAST}:Zero::EX-TOY-01* - fail: *"])
    done.stdout.fnmatch_lines(["*1 passed*, 1 not required*"])
    (skipped,) = ET.parse(pytester.path / "x.xml").getroot().iter("skipped")
    assert skipped.get("type") == "pytest.xfail"


def test_a_method_of_which_nothing_required_is_decided_is_told_and_fails_where_asked(pytester: pytest.Pytester) -> None:
    (pytester.path / "axioms.yaml").write_text(
        "{schema: xaic/profile/1, id: axioms, title: T, edition: '2026.1', purpose: P., requirements: "
        "[{criterion: EX-AXI-01, benchmarks: [attribution/small-table], level: required}], "
        "protocol: {attribution: {units: 8}}}"
    )
    method = ("--xaic=attribution.gradient", "--xaic-profile=axioms.yaml", "-rs")
    done = pytester.runpytest_subprocess(*MAPS, *method)
    assert done.ret == 0
    done.stdout.fnmatch_lines(["UNDECIDED attribution.gradient - no Required criterion was decided"])
    done.stdout.fnmatch_lines(["SKIPPED * not applicable: the method does not claim completeness"])
    assert pytester.runpytest_subprocess(*MAPS, *method, "--xaic-strict", "--xaic-out=again").ret == 1


def test_workers_share_one_run(pytester: pytest.Pytester) -> None:
    arguments = [option for option in FORECASTS if option != "--xaic-out=run"]
    done = pytester.runpytest_subprocess(*arguments, LAST, ZERO, "-n", "2", "--dist", "load", "--junitxml=x.xml")
    assert done.ret == 1
    done.assert_outcomes(passed=2, failed=1)
    (run,) = (pytester.path / "reports").iterdir()
    assert re.fullmatch(r"toy-\d{8}-\d{6}", run.name)
    assert len(verdicts(run)) == 2
    done.stdout.fnmatch_lines([f"report: {run}/report.html"])
    done.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_workers_tell_a_wrong_name_as_one_process_does(pytester: pytest.Pytester) -> None:
    done = pytester.runpytest_subprocess(*MAPS, "--xaic=attribution.gradeint", "-n", "2")
    assert done.ret != 0
    done.stdout.fnmatch_lines(["*xaic: no method is called 'attribution.gradeint'; did you mean attribution.gradient*"])
    done.stdout.no_fnmatch_line("*INTERNALERROR*")


GO_ON = """
import shutil, sys
from pathlib import Path
from xaic.checks import Checks, NotMade
from xaic.harness import Settings

toy, out = sys.argv[1], Path(sys.argv[2])
shared = out / "shared"
shared.mkdir()

def checks():
    settings = Settings((f"{toy}/forecast.py:Last",), "toy", content=(toy,), plugins=(f"{toy}/forecast.py",))
    return Checks(settings, out / "run", workers=1, shared=shared)

first = checks().made()
before = (first.folder / "verdicts.jsonl").read_bytes()
(shared / "done").unlink()                      # as if the process that made it had been killed
(first.folder / "verdicts.jsonl").unlink()
shutil.rmtree(next(first.folder.glob("trials/forecast.last*")))
again = checks()
assert again.verdict(again.all[0]).state == "pass"
assert (first.folder / "verdicts.jsonl").read_bytes() == before
assert (shared / "done").is_file()
alone = Checks(checks().settings, out / "run", workers=1)
for attempt in (1, 2):
    try:
        alone.made()
    except NotMade as fault:
        assert "a run lies there" in str(fault)
    else:
        raise AssertionError(attempt)
print("well")
"""


def test_a_run_whose_maker_was_killed_is_gone_on_with_and_a_foreign_one_left_alone(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", GO_ON, str(TOY), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.stdout == "well\n", done.stderr
