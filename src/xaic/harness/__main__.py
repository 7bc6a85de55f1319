"""``python -m xaic.harness freeze ID``: freeze criteria, claims, profiles and benchmarks as an edition."""

from __future__ import annotations

import argparse

from xaic.harness.editions import freeze

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m xaic.harness", description=__doc__)
    parser.add_argument("verb", choices=["freeze"])
    parser.add_argument("id", help="such as 2026.1")
    print(freeze(parser.parse_args().id))  # noqa: T201
