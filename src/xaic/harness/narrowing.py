"""What a profile needs measured: the metrics of a benchmark whose passes its criteria make anyway.

A benchmark can feed many metrics, each with passes of its own. A run pays for those that decide something; what reads
the same passes comes along for nothing. All of them are measured where the profile names the benchmark by itself.
"""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from typing import TYPE_CHECKING

from xaic.harness import catalogue
from xaic.metrics.base import all_metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xaic.documents.types import Benchmark, Criterion, Profile


def narrowed(benchmark: Benchmark, profile: Profile, criteria: Iterable[Criterion]) -> Benchmark:
    """Return the benchmark with the metrics that a profile's criteria need there, and those that cost no more passes.

    It stays as it is where the profile lists it among its benchmarks, or where no criterion measures anything on it.
    """
    if any(fnmatch.fnmatchcase(benchmark.id, pattern) for pattern in profile.benchmarks):
        return benchmark
    known = {metric.id: metric for metric in all_metrics().values() if metric.family == benchmark.family}
    asked = {r.criterion for r in profile.requirements if catalogue.matching(r, benchmark.family, [benchmark])}
    needed = {check.metric for c in criteria if c.id in asked for check in c.checks if check.metric in known}
    if not needed:
        return benchmark
    made = {sweep for id in needed for sweep in known[id].sweeps}
    patterns = benchmark.metrics or ("*",)
    kept = [
        id
        for id, metric in sorted(known.items())
        if set(metric.sweeps) <= made and any(fnmatch.fnmatchcase(id, pattern) for pattern in patterns)
    ]
    return replace(benchmark, metrics=tuple(kept))
