"""Negative controls derived from a method's own maps: shuffled, of random phase, swapped, of a wrong model.

They are C2, C3, C7 and C8. C7 answers tasks with all units of the benchmark in its order; the others, any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from method_adapters.attribution._card import control_card
from xaic.documents.errors import BadData
from xaic.documents.types import Capabilities
from xaic.families.attribution import Attribution
from xaic.methods.base import Control
from xaic.methods.controls import DerivedProbe

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.families.model import Model
    from xaic.methods.base import ControlSetting, Probe
    from xaic.methods.controls import Question

DERIVED = {"derived": True}


def shuffled(values: Tensor, generators: list[torch.Generator]) -> Tensor:
    """Return maps [N, ...] with each row's locations in random order; a location's channels stay together."""
    flat = values.unsqueeze(1) if values.ndim == 2 else values.flatten(2)
    orders = torch.stack([torch.randperm(flat.shape[2], generator=generator) for generator in generators])
    return flat.gather(2, orders.unsqueeze(1).expand_as(flat)).reshape(values.shape)


def phase_randomised(values: Tensor, generators: list[torch.Generator]) -> Tensor:
    """Return maps [N, 1, ...] with the amplitude spectrum of the channel sum of ``values`` [N, C, ...].

    F' = |F| exp(i arg G), G the spectrum of white noise: real noise gives phases that belong to a real map.
    The mean (zero frequency) stays.
    """
    planes = values.double().sum(1)
    axes = tuple(range(1, planes.ndim))
    noise = torch.stack([torch.randn(planes.shape[1:], generator=g, dtype=torch.float64) for g in generators])
    spectrum, phases = torch.fft.rfftn(planes, dim=axes), torch.fft.rfftn(noise, dim=axes)
    mixed = torch.polar(spectrum.abs(), phases.angle())
    mixed.flatten(1)[:, 0] = spectrum.flatten(1)[:, 0]
    found: Tensor = torch.fft.irfftn(mixed, s=planes.shape[1:], dim=axes)
    return found.unsqueeze(1).to(values.dtype)


def partners(predicted: Tensor) -> Tensor:
    """Return for each unit the next of its predicted class, after the last the first; -1 if it is alone."""
    order = predicted.argsort(stable=True)
    classes, count = predicted[order], len(predicted)
    first = torch.searchsorted(classes, classes)
    follows = torch.arange(1, count + 1)
    last = follows == torch.searchsorted(classes, classes, right=True)
    following = torch.where(last, first, follows.clamp_max(count - 1))
    found = torch.empty_like(order)
    found[order] = torch.where(following == torch.arange(count), -1, order[following])
    return found


class ShuffleControl(Control):
    """C2: the method's own values at random places."""

    card = control_card(
        "shuffle",
        "Control C2: shuffled",
        "The method's own values, each unit's at random places.",
        control="C2",
        able=Capabilities(access="none", stochastic=True),
        cost="one call of the method",
        parameters=DERIVED,
    )

    def derive(self, base: Probe[Any, Any], setting: ControlSetting) -> DerivedProbe:
        """Return the probe of shuffled maps."""

        def answer(question: Question) -> Attribution:
            values = question.ask(question.task).values
            return Attribution(shuffled(values, [question.generator(unit) for unit in question.task.units]))

        return DerivedProbe(self.card, base, answer, setting.generator)


class PhaseControl(Control):
    """C3: a map as rough and as strong as the method's own, with its structure gone."""

    card = control_card(
        "phase",
        "Control C3: phase-randomised",
        "A random map with the amplitude spectrum of the method's own map, channels summed.",
        control="C3",
        able=Capabilities(access="none", stochastic=True, inputs=("image", "series"), granularity="location"),
        cost="one call of the method and two Fourier transforms a unit",
        parameters=DERIVED,
        references=("Theiler et al. 1992, Testing for nonlinearity in time series, Physica D",),
    )

    def derive(self, base: Probe[Any, Any], setting: ControlSetting) -> DerivedProbe:
        """Return the probe of phase-randomised maps."""

        def answer(question: Question) -> Attribution:
            values = question.ask(question.task).values
            if values.ndim < 3:
                raise BadData("C3 needs maps with positions; leave it out of the controls of a tabular benchmark")
            return Attribution(phase_randomised(values, [question.generator(unit) for unit in question.task.units]))

        return DerivedProbe(self.card, base, answer, setting.generator)


class SwapControl(Control):
    """C7: the map of another input with the same predicted class; not a number where there is none."""

    card = control_card(
        "swap",
        "Control C7: swapped",
        "The method's map of another input to which the model gives the same class.",
        control="C7",
        able=Capabilities(access="none"),
        cost="one call of the method",
        parameters=DERIVED,
    )

    def derive(self, base: Probe[Any, Any], setting: ControlSetting) -> DerivedProbe:
        """Return the probe of swapped maps."""
        if setting.predicted is None:
            raise BadData("C7 needs the predicted class of every unit")
        units, others = setting.posed.task.units, partners(setting.predicted)

        def answer(question: Question) -> Attribution:
            if question.task.units != units:
                raise BadData("C7 answers for all units of the benchmark in their order, not for a part of them")
            values = question.ask(question.task).values
            swapped = values[others.clamp_min(0)].clone()
            swapped[others < 0] = torch.nan
            return Attribution(swapped)

        return DerivedProbe(self.card, base, answer, setting.generator)


class WrongModelControl(Control):
    """C8: the same method, asked of a model with random parameters."""

    card = control_card(
        "wrong_model",
        "Control C8: wrong model",
        "The method's map of a model whose parameters were drawn at random.",
        control="C8",
        able=Capabilities(access="none"),
        cost="one call of the method on another model",
        parameters=DERIVED,
    )

    def derive(self, base: Probe[Any, Any], setting: ControlSetting) -> DerivedProbe:
        """Return the probe of the randomised model."""
        if setting.randomised is None:
            raise BadData("C8 needs the benchmark's model with random parameters")
        wrong: Model = setting.randomised

        def answer(question: Question) -> Attribution:
            found: Attribution = question.ask(question.task.with_model(wrong))
            return found

        return DerivedProbe(self.card, base, answer, setting.generator)
