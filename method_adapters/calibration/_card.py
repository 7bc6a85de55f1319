"""What the cards of the calibration family have in common."""

from __future__ import annotations

from typing import Literal

from xaic.documents.types import Capabilities, ClaimedProperty, MethodCard

THEMES: dict[str, tuple[str, ...]] = {
    "T-STK": ("AI users", "developers", "evaluators"),
    "T-LC": ("verification and validation", "deployment", "operation and monitoring"),
    "T-NEED": ("how far a stated confidence can be believed",),
    "T-FORM": ("numeric",),
    "T-APPR": ("post hoc, on the outputs",),
    "T-TECH": ("needs logits and held-out labels; no access to the model",),
    "T-FAM": ("empirical: calibration",),
}


def calibration_card(
    name: str,
    title: str,
    purpose: str,
    *,
    role: Literal["method", "control", "oracle"] = "method",
    stochastic: bool = False,
    references: tuple[str, ...] = (),
    cost: str = "",
    limits: tuple[str, ...] = (),
) -> MethodCard:
    """Return the card of a calibration method with what all of them share."""
    return MethodCard(
        id=f"calibration.{name}",
        title=title,
        family="calibration",
        purpose=purpose,
        role=role,
        truth="prediction",
        explains="how probable each class is",
        capabilities=Capabilities(access="outputs", signed=False, stochastic=stochastic, inputs=("scores",)),
        claims=() if stochastic else (ClaimedProperty("determinism", 0.0, "same inputs, same machine"),),
        unclaimed=("fairness over groups", "validity under distribution shift"),
        assumptions=("fitting data and test data come from one distribution",),
        limits=limits or ("says nothing about inputs unlike the fitting data",),
        cost=cost,
        references=references,
        themes=THEMES,
    )
