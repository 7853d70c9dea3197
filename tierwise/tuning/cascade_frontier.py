"""The frontier of a cascade: every pair of thresholds, before and after the first calls, with what it costs and keeps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tierwise.errors import BadInput
from tierwise.tuning.cascade import Fitted, decide
from tierwise.tuning.frontier import DOTS, RESOLUTION, Beside, Frontier, Points, saved
from tierwise.tuning.lattice import KEPT, STRAIGHT, Plane, lattice
from tierwise.tuning.metrics import aiq, metrics
from tierwise.tuning.prefix import pareto
from tierwise.tuning.terms import Terms
from tierwise.types import OperatingPoint, OutcomeMatrix, Tier


@dataclass(frozen=True)
class CascadeFrontier(Frontier):
    """As `Frontier`, with two thresholds a policy; shares are of the answers served."""

    fitted: Fitted = field(repr=False, kw_only=True)
    weights: np.ndarray = field(repr=False, kw_only=True)
    """(n,) sum 1."""
    fixed: np.ndarray = field(repr=False, kw_only=True)
    """(n,) the tier that a pin gives a prompt, or -1."""
    beside: Beside = field(repr=False, kw_only=True)

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
        kept = float(self.weights[(action == KEPT) & (self.fixed < 0)].sum())
        shares = tuple(served_shares(np.array([kept]), sim.cascade.keep, self.tiers, self.beside.shares)[0].tolist())
        pair = (float(given[0]), float(given[1]))
        return OperatingPoint(pair, quality, cost, self.quality - quality, saved(cost, self.cost_per_1k_usd), shares)


def served_shares(kept: np.ndarray, keep: str, tiers: Sequence[str], pinned: np.ndarray) -> np.ndarray:
    """(P, K) of (P,) shares of prompts whose cheap answer is kept and (K,) shares that pins decide; the last tier serves the rest."""
    shares = np.tile(pinned, (len(kept), 1))
    shares[:, tiers.index(keep)] += kept
    shares[:, -1] += 1 - kept - pinned.sum()
    return shares


def cascade_frontier(fitted: Fitted, matrix: OutcomeMatrix, terms: Terms, resolution: int = RESOLUTION) -> CascadeFrontier:
    """Sweep both thresholds: exact while each score has at most a third of `resolution` different values.

    Args:
        fitted: as it is under the terms.
    """
    sim, weights = fitted.replayed, matrix.weights / matrix.weights.sum()
    fixed, beside = terms.fixed(matrix), terms.beside(matrix)
    plane = lattice(fitted.scores, sim.quality, sim.cost, matrix.weights, resolution)
    best = pareto(plane.cost, plane.quality)
    kept = plane.read(np.eye(3)[np.full(len(matrix), KEPT)] * (fixed < 0)[:, None])
    cheapest = int(np.lexsort((-plane.quality, plane.cost))[0])
    rest = np.linspace(0, len(plane.quality) - 1, min(DOTS, len(plane.quality))).astype(int)
    inner = np.setdiff1d(np.union1d(best, rest), [cheapest, plane.frontier])
    rows = np.concatenate([[cheapest], inner[np.argsort(plane.cost[inner], kind="stable")], [plane.frontier]])
    top_quality, top_cost = beside.top_quality, beside.top_cost
    points = Points(
        thresholds=plane.thresholds(rows),
        quality=plane.quality[rows],
        cost_per_1k=plane.cost[rows] * 1000,
        loss=top_quality - plane.quality[rows],
        saving=1 - plane.cost[rows] / top_cost if top_cost > 0 else np.zeros(len(rows)),
        share_by_tier=served_shares(kept[rows], sim.cascade.keep, matrix.tiers, beside.shares),
        on_frontier=np.isin(rows, best),
    )
    return CascadeFrontier(points, None, matrix.tiers, fitted=fitted, weights=weights, fixed=fixed, beside=beside)


def cascade_metrics(fitted: Fitted, matrix: OutcomeMatrix) -> Mapping[str, float | None]:
    """As `metrics.metrics`: AIQ over all pairs of thresholds; APGR and CPT by the score after the calls, counting frontier calls only."""
    sim = fitted.replayed
    plane = Plane(fitted.scores, sim.quality, sim.cost, matrix.weights, RESOLUTION // 5)
    calls = metrics(fitted.scores[:, 1], sim.quality[:, [KEPT, STRAIGHT]], sim.cost[:, [KEPT, STRAIGHT]], matrix.weights)
    w = matrix.weights / matrix.weights.sum()
    return calls | {"aiq": aiq(plane.cost, plane.quality, w @ matrix.cost)}


def action_matrix(fitted: Fitted, matrix: OutcomeMatrix, terms: Terms) -> OutcomeMatrix:
    """The prompts with what the cascade can do with each as columns, in place of tiers: so that any table of tiers can show it.

    Columns: kept, escalated, the tiers that pins name, and last straight to the frontier tier.
    """
    sim, place = fitted.replayed, pinned_tiers(matrix, terms)
    keep, top = sim.cascade.keep, sim.cascade.escalate_to
    tiers = [Tier(f"{keep} kept", keep), Tier(f"{top} after {keep}", top), *(matrix.run.tiers[k] for k in place), Tier(top, top)]
    columns = {
        part: np.concatenate([getattr(sim, part)[:, :STRAIGHT], getattr(matrix, part)[:, [*place, len(matrix.tiers) - 1]]], axis=1)
        for part in ("quality", "cost", "latency")
    }
    free = (terms.fixed(matrix) < 0) * 1.0
    columns["cost"][:, -1] += free * terms.overhead_usd
    columns["latency"][:, -1] += free * terms.overhead_s
    flags = np.zeros(columns["quality"].shape, bool)
    return replace(matrix, run=replace(matrix.run, tiers=tuple(tiers)), truncated=flags, failed=flags, **columns)


def pinned_tiers(matrix: OutcomeMatrix, terms: Terms) -> list[int]:
    """The tiers below the last that pins name."""
    return sorted({matrix.tiers.index(tier) for _, tier in terms.pins} - {len(matrix.tiers) - 1})


def actions_of(decided: np.ndarray, matrix: OutcomeMatrix, terms: Terms) -> np.ndarray:
    """(n,) columns of `action_matrix` for what a cascade decides, pins first."""
    place, fixed = pinned_tiers(matrix, terms), terms.fixed(matrix)
    last = STRAIGHT + len(place)
    at = np.where(decided == STRAIGHT, last, decided)
    of_tier = np.full(len(matrix.tiers), last)
    of_tier[place] = STRAIGHT + np.arange(len(place))
    return np.where(fixed >= 0, of_tier[fixed], at)
