"""What a method is lent during a call, and the counting and examining of the models it uses."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from xaic.documents.errors import ContractBreach, UnknownName
from xaic.engine.meter import Passes
from xaic.engine.streams import Streams

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from xaic.families.model import Model

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class CountedForward:
    """A module's forward that counts rows in, and rows of gradient coming back."""

    def __init__(self, inner: Any, passes: Passes) -> None:
        self.inner, self.passes = inner, passes

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the module and count."""
        first = args[0] if args else next(iter(kwargs.values()))
        self.passes.add(int(first.shape[0]))
        output = self.inner(*args, **kwargs)
        if isinstance(output, torch.Tensor) and output.requires_grad:
            output.register_hook(self._back)
        return output

    def _back(self, gradient: Tensor) -> None:
        self.passes.add(0, int(gradient.shape[0]))

    def __deepcopy__(self, memo: dict[int, Any]) -> CountedForward:
        """Copy with the module, but count in the same place."""
        return CountedForward(deepcopy(self.inner, memo), self.passes)


@dataclass(frozen=True)
class Lent:
    """A module lent to methods, with what it was like before."""

    module: nn.Module
    tensors: dict[str, Tensor]
    flags: dict[str, tuple[Any, ...]]

    @classmethod
    def of(cls, module: nn.Module) -> Lent:
        """Remember a module as it is."""
        return cls(module, {name: tensor.clone() for name, tensor in _tensors(module).items()}, _flags(module))

    def examine(self) -> None:
        """Raise ``ContractBreach`` where the module is no longer what it was."""
        now = _tensors(self.module)
        changed = [n for n, before in self.tensors.items() if n not in now or not torch.equal(now[n], before)]
        if changed or set(now) != set(self.tensors):
            raise ContractBreach(f"the call changed the model's parameters or buffers ({', '.join(changed[:3])})")
        flags = _flags(self.module)
        for name, before in self.flags.items():
            if flags.get(name) != before:
                raise ContractBreach(
                    f"the call left the model's module {name or '(root)'} changed: training mode, hooks or gradients"
                )


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _flags(module: nn.Module) -> dict[str, tuple[Any, ...]]:
    """Return for each submodule: training mode, number of hooks of each kind, gradient flags of its parameters."""
    return {
        name: (
            part.training,
            *(len(getattr(part, hooks)) for hooks in HOOKS),
            *((p.requires_grad, p.grad is None) for p in part.parameters(recurse=False)),
        )
        for name, part in module.named_modules()
    }


@dataclass
class HostContext:
    """The context of one call (``xaic.methods.base.Context``)."""

    method: str
    seed: int
    draw: str
    scratch: Path
    parameters: Mapping[str, Any]
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    counted: Passes = field(default_factory=Passes)
    share: float = 0.0

    _lent: ClassVar[dict[str, Lent]] = {}
    _used: ClassVar[set[str]] = set()

    @cached_property
    def _streams(self) -> Streams:
        return Streams(self.seed).at("method", self.method, self.draw)

    def generator(self, unit: str = "") -> torch.Generator:
        """Return the random stream of a unit at this call; '' is shared by all units of the call."""
        return self._streams.generator(unit)

    def progress(self, share: float) -> None:
        """Keep the share that is done."""
        self.share = share

    def parameter(self, name: str) -> Any:
        """Return a parameter of the card, or what the caller put in its place."""
        if name not in self.parameters:
            raise UnknownName("parameter", name, self.parameters)
        return self.parameters[name]

    def module(self, model: Model) -> nn.Module:
        """Return the model's module, built once a process; its passes are counted for this call."""
        lent = self._lent.get(model.digest)
        if lent is None:
            # convolutions are faster so; inputs may be laid out as they like
            module = model.module(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            module.forward = CountedForward(module.forward, self.counted)
            lent = self._lent[model.digest] = Lent.of(module)
        forward = lent.module.forward
        if isinstance(forward, CountedForward):
            forward.passes = self.counted
        return lent.module

    def count(self, forward: int, backward: int = 0) -> None:
        """Count rows of passes that a method makes layer by layer, past the model's own forward."""
        self.counted.add(forward, backward)

    def passes(self) -> dict[str, int]:
        """Return the rows counted in this call."""
        return {"forward": self.counted.forward, "backward": self.counted.backward}

    def examine(self) -> None:
        """Raise ``ContractBreach`` where a lent model is no longer what it was."""
        for lent in self._lent.values():
            lent.examine()
