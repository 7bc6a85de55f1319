"""A model as data: the name of its builder, its configuration and its weights in a safetensors file.

A model never travels as a pickled module. Whoever needs it builds it again from these three.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from hashlib import sha256
from json import dumps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from xaic.documents.errors import BadData, MissingFile
from xaic.documents.store import file_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import Tensor, nn

Activation = Literal["softmax", "sigmoid"]


@dataclass(frozen=True)
class Model:
    """A trained model: ``builder(**config)`` gives the module, ``weights`` its state.

    ``builder`` is ``module:function``. The module maps inputs [N, ...] to logits [N, K]; ``activation`` turns logits
    into scores in [0, 1]. ``representation`` names the submodule whose output is the representation for RRS.
    """

    builder: str
    config: Mapping[str, Any]
    weights: Path
    digest: str  # sha256 of builder, config and weights: identifies the function
    activation: Activation = "softmax"
    representation: str = ""
    classes: tuple[str, ...] = field(default=())

    def module(self, device: torch.device | str = "cpu") -> nn.Module:
        """Build the module: in evaluation mode, parameters frozen. A fresh object at every call."""
        from safetensors.torch import load_file

        module = build(self.builder, self.config)
        if not Path(self.weights).is_file():
            raise MissingFile(self.weights, "rebuild the specimen (xaic show names the command)")
        state: dict[str, Tensor] = load_file(self.weights)
        module.load_state_dict(state, strict=True)
        return module.eval().requires_grad_(False).to(device)

    def scores(self, logits: Tensor) -> Tensor:
        """Turn logits [..., K] into scores in [0, 1]."""
        return logits.softmax(-1) if self.activation == "softmax" else logits.sigmoid()

    def to_data(self) -> dict[str, Any]:
        """Return the model as plain data."""
        return {
            "builder": self.builder,
            "config": dict(self.config),
            "weights": str(self.weights),
            "digest": self.digest,
            "activation": self.activation,
            "representation": self.representation,
            "classes": list(self.classes),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Model:
        """Return the model that ``to_data`` wrote."""
        return cls(**{**data, "weights": Path(data["weights"]), "classes": tuple(data["classes"])})


def make_model(
    builder: str, config: Mapping[str, Any], weights: Path, activation: Activation = "softmax", **more: Any
) -> Model:
    """Return a Model with its digest computed from the weights file as it is now."""
    if not weights.is_file():
        raise MissingFile(weights, "rebuild the specimen (xaic show names the command)")
    digest = sha256(f"{builder}|{dumps(dict(config), sort_keys=True)}|{activation}|".encode())
    digest.update(file_digest(weights).encode())
    return Model(builder, dict(config), weights, digest.hexdigest(), activation, **more)


def build(builder: str, config: Mapping[str, Any]) -> nn.Module:
    """Call a ``module:function`` builder with its configuration."""
    module, _, function = builder.partition(":")
    try:
        make = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as fault:
        raise BadData(f"model builder {builder!r} cannot be found: {fault}; write it as module:function") from fault
    result: nn.Module = make(**config)
    return result
