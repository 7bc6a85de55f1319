"""The sweeps of the attribution family: every pass that its metrics read, each made once.

Sweeps marked shared do not depend on the method: they are made once a benchmark and kept on disk for its other trials.
"""

from __future__ import annotations

import json
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save

from xaic.engine import operators, removal
from xaic.engine.randomise import has_statistics, randomised_model
from xaic.engine.readings import Masking, Neighbours, OtherTarget, Removal, SignedRemoval, Subsets
from xaic.engine.regions import Regions, regions_of
from xaic.engine.sweeps import Sweeps, sweep, sweeps_for
from xaic.families.base import Parcel

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.operators import Prepared
    from xaic.families.attribution import AttributionTask
    from xaic.families.model import Model

COMPLETENESS = "completeness"
"""The claim whose limit a method approaches as its convergence parameter grows."""

SUBSET_SHARES = (0.05, 0.1, 0.2, 0.35, 0.5)
"""Shares of the regions that random subsets remove."""


@sweeps_for("attribution")
class AttributionSweeps(Sweeps):
    """What attribution metrics read: N units, L locations, K classes; subjects: the method and its derived controls."""

    @property
    def task(self) -> AttributionTask:
        """The benchmark's task."""
        task: AttributionTask = self.posed.task
        return task

    def maps(self, subject: str) -> Tensor:
        """Return the map of every location [N, L]: channels summed."""
        return self.at_locations(self.output(subject).values)

    def at_locations(self, values: Tensor) -> Tensor:
        """Return maps [..., C, (space)] or [..., D] as [..., L]."""
        if self.task.inputs.ndim == 2:
            return values.double()
        start = values.ndim - self.task.inputs.ndim + 1
        return values.sum(start).flatten(start).double()

    @cached_property
    def regions(self) -> Regions:
        """What is removed together: the protocol's ``region`` gives the side of a region."""
        return regions_of(self.task.inputs, int(self.protocol.get("region", 1)))

    def ranks(self, maps: Tensor) -> Tensor:
        """Return the rank of every region [N, G] by the sum of a map [N, L] over it; 0 is the most relevant."""
        return removal.ranks(self.regions.sums(maps), self.task.units, self.streams.at("ties"))

    # shared: once a benchmark

    @sweep(shared=True)
    def predictions(self) -> Tensor:
        """Logits [N, K] of the clean inputs."""
        return self.kept("predictions", lambda: {"logits": self.runner.predict(self.task.model, self.task.inputs)})[
            "logits"
        ]

    @sweep(shared=True)
    def baseline_logits(self) -> Tensor:
        """Logits [K] at the task's baseline."""
        return self.kept(
            "baseline", lambda: {"logits": self.runner.predict(self.task.model, self.task.baseline[None])[0]}
        )["logits"]

    @sweep(shared=True)
    def emptied(self, operator: str) -> Tensor:
        """Logits [N, K] with every location removed."""

        def make() -> dict[str, Tensor]:
            size = operators.locations(self.task.inputs)
            everything = torch.ones(len(self.task.units), size, dtype=torch.bool)
            rows = torch.arange(len(self.task.units))
            filled = self.prepared(operator).apply(rows, everything)
            return {"logits": self.runner.predict(self.task.model, filled)}

        return self.kept(f"emptied/{operator}", make)["logits"]

    @sweep(shared=True)
    def subsets(self, operator: str) -> Subsets:
        """Random subsets of regions and the drop each causes; the same subsets for every unit and method."""
        clean = self.target_scores(self.predictions())  # out here: passes of two sweeps are not kept as those of one

        def make() -> dict[str, Tensor]:
            chosen = self._subsets_of_regions()
            removed = self.regions.spread(chosen)
            n, s = len(self.task.units), len(removed)
            prepared = self.prepared(operator)

            def rows(part: slice) -> Tensor:
                index = torch.arange(part.start, part.stop)
                return prepared.apply(index % n, removed[index // n])

            logits = self.runner.stream(self.task.model, s * n, rows).view(s, n, -1)
            drop = clean[:, None] - self.target_scores(logits).T
            return {"removed": removed, "drop": drop.contiguous(), "size": chosen.sum(1)}

        return Subsets(**self.kept(f"subsets/{operator}", make))

    def _subsets_of_regions(self) -> Tensor:
        size = self.regions.count
        total = int(self.protocol["subsets"])
        generator = self.streams.at("subsets").generator()
        cut = [max(1, round(SUBSET_SHARES[i % len(SUBSET_SHARES)] * size)) for i in range(total)]
        order = torch.rand(total, size, generator=generator).argsort(1).argsort(1)
        return order < torch.tensor(cut)[:, None]

    @sweep(shared=True)
    def neighbours(self) -> Neighbours:
        """Gaussian noise around every input, as a share of the background's spread; predictions and representations."""

        def make() -> dict[str, Tensor]:
            task, model = self.task, self.task.model
            scale = float(self.protocol["noise"]) * task.background.std(0).mean()
            noise = [
                torch.stack([torch.randn(task.inputs.shape[1:], generator=self._near(i, unit)) for unit in task.units])
                for i in range(int(self.protocol["neighbours"]))
            ]
            inputs = task.inputs + scale * torch.stack(noise)
            logits, features = self.runner.features(model, inputs.flatten(0, 1))
            clean, clean_features = self.runner.features(model, task.inputs)
            shape = inputs.shape[:2]
            logits = logits.view(*shape, -1)
            return {
                "inputs": inputs,
                "logits": logits,
                "clean_logits": clean,
                "features": features.view(*shape, -1),
                "clean_features": clean_features,
                "kept": logits.argmax(-1) == clean.argmax(-1),
            }

        return Neighbours(**self.kept("neighbours", make))

    def _near(self, index: int, unit: str) -> torch.Generator:
        return self.streams.at("neighbours", index).generator(unit)

    @sweep(shared=True)
    def random_model(self, index: int) -> Model:
        """A model of the same architecture whose parameters were redrawn; BatchNorm costs a pass of the background."""
        assert self.cache is not None
        found = randomised_model(
            self.task.model, self.task.background, self.streams.at("models"), index, self.cache.folder
        )
        if has_statistics(found):
            self.meter.add(len(self.task.background))
        return found

    # of a subject

    @sweep
    def removal(self, subject: str, operator: str) -> Removal:
        """Removal curves of a subject's maps."""
        order = self.ranks(self.maps(subject))
        return removal.curves(
            self.task, self.prepared(operator), self.regions, order, self._steps, self.runner, self._ends(operator)
        )

    @sweep
    def cross_removal(self, subject: str, operator: str) -> Tensor:
        """Score of the own target [N, T+1] while removing in the order of the map made for another target."""
        order = self.ranks(self.at_locations(self.other_target(subject).maps))[None]
        scores, _ = removal.along(
            self.task, self.prepared(operator), self.regions, order, self._steps, self.runner, self._ends(operator)
        )
        return scores[0]

    @property
    def _steps(self) -> int:
        """Steps of removal: one region at least goes in each."""
        return min(int(self.protocol["steps"]), self.regions.count)

    def _ends(self, operator: str) -> tuple[Tensor, Tensor]:
        return self.predictions(), self.emptied(operator)

    @sweep
    def signed_removal(self, subject: str, operator: str) -> SignedRemoval:
        """Remove as many of the most positive as of the most negative regions, at most the protocol's mask share."""
        maps = self.maps(subject)
        sums, rank = self.regions.sums(maps), self.ranks(maps)
        n, size = sums.shape
        most = max(1, round(float(self.protocol["mask_share"]) * size))
        count = torch.minimum((sums > 0).sum(1), (sums < 0).sum(1)).clamp(max=most)
        masks = self.regions.spread(torch.cat([rank < count[:, None], rank >= size - count[:, None]]))
        prepared = self.prepared(operator)
        logits = self.runner.stream(
            self.task.model,
            2 * n,
            lambda part: prepared.apply(torch.arange(part.start, part.stop) % n, masks[part]),
        ).view(2, n, -1)
        scores = self.target_scores(logits)
        return SignedRemoval(self.target_scores(self.predictions()), scores[0], scores[1], count)

    @sweep
    def masking(self, subject: str, operator: str) -> Masking:
        """Class scores with the most relevant share removed, and with only that share kept."""
        rank = self.ranks(self.maps(subject))
        n, size = rank.shape
        cut = max(1, round(float(self.protocol["mask_share"]) * size))
        region = self.regions.spread(rank < cut)
        masks, prepared = torch.cat([region, ~region]), self.prepared(operator)
        logits = self.runner.stream(
            self.task.model,
            2 * n,
            lambda part: prepared.apply(torch.arange(part.start, part.stop) % n, masks[part]),
        ).view(2, n, -1)
        scores = self.task.model.scores(torch.cat([self.predictions()[None], logits])).double()
        return Masking(scores[0], scores[1], scores[2])

    @sweep
    def other_target(self, subject: str) -> OtherTarget:
        """The subject asked for the runner-up class, or for the class of the other object where that is known."""
        known = self.posed.truths.get("other_target")
        if known is None:
            known = self.predictions().scatter(1, self.task.targets[:, None], -torch.inf).argmax(1)
        maps = self.probes[subject].run(self.task.with_targets(known.long()), draw="other target").values
        return OtherTarget(known, maps)

    @sweep
    def draws(self, subject: str) -> Tensor:
        """Outputs of independent draws [R, N, ...]; the first is ``output``."""
        more = [self.output(subject, draw).values for draw in range(1, int(self.protocol["draws"]))]
        return torch.stack([self.output(subject).values, *more])

    @sweep
    def again(self, subject: str) -> Tensor:
        """The output made again with the same draw, past the cache."""
        values: Tensor = self.probes[subject].repeat(self.task, draw=0).values
        return values

    @sweep
    def neighbour_maps(self, subject: str) -> Tensor:
        """Maps at the neighbours [R, N, ...]; every call draws anew."""
        probe, inputs = self.probes[subject], self.neighbours().inputs
        maps = [probe.run(self.task.with_inputs(x), draw=f"neighbour {i}").values for i, x in enumerate(inputs)]
        return torch.stack(maps)

    @sweep
    def randomised(self, subject: str) -> Tensor:
        """Maps under models with redrawn parameters [M, N, ...]."""
        probe = self.probes[subject]
        maps = [
            probe.run(self.task.with_model(self.random_model(i)), draw=f"randomised {i}").values
            for i in range(int(self.protocol["randomisations"]))
        ]
        return torch.stack(maps)

    @sweep
    def doubled(self, subject: str) -> Tensor | None:
        """Maps with the convergence parameter doubled; None where the method has none, or claims no sum."""
        probe = self.probes[subject]
        name = probe.card.convergence
        if name is None or COMPLETENESS not in {claim.property for claim in probe.card.claims}:
            return None
        values: Tensor = probe.run(self.task, draw=0, **{name: 2 * probe.card.parameters[name]}).values
        return values

    # beside the sweeps

    def target_scores(self, logits: Tensor) -> Tensor:
        """Return the target's score in [0, 1] for logits [..., N, K]: [..., N]."""
        target = self.task.targets.expand(logits.shape[:-1])[..., None]
        return self.task.model.scores(logits).gather(-1, target).squeeze(-1).double()

    def prepared(self, operator: str) -> Prepared:
        """Return an operator ready for the task, prepared once."""
        key = ("prepared", operator)
        if key not in self.memo:
            self.memo[key] = operators.prepare(operator, self.task, self.streams)
        prepared: Prepared = self.memo[key]
        return prepared

    def prepare(self, wanted: frozenset[str]) -> None:
        """Make the shared sweeps that are wanted, for the other trials of the benchmark to read."""
        self.predictions()
        for name in ("baseline_logits", "neighbours"):
            if name in wanted:
                getattr(self, name)()
        for index in range(int(self.protocol["randomisations"]) if "randomised" in wanted else 0):
            self.random_model(index)
        for operator in self.protocol["operators"]:
            if wanted & {"removal", "cross_removal"}:
                self.emptied(operator)
            if "subsets" in wanted:
                self.subsets(operator)

    def for_controls(self) -> dict[str, Any]:
        """Return what derived controls need: predicted classes [N] and a randomised model."""
        with self.free():
            predicted = self.predictions().argmax(1)
        return {"predicted": predicted, "randomised": self.random_model(0)}  # maps under it serve MPRT as well

    def keepsakes(self) -> dict[str, bytes]:
        """Return the removal curves and maps that a report shows, as files."""
        kept = {}
        for (name, args, _), found in self._made("removal"):
            assert name == "removal"
            subject, operator = args
            base = f"removal/{subject}/{operator}"
            kept[f"{base}/morf"], kept[f"{base}/lerf"] = found.morf.float(), found.lerf.float()
            kept["fractions"] = found.fractions.float()
        values = self.at_locations(self.probes["method"].run(self.task, draw=0).values).float()
        shape = self.task.inputs.shape[2:] if self.task.inputs.ndim > 2 else (1, self.task.inputs.shape[1])
        files = {"maps.safetensors": save({"values": values.reshape(len(values), *shape).contiguous()})}
        return files | ({"curves.safetensors": save(kept)} if kept else {})

    def pictures(self) -> dict[str, bytes]:
        """Return the inputs as pictures [N, H, W, 3], as a file, where they are colour images in [0, 1]."""
        x = self.task.inputs
        if x.ndim != 4 or x.shape[1] != 3 or x.min() < 0 or x.max() > 1:
            return {}
        pixels = (x * 255).round().byte().permute(0, 2, 3, 1).contiguous()
        return {"pictures.safetensors": save({"pictures": pixels})}

    def _made(self, name: str) -> list[tuple[Any, Any]]:
        return [(key, value) for key, value in self.memo.items() if key[0] == name]

    def kept(self, name: str, make: Any) -> dict[str, Tensor]:
        """Return tensors that do not depend on the method: from the cache, or made and kept there with their passes."""
        if self.cache is None:
            return dict(make())
        key = self._shared_key(name)
        found = self.cache.get(key)
        if found is None:
            before = self.meter.total()
            tensors = make()
            found = Parcel(tensors, {"forward": self.meter.total().forward - before.forward})
            self.cache.put(key, found)
        else:
            self.meter.add(int(found.data["forward"]))
        return dict(found.tensors)

    def _shared_key(self, name: str) -> str:
        task = self.task
        protocol = {k: v for k, v in self.protocol.items() if k in {"subsets", "neighbours", "noise", "region"}}
        key = sha256(json.dumps([name, task.model.digest, list(task.units), protocol, self.streams.number()]).encode())
        for tensor in (task.inputs, task.targets, task.background, task.baseline):
            key.update(tensor.contiguous().numpy().tobytes())
        return key.hexdigest()
