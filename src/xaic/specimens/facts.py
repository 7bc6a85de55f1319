"""What the planner must know of a specimen's variant: kind of inputs, activation and module types of the model."""

from __future__ import annotations

from functools import cache
from typing import Any

from xaic.specimens.base import get_specimen


@cache
def material_facts(specimen: str, variant: str) -> dict[str, Any]:
    """Return ``kind``, ``activation`` ('' without a model), class names of leaf ``modules``, and the model's digest."""
    material = get_specimen(specimen).load(variant)
    if material.model is None:
        return {"kind": material.kind, "activation": "", "modules": [], "digest": ""}
    leaves = [module for module in material.model.module().modules() if not list(module.children())]
    return {
        "kind": material.kind,
        "activation": material.model.activation,
        "modules": sorted({type(leaf).__name__ for leaf in leaves}),
        "digest": material.model.digest,
    }
