"""The decision rules in words, with their numbers: what a verdict prints as its rule and its promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xaic.statistics import sizes

if TYPE_CHECKING:
    from xaic.statistics.comparing import Range
    from xaic.statistics.functionals import Functional


def percent(share: float) -> str:
    """Return a share as percent."""
    return f"{100 * share:.4g} %"


def promise_of_mean(bounds: Range, alpha: float) -> str:
    """Return what is known of the error of a bound of a mean."""
    if None in bounds:
        return sizes.promise("mean")
    return f"at most {percent(alpha)} false passes for bounded scores, at any n (betting bound)"


def promise_of_proportion(alpha: float) -> str:
    """Return what is known of the error of a bound of a proportion."""
    return f"at most {percent(alpha)} false passes, at any n (Clopper-Pearson bound)"


def promise_of_functional(figure: Functional) -> str:
    """Return what is known of the error of a bootstrap bound."""
    if figure.id in sizes.MEASURED:
        return sizes.promise(figure.id)
    return f"asymptotic; the size for the {figure.title} was not measured"


def dominance(alpha: float, margin: float) -> str:
    """DR1 on mean differences."""
    return (
        f"DR1: pass when the lower {percent(1 - alpha)} bound of the mean difference is above {margin:g} "
        "for every control under every operator; fail when for one control the upper bound is at most "
        f"{margin:g} under every operator"
    )


def agreement(alpha: float) -> str:
    """DR1 under each operator alone."""
    return (
        f"DR1 under each operator alone at {percent(1 - alpha)}: pass when all give the same verdict, "
        "fail when one passes what another fails"
    )


def functional_dominance(alpha: float, margin: float, figure: Functional) -> str:
    """DR1 on a figure of all units."""
    return (
        f"DR1: pass when the lower {percent(1 - alpha)} bootstrap bound of the difference of the "
        f"{figure.title} is above {margin:g} for every control; fail when for one control the upper bound is "
        f"at most {margin:g}"
    )


def null_calibrated(alpha: float, margin: float) -> str:
    """DR2, both parts."""
    return (
        f"DR2 at {percent(1 - alpha)}: pass when (i) the lower bound of the change, repeated minus "
        "randomised similarity, is above 0 and (ii) the upper bound of the excess, randomised minus chance "
        f"similarity, is at most {margin:g}; fail when (i) has its upper bound at most 0 or (ii) its lower "
        f"bound above {margin:g}"
    )


def change(alpha: float, margin: float) -> str:
    """DR2, first part alone."""
    return (
        f"DR2 (i): pass when the lower {percent(1 - alpha)} bound of the change, repeated minus other "
        f"similarity, is above {margin:g}; fail when the upper bound is at most {margin:g}"
    )


def proportion(alpha: float, p0: float) -> str:
    """DR3."""
    return (
        f"DR3: pass when the lower {percent(1 - alpha)} Clopper-Pearson bound of the share of units for "
        f"which the property holds is at least {p0:g}; fail when the upper bound is below {p0:g}"
    )


def non_inferiority(alpha: float, margin: float, reference: str) -> str:
    """DR4."""
    return (
        f"DR4: pass when the lower {percent(1 - alpha)} bound of the mean difference to {reference} is above "
        f"{-margin:g}; fail when the upper bound is at most {-margin:g}"
    )


def below(alpha: float, margin: float, figure: Functional) -> str:
    """DR6."""
    return (
        f"DR6: pass when the upper {percent(1 - alpha)} bootstrap bound of the {figure.title} is below "
        f"{margin:g}; fail when the lower bound is above {margin:g}"
    )
