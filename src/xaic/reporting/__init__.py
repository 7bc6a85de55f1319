"""Rendering of a run: HTML and JUnit."""
from pathlib import Path
from typing import Any
def write_report(run: Any, folder: Path) -> Path:
    return folder / "report.html"
