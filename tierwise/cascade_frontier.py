"""The frontier of a cascade: every pair of thresholds, before and after the first calls, with what it costs and keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tierwise.cascade import Fitted, decide
from tierwise.errors import BadInput
from tierwise.frontier import DOTS, RESOLUTION, Frontier, Points, saved
from tierwise.lattice import ESCALATED, KEPT, STRAIGHT, Plane, lattice
from tierwise.metrics import aiq, metrics
from tierwise.prefix import pareto
from tierwise.types import OperatingPoint, OutcomeMatrix, Tier


@dataclass(frozen=True)
class CascadeFrontier(Frontier):
    """As `Frontier`, with two thresholds a policy; shares are of the answers served."""

    fitted: Fitted = field(repr=False, kw_only=True)
    weights: np.ndarray = field(repr=False, kw_only=True)
    """(n,) sum 1."""

    @property
    def quality(self) -> float:
        return float(self.weights @ self.fitted.replayed.quality[:, STRAIGHT])

    @property
    def cost_per_1k_usd(self) -> float:
        return float(self.weights @ self.fitted.replayed.cost[:, STRAIGHT]) * 1000

    def at(self, thresholds: Sequence[float]) -> OperatingPoint:
        """What a pair of thresholds gives.

        Raises:
            BadInput: not two numbers.
        """
        given = np.atleast_1d(np.asarray(thresholds, float))
        if given.shape != (2,) or np.isnan(given).any():
            raise BadInput("A cascade has two thresholds: one before the first calls, one after them.")
        sim, action = self.fitted.replayed, decide(self.fitted.scores, given)
        rows = np.arange(len(action))
        quality, cost = float(self.weights @ sim.quality[rows, action]), float(self.weights @ sim.cost[rows, action]) * 1000
        kept = float(self.weights[action == KEPT].sum())
        shares = tuple(served_shares(np.array([kept]), sim.cascade.keep, self.tiers)[0].tolist())
        pair = (float(given[0]), float(given[1]))
        return OperatingPoint(pair, quality, cost, self.quality - quality, saved(cost, self.cost_per_1k_usd), shares)


def served_shares(kept: np.ndarray, keep: str, tiers: Sequence[str]) -> np.ndarray:
    """(P, K) of (P,) shares of prompts whose cheap answer is kept; the last tier serves the rest."""
    shares = np.zeros((len(kept), len(tiers)))
    shares[:, tiers.index(keep)] = kept
    shares[:, -1] += 1 - kept
    return shares


def cascade_frontier(fitted: Fitted, matrix: OutcomeMatrix, resolution: int = RESOLUTION) -> CascadeFrontier:
    """Sweep both thresholds: exact while each score has at most a third of `resolution` different values."""
    sim, weights = fitted.replayed, matrix.weights / matrix.weights.sum()
    plane = lattice(fitted.scores, sim.quality, sim.cost, matrix.weights, resolution)
    best = pareto(plane.cost, plane.quality)
    kept = plane.read(np.eye(3)[np.full(len(matrix), KEPT)])
    cheapest = int(np.lexsort((-plane.quality, plane.cost))[0])
    rest = np.linspace(0, len(plane.quality) - 1, min(DOTS, len(plane.quality))).astype(int)
    inner = np.setdiff1d(np.union1d(best, rest), [cheapest, plane.frontier])
    rows = np.concatenate([[cheapest], inner[np.argsort(plane.cost[inner], kind="stable")], [plane.frontier]])
    top_quality, top_cost = plane.quality[plane.frontier], plane.cost[plane.frontier]
    points = Points(
        thresholds=plane.thresholds(rows),
        quality=plane.quality[rows],
        cost_per_1k=plane.cost[rows] * 1000,
        loss=top_quality - plane.quality[rows],
        saving=1 - plane.cost[rows] / top_cost if top_cost > 0 else np.zeros(len(rows)),
        share_by_tier=served_shares(kept[rows], sim.cascade.keep, matrix.tiers),
        on_frontier=np.isin(rows, best),
    )
    return CascadeFrontier(points, None, matrix.tiers, fitted=fitted, weights=weights)


def cascade_metrics(fitted: Fitted, matrix: OutcomeMatrix) -> Mapping[str, float | None]:
    """As `metrics.metrics`: AIQ over all pairs of thresholds; APGR and CPT by the score after the calls, counting frontier calls only."""
    sim = fitted.replayed
    plane = Plane(fitted.scores, sim.quality, sim.cost, matrix.weights, RESOLUTION // 5)
    calls = metrics(fitted.scores[:, 1], sim.quality[:, [KEPT, STRAIGHT]], sim.cost[:, [KEPT, STRAIGHT]], matrix.weights)
    w = matrix.weights / matrix.weights.sum()
    return calls | {"aiq": aiq(plane.cost, plane.quality, w @ matrix.cost)}


def action_matrix(fitted: Fitted, matrix: OutcomeMatrix) -> OutcomeMatrix:
    """The prompts with what the cascade can do with each as columns, in place of tiers: so that any table of tiers can show it."""
    sim = fitted.replayed
    keep, top = sim.cascade.keep, sim.cascade.escalate_to
    names = {KEPT: f"{keep} kept", ESCALATED: f"{top} after {keep}", STRAIGHT: top}
    run = replace(matrix.run, tiers=tuple(Tier(names[k], top if k else keep) for k in range(3)))
    flags = np.zeros(sim.quality.shape, bool)
    return replace(matrix, run=run, quality=sim.quality, cost=sim.cost, latency=sim.latency, truncated=flags, failed=flags)
