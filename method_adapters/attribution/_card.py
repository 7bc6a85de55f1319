"""What the cards of attribution methods have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from xaic.documents.types import Capabilities, ClaimedProperty, MethodCard

if TYPE_CHECKING:
    from collections.abc import Mapping

AFFINE = (
    "Add",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AvgPool1d",
    "AvgPool2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Conv1d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "Identity",
    "Linear",
)
"""Modules that are affine in evaluation mode: gradient rules need nothing special for them."""

MAXIMA = ("MaxPool1d", "MaxPool2d")

REPEATS = ClaimedProperty(
    "determinism", 1e-5, "same inputs, machine and thread count; relative to the map's largest value"
)

THEMES: Mapping[str, tuple[str, ...]] = {
    "T-STK": ("developers", "evaluators", "auditors"),
    "T-LC": ("design and development", "verification and validation", "operation and monitoring"),
    "T-NEED": ("which parts of this input the decision rests on",),
    "T-FORM": ("visual and numeric: one number an input element",),
    "T-APPR": ("post hoc, local, one explanation an input and class",),
    "T-TECH": ("differentiable model whose parameters may be read",),
    "T-FAM": ("feature attribution",),
}


def attribution_card(
    name: str,
    title: str,
    purpose: str,
    *,
    truth: Literal["sensitivity", "contribution", "region"],
    technique: str,
    cost: str,
    references: tuple[str, ...],
    assumptions: tuple[str, ...],
    limits: tuple[str, ...],
    able: Capabilities | None = None,
    claims: tuple[ClaimedProperty, ...] = (),
    themes: Mapping[str, tuple[str, ...]] | None = None,
    **more: Any,
) -> MethodCard:
    """Return the card of an attribution method with what all of them share.

    Determinism is claimed for every method that draws no random numbers. What is not claimed is said so.
    """
    able = able or Capabilities()
    claims = claims if able.stochastic else (*claims, REPEATS)
    claimed = {claim.property for claim in claims}
    unclaimed = [p for p in ("completeness", "conservation", "class discrimination") if p not in claimed]
    if able.stochastic:
        unclaimed.append("determinism")
    special: dict[str, tuple[str, ...]] = {"T-FAM": ("feature attribution", technique)}
    if able.access != "gradients":
        special["T-TECH"] = ("needs the model's outputs only",)
    return MethodCard(
        id=f"attribution.{name}",
        title=title,
        family="attribution",
        purpose=purpose,
        truth=truth,
        explains="the logit of the target class, before softmax or sigmoid",
        capabilities=able,
        claims=claims,
        unclaimed=tuple(unclaimed),
        assumptions=assumptions,
        limits=limits,
        cost=cost,
        references=references,
        themes={**THEMES, **special, **(themes or {})},
        **more,
    )


def control_card(
    name: str, title: str, purpose: str, *, control: str, able: Capabilities, cost: str, **more: Any
) -> MethodCard:
    """Return the card of a control: it claims nothing but that it explains nothing."""
    return MethodCard(
        id=f"attribution.{name}",
        title=title,
        family="attribution",
        purpose=purpose,
        role=more.pop("role", "control"),
        truth=more.pop("truth", "region"),
        explains="nothing about the model's decision",
        capabilities=able,
        unclaimed=("completeness", "conservation", "class discrimination", "faithfulness"),
        assumptions=more.pop("assumptions", ("what beats it not clearly has not shown that it explains",)),
        limits=("known to be worthless as an explanation",) if "role" not in more else (),
        cost=cost,
        references=more.pop("references", ("Adebayo et al. 2018, Sanity checks for saliency maps, NeurIPS",)),
        themes={
            **THEMES,
            "T-NEED": ("a known zero to compare with",),
            "T-TECH": ("none",),
            "T-FAM": ("control",),
        },
        control=control,
        **more,
    )
