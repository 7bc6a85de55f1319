"""How often the asymptotic bounds were seen to err, by simulation at nominal 5 %.

The figures are shares of wrong bounds in percent: each is the worse of the lower and the upper bound.
Measure them again with ``python -m xaic.statistics.simulate``.
"""

from __future__ import annotations

MEASURED: dict[str, dict[str, dict[int, float]]] = {}


def promise(bound: str) -> str:
    """Return what may be promised of a bound that holds only asymptotically."""
    cases = MEASURED[bound]
    flat = [(value, name, n) for name, by_n in cases.items() for n, value in by_n.items()]
    least, most = min(flat), max(flat)
    return (
        f"asymptotic; measured size at nominal 5 %: {least[0]:.1f} % ({least[1]}, n = {least[2]}) "
        f"to {most[0]:.1f} % ({most[1]}, n = {most[2]})"
    )
