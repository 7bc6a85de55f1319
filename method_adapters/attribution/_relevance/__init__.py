"""Machinery of the relevance methods: a model as a list of layers, BatchNorm folded, relevance walked back.

What a method does at a hidden layer stands in its own module; here are the graph, the walk and the rules
that RAP and RSP share.
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
