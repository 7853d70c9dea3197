"""All models of a run, before any threshold: which are worth having, which ladder of two or three is best, and what to know first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from tierwise.statistics.intervals import clustered
from tierwise.tuning.aims import Aim
from tierwise.tuning.certificate import DEFAULT_EPSILON, WORTH_HAVING
from tierwise.tuning.duplicates import near_duplicates
from tierwise.tuning.heldout import SAME, Folded
from tierwise.tuning.scoring import scored, usable
from tierwise.types import OutcomeMatrix

ROUTER = "table", "logistic"
"""What a ladder is judged by: the two quickest routers, the first where prompts have types that tell something."""
MOST = 12
"""Ladders that are tuned; the others are ruled out by the tiers' own means and the random mix."""
CUT_OFF = 0.01


@dataclass(frozen=True)
class Ladder:
    """Some models in order, with what a router made of them on held-out prompts."""

    tiers: tuple[str, ...]
    saving: float
    """Held-out, against always using `reference`."""
    loss: float
    """Held-out, against the same, in quality units."""
    cost_per_1k_usd: float
    quality: float

    def to_json(self) -> dict[str, Any]:
        return {"tiers": list(self.tiers), "saving": self.saving, "loss": self.loss, "quality": self.quality,
                "cost_per_1k_usd": self.cost_per_1k_usd}  # fmt: skip


@dataclass(frozen=True)
class Pool:
    """What to know of the models of a run before choosing a ladder."""

    reference: str
    """The model that loss and saving are counted against: the best one."""
    ladders: tuple[Ladder, ...]
    """Best first: the cheapest that keep the aim on held-out prompts."""
    dominated: Mapping[str, str]
    """A model that another beats, no dearer and no worse; and which."""
    alone: str | None
    """A model that does well enough by itself, so that no router is needed."""
    words: tuple[str, ...]

    @property
    def best(self) -> Ladder | None:
        return self.ladders[0] if self.ladders else None

    def to_json(self) -> dict[str, Any]:
        return {"reference": self.reference, "ladders": [x.to_json() for x in self.ladders], "dominated": dict(self.dominated),
                "alone": self.alone, "words": list(self.words)}  # fmt: skip


def pool(matrix: OutcomeMatrix, aim: Aim | None = None, seed: int = 0, sizes: Sequence[int] = (2, 3)) -> Pool:
    """Suggest a ladder out of all models of a run, at a held-out cost.

    Every ladder ends in the best model, so that their losses compare. The most promising are tuned like any run, with quick routers, and
    read off folds that chose nothing.

    Raises:
        NotReady: no prompt is graded and priced on every model, or there is one model.
    """
    aim = aim or Aim(max_loss=DEFAULT_EPSILON)
    used = usable(matrix, None)
    w = used.weights / used.weights.sum()
    quality, cost = w @ used.quality, w @ used.cost
    top = int(np.lexsort((cost, -quality))[0])
    beaten = {used.tiers[k]: used.tiers[j] for k in range(len(cost)) if (j := _beaten_by(k, quality, cost)) is not None}
    good = [k for k in np.lexsort((quality, cost)) if used.tiers[k] not in beaten and cost[k] < cost[top]]
    found = [_tuned(used, (*lower, top), aim, seed) for lower in _promising(good, top, used, sizes)]
    keeps = aim.least_quality(float(quality[top]))
    found.sort(key=lambda x: (x.quality < keeps - 0.005, x.cost_per_1k_usd if x.quality >= keeps - 0.005 else -x.quality, len(x.tiers)))
    alone = next((k for k in good if quality[k] >= keeps - 1e-9), None)
    if alone is not None and found and found[0].cost_per_1k_usd < 1000 * cost[alone] - 0.05 * 1000 * cost[top]:
        alone = None
    words = _words(used, top, found, beaten, alone, quality, cost, aim)
    return Pool(used.tiers[top], tuple(found), beaten, None if alone is None else used.tiers[alone], tuple(words))


def _beaten_by(k: int, quality: np.ndarray, cost: np.ndarray) -> int | None:
    """The best model that is no dearer and no worse than model k."""
    same = (quality == quality[k]) & (cost == cost[k])
    better = np.flatnonzero((quality >= quality[k]) & (cost <= cost[k]) & ~same)
    return int(better[np.lexsort((cost[better], -quality[better]))[0]]) if len(better) else None


