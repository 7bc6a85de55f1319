"""The rooms of the house stand on floors; a room imports only from rooms below it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import xaic

ROOT = Path(xaic.__file__).parent
FLOORS = [
    ["documents", "version"],
    ["registry"],
    ["statistics"],
    ["families"],
    ["specimens"],
    ["engine"],
    ["methods"],
    ["metrics"],
    ["execution"],
    ["harness"],
    ["reporting"],
    ["gating"],
    ["library"],
    ["checks"],
    ["cli", "pytest_plugin", "testing"],
    ["__main__", "__init__"],
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


def imports(path: Path) -> list[tuple[str, int]]:
    """Return (room, line) of every import of xaic outside of TYPE_CHECKING and doctests."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "xaic":
            inner = node.module == "xaic"
            names = [f"xaic.{a.name}" if a.name in FLOOR else "xaic" for a in node.names] if inner else [node.module]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "xaic"]
        else:
            continue
        found += [(name.split(".")[1] if "." in name else "__init__", node.lineno) for name in names]
    return [(room, line) for room, line in found if room in FLOOR]


def files() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "content" not in path.relative_to(ROOT).parts)


@pytest.mark.parametrize("path", files(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_room_imports_only_from_rooms_below(path: Path) -> None:
    name = path.relative_to(ROOT).as_posix()
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    assert room in FLOOR, f"{name}: this room has no floor; add it to FLOORS"
    wrong = [
        f"{name}:{line} imports {other}"
        for other, line in imports(path)
        if other != room and FLOOR[other] >= FLOOR[room]
    ]
    assert not wrong


def test_importing_xaic_is_cheap() -> None:
    import subprocess
    import sys

    code = "import sys, xaic; print([m for m in ('torch', 'pandas', 'scipy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
