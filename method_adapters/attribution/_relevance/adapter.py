"""What the adapters of relevance methods share: traced networks, and maps of one value a location."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from method_adapters.attribution._relevance.graph import Network, UnsupportedModel
from method_adapters.attribution._relevance.tracing import trace
from method_adapters.attribution._relevance.walk import detached

if TYPE_CHECKING:
    from torch import Tensor, nn

_KEPT = 4
_TOLERANCE = 1e-3
_networks: OrderedDict[tuple[object, ...], Network] = OrderedDict()


def network_of(digest: str, module: nn.Module, inputs: Tensor) -> Network:
    """Return the traced network of a model, from the last few that were used.

    The model's own logits of the first row are compared with the network's once: the one pass of the model
    itself, and what makes the layer list trustworthy.

    Raises:
        UnsupportedModel: an operation is not covered, or the layers compute something else than the model.
    """
    key = (digest, tuple(inputs.shape[1:]), inputs.dtype, str(inputs.device))
    if key not in _networks:
        with detached():
            network = trace(module, inputs)
            row = inputs[:1].clone()
            wanted, found = module(row), network.logits(row)
        if bool((wanted - found).abs().max() > _TOLERANCE * wanted.abs().max().clamp_min(1)):
            raise UnsupportedModel(f"{type(module).__name__}: its layers, one by one, do not give its logits")
        _networks[key] = network
        while len(_networks) > _KEPT:
            _networks.popitem(last=False)
    _networks.move_to_end(key)
    return _networks[key]


def heat_map(relevance: Tensor) -> Tensor:
    """Return relevance summed over channels: [N, 1, ...] for images and series, [N, D] as it is."""
    return relevance if relevance.ndim == 2 else relevance.sum(1, keepdim=True)
