"""Inspection of method cards (decision rule DR7): is everything there, and does nothing contradict itself?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from xaic.documents.types import MethodCard

RULE = "DR7: pass when nothing is missing or contradicts itself"

THEMES = ("T-STK", "T-LC", "T-NEED", "T-FORM", "T-APPR", "T-TECH", "T-FAM")
"""Stakeholders, life cycle, needs, form, approach, technical constraints, method family."""

MEASURED_CLAIMS = {"completeness", "conservation", "determinism"}
"""Properties that are numbers: a claim without a value cannot be checked."""


def card_faults(card: MethodCard) -> list[str]:
    """Return what is missing on a card; empty where it is complete."""
    faults = [f"{name} is empty" for name in ("title", "purpose", "explains", "cost") if not getattr(card, name)]
    faults += [f"no {name} are named" for name in ("assumptions", "references") if not getattr(card, name)]
    faults += [f"theme {theme} is not addressed" for theme in THEMES if not card.themes.get(theme)]
    if not card.truth:
        faults.append("it is not declared what a value means (truth)")
    return faults


def claim_faults(card: MethodCard) -> list[str]:
    """Return what is wrong with the claims on a card; empty where each is checkable and what is unclaimed is said."""
    faults = []
    if not card.claims and not card.unclaimed:
        faults.append("no property is claimed and none is marked as not claimed")
    for claim in card.claims:
        if not claim.scope:
            faults.append(f"the claim of {claim.property} has no scope")
        if claim.value is None and claim.property in MEASURED_CLAIMS:
            faults.append(f"the claim of {claim.property} has no value")
    both = {claim.property for claim in card.claims} & set(card.unclaimed)
    faults += [f"{name} is claimed and marked as not claimed" for name in sorted(both)]
    if card.capabilities.stochastic and "determinism" in {claim.property for claim in card.claims}:
        faults.append("determinism is claimed by a stochastic method")
    return faults


INSPECTIONS: dict[str, Callable[[MethodCard], list[str]]] = {"card": card_faults, "claims": claim_faults}
