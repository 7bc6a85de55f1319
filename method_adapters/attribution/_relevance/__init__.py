"""Layer machinery of the relevance methods: a model as a list of layers, BatchNorm folded, relevance walked backwards.

What a relevance method does at a layer is its own module's business; here are the graph, the walk and the rules that
RAP and RSP share. Nothing in this package imports xaic.
"""

from __future__ import annotations

from method_adapters.attribution._relevance.graph import Network, UnsupportedModel
from method_adapters.attribution._relevance.tracing import COVERED, trace
from method_adapters.attribution._relevance.walk import Propagation, Rules, batches, detached, walk

__all__ = [
    "COVERED",
    "Network",
    "Propagation",
    "Rules",
    "UnsupportedModel",
    "batches",
    "detached",
    "trace",
    "walk",
]
