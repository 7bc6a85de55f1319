"""Every metric a second time: from its definition, for one unit at a time, in NumPy, SciPy and scikit-learn.

Nothing here comes from xaic. A unit is a dictionary of arrays; its ``rest`` holds all units, for definitions
that pair them.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from scipy import integrate, optimize, stats
from sklearn.metrics import log_loss, roc_auc_score

if TYPE_CHECKING:
    from collections.abc import Callable

Unit = dict[str, Any]
Found = TypeVar("Found", bound="float | dict[str, float]")

EPS = 1e-7
ORACLES: dict[str, Callable[[Unit], float | dict[str, float]]] = {}


def of(key: str) -> Callable[[Callable[[Unit], Found]], Callable[[Unit], Found]]:
    def keep(oracle: Callable[[Unit], Found]) -> Callable[[Unit], Found]:
        ORACLES[key] = oracle
        return oracle

    return keep


def places(u: Unit, x: Any) -> Any:
    """Sum channels of an image [..., C, H, W]; a table has none."""
    return x.sum(-3).reshape(*x.shape[:-3], -1) if u["inputs"].ndim == 3 else x


def own(u: Unit) -> Any:
    return places(u, u["output"])


# faithfulness


@of("faithfulness.deletion_auc")
def deletion(u: Unit) -> float:
    q, f = u["fractions"], u["morf"]
    return float(sum((q[i + 1] - q[i]) * (f[i] + f[i + 1]) / 2 for i in range(len(q) - 1)))


@of("faithfulness.insertion_auc")
def insertion(u: Unit) -> float:
    kept = sorted((1 - q, f) for q, f in zip(u["fractions"], u["lerf"], strict=True))
    return float(integrate.trapezoid([f for _, f in kept], [q for q, _ in kept]))


@of("faithfulness.abpc")
def abpc(u: Unit) -> float:
    return insertion(u) - deletion(u)


@of("faithfulness.accuracy_auc")
def accuracy(u: Unit) -> float:
    return deletion({**u, "morf": u["hit"]})


@of("faithfulness.cross_target")
def cross(u: Unit) -> float:
    return deletion({**u, "morf": u["cross"]}) - deletion(u)


def masses(u: Unit) -> Any:
    return np.array([sum(a for a, out in zip(own(u), subset, strict=True) if out) for subset in u["subsets"]])


@of("faithfulness.correlation")
def correlation(u: Unit) -> float:
    return float(stats.pearsonr(masses(u), u["drop"]).statistic)


@of("faithfulness.sens_n")
def sensitivity_n(u: Unit) -> float:
    mass, size = masses(u), u["subsets"].sum(1)
    return float(np.mean([np.corrcoef(mass[size == n], u["drop"][size == n])[0, 1] for n in set(size)]))


@of("faithfulness.infidelity")
def infidelity(u: Unit) -> float:
    _, left, _, _ = np.linalg.lstsq(masses(u)[:, None], u["drop"], rcond=None)
    return float(left[0] / (u["drop"] ** 2).sum())


@of("faithfulness.sign")
def sign(u: Unit) -> float:
    drop_of_support, drop_of_opposition = (
        u["clean"] - u["without_positive"],
        u["clean"] - u["without_negative"],
    )
    return float(drop_of_support - drop_of_opposition) if u["count"] else math.nan


# localisation


def share_inside(relevance: Any, mask: Any) -> float:
    return float(relevance[mask.ravel()].sum() / relevance.sum())


@of("localisation.rma")
@of("localisation.focus")
def rma(u: Unit) -> float:
    return share_inside(np.maximum(own(u), 0), u["mask"])


def top(values: Any, wanted: Any) -> float:
    """Expected share of hits among the |wanted| highest, ties in random order."""
    left, hits = int(wanted.sum()), 0.0
    for value in sorted(set(values), reverse=True):
        group = wanted[values == value]
        taken = min(left, len(group))
        hits += group.mean() * taken
        left -= taken
    return float(hits / wanted.sum())


@of("localisation.rra")
def rra(u: Unit) -> float:
    return float(top(own(u), u["mask"].ravel()))


@of("localisation.pointing")
def pointing(u: Unit) -> float:
    return float(np.mean([u["mask"].ravel()[i] for i in np.flatnonzero(own(u) == own(u).max())]))


@of("localisation.energy_pointing")
def energy(u: Unit) -> float:
    a = own(u)
    return share_inside((a - a.min()) / (a.max() - a.min()), u["mask"])


@of("localisation.roc_auc")
def roc_auc(u: Unit) -> float:
    return float(roc_auc_score(u["mask"].ravel(), own(u)))


@of("localisation.outside_inside")
def outside_inside(u: Unit) -> dict[str, float]:
    positive, mask = np.maximum(own(u), 0), u["mask"].ravel()
    inside, outside = positive[mask].mean(), positive[~mask].mean()
    share = 1 - inside / (inside + outside) if inside + outside else 0.5
    return {"": float(outside / inside) if inside else math.nan, "share": float(share)}


@of("localisation.iou")
def iou(u: Unit) -> float:
    wanted = u["mask"].ravel()
    m, rest = wanted.sum(), (~wanted).sum()
    both = top(own(u), wanted) * m  # in the foreground of map and mask alike; ties count by their share
    neither = rest - (m - both)
    return float(np.mean([both / (wanted.size - neither), neither / (wanted.size - both)]))


@of("localisation.other_mass")
def other_mass(u: Unit) -> float:
    return share_inside(np.maximum(own(u), 0), u["other_mask"])


@of("localisation.decoy_mass")
def decoy_mass(u: Unit) -> float:
    return share_inside(np.maximum(own(u), 0), u["decoys"])


@of("localisation.class_gap")
def class_gap(u: Unit) -> float:
    positive = np.maximum(own(u), 0)
    return share_inside(positive, u["mask"]) - share_inside(positive, u["other_mask"])


# complexity and axioms


@of("complexity.entropy")
def entropy(u: Unit) -> float:
    return float(stats.entropy(np.abs(own(u)), base=own(u).size))


@of("complexity.gini")
def gini(u: Unit) -> float:
    a = np.abs(own(u))
    return float(np.abs(a[:, None] - a).mean() / (2 * a.mean()))


@of("axioms.completeness")
def completeness(u: Unit) -> dict[str, float]:
    moved = u["logits"] - u["baseline_logits"]
    difference = moved[u["targets"]]
    scale = max(abs(difference), np.abs(moved).max() / 20)
    gap, doubled = (abs(math.fsum(u[name].ravel()) - difference) for name in ("output", "doubled"))
    return {"": gap / scale, "absolute": gap, "difference": difference, "doubled": doubled / scale}


@of("axioms.conservation")
def conservation(u: Unit) -> dict[str, float]:
    total, logit = float(u["total"]), float(u["logits"][u["targets"]])
    return {"": abs(math.fsum(u["output"].ravel()) / total - 1), "logit": abs(total / logit - 1)}


# repeatability


@of("repeatability.difference")
def difference(u: Unit) -> float:
    return float(np.abs(u["output"] - u["again"]).max() / max(np.abs(u["output"]).max(), np.abs(u["again"]).max()))


@of("repeatability.signal")
def signal(u: Unit) -> dict[str, float]:
    maps = places(u, u["draws"])
    heads = torch.randint(0, 2, (maps.shape[1], 16), generator=torch.Generator().manual_seed(5725)).numpy()
    return {
        f"draw-{k}/f-{j:02d}": float(sum(np.where(heads[:, j], a, -a)) / math.sqrt((a**2).sum()))
        for k, a in enumerate(maps)
        for j in range(16)
    }


# robustness


def kept(u: Unit) -> Any:
    return np.flatnonzero(u["near_kept"])


def moves(u: Unit) -> list[float]:
    return [float(np.linalg.norm(u["neighbour_maps"][r] - u["output"])) for r in kept(u)]


@of("robustness.average_sensitivity")
def average_sensitivity(u: Unit) -> float:
    return float(np.mean(moves(u)) / np.linalg.norm(u["output"]))


@of("robustness.max_sensitivity")
def max_sensitivity(u: Unit) -> float:
    return float(max(moves(u)) / np.linalg.norm(u["output"]))


@of("robustness.local_lipschitz")
def local_lipschitz(u: Unit) -> float:
    steps = [np.linalg.norm(u["near_inputs"][r] - u["inputs"]) for r in kept(u)]
    return float(max(move / step for move, step in zip(moves(u), steps, strict=True)))


def relative(near: Any, clean: Any) -> float:
    with np.errstate(divide="ignore"):
        return math.sqrt(np.square((near - clean) / np.where(clean == 0, 1e-8 * np.abs(clean).max(), clean)).sum())


def stability(u: Unit, below: Callable[[int], float]) -> float:
    return max(relative(u["neighbour_maps"][r], u["output"]) / below(r) for r in kept(u))


@of("robustness.ris")
def ris(u: Unit) -> float:
    return stability(u, lambda r: relative(u["near_inputs"][r], u["inputs"]))


@of("robustness.ros")
def ros(u: Unit) -> float:
    return stability(u, lambda r: float(np.linalg.norm(u["near_logits"][r] - u["clean_logits"])))


@of("robustness.rrs")
def rrs(u: Unit) -> float:
    return stability(u, lambda r: relative(u["near_features"][r], u["clean_features"]))


def cos(a: Any, b: Any) -> float:
    a, b = a.ravel(), b.ravel()
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


@of("robustness.stability")
def near_similarity(u: Unit) -> float:
    return float(np.mean([max(0.0, cos(u["neighbour_maps"][r], u["output"])) for r in kept(u)]))


@of("robustness.contrast")
def contrast(u: Unit) -> float:
    others = sorted(u["rest"], key=lambda other: other["key"])
    others = [o for o in others if o["key"] > u["key"]] + [o for o in others if o["key"] < u["key"]]
    mine = [o for o in others if o["logits"].argmax() == u["logits"].argmax()]
    again = (mine or others)[0]["draws"][1:]
    return near_similarity(u) - float(np.mean([max(0.0, cos(drawn, u["output"])) for drawn in again]))


# randomisation


def alike(a: Any, b: Any) -> float:
    return abs(float(stats.spearmanr(a, b).statistic))


def among(maps: Any) -> float:
    return float(np.mean([alike(a, b) for a, b in combinations(maps, 2)]))


@of("randomisation.mprt")
def mprt(u: Unit) -> dict[str, float]:
    others = places(u, u["randomised"])
    moved = float(np.mean([alike(own(u), other) for other in others]))
    parts = {"repeat": among(places(u, u["draws"])), "random_random": among(others)}
    return {"": moved, "trained_random": moved, **parts}


@of("randomisation.target")
def target(u: Unit) -> dict[str, float]:
    found = float(stats.spearmanr(own(u), places(u, u["other_maps"])).statistic)
    return {"": max(0.0, found), "repeat": among(places(u, u["draws"]))}


# agreement with truth


def truth(u: Unit) -> Any:
    return places(u, u[u["truth"]])


@of("truth.rank_correlation")
def rank_correlation(u: Unit) -> float:
    return float(stats.spearmanr(own(u), truth(u)).statistic)


@of("truth.top_k")
def top_k(u: Unit) -> float:
    return float(top(np.abs(own(u)), u["relevant"].ravel()))


@of("truth.error")
def error(u: Unit) -> float:
    _, left = optimize.nnls(own(u)[:, None], truth(u))
    return float(left**2 / (truth(u) ** 2).sum())


@of("truth.top1")
def top1(u: Unit) -> float:
    a, t = np.abs(own(u)), np.abs(truth(u))
    return float(np.mean([t[i] == t.max() for i in np.flatnonzero(a == a.max())]))


# class distortion


def bernoulli(p: Any, q: Any) -> float:
    terms = [
        a * math.log((a + EPS) / (b + EPS)) + (1 - a) * math.log((1 - a + EPS) / (1 - b + EPS))
        for a, b in zip(np.atleast_1d(p), np.atleast_1d(q), strict=True)
    ]
    return float(sum(terms) / len(terms))


def distortion(u: Unit, after: str) -> dict[str, float]:
    p, q, t = u["before"], u[after], u["targets"]
    rest_p, rest_q = np.delete(p, t), np.delete(q, t)
    if u["activation"] == "softmax":
        rest_p, rest_q = rest_p / rest_p.sum(), rest_q / rest_q.sum()
    moved, rest = bernoulli(p[t], q[t]), bernoulli(rest_p, rest_q)
    share = (moved + EPS) / (moved + rest + 2 * EPS)
    return {"": math.log((moved + EPS) / (rest + EPS) + 1), "share": share, "T": moved, "D": rest}


@of("class_distortion.cds")
def cds(u: Unit) -> dict[str, float]:
    return distortion(u, "removed")


@of("class_distortion.cds_reverse")
def cds_reverse(u: Unit) -> dict[str, float]:
    return distortion(u, "kept")


# calibration


@of("calibration.confidence")
def confidence(u: Unit) -> dict[str, float]:
    p = list(u["probabilities"])
    return {"confidence": max(p), "correct": float(p.index(max(p)) == u["labels"])}


@of("calibration.brier")
def brier(u: Unit) -> float:
    return float(sum((p - (k == u["labels"])) ** 2 for k, p in enumerate(u["probabilities"])))


@of("calibration.nll")
def nll(u: Unit) -> float:
    p = u["probabilities"]
    return float(log_loss([u["labels"]], [p / p.sum()], labels=range(len(p))))
