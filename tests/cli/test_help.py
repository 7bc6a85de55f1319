"""Help that a newcomer can follow: every command says what it does, with an example."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Say
from tests.harness.runs import environment, plain
from xaic import __version__

COMMANDS = [
    ("run",),
    ("check",),
    ("gate",),
    ("report",),
    ("show",),
    ("validate",),
    ("list",),
    ("list", "methods"),
    ("list", "benchmarks"),
    ("list", "criteria"),
    ("list", "profiles"),
    ("list", "specimens"),
    ("list", "metrics"),
    ("new",),
    ("new", "method"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example_of_itself(say: Say, command: tuple[str, ...]) -> None:
    found, out, errors = say(*command, "--help")
    assert (found, errors) == (0, "")
    example = plain(out).partition("Example: ")[2]
    assert example.startswith(f"xaic {' '.join(command)}"), plain(out)


def test_every_command_is_in_this_list(say: Say) -> None:
    def named(*group: str) -> set[str]:
        lines = say(*group, "--help")[1].partition("Commands")[2].splitlines()
        return {line.split()[1] for line in lines if line.startswith("│ ") and line[2] != " "}

    assert named() == {command[0] for command in COMMANDS}
    for group in ("list", "new"):
        assert named(group) == {command[1] for command in COMMANDS if command[0] == group and len(command) > 1}


def test_without_a_command_help_is_shown_and_nothing_was_done(say: Say) -> None:
    for arguments in ((), ("list",), ("new",)):
        found, out, errors = say(*arguments)
        assert found == 64
        assert "Usage:" in out
        assert errors == ""


def test_the_module_and_the_console_script_are_one_command() -> None:
    script = Path(sys.executable).with_name("xaic")
    commands = [[sys.executable, "-m", "xaic"], *([[str(script)]] if script.is_file() else [])]
    for command in commands:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, env=environment())
        assert done.stdout == f"xaic {__version__}\n"


def test_help_answers_without_importing_what_is_heavy() -> None:
    code = (
        "import sys; from xaic.cli.main import status; status(['run', '--help']); "
        "sys.exit(sum(name in sys.modules for name in ('torch', 'pandas', 'scipy', 'captum')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, env=environment())
    assert done.returncode == 0
