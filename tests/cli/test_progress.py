"""How far a run is: plain lines where nobody watches, a bar with the time that is left on a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
from pathlib import Path

from tests.cli.conftest import BOTH
from tests.harness.runs import TOY_CONTENT, command, environment, plain

TIME = r"\d+:\d\d"


def test_plain_lines_where_there_is_no_terminal(toy: Path) -> None:
    said = toy.with_suffix(".errors").read_text()
    lines = said.splitlines()
    assert "\x1b" not in said
    assert "\r" not in said
    shapes = [
        rf"{TIME} reading the methods' cards",
        rf"{TIME} choosing chunk sizes",
        rf"{TIME} \[0/3\] measuring",
        rf"{TIME} \[1/3\] shared on forecast/walks; about {TIME} left",
        rf"{TIME} \[2/3\] forecast\.last on forecast/walks; about {TIME} left",
        rf"{TIME} \[3/3\] forecast\.zero on forecast/walks",
    ]
    assert len(lines) == len(shapes)
    assert all(re.fullmatch(shape, line) for shape, line in zip(shapes, lines, strict=True)), lines
    assert (
        "planned 3, executed 3, not applicable 0, errored 0; verdicts: 1 fail, 1 pass"
        in toy.with_suffix(".output").read_text()
    )


def on_terminal(*arguments: str | Path) -> tuple[int, str]:
    """Run xaic on a terminal of its own and return its exit status and all that appeared there."""
    master, slave = pty.openpty()
    wide = environment(TERM="xterm-256color", COLUMNS="160", LINES="40")
    process = subprocess.Popen(command(*arguments), stdin=slave, stdout=slave, stderr=slave, env=wide)
    os.close(slave)
    shown = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:  # Linux says so at the end of a terminal
            break
        if not part:
            break
        shown += part
    os.close(master)
    return process.wait(), shown.decode("utf-8", "replace")


def test_a_bar_with_the_time_left_on_a_terminal(tmp_path: Path) -> None:
    status, shown = on_terminal("run", *TOY_CONTENT, "--profile", "toy", *BOTH, "--out", tmp_path / "run")
    assert status == 0
    assert "\x1b[" in shown
    assert "━" in shown
    text = plain(shown)
    assert "1/3" in text
    assert re.search(rf"about {TIME} left", text)
    assert "TOY-01" in text  # the table after it
    assert not re.search(rf"{TIME} \[1/3\]", text)  # and no plain lines


def test_lists_are_tables_on_a_terminal() -> None:
    status, shown = on_terminal("list", "profiles")
    assert status == 0
    text = plain(shown)
    assert "requirements" in text  # the head of a column, which pipes do not get
    assert "quick" in text
