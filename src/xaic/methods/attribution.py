"""The short way to write an attribution method: a class with one function, or a function with a decorator.

What the author does not say is derived: id and title of the card from the name, purpose from the docstring.
Such a card claims nothing and leaves empty what only the author can know.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

import torch

from xaic.documents.errors import BadData
from xaic.documents.types import Capabilities, ClaimedProperty, MethodCard
from xaic.families.attribution import Attribution, AttributionTask
from xaic.families.base import Parcel
from xaic.methods.base import Context, Method, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

ABLE = frozenset(field.name for field in fields(Capabilities))
TOLD = frozenset(field.name for field in fields(MethodCard)) - {"capabilities", "family", "schema"}


class AttributionMethod(Method[Parcel, AttributionTask, Attribution]):
    """An attribution method that needs no more than ``explain``.

    Every field of the card and of its capabilities may be given as a class attribute of that name, or the
    whole card as ``card``. A class derived from a method starts from that method's card.

    Example::

        class Saliency(AttributionMethod):
            truth = "sensitivity"

            def explain(self, model, inputs, targets, ctx):
                scores = model(inputs.requires_grad_()).gather(1, targets[:, None])
                return torch.autograd.grad(scores.sum(), inputs)[0]
    """

    id: ClassVar[str]
    title: ClassVar[str]
    purpose: ClassVar[str]
    truth: ClassVar[Literal["sensitivity", "contribution", "region", ""]]
    parameters: ClassVar[dict[str, Any]]
    convergence: ClassVar[str | None]
    claims: ClassVar[tuple[ClaimedProperty, ...]]
    unclaimed: ClassVar[tuple[str, ...]]
    assumptions: ClassVar[tuple[str, ...]]
    limits: ClassVar[tuple[str, ...]]
    cost: ClassVar[str]
    references: ClassVar[tuple[str, ...]]
    themes: ClassVar[dict[str, tuple[str, ...]]]
    access: ClassVar[Literal["gradients", "outputs", "none"]]
    signed: ClassVar[bool]
    stochastic: ClassVar[bool]
    inputs: ClassVar[tuple[str, ...]]
    modules: ClassVar[tuple[str, ...]]
    requires: ClassVar[tuple[str, ...]]
    granularity: ClassVar[str]
    target_specific: ClassVar[bool]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Derive the card of a class that brings none of its own."""
        super().__init_subclass__(**kwargs)
        if "card" not in vars(cls):
            declared = {name: value for name, value in vars(cls).items() if name in ABLE | TOLD}
            cls.card = derive_card(cls.__name__, cls.__doc__, declared, getattr(cls, "card", None))

    def run(self, task: AttributionTask, state: State, ctx: Context) -> Attribution:  # noqa: ARG002
        """Return the maps of all rows."""
        return Attribution(self.explain_task(task, ctx).detach())

    def explain_task(self, task: AttributionTask, ctx: Context) -> Tensor:
        """Return maps [N, ...]; override it to use baseline, background or unit ids of the task."""
        return self.explain(ctx.module(task.model), task.inputs.detach().clone(), task.targets, ctx)

    def explain(self, model: nn.Module, inputs: Tensor, targets: Tensor, ctx: Context) -> Tensor:
        """Return maps [N, ...] of ``inputs`` (a copy that may be changed) for ``targets`` [N]."""
        raise NotImplementedError(f"{type(self).__name__} must define explain or explain_task")


def derive_card(
    name: str, doc: str | None, declared: Mapping[str, Any], parent: MethodCard | None = None
) -> MethodCard:
    """Return a card made of what an author declared, a name, and a docstring's first sentence.

    Raises:
        BadData: a declared name is no field of a card.
    """
    unknown = sorted(set(declared) - ABLE - TOLD)
    if unknown:
        raise BadData(f"{name}: a card has no field {', '.join(unknown)}; fields: {', '.join(sorted(ABLE | TOLD))}")
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    title = words.replace("_", " ").strip().capitalize()
    told: dict[str, Any] = {"id": f"attribution.{words.strip('_')}", "title": title}
    told["purpose"] = inspect.cleandoc(doc).split("\n\n")[0].replace("\n", " ") if doc else title
    told |= {key: value for key, value in declared.items() if key in TOLD}
    able = {key: value for key, value in declared.items() if key in ABLE}
    blank = MethodCard(told["id"], told["title"], "attribution", told["purpose"])
    start = parent or blank
    return replace(start, **told, capabilities=replace(start.capabilities, **able))


@overload
def attribution_method(function: Callable[..., Tensor], /) -> type[AttributionMethod]: ...


@overload
def attribution_method(**declared: Any) -> Callable[[Callable[..., Tensor]], type[AttributionMethod]]: ...


def attribution_method(function: Callable[..., Tensor] | None = None, /, **declared: Any) -> Any:
    """Turn ``f(model, inputs, targets)`` into a method class; keyword arguments are fields of its card.

    The function may take the context as a fourth argument. Keyword-only arguments with defaults become
    parameters of the card, so that a caller can change them.

    Example::

        @attribution_method(title="Saliency", truth="sensitivity")
        def saliency(model, inputs, targets): ...
    """
    if function is None:
        return lambda inner: _class_of(inner, declared)
    return _class_of(function, declared)


def _class_of(function: Callable[..., Tensor], declared: Mapping[str, Any]) -> type[AttributionMethod]:
    signature = inspect.signature(function).parameters.values()
    positional = [p for p in signature if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    defaults = {p.name: p.default for p in signature if p.kind is p.KEYWORD_ONLY}
    if len(positional) not in (3, 4) or inspect.Parameter.empty in defaults.values():
        raise BadData(
            f"{function.__name__}: write it as f(model, inputs, targets) or f(model, inputs, targets, ctx); "
            "keyword-only arguments need defaults"
        )

    def explain(_: AttributionMethod, model: nn.Module, inputs: Tensor, targets: Tensor, ctx: Context) -> Tensor:
        chosen = {name: ctx.parameter(name) for name in defaults}
        return function(*(model, inputs, targets, ctx)[: len(positional)], **chosen)

    told = {"parameters": defaults, **declared}
    body = {
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "card": derive_card(function.__name__, function.__doc__, told),
        "explain": explain,
    }
    return type(function.__name__, (AttributionMethod,), body)


def per_unit_noise(
    task: AttributionTask, ctx: Context, shape: tuple[int, ...], kind: Literal["normal", "uniform"] = "normal"
) -> Tensor:
    """Return random numbers [N, *shape] from each unit's own stream: a batch gets what its rows get alone.

    ``normal``: mean 0, standard deviation 1; ``uniform``: in [0, 1).
    """
    draw = torch.randn if kind == "normal" else torch.rand
    rows = [draw(shape, generator=ctx.generator(unit), dtype=task.inputs.dtype) for unit in task.units]
    return torch.stack(rows).to(task.inputs.device)
