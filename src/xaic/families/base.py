"""What every family of methods is made of: a Task goes in, an Output comes out, and both obey a contract.

A family is one module in this room. It knows how to pose a Task from a specimen's Material, how Task and Output
travel between processes (tensors and plain data, never pickles) and what an Output must be.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.model import Model


@dataclass(frozen=True)
class Parcel:
    """Tensors and plain data: the only thing that crosses a process boundary."""

    tensors: Mapping[str, Tensor] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Material:
    """What a specimen offers to a benchmark.

    ``inputs`` is [N, ...]; ``labels`` [N] (class index) or [N, K] (multi-label); ``background`` [B, ...] is a sample
    of the training distribution, disjoint from the units; ``truths`` holds tensors whose first axis is N.
    """

    kind: str  # image | tabular | series | scores | ...
    inputs: Tensor
    labels: Tensor
    targets: Tensor  # [N] the class that is explained
    units: tuple[str, ...]
    background: Tensor
    model: Model | None = None
    truths: Mapping[str, Tensor] = field(default_factory=dict)
    clusters: tuple[str, ...] = ()  # empty: every unit is its own cluster
    background_labels: Tensor | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Task(Protocol):
    """A frozen problem: tensors and plain data, with unit ids."""

    @property
    def units(self) -> tuple[str, ...]:
        """Ids of the independent units, one a row."""
        ...

    def select(self, rows: Sequence[int]) -> Self:
        """Return the same problem for some of its rows."""
        ...

    def pack(self) -> Parcel:
        """Return the task as tensors and plain data."""
        ...


TaskT = TypeVar("TaskT", bound=Task)
OutputT = TypeVar("OutputT")


@dataclass(frozen=True)
class Posed(Generic[TaskT]):
    """A task with what the harness knows beside it and the method does not see."""

    task: TaskT
    truths: Mapping[str, Tensor]
    fit: Parcel = field(default_factory=Parcel)  # data a method may fit on
    clusters: tuple[str, ...] = ()


class Family(ABC, Generic[TaskT, OutputT]):
    """The contract that methods of one kind share."""

    id: ClassVar[str]

    @abstractmethod
    def pose(self, material: Material, protocol: Mapping[str, Any]) -> Posed[TaskT]:
        """Make the task of a benchmark from a specimen's material; ``protocol['units']`` bounds the rows."""

    @abstractmethod
    def unpack(self, parcel: Parcel) -> TaskT:
        """Return the task that ``task.pack()`` packed."""

    @abstractmethod
    def pack_output(self, output: OutputT) -> Parcel:
        """Return an output as tensors and plain data; raise ``ContractBreach`` if it is none of the family's."""

    @abstractmethod
    def unpack_output(self, parcel: Parcel) -> OutputT:
        """Return the output that ``pack_output`` packed."""

    @abstractmethod
    def check(self, task: TaskT, output: OutputT) -> None:
        """Raise ``ContractBreach`` unless the output has the shape, type and finiteness the family asks for."""

    @abstractmethod
    def join(self, outputs: Sequence[OutputT]) -> OutputT:
        """Join the outputs of consecutive rows."""

    @abstractmethod
    def distance(self, one: OutputT, other: OutputT) -> Tensor:
        """Largest relative difference per unit [N]: 0 for equal outputs (determinism, batch independence)."""


_FAMILIES: dict[str, Family[Any, Any]] = {}


def register_family(cls: type[Family[Any, Any]]) -> type[Family[Any, Any]]:
    """Class decorator: make a family known under its id."""
    _FAMILIES[cls.id] = cls()
    return cls


def get_family(id: str) -> Family[Any, Any]:
    """Return the family called ``id``; raise ``UnknownName``."""
    from xaic.documents.errors import UnknownName
    from xaic.registry import load_room

    load_room("xaic.families")
    if id not in _FAMILIES:
        raise UnknownName("family", id, _FAMILIES)
    return _FAMILIES[id]
