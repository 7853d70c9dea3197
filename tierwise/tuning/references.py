"""What a router is to be compared with: each tier alone, random mixes of tiers, and a router that knows the answers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from tierwise.statistics.intervals import clustered, mean_interval
from tierwise.tuning.aims import Aim
from tierwise.types import OutcomeMatrix


@dataclass(frozen=True)
class Reference:
    """A way to choose a tier, on the same prompts."""

    name: str
    quality: float
    cost_per_1k_usd: float
    loss: float
    """Against always-frontier, paired by prompt."""
    saving: float
    """Share of the always-frontier cost."""
    quality_ci95: tuple[float, float] | None = None

    def to_json(self) -> dict[str, float]:
        return {"quality": self.quality, "cost_per_1k_usd": self.cost_per_1k_usd, "saving": self.saving, "loss": self.loss}


@dataclass(frozen=True)
class RandomMix:
    """The zero router: coins that mix single tiers. Its best is the upper hull of the tiers, a straight line in dollars (RouterBench)."""

    cost_per_1k: np.ndarray
    """(V,) of the hull's vertices, rising; the first is the cheapest tier."""
    quality: np.ndarray
    """(V,) rising."""
    tier: np.ndarray
    """(V,) index of each vertex."""
    frontier_quality: float
    frontier_cost_per_1k: float

    def at_cost(self, cost_per_1k: float, name: str = "coin_flip") -> Reference:
        """The best mix for a price; a coin flip matched in cost to a policy."""
        cost = float(np.clip(cost_per_1k, self.cost_per_1k[0], self.cost_per_1k[-1]))
        return self._reference(name, float(np.interp(cost, self.cost_per_1k, self.quality)), cost)

    def choose(self, aim: Aim) -> Reference:
        """The best mix for an aim, or the one that misses it by least."""
        least = aim.least_quality(self.frontier_quality)
        if aim.wrong_answer_usd is not None:
            fits = np.flatnonzero(self.quality >= least - 1e-9)
            fits = fits if len(fits) else np.array([len(self.quality) - 1])
            total = aim.objective(self.cost_per_1k[fits], self.quality[fits])[0]
            return self.at_cost(self.cost_per_1k[fits[total.argmin()]], "zero_router")
        if aim.wants_cheapest:
            quality = float(np.clip(least, self.quality[0], self.quality[-1]))
            cost = float(np.interp(quality, self.quality, self.cost_per_1k))
            cost = min(cost, aim.max_cost_per_1k) if aim.max_cost_per_1k is not None else cost
            return self.at_cost(cost, "zero_router")
        return self.at_cost(self.cost_per_1k[-1] if aim.max_cost_per_1k is None else aim.max_cost_per_1k, "zero_router")

    def weights_at(self, cost_per_1k: float, tiers: int) -> np.ndarray:
        """(tiers,) share of requests that each tier gets in the mix of this price."""
        out = np.zeros(tiers)
        at = int(np.clip(np.searchsorted(self.cost_per_1k, cost_per_1k), 1, max(len(self.tier) - 1, 1)))
        if len(self.tier) == 1:
            out[self.tier[0]] = 1.0
            return out
        low, high = self.cost_per_1k[at - 1], self.cost_per_1k[at]
        up = float(np.clip((cost_per_1k - low) / (high - low), 0, 1))
        out[self.tier[at - 1]], out[self.tier[at]] = 1 - up, up
        return out

    def slope_at(self, cost_per_1k: float) -> float:
        """Quality for one dollar more per 1,000; 0 outside the hull."""
        at = int(np.searchsorted(self.cost_per_1k, cost_per_1k))
        if not 0 < at < len(self.tier):
            return 0.0
        return float((self.quality[at] - self.quality[at - 1]) / (self.cost_per_1k[at] - self.cost_per_1k[at - 1]))

    def curve(self, points: int = 60) -> pd.DataFrame:
        """cost_per_1k and quality, evenly spaced in log cost, vertices included: straight in dollars is curved on a log axis."""
        low, high = self.cost_per_1k[0], self.cost_per_1k[-1]
        between = np.geomspace(low, high, points) if low > 0 and high > low else np.linspace(low, high, points)
        cost = np.unique(np.concatenate([between.clip(low, high), self.cost_per_1k]))
        return pd.DataFrame({"cost_per_1k": cost, "quality": np.interp(cost, self.cost_per_1k, self.quality)})

    def _reference(self, name: str, quality: float, cost: float) -> Reference:
        top = self.frontier_cost_per_1k
        return Reference(name, quality, cost, self.frontier_quality - quality, 1 - cost / top if top > 0 else 0.0)


