"""What a run was made on: benchmarks with the provenance, licence and credits of their specimens."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from xaic.specimens.base import all_specimens

if TYPE_CHECKING:
    from xaic.documents.types import Benchmark, SpecimenRecord
    from xaic.harness.folder import LoadedRun


@dataclass(frozen=True)
class Source:
    """A benchmark with the provenance of its specimen; None where the specimen is not installed here."""

    benchmark: Benchmark
    units: int
    digest: str
    record: SpecimenRecord | None


def specimen_record(id: str) -> SpecimenRecord | None:
    """Return the provenance of a specimen, or None where it is not installed here."""
    specimen = all_specimens().get(id)
    return specimen.record() if specimen else None


def sources_of(run: LoadedRun) -> list[Source]:
    """Return every benchmark of a run with its units and its specimen's provenance."""
    units = Counter[str]()
    for trial in run.trials:
        units[trial.benchmark] = max(units[trial.benchmark], trial.units)
    return [
        Source(
            benchmark,
            units[benchmark.id],
            run.plan.specimens.get(f"{benchmark.specimen}/{benchmark.variant}", ""),
            specimen_record(benchmark.specimen),
        )
        for benchmark in run.plan.benchmarks
    ]
