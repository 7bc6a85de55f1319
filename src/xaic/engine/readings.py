"""What the attribution sweeps return. N units, L locations, T steps.

Channels of a location are removed together, and so are the locations of a region.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Removal:
    """Target score while regions are removed in the order of a map.

    ``fractions`` [T+1] from 0 to 1; ``morf`` [N, T+1] most relevant first; ``lerf`` [N, T+1] least relevant first.
    Removing the least relevant share 1-q keeps the most relevant share q: the insertion curve is ``lerf`` read from
    the right. ``hit`` [N, T+1] tells whether the target is still the arg max along ``morf`` (for ROAD accuracy).
    """

    fractions: Tensor
    morf: Tensor
    lerf: Tensor
    hit: Tensor


@dataclass(frozen=True)
class Subsets:
    """Random subsets of regions, the same for every unit and method.

    ``removed`` [S, L] bool; ``drop`` [N, S] = clean target score minus target score with the subset removed;
    ``size`` [S] regions removed.
    """

    removed: Tensor
    drop: Tensor
    size: Tensor


@dataclass(frozen=True)
class Neighbours:
    """Small noise around every input, the same for every method: R neighbours.

    ``inputs`` [R, N, ...]; ``scores`` [R, N, K] and ``clean_scores`` [N, K]; ``features`` [R, N, D] and
    ``clean_features`` [N, D] (the representation); ``kept`` [R, N] bool: the predicted class is unchanged.
    """

    inputs: Tensor
    logits: Tensor
    clean_logits: Tensor
    features: Tensor
    clean_features: Tensor
    kept: Tensor


@dataclass(frozen=True)
class Masking:
    """Class scores [N, K] before, with the explained region removed, and with only that region kept."""

    before: Tensor
    removed: Tensor
    kept: Tensor


@dataclass(frozen=True)
class SignedRemoval:
    """Target score [N] before and after removing the same number of most positive or most negative regions.

    ``count`` [N] regions removed: the size of the smaller sign group, capped by the protocol's share; 0 where a map
    has only one sign.
    """

    before: Tensor
    without_positive: Tensor
    without_negative: Tensor
    count: Tensor


@dataclass(frozen=True)
class OtherTarget:
    """The same method asked for another class: ``targets`` [N] and ``maps`` [N, ...]."""

    targets: Tensor
    maps: Tensor
