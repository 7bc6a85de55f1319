"""What the comparison finds, as plain data: rows with two sides, and agreements of their values."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from counting import Passes
    from measuring import Measured
    from torch import Tensor


@dataclass(frozen=True)
class Agreement:
    """The two sides' values of one thing: the largest difference, and which share lies within a tolerance.

    ``least`` is the share that must. It is 1 but for what is made of gradients: kernels of another layout or chunk
    put an image on the other side of a kink now and then, and its gradient is another then.
    """

    what: str
    largest: float
    tolerance: float
    unit: str = "absolute"
    share: float = 1.0
    least: float = 1.0
    note: str = ""

    @property
    def holds(self) -> bool:
        """Tell whether both sides say the same."""
        return self.share >= self.least

    @classmethod
    def of(cls, what: str, differences: Tensor, tolerance: float, unit: str = "absolute", **more: Any) -> Agreement:
        """Return the agreement of values that differ by this much; NaN lies within no tolerance."""
        within = float((differences <= tolerance).double().mean()) if differences.numel() else 0.0
        largest = float(differences.max()) if differences.numel() else math.nan
        return cls(what, largest, tolerance, unit, within, **more)


def nearest(found: Mapping[Any, Agreement]) -> Agreement:
    """Return the best of the agreements with a peer at several settings, naming the setting."""
    setting, best = max(found.items(), key=lambda item: (item[1].share, -item[1].largest))
    return replace(best, note="; ".join(part for part in (f"at {setting}", best.note) if part))


def gaps(ours: Tensor, theirs: Tensor) -> Tensor:
    """Return absolute differences, in double precision."""
    return (ours.double() - theirs.double()).abs()


@dataclass(frozen=True)
class Peer:
    """The other side: its best settings of those tried, and beside them what it costs with the model as it comes."""

    library: str
    setting: str
    measured: Measured
    plain_setting: str = ""
    plain: Measured | None = None


@dataclass(frozen=True)
class Row:
    """One measurement by xaic, with its bare cost and with the same measurement by a peer where one has it.

    ``needed`` are the passes the definitions ask for; ``extra`` is needed cost that is no pass (imputation). ``target``
    is the least ratio peer / xaic wanted, of the peer's best or, ``of_default``, as it comes; ``within`` is the largest
    ratio xaic / bare. 0: none.
    """

    case: str
    group: str
    name: str
    settings: str
    ours: Measured
    needed: Passes
    bare_seconds: float
    extra: float = 0.0
    peer: Peer | None = None
    target: float = 0.0
    of_default: bool = False
    within: float = 0.0
    note: str = ""
    agreements: tuple[Agreement, ...] = ()
    sweeps: dict[str, Any] = field(default_factory=dict)

    @property
    def over_bare(self) -> float:
        """CPU seconds of xaic over the bare cost, imputation included."""
        return self.ours.seconds / (self.bare_seconds + self.extra)

    @property
    def ratio(self) -> float | None:
        """CPU seconds of the peer at its best over those of xaic."""
        return self.peer.measured.seconds / self.ours.seconds if self.peer else None

    @property
    def most(self) -> float | None:
        """CPU seconds of the peer at its best over the bare cost: no harness could have a larger ratio."""
        return self.peer.measured.seconds / (self.bare_seconds + self.extra) if self.peer else None

    @property
    def plain_ratio(self) -> float | None:
        """CPU seconds of the peer with the model as it comes over those of xaic."""
        return self.peer.plain.seconds / self.ours.seconds if self.peer and self.peer.plain else None

    @property
    def reached(self) -> bool | None:
        """Tell whether the target is reached; None where there is none."""
        if self.within:
            return self.over_bare <= self.within
        ratio = self.plain_ratio if self.of_default else self.ratio
        return ratio >= self.target if self.target and ratio is not None else None

    def to_data(self) -> dict[str, Any]:
        """Return the row as plain data, with what follows from it."""
        data = asdict(self)
        for agreement, found in zip(data["agreements"], self.agreements, strict=True):
            agreement["holds"] = found.holds
        return data | {
            "over_bare": self.over_bare,
            "ratio": self.ratio,
            "most": self.most,
            "plain_ratio": self.plain_ratio,
            "reached": self.reached,
        }
