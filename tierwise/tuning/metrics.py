"""Numbers by which published routers are compared: AIQ (RouterBench, arXiv 2403.12031), APGR and CPT (RouteLLM, arXiv 2406.18665)."""

import math

import numpy as np

from tierwise.tuning.prefix import Prefix, candidates, pareto


def metrics(
    scores: np.ndarray, quality: np.ndarray, cost: np.ndarray, weights: np.ndarray | None = None, resolution: int = 1500
) -> dict[str, float | None]:
    """aiq, apgr, cpt50 and cpt80 of (n,) router scores on (n, K) quality and cost.

    AIQ: area under the rising upper hull of (cost, quality) over all thresholds, between the cheapest and the dearest single
    tier, divided by that range of cost; in quality units.

    PGR: the share of the gap between the cheapest and the frontier tier that is recovered when the hardest-looking share x of
    prompts goes to the frontier tier and the rest to the cheapest. APGR: its mean over x in [0, 1] (random: 0.5). CPT(p): the
    least x that recovers p. With more than two tiers these use the outer two and the router's ranking. None where the
    frontier tier is not better than the cheapest.
    """
    prefix = Prefix.of(scores, quality, cost, weights)
    positions = candidates(prefix, resolution)
    q, c = prefix.read(positions)
    return {"aiq": aiq(c, q, prefix.cost[:, -1]), **_calls(prefix)}


def aiq(cost: np.ndarray, quality: np.ndarray, tier_cost: np.ndarray) -> float:
    """Area under the rising upper hull of policies, between the cheapest and the dearest single tier, over that range of cost."""
    low, high = float(tier_cost.min()), float(tier_cost.max())
    best = pareto(cost, quality)
    x, y = cost[best], quality[best]
    hull: list[int] = []
    for i in range(len(x)):
        while len(hull) >= 2 and (y[hull[-1]] - y[hull[-2]]) * (x[i] - x[hull[-2]]) <= (y[i] - y[hull[-2]]) * (x[hull[-1]] - x[hull[-2]]):
            hull.pop()
        hull.append(i)
    x, y = x[hull], y[hull]
    if high <= low:
        return float(y[-1])
    grid = np.unique(np.concatenate([[low, high], x[(x > low) & (x < high)]]))
    return float(np.trapezoid(np.interp(grid, x, y), grid) / (high - low))


def _calls(prefix: Prefix) -> dict[str, float | None]:
    gap = prefix.quality[-1, -1] - prefix.quality[0, -1]
    if not gap > 1e-12:
        return {"apgr": None, "cpt50": None, "cpt80": None}
    up = 1 - prefix.mass  # share of calls to the frontier tier, falling from 1 to 0 over positions
    recovered = 1 - (prefix.quality[-1] - prefix.quality[0]) / gap
    x, pgr = up[::-1], recovered[::-1]

    def least(part: float) -> float:
        enough = np.flatnonzero(pgr >= part - 1e-12)
        return float(x[enough[0]]) if len(enough) else math.nan

    return {"apgr": float(np.trapezoid(pgr, x)), "cpt50": least(0.5), "cpt80": least(0.8)}
