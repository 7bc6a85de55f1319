"""How often the asymptotic bounds were seen to err, by simulation at nominal 5 %.

The figures are shares of wrong bounds in percent: each is the worse of the lower and the upper bound.
Measure them again with ``python -m xaic.statistics.simulate``.
"""

from __future__ import annotations

Measured = dict[str, dict[int, tuple[float, float]]]

MEASURED: dict[str, Measured] = {
    "mean": {  # the wider of Student t and BCa
        "normal": {65: (4.7, 4.6), 200: (4.3, 4.2)},
        "lognormal": {65: (1.5, 8.7), 200: (2.7, 8.1)},
        "mirrored lognormal": {65: (7.3, 1.1), 200: (7.0, 2.4)},
        "t with 3 df": {65: (4.8, 4.5), 200: (5.2, 4.7)},
        "clusters of 5": {65: (5.2, 5.0), 200: (4.9, 4.7)},
    },
    "icc": {"equal ICC of 0.5": {65: (5.5, 7.0), 200: (4.8, 5.0)}},
    "ece": {"error at the margin": {500: (3.6, 0.8), 3000: (4.4, 0.4)}},
}


def promise(bound: str) -> str:
    """Return what may be promised of a bound that holds only asymptotically."""
    return f"asymptotic; measured at nominal 5 %: false passes {_span(bound, 0)}, false fails {_span(bound, 1)}"


def _span(bound: str, side: int) -> str:
    flat = [(pair[side], name, n) for name, by_n in MEASURED[bound].items() for n, pair in by_n.items()]
    least, most = min(flat), max(flat)
    return f"{least[0]:.1f} % ({least[1]}, n = {least[2]}) to {most[0]:.1f} % ({most[1]}, n = {most[2]})"
