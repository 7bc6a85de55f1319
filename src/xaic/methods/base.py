"""What a method is: two verbs (fit, run), a card, and the context a run gives it.

``Method`` is the interface of every family. ``Probe`` is how trusted code calls a method that lives in a process of
its own; ``Control`` derives a worthless explanation from a method's own output.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch
    from torch import Tensor

    from xaic.documents.types import MethodCard
    from xaic.families.base import Posed
    from xaic.families.model import Model

FitT = TypeVar("FitT")
TaskT = TypeVar("TaskT")
OutputT = TypeVar("OutputT")
TaskIn = TypeVar("TaskIn", contravariant=True)
OutputOut = TypeVar("OutputOut", covariant=True)


@dataclass(frozen=True)
class State:
    """What fitting leaves behind: tensors, plain data, maybe a model."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    model: Model | None = None


class Context(Protocol):
    """What the harness lends to a method during a call."""

    device: torch.device
    scratch: Path

    def generator(self, unit: str = "") -> torch.Generator:
        """Return this call's random stream for one unit; '' is the stream all units of the call share."""
        ...

    def progress(self, share: float) -> None:
        """Say how much of the call is done, in [0, 1]."""
        ...

    def parameter(self, name: str) -> Any:
        """Return a parameter of the card, or what the caller put in its place."""
        ...

    def module(self, model: Model) -> torch.nn.Module:
        """Return the model's module: built once a process, passes counted, parameters frozen."""
        ...

    def count(self, forward: int, backward: int = 0) -> None:
        """Count rows of passes that a method makes layer by layer, past the model's own forward."""
        ...


class Method(ABC, Generic[FitT, TaskT, OutputT]):
    """An algorithm under test, wrapped by an adapter."""

    card: ClassVar[MethodCard]

    def fit(self, data: FitT, ctx: Context) -> State:  # noqa: ARG002
        """Learn what does not depend on the task; most methods learn nothing."""
        return State()

    @abstractmethod
    def run(self, task: TaskT, state: State, ctx: Context) -> OutputT:
        """Do the work for every row of the task."""


class Probe(Protocol[TaskIn, OutputOut]):
    """A method as metrics and controls see it: cached, counted, in another process."""

    @property
    def card(self) -> MethodCard:
        """The method's card."""
        ...

    @property
    def state(self) -> State:
        """What fitting left behind."""
        ...

    def run(self, task: TaskIn, draw: int | str = 0, **params: float) -> OutputOut:
        """Run the method; ``draw`` names an independent random stream, ``params`` override the card's."""
        ...

    def repeat(self, task: TaskIn, draw: int | str = 0, **params: float) -> OutputOut:
        """Run the method again, past any cache."""
        ...


@dataclass(frozen=True)
class ControlSetting:
    """What a derived control may use besides the base's probe."""

    posed: Posed[Any]
    generator: torch.Generator
    predicted: Tensor | None = None  # [N] predicted classes
    randomised: Model | None = None  # the same architecture with redrawn parameters


class Control(ABC):
    """A control that is derived from another method's output (C2, C3, C7, C8) or from the benchmark's truth."""

    card: ClassVar[MethodCard]

    @abstractmethod
    def derive(self, base: Probe[Any, Any], setting: ControlSetting) -> Probe[Any, Any]:
        """Return a probe whose outputs look like the base's; their quality is known by construction."""
