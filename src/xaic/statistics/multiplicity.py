"""Corrections for claims of the kind 'at least one of these'. Claims of the kind 'all of these' need none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from xaic.documents.errors import Misuse

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return Holm's adjusted p-values in the order given.

    Rejecting those at most alpha errs at least once with probability alpha or less:
    adjusted_(i) = max_{j <= i} min(1, (m - j + 1) p_(j)). Source: Holm 1979.
    """
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1 or not np.all((values >= 0) & (values <= 1)):
        raise Misuse("p-values must be a flat list of numbers from 0 to 1")
    order = np.argsort(values, kind="stable")
    steps = np.minimum(1.0, values[order] * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(steps)
    return adjusted
