"""Removal curves: the target's score while locations are removed in the order of a map, in both directions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.engine.readings import Removal

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.operators import Prepared
    from xaic.engine.regions import Regions
    from xaic.engine.runner import Runner
    from xaic.engine.streams import Streams
    from xaic.families.attribution import AttributionTask


def ranks(maps: Tensor, units: tuple[str, ...], streams: Streams) -> Tensor:
    """Return the rank of every value of maps [N, G], 0 the most relevant. Ties are broken by each unit's own stream."""
    n, size = maps.shape
    shuffle = torch.stack([torch.randperm(size, generator=streams.generator(unit)) for unit in units])
    order = maps.gather(1, shuffle).argsort(dim=1, descending=True, stable=True)
    order = shuffle.gather(1, order)
    places = torch.arange(size).expand(n, size)
    return torch.empty_like(order).scatter_(1, order, places)


def counts(size: int, steps: int) -> Tensor:
    """Return how many regions are removed at each of T+1 steps, 0 to all of them in equal shares."""
    return (torch.arange(steps + 1, dtype=torch.float64) * size / steps).round().long()


def curves(
    task: AttributionTask,
    prepared: Prepared,
    regions: Regions,
    order: Tensor,
    steps: int,
    runner: Runner,
    ends: tuple[Tensor, Tensor],
) -> Removal:
    """Return the removal curves of maps whose regions have the ranks ``order`` [N, G].

    ``ends`` are the logits [N, K] with nothing and with everything removed: they do not depend on the order and are
    computed elsewhere, once. 2 N (T - 1) forward passes remain.
    """
    n, size = order.shape
    cuts = counts(size, steps)
    inner = cuts[1:-1]
    total = 2 * n * len(inner)

    def make(rows: slice) -> Tensor:
        index = torch.arange(rows.start, rows.stop)
        step, rest = index // (2 * n), index % (2 * n)
        unit, least_first = rest % n, rest >= n
        rank = order[unit]
        place = torch.where(least_first[:, None], size - 1 - rank, rank)
        return prepared.apply(unit, regions.spread(place < inner[step][:, None]))

    logits = runner.stream(task.model, total, make).view(len(inner), 2, n, -1)
    first, last = (end[None].expand(2, *end.shape)[None] for end in ends)
    whole = torch.cat([first, logits, last]) if len(inner) else torch.cat([first, last])
    target = task.targets.view(1, 1, n, 1).expand(steps + 1, 2, n, 1)
    score = task.model.scores(whole).gather(-1, target).squeeze(-1).double()
    hit = whole[:, 0].argmax(-1) == task.targets
    return Removal(
        fractions=cuts.double() / size,
        morf=score[:, 0].T.contiguous(),
        lerf=score[:, 1].T.contiguous(),
        hit=hit.T.double().contiguous(),
    )
