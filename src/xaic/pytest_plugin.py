"""The pytest plug-in: ``pytest --xaic my_pkg:MyMethod`` shows each verdict on a method as a test.

Tests are collected from the plan, so that selecting them runs nothing; the first that is run makes one run for all that
were selected. Without ``--xaic`` nothing here is at work, and nothing heavy is imported.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from xaic.checks import Check, Checks, Outcome
    from xaic.documents.types import Verdict
    from xaic.harness import Announce

ROOT = "xaic"
SHOWN = {"inconclusive": "?", "not required": "x"}
"""Outcomes that pytest does not know, with their letters."""


class Told(Exception):
    """What is shown of a check in place of a traceback."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options: those of ``xaic check``."""
    group = parser.getgroup("xaic", "conformance of explanation methods (xaic)")
    add = group.addoption
    add("--xaic", action="append", default=[], metavar="METHOD", help="id, pattern, module:Class or ./file.py:Class")
    add("--xaic-profile", default="quick", metavar="NAME", help="id of a profile or path of its YAML file (quick)")
    add("--xaic-seed", type=int, default=0, metavar="N", help="seeds every random draw (0)")
    add("--xaic-workers", type=int, default=0, metavar="N", help="trials at a time; 0: one a core")
    add("--xaic-out", metavar="DIR", help="folder of the run (reports/<profile>-<time>)")
    add(
        "--xaic-content",
        action="append",
        default=[],
        metavar="DIR",
        help="your own conformance/, benchmarks/",
    )
    add("--xaic-plugin", action="append", default=[], metavar="M", help="module or .py file with parts of your own")
    add("--xaic-strict", action="store_true", help="fail also where a Required criterion stays open")


def pytest_configure(config: pytest.Config) -> None:
    """Go to work where a method is named."""
    if config.getoption("xaic"):
        config.addinivalue_line("markers", "xaic: a verdict of xaic on an explanation method")
        config.pluginmanager.register(Conformance(config), "xaic-conformance")


