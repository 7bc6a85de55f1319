"""Choosing chunk size and layout by a short measurement, once a machine.

Bigger chunks are not always faster, and another chunk may change the last digits of a result. So the choice is kept in
the user's cache folder: a machine uses the same tuning again, and equal runs stay equal bytes.
"""

from __future__ import annotations

import json
import os
import platform
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from xaic.documents.store import write_bytes
from xaic.engine.runner import Runner, Tuning, lay

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.model import Model

CHUNKS = (8, 16, 32, 64, 128, 256)
SECONDS = 0.03
LONGEST = 0.2
"""Seconds of one chunk after which no larger chunk is tried."""

LEAST_GAIN = 0.97
"""A candidate must cost less than this share of the best so far: noise alone changes nothing."""


def cache_folder() -> Path:
    """Return the user's cache folder of xaic: ``XAIC_CACHE``, or ``~/.cache/xaic``."""
    return Path(os.environ.get("XAIC_CACHE") or Path.home() / ".cache" / "xaic")


def measure(model: Model, inputs: Tensor) -> Tuning:
    """Return the tuning of a model on this machine: what was measured before, or measured now (about half a second)."""
    path = cache_folder() / "tuning" / f"{_key(model, inputs)}.json"
    try:
        return _kept(path)
    except (OSError, ValueError, TypeError):
        found = _measure(model, inputs)
        write_bytes(path, json.dumps({"chunk": found.chunk, "channels_last": found.channels_last}).encode())
        return found


def _kept(path: Path) -> Tuning:
    """Return a tuning that was written; raise ``ValueError`` where it is none of those that are tried."""
    found = Tuning(**json.loads(path.read_text("utf-8")))
    if found.chunk not in CHUNKS or not isinstance(found.channels_last, bool):
        raise ValueError(f"{path}: {found} is no tuning")
    return found


def _key(model: Model, inputs: Tensor) -> str:
    facts = [
        model.digest,
        list(inputs.shape[1:]),
        torch.__version__,
        platform.processor(),
        torch.get_num_threads(),
    ]
    return sha256(json.dumps(facts).encode()).hexdigest()[:32]


def _measure(model: Model, inputs: Tensor) -> Tuning:
    best, lowest = Tuning(), float("inf")
    for last in (False, True) if inputs.ndim == 4 else (False,):
        for chunk in CHUNKS:
            tuning = Tuning(chunk, last)
            cost = pass_seconds(model, inputs, tuning)
            if cost < lowest * LEAST_GAIN:
                best, lowest = tuning, cost
            if cost * chunk > LONGEST:  # larger chunks of a large model gain nothing and would take long to try
                break
    return best


def pass_seconds(model: Model, inputs: Tensor, tuning: Tuning, seconds: float = SECONDS) -> float:
    """Return CPU seconds of one forward pass of one row at a tuning: the best of several."""
    module = Runner({model.digest: tuning}).module(model)
    rows = lay(inputs[torch.arange(tuning.chunk) % len(inputs)], tuning)
    best = float("inf")
    with torch.inference_mode():
        module(rows)
        end = time.perf_counter() + seconds
        while True:
            started = time.process_time()
            module(rows)
            best = min(best, (time.process_time() - started) / tuning.chunk)
            if time.perf_counter() > end:
                return best
