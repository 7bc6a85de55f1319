"""Probes that are derived from another probe: what controls such as C2, C3, C7 and C8 are made of.

Which control does what is the business of a family's adapters; here is how one is asked like any method.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xaic.engine.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from xaic.documents.types import MethodCard
    from xaic.methods.base import Probe, State


@dataclass(frozen=True)
class Question:
    """One call of a derived probe: the task, the base's answers with the call's draw, and random streams."""

    task: Any
    ask: Callable[[Any], Any]  # task -> the base's output, with the draw and the parameters of this call
    streams: Streams

    def generator(self, unit: str = "") -> torch.Generator:
        """Return this call's random stream for a unit."""
        return self.streams.generator(unit)


class DerivedProbe:
    """Implements ``Probe``: answers with what ``answer`` makes of the base's answers; nothing is cached here.

    Args:
        card: the control's card.
        base: the probe it is derived from.
        answer: makes an output of a question.
        generator: its seed is that of all streams of this probe; equal calls get equal streams.
    """

    def __init__(
        self,
        card: MethodCard,
        base: Probe[Any, Any],
        answer: Callable[[Question], Any],
        generator: torch.Generator,
    ) -> None:
        self.card, self.base, self.answer = card, base, answer
        self.streams = Streams(generator.initial_seed()).at(card.id)

    @property
    def state(self) -> State:
        """What fitting the base left behind."""
        return self.base.state

    def run(self, task: Any, draw: int | str = 0, **params: float) -> Any:
        """Return the control's output for a task; the base's cache answers for the base."""
        return self._reply(self.base.run, task, draw, params)

    def repeat(self, task: Any, draw: int | str = 0, **params: float) -> Any:
        """Return the output of a call made again, past the base's cache."""
        return self._reply(self.base.repeat, task, draw, params)

    def _reply(self, call: Callable[..., Any], task: Any, draw: int | str, params: dict[str, float]) -> Any:
        return self.answer(Question(task, lambda asked: call(asked, draw=draw, **params), self.streams.at(draw)))
