"""Quantus' likes of xaic's metrics: what a user would call to measure the same of a method and of each control."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from cases import CLASSES
from curves import flipped, road
from neighbours import stabilities
from quantus.functions.perturb_func import noisy_linear_imputation
from quantus_side import Caller, DealtFill, gradient, input_x_gradient, integrated
from subsets import correlations

if TYPE_CHECKING:
    from collections.abc import Callable

    from bare import Imputing
    from bench import Bench
    from numpy.typing import NDArray
    from torch import Tensor

REFERENCE = "attribution.integrated_gradients"
STEPS = 32
EXPLAIN = {"attribution.gradient": gradient, "attribution.input_x_gradient": input_x_gradient}


@dataclass
class Material:
    """What xaic's side leaves behind for the peer and for the comparison of values."""

    maps: dict[str, Tensor] = field(default_factory=dict)
    ranks: dict[str, Tensor] = field(default_factory=dict)
    curves: dict[tuple[str, str], Any] = field(default_factory=dict)
    correlations: dict[tuple[str, str], Tensor] = field(default_factory=dict)
    fills: dict[str, Tensor] = field(default_factory=dict)
    removed: Tensor | None = None
    neighbours: Tensor | None = None
    other: Tensor | None = None
    imputing: Imputing | None = None


class Likes:
    """Quantus' metrics, one for each metric of xaic's that it has a like of."""

    def __init__(self, bench: Bench, method: str, material: Material) -> None:
        self.case, self.material, self.explain = bench.case, material, EXPLAIN[method]
        self.predicting = Caller(bench.case, bench.pilots.predicting.best)
        self.explaining = Caller(bench.case, bench.pilots.explaining.best)
        self.steps = int(bench.case.protocol["steps"])
        self.noise = 0.01 * float(bench.case.task.background.std())
        self.known: dict[str, Callable[[str], Any]] = {
            "faithfulness.deletion_auc": lambda subject: self.curve(material.ranks[subject]),
            "faithfulness.insertion_auc": lambda subject: self.curve(-material.ranks[subject]),
            "faithfulness.cross_target": lambda _: self.curve(material.other),
            "faithfulness.correlation": self.correlation,
            "randomisation.mprt": lambda _: self.explained("MPRT"),
            "randomisation.target": self.other_class,
            "robustness.stability": self.stability,
        }

    def curve(self, maps: Tensor | None) -> dict[str, Tensor]:
        """Pixel flipping under every fill, and ROAD."""
        assert maps is not None
        fills = self.material.fills
        found = {name: flipped(self.predicting, maps, self.steps, fill) for name, fill in fills.items()}
        return found | {"road": road(self.predicting, maps, self.steps, self.noise)}

    def correlation(self, subject: str) -> dict[str, Tensor]:
        """Faithfulness correlation under every operator."""
        removed, batch = self.material.removed, self.predicting.setting.batch
        assert removed is not None
        hooks: dict[str, Any] = {o: DealtFill(f, len(removed), batch) for o, f in self.material.fills.items()}
        hooks["road"] = self._impute
        maps = self.material.maps[subject].nan_to_num()
        return {o: correlations(self.predicting, maps, removed, perturb_func=hook) for o, hook in hooks.items()}

    def _impute(self, arr: NDArray[Any], indices: NDArray[Any], **_: Any) -> NDArray[Any]:
        """Impute image by image, the only way Quantus offers."""
        images = arr.reshape(-1, *self.case.task.inputs.shape[1:])
        filled = [noisy_linear_imputation(one, at, noise=self.noise) for one, at in zip(images, indices, strict=True)]
        found: NDArray[Any] = np.stack(filled).reshape(arr.shape).astype(arr.dtype)
        return found

    def other_class(self, _: str) -> Any:
        """Random logit test."""
        return self.explained("RandomLogit", num_classes=CLASSES)

    def explained(self, name: str, **options: Any) -> Any:
        """Call a metric that explains the method again."""
        return self.explaining(name, self.material.maps["method"], explain=self.explain, softmax=False, **options)

    def stability(self, subject: str) -> Any:
        """Average sensitivity, of the method or of the reference."""
        assert self.material.neighbours is not None
        batch = self.explaining.setting.batch
        explain = integrated(self.case.task.baseline, STEPS, batch) if subject == REFERENCE else self.explain
        return stabilities(
            self.explaining,
            self.material.maps[subject],
            self.material.neighbours,
            ["robustness.average_sensitivity"],
            explain,
        )