class Conformance:
    """What one test session asks of xaic, and how its verdicts are shown."""

    def __init__(self, config: pytest.Config) -> None:
        """Know the folder by which the processes of the session share one run."""
        self.config = config
        self.strict = bool(config.getoption("xaic_strict"))
        self.worker: dict[str, Any] | None = getattr(config, "workerinput", None)
        self.shared = str(self.worker["xaic_shared"] if self.worker else tempfile.mkdtemp(prefix="xaic-pytest-"))
        self.shown: dict[str, dict[str, Any]] = {}
        self._checks: Checks | None = None

    @property
    def checks(self) -> Checks:
        """The checks of all methods that were named."""
        if self._checks is None:
            from xaic.checks import Checks
            from xaic.harness import Settings

            option = self.config.option
            settings = Settings(
                methods=tuple(option.xaic),
                profile=option.xaic_profile,
                seed=option.xaic_seed,
                content=tuple(option.xaic_content),
                plugins=tuple(option.xaic_plugin),
            )
            self._checks = Checks(
                settings,
                option.xaic_out,
                workers=option.xaic_workers,
                shared=self.shared,
                announce=_announcing(self.config),
            )
        return self._checks

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker of pytest-xdist where the run is shared."""
        node.workerinput["xaic_shared"] = self.shared

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Add the verdicts to what was collected, before anything is selected."""
        items.extend(session.genitems(Root.from_parent(session, name=ROOT, nodeid=ROOT, conformance=self)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Write on the report what the verdict means, in words and without a traceback."""
        report = yield
        if isinstance(item, _Item) and call.excinfo and _is_told(call.excinfo.value):
            report.longrepr = str(call.excinfo.value)
        if isinstance(item, VerdictItem) and item.outcome:
            report.xaic = item.about()  # type: ignore[attr-defined]
            if report.when == "call" and report.skipped:
                assert item.parent is not None
                report.longrepr = (item.parent.nodeid, None, item.reason)  # type: ignore[assignment]
                if item.outcome == "not required":
                    report.wasxfail = item.reason
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.CollectReport | pytest.TestReport
    ) -> tuple[str, str, tuple[str, dict[str, bool]]] | None:
        """Name the outcomes that pytest does not know."""
        kind = _about(report).get("kind")
        if report.when != "call" or kind not in SHOWN:
            return None
        return kind, SHOWN[kind], (kind.upper(), {"yellow": True})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what was shown."""
        if _about(report):
            self.shown[report.nodeid] = _about(report)

    def undecided(self) -> list[str]:
        """Return the methods of which Required criteria were asked and none was decided."""
        asked: dict[str, set[str]] = {}
        for about in self.shown.values():
            if about["counts"]:
                asked.setdefault(about["reference"], set()).add(about["state"])
        return [name for name, states in asked.items() if states <= {"not applicable", "not tested"}]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Let nothing decided count as a failure where the user is strict."""
        if self.strict and self.worker is None and self.undecided() and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List what neither passed nor failed, and where the report lies."""
        lines = [
            f"{kind.upper()} {report.nodeid} - {report.longrepr[2].splitlines()[0]}"
            for kind in SHOWN
            for report in terminalreporter.getreports(kind)
        ]
        lines += [f"UNDECIDED {name} - no Required criterion was decided" for name in self.undecided()]
        folder = Path(self.shared) / "folder"
        if folder.is_file():
            lines.append(f"report: {folder.read_text('utf-8')}/report.html")
        if lines:
            terminalreporter.write_sep("=", "xaic")
            for line in lines:
                terminalreporter.write_line(line)

    def pytest_unconfigure(self) -> None:
        """Remove what was shared; the run stays."""
        if self.worker is None:
            shutil.rmtree(self.shared, ignore_errors=True)


class Root(pytest.Collector):
    """All methods that were named."""

    def __init__(self, *, conformance: Conformance, **more: Any) -> None:
        super().__init__(**more)
        self.conformance = conformance

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """Yield the methods, and whether all was executed; a name that nobody knows is an error of collection."""
        from xaic.documents.errors import XaicError

        try:
            checks = self.conformance.checks.all
        except XaicError as fault:
            raise self.CollectError(f"xaic: {fault}") from None
        for reference in dict.fromkeys(check.reference for check in checks):
            mine = [check for check in checks if check.reference == reference]
            yield MethodChecks.from_parent(self, name=reference, conformance=self.conformance, checks=mine)
        yield Executed.from_parent(self, name="trials::executed", conformance=self.conformance)


class MethodChecks(pytest.Collector):
    """One method."""

    def __init__(self, *, conformance: Conformance, checks: list[Check], **more: Any) -> None:
        super().__init__(**more)
        self.conformance, self.checks = conformance, checks

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the verdicts to come."""
        for check in self.checks:
            yield VerdictItem.from_parent(self, name=check.name, conformance=self.conformance, check=check)


class _Item(pytest.Item):
    """What is common to them."""

    def __init__(self, *, conformance: Conformance, **more: Any) -> None:
        super().__init__(**more)
        self.conformance = conformance
        self.add_marker("xaic")

    @property
    def selected(self) -> list[Check]:
        """The checks that this session shows."""
        return [item.check for item in self.session.items if isinstance(item, VerdictItem)]

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the headline: it names method, criterion and benchmark."""
        return self.path, None, self.nodeid.removeprefix(f"{ROOT}::").replace("::", " ")


class VerdictItem(_Item):
    """One criterion of one method on one benchmark."""

    def __init__(self, *, check: Check, **more: Any) -> None:
        super().__init__(**more)
        self.check = check
        self.outcome: Outcome | None = None
        self.reason = self.state = self.text = ""

    def about(self) -> dict[str, Any]:
        """Return what a report must know, as plain data: it may come from another process."""
        check = self.check
        return {"kind": self.outcome, "reference": check.reference, "counts": check.counts, "state": self.state}

    def setup(self) -> None:
        """Have the run made and look the verdict up: what could not be measured is an error, not a failure."""
        from xaic.reporting import told

        verdict = self.conformance.checks.verdict(self.check, self.selected)
        self.outcome = self.check.outcome(verdict, strict=self.conformance.strict)
        self.state, self.text = verdict.state.value, told(verdict)
        self.reason = self.text if self.outcome in SHOWN else self.text.splitlines()[0]
        self.user_properties.extend(_figures(verdict))
        if self.outcome == "error":
            raise Told(self.text)

    def runtest(self) -> None:
        """Pass, fail or skip, as the verdict says."""
        if self.outcome == "failed":
            raise Told(self.text)
        if self.outcome != "passed":
            pytest.skip(self.reason)


class Executed(_Item):
    """Was everything executed that was planned?"""

    def setup(self) -> None:
        """Have the run made; fewer executed than planned is an error."""
        from xaic.reporting import unexecuted

        fault = unexecuted(self.conformance.checks.made(self.selected))
        if fault:
            raise Told(fault)

    def runtest(self) -> None:
        """Pass: it was."""


def _is_told(fault: BaseException) -> bool:
    """Tell whether a fault is written for the user: a verdict in words, or why no run could be made."""
    from xaic.documents.errors import XaicError

    return isinstance(fault, Told | XaicError)


def _about(report: pytest.CollectReport | pytest.TestReport) -> dict[str, Any]:
    found: dict[str, Any] = getattr(report, "xaic", {})
    return found


def _figures(verdict: Verdict) -> Iterator[tuple[str, str]]:
    """Yield what JUnit shows as properties."""
    for name in ("state", "level", "edition", "estimate", "lower", "upper", "margin", "n", "rule"):
        value = getattr(verdict, name)
        if value not in (None, ""):
            yield f"xaic.{name}", str(value)


def _announcing(config: pytest.Config) -> Announce:
    """Return what tells of trials as they are made, where pytest is verbose: a run may take minutes."""
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    capture: Any = config.pluginmanager.get_plugin("capturemanager")

    def announce(done: int, total: int, what: str) -> None:
        if terminal is not None and capture is not None and config.get_verbosity() > 0:
            with capture.global_and_fixture_disabled():
                terminal.ensure_newline()
                terminal.write_line(f"xaic: {done} of {total}: {what}" if total else f"xaic: {what}")

    return announce
