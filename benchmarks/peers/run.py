"""Run xaic beside Quantus and Captum: same model, inputs and settings, one process, one thread, CPU seconds.

    OMP_NUM_THREADS=1 python benchmarks/peers/run.py --out FOLDER
    python benchmarks/peers/run.py --quick
    python benchmarks/peers/run.py --only curves --only neighbours --model small

Exit status 1: values that must agree do not. Costs never change it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[name] = "1"  # before torch and numpy are imported: on a busy machine more threads cost, not gain

if TYPE_CHECKING:
    from bench import Bench
    from rows import Row

GROUPS = ("curves", "subsets", "neighbours", "explanations", "whole", "verdicts")
MODELS = ("large", "middle", "small")


def main() -> int:
    """Measure, print, write, and tell whether the values agree."""
    options = _options()
    try:
        importlib.import_module("quantus")
    except ImportError as fault:
        print(f"{fault}: the peers are installed with: pip install -c constraints.txt '.[test]'", file=sys.stderr)
        return 66
    with TemporaryDirectory(prefix="xaic-peers-") as folder:
        os.environ["XAIC_CACHE"] = folder  # tunings are measured in this run, not remembered from another
        benches, rows = _measure(Path(folder), options)
    _publish(benches, rows, options.out)
    faults = [(row, one) for row in rows for one in row.agreements if not one.holds]
    for row, one in faults:
        print(f"NO AGREEMENT: {row.case}, {row.name}, {one.what}: {one.share:.0%} within {one.tolerance:g} {one.unit}")
    return 1 if faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="a tiny model and few units: a smoke test of everything")
    parser.add_argument("--only", action="append", choices=GROUPS, metavar="GROUP", help=f"one of {', '.join(GROUPS)}")
    parser.add_argument("--model", action="append", choices=MODELS, metavar="MODEL", help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="write peers.json and peers.md there")
    return parser.parse_args()


def _measure(folder: Path, options: argparse.Namespace) -> tuple[list[Bench], list[Row]]:
    import torch
    from bench import make_bench
    from cases import cases
    from quantus_side import pilots

    torch.set_num_threads(1)
    benches: list[Bench] = []
    rows: list[Row] = []
    for case in cases(folder, quick=options.quick):
        if options.model and case.name not in options.model:
            continue
        benches.append(make_bench(case, lambda one: pilots(one, quick=options.quick), quick=options.quick))
        for group in options.only or GROUPS:
            started = time.process_time()
            rows += importlib.import_module(group).rows(benches[-1])
            print(f"{case.name}, {group}: {time.process_time() - started:.0f} CPU s", file=sys.stderr, flush=True)
    return benches, rows


def _publish(benches: list[Bench], rows: list[Row], out: Path | None) -> None:
    from machine import machine
    from tables import as_json, markdown

    facts = machine()
    command = "python benchmarks/peers/run.py " + " ".join(part for part in sys.argv[1:] if part)
    text = markdown(facts, benches, rows, command.strip())
    print(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "peers.md").write_text(text, "utf-8")
        (out / "peers.json").write_text(as_json(facts, benches, rows, command.strip()), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
