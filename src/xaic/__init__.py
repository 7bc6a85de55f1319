"""xaic: a conformance and benchmark harness for explainable AI.

    import xaic
    run = xaic.run(methods=["attribution.gradient"], profile="quick")
    run.verdicts      # a pandas DataFrame: one row for each method, criterion and benchmark
    run.measurements  # a pandas DataFrame: one row for each score of each unit

Names are imported when they are first used, so that ``import xaic`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from xaic.version import __version__

if TYPE_CHECKING:
    from xaic.documents.types import MethodCard
    from xaic.library import check, gate, load_run, run
    from xaic.methods.attribution import AttributionMethod, attribution_method
    from xaic.methods.base import Context, Control, Method, Probe, State

_HOMES = {
    "AttributionMethod": "xaic.methods.attribution",
    "Context": "xaic.methods.base",
    "Control": "xaic.methods.base",
    "Method": "xaic.methods.base",
    "MethodCard": "xaic.documents.types",
    "Probe": "xaic.methods.base",
    "State": "xaic.methods.base",
    "attribution_method": "xaic.methods.attribution",
    "check": "xaic.library",
    "gate": "xaic.library",
    "load_run": "xaic.library",
    "run": "xaic.library",
}

__all__ = [
    "AttributionMethod",
    "Context",
    "Control",
    "Method",
    "MethodCard",
    "Probe",
    "State",
    "__version__",
    "attribution_method",
    "check",
    "gate",
    "load_run",
    "run",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its home when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module 'xaic' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
