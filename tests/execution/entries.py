"""Trusted entries that workers run in the tests."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from xaic.engine.meter import Meter
from xaic.families.base import Parcel, get_family
from xaic.specimens.base import get_specimen


def explain(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> dict[str, Any]:
    """Have a method explain eight rows of the tabular specimen; return what came and what it cost."""
    material = get_specimen("tabular").load("mlp")
    task = get_family("attribution").pose(material, {"units": 8}).task
    meter = Meter()
    with open_probe(arguments["reference"], method="m", meter=meter) as probe:
        values = probe.run(task).values
        if arguments.get("alone"):
            from xaic.harness.contract import examine

            examine(get_family("attribution"), task, probe)
    inputs = task.inputs.clone().requires_grad_(True)
    score = material.model.module()(inputs).gather(1, task.targets[:, None]).sum()  # type: ignore[union-attr]
    (expected,) = torch.autograd.grad(score, inputs)
    total = meter.total()
    return {
        "gap": float((values - expected).abs().max()),
        "forward": total.forward,
        "backward": total.backward,
    }


def fit(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> None:
    with open_probe(arguments["reference"], method="m") as probe:
        probe.fit(Parcel())


NOTES: list[str] = []
WORKERS: list[int] = []


def keep(arguments: Mapping[str, Any]) -> None:
    """Loaded ahead, in the fork server."""
    NOTES.append(arguments["note"])


def remember(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> dict[str, Any]:
    found = {"notes": list(NOTES), "workers": list(WORKERS)}
    WORKERS.append(os.getpid())
    return found


def square(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> int:
    return int(arguments["x"]) ** 2


def fall(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def linger(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> None:
    time.sleep(600)


def doze(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> None:
    time.sleep(arguments["seconds"])


def whoami(arguments: Mapping[str, Any], open_probe: Callable[..., Any]) -> dict[str, Any]:
    return {"pid": os.getpid(), "threads": torch.get_num_threads()}
