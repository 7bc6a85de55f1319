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
    """Return the removal curves of maps whose regions have the ranks ``order`` [N, G]: 2 N (T - 1) forward passes.

    ``ends`` are the logits [N, K] with nothing and with everything removed: they do not depend on the order and are
    computed elsewhere, once.
    """
    size = order.shape[1]
    both = torch.stack([order, size - 1 - order])
    scores, hit = along(task, prepared, regions, both, steps, runner, ends)
    return Removal(
        fractions=counts(size, steps).double() / size,
        morf=scores[0],
        lerf=scores[1],
        hit=hit[0],
    )


def along(
    task: AttributionTask,
    prepared: Prepared,
    regions: Regions,
    orders: Tensor,
    steps: int,
    runner: Runner,
    ends: tuple[Tensor, Tensor],
) -> tuple[Tensor, Tensor]:
    """Return the target's score while regions are removed in several orders, and whether it is the arg max.

    ``orders`` [D, N, G] are places, 0 removed first; both results are [D, N, T+1], at D N (T - 1) forward passes.
    """
    many, n, size = orders.shape
    inner = counts(size, steps)[1:-1]

    def make(rows: slice) -> Tensor:
        index = torch.arange(rows.start, rows.stop)
        step, rest = index // (many * n), index % (many * n)
        unit = rest % n
        return prepared.apply(unit, regions.spread(orders[rest // n, unit] < inner[step][:, None]))

    found = runner.stream(task.model, many * n * len(inner), make)
    first, last = (end.expand(1, many, *end.shape) for end in ends)
    logits = torch.cat([first, *([found.view(len(inner), many, *ends[0].shape)] if len(inner) else []), last])
    at = task.targets.expand(logits.shape[:-1])
    score = task.model.scores(logits).gather(-1, at[..., None]).squeeze(-1).double()
    hit = (logits.argmax(-1) == at).double()
    return score.permute(1, 2, 0).contiguous(), hit.permute(1, 2, 0).contiguous()
