"""Does a criterion speak of a method on a benchmark? Answered from what the card and the benchmark declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xaic.documents.errors import BadData

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from xaic.documents.types import Benchmark, MethodCard


def inapplicable(needs: Mapping[str, Any], card: MethodCard, benchmark: Benchmark | None) -> str:
    """Return why the needs are not met, or '' where they are.

    Raises:
        BadData: a need has a name that is not known.
    """
    for name, wanted in needs.items():
        if name not in NEEDS:
            raise BadData(f"need {name!r} is not known; known: {', '.join(sorted(NEEDS))}")
        reason = NEEDS[name](wanted, card, benchmark)
        if reason:
            return reason
    return ""


def _capability(name: str, no: str, yes: str) -> Callable[[Any, MethodCard, Benchmark | None], str]:
    """Return a need of a capability; ``no`` is the reason where it is wanted and not there, ``yes`` the other way."""

    def unmet(wanted: Any, card: MethodCard, benchmark: Benchmark | None) -> str:  # noqa: ARG001
        return "" if getattr(card.capabilities, name) == wanted else no if wanted else yes

    return unmet


def _truth(wanted: Any, card: MethodCard, benchmark: Benchmark | None) -> str:
    offered = benchmark.truths if benchmark else ()
    if not wanted or card.role != "method" or card.truth in offered:
        return ""
    known = ", ".join(offered) or "no truth"
    return f"the method's values mean {card.truth or 'nothing declared'}; the benchmark knows {known}"


def _values(wanted: Any, card: MethodCard, benchmark: Benchmark | None) -> str:  # noqa: ARG001
    if card.role != "method" or card.truth in wanted:
        return ""
    return f"the method's values mean {card.truth or 'nothing declared'}; the criterion is about {' or '.join(wanted)}"


def _offers(wanted: Any, card: MethodCard, benchmark: Benchmark | None) -> str:  # noqa: ARG001
    offered = (*benchmark.offers, *benchmark.truths) if benchmark else ()
    missing = [name for name in wanted if name not in offered]
    return f"the benchmark offers no {', '.join(missing)}" if missing else ""


def _controls(wanted: Any, card: MethodCard, benchmark: Benchmark | None) -> str:  # noqa: ARG001
    missing = [name for name in wanted if benchmark is None or name not in benchmark.controls]
    return f"the benchmark has no control {', '.join(missing)}" if missing else ""


def _claims(wanted: Any, card: MethodCard, benchmark: Benchmark | None) -> str:  # noqa: ARG001
    missing = [name for name in wanted if name not in {claim.property for claim in card.claims}]
    return f"the method does not claim {', '.join(missing)}" if missing else ""


def _access(wanted: Any, card: MethodCard, benchmark: Benchmark | None) -> str:  # noqa: ARG001
    access = card.capabilities.access
    if access in wanted or card.role != "method":
        return ""
    return f"the method has access to {access}; the criterion needs {' or '.join(wanted)}"


NEEDS: dict[str, Callable[[Any, MethodCard, Benchmark | None], str]] = {
    "access": _access,
    "claims": _claims,
    "controls": _controls,
    "offers": _offers,
    "signed": _capability("signed", "the method's maps have no sign", "the method's maps have a sign"),
    "stochastic": _capability("stochastic", "the method is deterministic", "the method is stochastic"),
    "target_specific": _capability(
        "target_specific", "the method gives one map for all classes", "the method gives each class a map of its own"
    ),
    "truth": _truth,
    "values": _values,
}
