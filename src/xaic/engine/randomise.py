"""Models with redrawn parameters: same architecture, same scale, nothing learned."""

from __future__ import annotations

import math
from hashlib import sha256
from typing import TYPE_CHECKING

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import nn

from xaic.documents.store import write_bytes
from xaic.families.model import Model, make_model

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

    from xaic.engine.streams import Streams

LEAST_STD = 1e-3


def randomised_model(model: Model, background: Tensor, streams: Streams, index: int, folder: Path) -> Model:
    """Return the model with every parameter redrawn, bare ones too; made once, kept in ``folder``.

    Weights with fan-in are normal with variance 2 / fan-in, so that activations keep their scale through ReLU layers;
    others keep their own mean and spread. Each tensor has a stream of its own name: layers of one shape
    get different weights. Statistics of BatchNorm are estimated anew on the background sample [B, ...].
    """
    key = sha256(f"{model.digest}|{streams.at('randomised', index).number()}".encode()).hexdigest()
    path = folder / "models" / f"{key}.safetensors"
    if not path.is_file():
        module = model.module()
        for name, parameter in module.named_parameters():
            generator = streams.at("randomised", index).generator(name)
            parameter.data.copy_(_redraw(parameter.data, generator))
        _reestimate(module, background)
        state = {name: tensor.detach().contiguous().clone() for name, tensor in module.state_dict().items()}
        write_bytes(path, save(state))
    return make_model(
        model.builder,
        model.config,
        path,
        model.activation,
        representation=model.representation,
        classes=model.classes,
    )


def has_statistics(model: Model) -> bool:
    """Tell whether a model has running statistics of BatchNorm, which cost a pass of the background to estimate."""
    with safe_open(model.weights, framework="pt") as state:
        return any(name.endswith("running_mean") for name in state.keys())  # noqa: SIM118 - it is no mapping


def _redraw(tensor: Tensor, generator: torch.Generator) -> Tensor:
    noise = torch.randn(tensor.shape, generator=generator, dtype=torch.float32).to(tensor.dtype)
    if tensor.ndim >= 2:
        return noise * math.sqrt(2 / tensor[0].numel())
    spread = tensor.std().item() if tensor.numel() > 1 else 0.0
    redrawn: Tensor = tensor.mean() + noise * max(spread, LEAST_STD)
    return redrawn


def _reestimate(module: nn.Module, background: Tensor) -> None:
    """Set the running statistics of BatchNorm layers to those of the background sample."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001
    if not norms:
        return
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative mean: one pass gives the statistics of the sample
        norm.train()
    with torch.no_grad():
        module(background)
    module.eval()