def _promising(good: Sequence[int], top: int, m: OutcomeMatrix, sizes: Sequence[int]) -> list[tuple[int, ...]]:
    """Lower tiers of the ladders to tune: by how much a perfect choice between them and the top would keep for its cost."""
    w = m.weights / m.weights.sum()
    ranked = []
    for size in sizes:
        for lower in combinations(good, size - 1):
            at = [*lower, top]
            best = m.quality[:, at].max(1, keepdims=True)
            chosen = np.where(m.quality[:, at] >= best, m.cost[:, at], np.inf).min(1)
            ranked.append((float(w @ chosen) - 1e-9 * len(lower), lower))
    ranked.sort()
    pairs, more = [lower for _, lower in ranked if len(lower) == 1], [lower for _, lower in ranked if len(lower) > 1]
    return [*pairs[: MOST // 2], *more[: MOST - min(len(pairs), MOST // 2)]]


def _tuned(used: OutcomeMatrix, at: Sequence[int], aim: Aim, seed: int) -> Ladder:
    names = tuple(used.tiers[k] for k in at)
    m = usable(used, names)
    folds = max(2, min(5, len(np.unique(m.clusters))))
    found = {name: scored(m, name, folds, seed, None) for name in ROUTER}
    folded = Folded(m, {name: s.scores for name, s in found.items()}, found[ROUTER[0]].crossed.fold, aim)
    best = max(folded.ranking(ROUTER), key=lambda c: c.worth)
    return Ladder(names, best.saving, best.loss, best.cost_per_1k_usd, best.quality)


def _words(
    m: OutcomeMatrix, top: int, ladders: Sequence[Ladder], beaten: Mapping[str, str], alone: int | None,
    quality: np.ndarray, cost: np.ndarray, aim: Aim,
) -> list[str]:  # fmt: skip
    price = {name: f"{q:.1%} for ${1000 * c:.3g} per 1,000" for name, q, c in zip(m.tiers, quality, cost, strict=True)}
    best = m.tiers[top]
    said = [f"The best model here is {best}: {price[best]}. Loss and saving are counted against it."]
    if beaten:
        said.append(f"Leave out, because another is no dearer and no worse: {'; '.join(f'{a} ({b} beats it)' for a, b in beaten.items())}.")
    for k, name in enumerate(m.tiers):
        cut = float(np.average(m.truncated[:, k], weights=m.weights))
        if cut > CUT_OFF:
            said.append(f"{cut:.0%} of the answers of {name} were cut off at the token limit: it may be better than it looks.")
    for k, name in enumerate(m.tiers):
        if k != top and name not in beaten:
            gap, error, _ = clustered(m.quality[:, top] - m.quality[:, k], m.weights, m.clusters)
            if gap < 1.96 * error and cost[k] < 0.9 * cost[top]:
                said.append(f"{name} cannot be told from {best} on these {len(m):,} prompts ({gap * 100:.1f} points, give or take "
                            f"{1.96 * error * 100:.1f}) and costs {1 - cost[k] / cost[top]:.0%} less.")  # fmt: skip
    if alone is not None:
        said.append(f"Just use {m.tiers[alone]}: {price[m.tiers[alone]]} gives {aim} without a router.")
    if ladders and alone is None:
        first = ladders[0]
        figures = f"saves {first.saving:.1%} at {first.loss * 100:.1f} points of loss, held-out"
        if first.saving < WORTH_HAVING:
            said.append(f"No ladder is worth a router for {aim}: the best one, {' < '.join(first.tiers)}, {figures}.")
        else:
            said.append(f"Suggested ladder: {' < '.join(first.tiers)}; it {figures}.")
            other = next((x for x in ladders[1:] if len(x.tiers) != len(first.tiers)), None)
            if other and abs(other.saving - first.saving) > SAME:
                said.append(f"With {len(other.tiers)} models the best is {' < '.join(other.tiers)}: it saves {other.saving:.1%} at "
                            f"{other.loss * 100:.1f} points.")  # fmt: skip
    if groups := near_duplicates(m.samples):
        prompts = sum(len(g) for g in groups)
        said.append(f"{prompts:,} prompts are near-duplicates of another ({len(groups):,} groups): give each group one cluster, so that it "
                    "counts as one unit of evidence.")  # fmt: skip
    return said
