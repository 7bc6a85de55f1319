"""The catalogue as a page: every criterion with what it asks, how it is decided and where the idea comes from.

Nothing is said here that does not stand in the criteria, the metrics' declarations and the wording of the rules.
"""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING

from xaic.harness import catalogue
from xaic.harness.catalogue import CARD
from xaic.harness.inspection import RULE, THEMES
from xaic.metrics.base import get_metric
from xaic.reporting.markdown import table, text
from xaic.reporting.words import count, printable
from xaic.statistics import FUNCTIONALS, wording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from xaic.documents.types import Check, Criterion

CODES = (
    *("DOC", "REP", "FAI", "RND", "ROB", "LOC", "CON", "AXI", "CPX", "INT"),
    *("KNL", "CAL", "OSR", "RPR", "CFX", "XMP", "HUM", "SEC", "TST"),
)
"""In the order in which the page names them; a code of a user's own comes after these."""

THEME_WORDS = ("stakeholders", "life cycle", "needs", "form", "approach", "technical constraints", "kinds of methods")

TIERS = {
    "T0": "seconds",
    "T1": "minutes on a processor",
    "T2": "hours or an accelerator",
    "T3": "people or a second laboratory",
}

NEEDS = {
    "access": ("access to {}", " or "),
    "claims": ("the claim of {}", " and "),
    "controls": ("a benchmark with control {}", " and "),
    "offers": ("a benchmark that offers {}", " and "),
    "signed": ("values with a sign", ""),
    "stochastic": ("random draws", ""),
    "target_specific": ("one explanation for each class", ""),
    "truth": ("a benchmark that knows what the values claim to be", ""),
    "values": ("values that mean {}", " or "),
}
"""Prerequisite -> its words, and what stands between several: one of them, or all, is enough."""

MADE = "<!-- Made by: xaic list criteria --markdown > docs/catalogue.md -->"

INTRODUCTION = """\
What xaic asks of an explanation method, and of itself. The files are `conformance/criteria/*.yaml`;
`xaic show EX-FAI-01` prints one. A criterion that is active gets a verdict; one that is planned is written down and
gives `not tested` until what it needs is built. Obligation levels stand in profiles (`xaic list profiles`), not here.
How verdicts come about, what the controls C1 to C8 are and how rules decide: [verdicts](verdicts.md).

The catalogue is xaic's own, informed by themes of ISO/IEC TS 6254:2025 and by the other documents named with each
criterion. It is not an ISO or IEC document. TS 6254 provides guidance and sets no pass/fail criteria. 'Informed by'
says that a topic is related, never that anything in that document is fulfilled by a pass."""

RULES_TO_COME = """\
Rules that planned criteria name and nothing decides yet: DR5 equivalence within a limit, DR8 study with people, DR9
planted defects found more often than false alarms, DR10 a declared value holds at its bound."""

EXAMPLES = """\
Examples can be run: `xaic check NAME`. In the profile `quick`, those that pass do so on at least one benchmark
and fail on none; those that fail do so on at least one. Where an active criterion names no failing example, none of the
shipped methods, controls and mutants fails it there."""


def catalogue_page() -> str:
    """Return the catalogue as Markdown, criteria of a dimension together."""
    criteria = [one for one in catalogue.criteria().values() if one.kind == "criterion"]
    criteria.sort(key=lambda one: (_place(one), one.id))
    groups = [(dimension, list(found)) for dimension, found in groupby(criteria, key=lambda one: one.dimension)]
    lines = ["# Catalogue of criteria", "", MADE, "", INTRODUCTION, "", *_overview(groups), "", *_legend(), ""]
    for dimension, found in groups:
        lines += [f"## {text(_capital(dimension))}", ""]
        for criterion in found:
            lines += [*_entry(criterion), ""]
    return printable("\n".join(lines).rstrip() + "\n")


def _place(criterion: Criterion) -> tuple[int, str]:
    code = criterion.id.split("-")[1]
    return (CODES.index(code) if code in CODES else len(CODES), code)


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def _overview(groups: list[tuple[str, list[Criterion]]]) -> Iterator[str]:
    every = [criterion for _, found in groups for criterion in found]
    active = sum(criterion.status == "active" for criterion in every)
    yield f"{count(len(every), 'criterion', 'criteria')}: {active} active, {len(every) - active} planned."
    yield ""
    rows = []
    for dimension, found in groups:
        slug = re.sub(r"[^\w -]", "", dimension.lower()).replace(" ", "-")
        ids = [", ".join(c.id.removeprefix("EX-") for c in found if c.status == s) for s in ("active", "planned")]
        rows.append([f"[{text(dimension)}](#{slug})", *ids])
    yield from table(["dimension", "active", "planned"], rows)


def _legend() -> Iterator[str]:
    yield "What it takes to test: " + "; ".join(f"{tier} {words}" for tier, words in TIERS.items()) + "."
    yield ""
    themes = ", ".join(f"{code} {words}" for code, words in zip(THEMES, THEME_WORDS, strict=True))
    yield f"Themes of TS 6254, by codes of xaic's own: {themes}."
    yield ""
    yield RULES_TO_COME
    yield ""
    yield EXAMPLES