def random_mix(quality: np.ndarray, cost_per_1k: np.ndarray) -> RandomMix:
    """From (K,) mean quality and cost of the tiers: the rising part of their upper convex hull."""
    order = np.lexsort((-quality, cost_per_1k))
    hull: list[int] = []
    for k in order:
        if hull and (quality[k] <= quality[hull[-1]] or cost_per_1k[k] <= cost_per_1k[hull[-1]]):
            continue
        while len(hull) >= 2 and _below(hull[-2], hull[-1], k, quality, cost_per_1k):
            hull.pop()
        hull.append(int(k))
    kept = np.array(hull)
    return RandomMix(cost_per_1k[kept], quality[kept], kept, float(quality[-1]), float(cost_per_1k[-1]))


def _below(a: int, b: int, c: int, q: np.ndarray, cost: np.ndarray) -> bool:
    return (q[b] - q[a]) * (cost[c] - cost[a]) <= (q[c] - q[a]) * (cost[b] - cost[a])


def oracle_choice(quality: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """(n,) the cheapest tier among those of best quality, prompt by prompt."""
    best = quality >= quality.max(1, keepdims=True)
    return np.where(best, cost, np.inf).argmin(1)


def references(matrix: OutcomeMatrix) -> dict[str, Reference | RandomMix]:
    """`always_cheapest`, `always_<tier>` for middle tiers, `always_frontier`, `oracle`, and `random_mix` with its curve.

    Only prompts that are graded and priced on every tier count. A coin flip matched in cost: `references(m)["random_mix"].at_cost(x)`.
    """
    m = matrix if matrix.complete.all() else matrix.take(matrix.complete)
    w = m.weights / m.weights.sum()
    quality, cost = w @ m.quality, 1000 * (w @ m.cost)

    def reference(name: str, values: np.ndarray, dollars: float) -> Reference:
        mean = float(w @ values)
        ci = mean_interval(values, m.weights, m.clusters)
        return Reference(name, mean, dollars, float(w @ (m.quality[:, -1] - values)), 1 - dollars / cost[-1] if cost[-1] > 0 else 0.0, ci)

    k = m.quality.shape[1]
    names = ["always_cheapest", *(f"always_{tier}" for tier in m.tiers[1:-1]), "always_frontier"]
    found: dict[str, Reference | RandomMix] = {names[t]: reference(names[t], m.quality[:, t], float(cost[t])) for t in range(k)}
    best, rows = oracle_choice(m.quality, m.cost), np.arange(len(m))
    found["oracle"] = reference("oracle", m.quality[rows, best], float(1000 * (w @ m.cost[rows, best])))
    found["random_mix"] = random_mix(quality, cost)
    return found


def over_coin_flip(m: OutcomeMatrix, quality: np.ndarray, cost: np.ndarray) -> tuple[float, float]:
    """By how much policies are better than random mixes of tiers of the same cost, on average over the policies; and the standard error.

    Prompt by prompt: the policy's quality, less that of the mix, less the difference in cost priced at the slope of the mix. The
    standard error is cluster-robust.

    Args:
        quality: (n, P) of what each policy chose; cost: (n, P) dollars a request.
    """
    w = m.weights / m.weights.sum()
    mix = random_mix(w @ m.quality, 1000 * (w @ m.cost))
    gain = np.zeros(len(m))
    for q, c in zip(quality.T, cost.T, strict=True):
        spent = float(w @ c) * 1000
        share, slope = mix.weights_at(spent, len(m.tiers)), mix.slope_at(spent) * 1000
        gain += (q - m.quality @ share - slope * (c - m.cost @ share)) / quality.shape[1]
    return clustered(gain, m.weights, m.clusters)[:2]
