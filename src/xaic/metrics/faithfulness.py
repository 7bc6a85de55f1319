"""Faithfulness: does the model's output follow what the map calls relevant?

Curves are areas over the share of locations removed, from 0 to 1, so they do not depend on the number of
steps. Scores of subsets read the mass of a subset, the sum of the map over its locations, as Bhatt et al. and
Ancona et al. define it: they suit maps of contributions more than plain gradients.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from xaic.metrics._similarity import TINY, nan_where, nanmean, pearson, trapezoid
from xaic.metrics.base import metric

if TYPE_CHECKING:
    from torch import Tensor

    from xaic.engine.attribution import AttributionSweeps


@metric(
    id="faithfulness.deletion_auc",
    family="attribution",
    title="Deletion: area under the score while the most relevant is removed",
    property="faithfulness",
    unit="score x share",
    range=(0.0, 1.0),
    direction="lower",
    source="Petsiuk et al. 2018, section 4; Samek et al. 2017, eq. 12",
    sweeps=("removal",),
    variants="operators",
)
def deletion_auc(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Area under f(x with the top share q removed) over q."""
    curve = sweeps.removal(subject, variant)
    return trapezoid(curve.morf, curve.fractions)


@metric(
    id="faithfulness.insertion_auc",
    family="attribution",
    title="Insertion: area under the score while only the most relevant is kept",
    property="faithfulness",
    unit="score x share",
    range=(0.0, 1.0),
    direction="higher",
    source="Petsiuk et al. 2018, section 4",
    sweeps=("removal",),
    variants="operators",
)
def insertion_auc(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Area under f(x with only the top share q kept) over q: that is x less the least relevant 1 - q."""
    curve = sweeps.removal(subject, variant)
    return trapezoid(curve.lerf.flip(-1), (1 - curve.fractions).flip(-1))


@metric(
    id="faithfulness.abpc",
    family="attribution",
    title="Area between the perturbation curves",
    property="faithfulness",
    unit="score x share",
    range=(-1.0, 1.0),
    direction="higher",
    source="Samek et al. 2017; Blücher et al. 2024 (symmetric relevance gain)",
    sweeps=("removal",),
    variants="operators",
)
def abpc(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Area under the least-relevant-first curve minus area under the most-relevant-first curve."""
    curve = sweeps.removal(subject, variant)
    return trapezoid(curve.lerf - curve.morf, curve.fractions)


@metric(
    id="faithfulness.accuracy_auc",
    family="attribution",
    title="Area under accuracy while the most relevant is removed; with noisy linear imputation: ROAD",
    property="faithfulness",
    unit="share x share",
    range=(0.0, 1.0),
    direction="lower",
    source="Rong et al. 2022, section 4",
    sweeps=("removal",),
    variants="operators",
)
def accuracy_auc(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Area under 1[the target is still predicted] over the share removed; ROAD reports the mean."""
    curve = sweeps.removal(subject, variant)
    return trapezoid(curve.hit, curve.fractions)


@metric(
    id="faithfulness.cross_target",
    family="attribution",
    title="Deletion in the order of another class's map, minus deletion in the own order",
    property="target specificity",
    unit="score x share",
    range=(-1.0, 1.0),
    direction="higher",
    source="definition; idea of class sensitivity, Sixt et al. 2020",
    sweeps=("removal", "cross_removal"),
    variants="operators",
    subjects="method",
)
def cross_target(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Area under the target's score in the order of another class's map, minus that in its own order."""
    own = sweeps.removal(subject, variant)
    return trapezoid(sweeps.cross_removal(subject, variant) - own.morf, own.fractions)


def _sums(sweeps: AttributionSweeps, subject: str, variant: str) -> tuple[Tensor, Tensor]:
    """Return attribution mass of every subset [N, S] and the drop it causes [N, S]."""
    subsets = sweeps.subsets(variant)
    return sweeps.maps(subject) @ subsets.removed.double().T, subsets.drop.double()


@metric(
    id="faithfulness.correlation",
    family="attribution",
    title="Correlation of attribution mass and output change over random subsets",
    property="faithfulness",
    unit="correlation",
    range=(-1.0, 1.0),
    direction="higher",
    source="Bhatt et al. 2020, definition 3",
    sweeps=("output", "subsets"),
    variants="operators",
)
def correlation(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Pearson correlation over subsets; NaN where the map's sums or the drops are constant."""
    return pearson(*_sums(sweeps, subject, variant))


@metric(
    id="faithfulness.sens_n",
    family="attribution",
    title="Sensitivity-n: correlation within subsets of one size, mean over sizes",
    property="faithfulness",
    unit="correlation",
    range=(-1.0, 1.0),
    direction="higher",
    source="Ancona et al. 2018, section 4",
    sweeps=("output", "subsets"),
    variants="operators",
)
def sens_n(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """Mean over subset sizes of the correlation within a size; sizes with a constant side are left out."""
    mass, drop = _sums(sweeps, subject, variant)
    size = sweeps.subsets(variant).size
    within = [pearson(mass[:, size == n], drop[:, size == n]) for n in sorted(set(size.tolist()))]
    return nanmean(torch.stack(within), 0)


@metric(
    id="faithfulness.infidelity",
    family="attribution",
    title="Infidelity with optimal scale, as a share of what there was to explain",
    property="faithfulness",
    unit="share of mean square",
    range=(0.0, 1.0),
    direction="lower",
    source="Yeh et al. 2019, definition 2.1 and proposition 2.1",
    sweeps=("output", "subsets"),
    variants="operators",
)
def infidelity(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """E[(beta m - d)^2] / E[d^2] with mass m, drop d and the best scale beta = E[m d] / E[m^2].

    Equals 1 - E[m d]^2 / (E[m^2] E[d^2]): 0 where mass and drop are proportional, 1 for a zero map; a
    negated map scores alike. NaN where nothing drops.
    """
    mass, drop = _sums(sweeps, subject, variant)
    both, mass2, drop2 = (mass * drop).sum(1), (mass**2).sum(1), (drop**2).sum(1)
    explained = both**2 / (mass2 * drop2).clamp_min(TINY)  # 0 for a zero map
    return nan_where(drop2 == 0, (1 - explained).clamp(0, 1))


@metric(
    id="faithfulness.sign",
    family="attribution",
    title="Sign: how much more the supporting locations carry than the opposing ones",
    property="sign correctness",
    unit="score",
    range=(-1.0, 1.0),
    direction="higher",
    source="definition; sign of relevance after Bach et al. 2015",
    sweeps=("signed_removal",),
    variants="operators",
)
def sign(sweeps: AttributionSweeps, subject: str, variant: str) -> Tensor:
    """f(x without the most negative locations) - f(x without as many of the most positive).

    NaN where a map has one sign only.
    """
    found = sweeps.signed_removal(subject, variant)
    return nan_where(found.count == 0, found.without_negative - found.without_positive)