def _entry(criterion: Criterion) -> Iterator[str]:
    """Yield a criterion: its titles, its statements, and a table of all else."""
    yield f"### {criterion.id} {text(' · '.join(criterion.title.values()))}"
    yield ""
    for statement in criterion.statement.values():
        yield text(statement)
        yield ""
    yield from table(["", ""], ([label, words] for label, words in _rows(criterion) if words))


def _rows(criterion: Criterion) -> Iterator[tuple[str, str]]:
    yield "status", _status(criterion)
    yield "speaks of", f"{_listed(criterion.methods)} (family {text(criterion.family)})"
    yield "matters to", _listed(criterion.stakeholders)
    yield "in the life cycle", _listed(criterion.lifecycle)
    yield "needs", "; ".join(_need(name, wanted) for name, wanted in criterion.needs.items())
    for check in criterion.checks:
        yield "measured", _measured(check)
        yield "decided", text(rule_in_words(check))
        yield "controls", text(_controls(check))
    yield "will measure", text(criterion.outline)
    yield "evidence", _listed(criterion.evidence, "; ")
    yield "sources", _listed(criterion.sources, "; ")
    yield "informed by", "<br>".join(map(text, _crosswalk(criterion)))
    yield "passing examples", _methods(criterion.examples.passed)
    yield "failing examples", _methods(criterion.examples.failed)
    yield "not applicable to", _methods(criterion.examples.inapplicable)


def _status(criterion: Criterion) -> str:
    tier = f", {criterion.tier}" if criterion.tier else ""
    reason = f": {criterion.reason}" if criterion.reason else ""
    return text(f"{criterion.status}{tier}{reason}")


def _listed(words: Iterable[str], between: str = ", ") -> str:
    return text(between.join(words))


def _methods(ids: Iterable[str]) -> str:
    return ", ".join(f"`{id}`" for id in ids)


def _crosswalk(criterion: Criterion) -> Iterator[str]:
    """Yield each source once, with all its topics."""
    for source, found in groupby(criterion.crosswalk, key=lambda one: one.source):
        yield f"{source} – {'; '.join(one.topic for one in found)}"


def _need(name: str, wanted: object) -> str:
    """Return a prerequisite in words; of a capability that must be absent, the negation."""
    words, between = NEEDS[name]
    told = words.format(between.join(wanted)) if isinstance(wanted, list) else words
    return text(f"no {told}" if wanted is False else told)


def _measured(check: Check) -> str:
    if check.metric == CARD:
        return f"inspection of the method card: `{check.part}`"
    metric = get_metric(check.metric)
    better = "" if metric.direction == "none" else f", {metric.direction} is better"
    part = f", its part `{check.part}`" if check.part else ""
    return f"`{metric.id}`{part}: {text(metric.title)}{better} ({text(metric.source)})"


def _controls(check: Check) -> str:
    """Return the controls of a check; a comparison without any is one with zero."""
    if check.controls == tuple(f"C{number}" for number in range(1, 9)):
        return "C1 to C8"
    if check.controls:
        return ", ".join(check.controls)
    return "none: compared with zero" if check.rule.id == "DR1" else ""


def rule_in_words(check: Check) -> str:
    """Return how a check decides, in the words that a verdict prints; the name alone of a rule not decided yet."""
    return WORDED[check.rule.id](check) if check.rule.id in WORDED else check.rule.id


def _dominance(check: Check) -> str:
    rule = check.rule
    if rule.functional == "agreement":
        return wording.agreement(rule.alpha)
    if rule.functional == "mean":
        return wording.dominance(rule.alpha, rule.margin)
    return wording.functional_dominance(rule.alpha, rule.margin, FUNCTIONALS[rule.functional])


def _change(check: Check) -> str:
    worded = wording.change if check.rule.functional == "change" else wording.null_calibrated
    return worded(check.rule.alpha, check.rule.margin)


def _proportion(check: Check) -> str:
    least = "at least" if get_metric(check.metric).direction == "higher" else "at most"
    limit = f"{check.metric} {least} {check.rule.tolerance:g}, or the tighter value that the method claims"
    return f"{wording.proportion(check.rule.alpha, check.rule.p0)}; the property: {limit}"


def _non_inferiority(check: Check) -> str:
    return wording.non_inferiority(check.rule.alpha, check.rule.margin, check.rule.reference or "")


def _below(check: Check) -> str:
    return wording.below(check.rule.alpha, check.rule.margin, FUNCTIONALS[check.rule.functional])


def _inspection(check: Check) -> str:  # noqa: ARG001 - one rule for every part of a card
    return RULE


WORDED: dict[str, Callable[[Check], str]] = {
    "DR1": _dominance,
    "DR2": _change,
    "DR3": _proportion,
    "DR4": _non_inferiority,
    "DR6": _below,
    "DR7": _inspection,
}
