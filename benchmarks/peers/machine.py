"""Where it was measured: processor, memory, versions. Nothing that names a person or a host."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import torch

PACKAGES = ("xaic", "torch", "captum", "quantus", "numpy", "scipy")


def machine() -> dict[str, str]:
    """Return the facts of this machine that costs depend on."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "threads used": str(torch.get_num_threads()),
        "load at the end": ", ".join(f"{load:.1f}" for load in os.getloadavg()),
        "memory": f"{memory:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        **{package: version(package) for package in PACKAGES},
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    facts: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), value.strip())
    name = facts.get("model name", platform.processor())
    known = [facts[key] for key in ("cpu family", "model", "cpu MHz") if key in facts]
    vector = max((flag for flag in facts.get("flags", "").split() if flag in {"avx2", "avx512f"}), default="")
    detail = "family {}, model {}, {} MHz".format(*known) if len(known) == 3 else ""
    return ", ".join(part for part in (name, detail, vector) if part)
