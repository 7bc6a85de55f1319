"""The findings as tables: Markdown for the documentation and the terminal, JSON for whatever reads on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench import Bench
    from counting import Passes
    from quantus_side import Pilot
    from rows import Row


def markdown(facts: dict[str, str], benches: Sequence[Bench], rows: Sequence[Row], command: str) -> str:
    """Return everything as Markdown."""
    parts = [
        f"Made by `{command}`.",
        "### Machine",
        _table(("", ""), facts.items()),
        "### Models",
        _models(benches),
        "### Beside peers",
        _peers([row for row in rows if row.peer]),
        "### Beside the bare cost of the needed passes",
        _bare(rows),
        "### Agreement of values",
        _agreements(rows),
        "### Settings tried for Quantus",
        _pilots(benches),
        "### Notes",
        _notes(rows),
    ]
    return "\n\n".join(parts) + "\n"


def as_json(facts: dict[str, str], benches: Sequence[Bench], rows: Sequence[Row], command: str) -> str:
    """Return everything as JSON."""
    cases = {
        bench.case.name: {
            "title": bench.case.title,
            "protocol": bench.case.protocol,
            "forward_seconds": bench.cost.forward,
            "gradient_seconds": bench.cost.gradient,
            "forward_at": vars(bench.cost.forward_at),
            "gradient_at": vars(bench.cost.gradient_at),
            "chosen": vars(bench.cost.chosen),
            "tried": {
                kind: {str(setting): cost for setting, cost in pilot.tried.items()}
                for kind, pilot in vars(bench.pilots).items()
            },
        }
        for bench in benches
    }
    data = {"command": command, "machine": facts, "cases": cases, "rows": [row.to_data() for row in rows]}
    return json.dumps(data, indent=1) + "\n"


def _table(head: Sequence[str], lines: Iterable[Sequence[Any]]) -> str:
    body = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in body)


def _models(benches: Sequence[Bench]) -> str:
    head = ("model", "what", "forward pass", "at", "gradient pass", "at", "xaic runs at")
    lines = [
        (
            bench.case.name,
            bench.case.title,
            _us(bench.cost.forward),
            _tuning(bench.cost.forward_at),
            _us(bench.cost.gradient),
            _tuning(bench.cost.gradient_at),
            _tuning(bench.cost.chosen),
        )
        for bench in benches
    ]
    return _table(head, lines)


def _peers(rows: Sequence[Row]) -> str:
    head = (
        "model",
        "what",
        "settings",
        "xaic passes",
        "xaic s",
        "peer",
        "peer's best setting",
        "peer passes",
        "peer s",
        "as it comes s",
        "ratio",
        "as it comes",
        "at bare cost",
        "target",
        "reached",
    )
    return _table(head, (_peer_line(row) for row in rows))


def _peer_line(row: Row) -> tuple[str, ...]:
    peer = row.peer
    assert peer is not None
    assert row.ratio is not None
    return (
        row.case,
        row.name,
        row.settings,
        _passes(row.ours.passes),
        f"{row.ours.seconds:.3g}",
        peer.library,
        peer.setting,
        _passes(peer.measured.passes),
        f"{peer.measured.seconds:.3g}",
        f"{peer.plain.seconds:.3g} ({peer.plain_setting})" if peer.plain else "",
        f"**{row.ratio:.2f}**",
        f"{row.plain_ratio:.2f}" if row.plain_ratio else "",
        f"{row.most:.2f}" if row.most else "",
        f"{row.target:g}" if row.target else "",
        _reached(row),
    )


def _reached(row: Row) -> str:
    if row.reached is None:
        return ""
    if row.reached:
        return "yes, of its default" if row.of_default else "yes"
    plain = row.plain_ratio
    return "only as it comes" if row.target and plain and plain >= row.target else "no"


def _bare(rows: Sequence[Row]) -> str:
    head = (
        "model",
        "what",
        "needed passes",
        "made",
        "bare s",
        "imputation s",
        "xaic s",
        "xaic / bare",
        "limit",
        "reached",
    )
    lines = [
        (
            row.case,
            row.name,
            _passes(row.needed),
            _passes(row.ours.passes),
            f"{row.bare_seconds:.3g}",
            f"{row.extra:.3g}" if row.extra else "",
            f"{row.ours.seconds:.3g}",
            f"**{row.over_bare:.2f}**",
            f"{row.within:g}" if row.within else "",
            _reached(row) if row.within else "",
        )
        for row in rows
    ]
    return _table(head, lines)


def _agreements(rows: Sequence[Row]) -> str:
    head = ("model", "what", "values", "largest difference", "tolerance", "within", "must be", "holds", "note")
    lines = [
        (
            row.case,
            row.name,
            one.what,
            f"{one.largest:.2g} {one.unit}",
            f"{one.tolerance:.2g}",
            f"{one.share:.0%}",
            f"{one.least:.0%}",
            "yes" if one.holds else "**no**",
            one.note,
        )
        for row in rows
        for one in row.agreements
    ]
    return _table(head, lines)


def _pilots(benches: Sequence[Bench]) -> str:
    head = ("model", "metrics that", "us an image at each setting", "taken", "as it comes")
    lines = [
        (bench.case.name, kind, _tried(pilot), pilot.best, pilot.plain)
        for bench in benches
        for kind, pilot in (("predict", bench.pilots.predicting), ("explain again", bench.pilots.explaining))
    ]
    return _table(head, lines)


def _tried(pilot: Pilot) -> str:
    return "; ".join(f"{setting}: {cost:.0f}" for setting, cost in pilot.tried.items())


def _notes(rows: Sequence[Row]) -> str:
    said = {row.name: row.note for row in rows if row.note and not row.note.startswith("imputation")}
    costs = [f"{row.case}, {row.name}: {row.note}" for row in rows if row.note.startswith("imputation")]
    return "\n".join([*(f"- {name}: {note}." for name, note in said.items()), *(f"- {cost}." for cost in costs)])


def _passes(passes: Passes) -> str:
    """Images forward, and of them those whose gradient came back."""
    return f"{passes.forward} / {passes.backward}" if passes.backward else str(passes.forward)


def _tuning(tuning: Any) -> str:
    return f"chunk {tuning.chunk}, {'channels-last' if tuning.channels_last else 'contiguous'}"


def _us(seconds: float) -> str:
    return f"{1e6 * seconds:.0f} us"
