"""Prefix sums over prompts in the order of their score: what makes any thresholds cost a look-up.

A boundary between two tiers is a *position* p in 0..G, where G is the number of distinct scores: the p lowest distinct scores
stay below it. Tiers k = 0..K-1 take the scores between positions p_k and p_(k+1), with p_0 = 0 and p_K = G, so quality
and cost are sums of one term a boundary, and prompts of equal score always go together.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tierwise.errors import BadInput, NotReady


@dataclass(frozen=True)
class Prefix:
    """Cumulative weighted means by position."""

    values: np.ndarray
    """(G,) distinct scores, rising."""
    quality: np.ndarray
    """(K, G + 1) cumulative weighted quality of each tier; the last column is the tier's mean."""
    cost: np.ndarray
    """(K, G + 1) the same for cost, dollars a request."""
    mass: np.ndarray
    """(G + 1,) cumulative share of the weight."""

    @classmethod
    def of(cls, scores: np.ndarray, quality: np.ndarray, cost: np.ndarray, weights: np.ndarray | None = None) -> "Prefix":
        """From n scores, (n, K) quality and cost, and n weights.

        Raises:
            NotReady: no prompt, fewer than two tiers, or a missing grade or cost.
            BadInput: shapes that do not fit, a score that is not a number, or a weight below zero.
        """
        scores, quality, cost = np.asarray(scores, float), np.asarray(quality, float), np.asarray(cost, float)
        if quality.ndim != 2 or quality.shape != cost.shape or scores.shape != quality.shape[:1]:
            raise BadInput(f"Scores {scores.shape}, quality {quality.shape} and cost {cost.shape} do not belong together.")
        if not len(scores):
            raise NotReady("There is no graded prompt to tune on. Grade the run first.")
        if quality.shape[1] < 2:
            raise NotReady("There is one tier; routing needs two or more. Add a dearer or a cheaper tier.")
        if np.isnan(scores).any():
            raise BadInput("A router score is not a number.")
        if not (np.isfinite(quality).all() and np.isfinite(cost).all()):
            raise NotReady("A prompt lacks a grade or a cost on some tier. Grade the run again, or leave such prompts out.")
        w = np.ones(len(scores)) if weights is None else np.asarray(weights, float)
        if (w < 0).any() or not w.sum() > 0:
            raise BadInput("Weights must be 0 or more, and not all 0.")
        even, total = bool((w == w[0]).all()), w.sum()
        order = np.argsort(scores)
        ranked = scores[order]
        ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))

        def cumulative(column: np.ndarray) -> np.ndarray:
            summed = np.cumsum(column[order] if even else column[order] * w[order])
            return np.concatenate([[0.0], summed[ends]]) / (len(w) if even else total)

        return cls(
            ranked[ends],
            np.stack([cumulative(quality[:, k]) for k in range(quality.shape[1])]),
            np.stack([cumulative(cost[:, k]) for k in range(cost.shape[1])]),
            np.concatenate([[0.0], (ends + 1) / len(w) if even else np.cumsum(w[order])[ends] / total]),
        )

    @property
    def tiers(self) -> int:
        return len(self.quality)

    @property
    def top(self) -> int:
        """G: the position above every score."""
        return len(self.values)

    @cached_property
    def marks(self) -> np.ndarray:
        """(G + 1,) the threshold at each position: 0 (or less) for none below, then observed scores, +inf for all below."""
        marks = np.append(self.values, np.inf)
        marks[0] = min(marks[0], 0.0)
        return marks

    @cached_property
    def gains(self) -> tuple[np.ndarray, np.ndarray]:
        """Two (K - 1, G + 1) arrays: what a boundary at each position adds to the quality and cost of always-frontier."""
        return self.quality[:-1] - self.quality[1:], self.cost[:-1] - self.cost[1:]

    def read(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Quality and cost a request of (P, K - 1) positions."""
        quality, cost = self.gains
        at = [positions[:, j] for j in range(self.tiers - 1)]
        return (
            self.quality[-1, -1] + sum(quality[j][p] for j, p in enumerate(at)),
            self.cost[-1, -1] + sum(cost[j][p] for j, p in enumerate(at)),
        )

    def shares(self, positions: np.ndarray) -> np.ndarray:
        """(P, K) share of the weight that each tier takes."""
        below = self.mass[positions]
        edges = np.concatenate([np.zeros((len(below), 1)), below, np.full((len(below), 1), self.mass[-1])], axis=1)
        return np.diff(edges, axis=1)

    def positions(self, thresholds: np.ndarray) -> np.ndarray:
        """Positions of thresholds: how many distinct scores lie below each."""
        return np.searchsorted(self.values, thresholds, "left")


ROUNDING = 1e-12
"""Sums of the same grades or costs in another order differ by less than this share of them."""


def pareto(cost: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Indices of the points that no other point beats, cost and quality both rising by more than rounding."""
    order = np.argsort(cost)
    q = quality[order]
    best = np.maximum.accumulate(q)
    order = order[np.append(True, q[1:] > best[:-1] + ROUNDING)]
    # of several at one cost only the last, which is the best, stays
    c = cost[order]
    return order[np.append(np.diff(c) > ROUNDING * np.abs(c[1:]), True)]


def candidates(prefix: Prefix, resolution: int) -> np.ndarray:
    """(P, K - 1) positions among which the best trade-offs lie; `always cheapest` is first and `always frontier` last.

    Two tiers: every position. Three: every pair of useful positions. A position is useless for one of two *different* boundaries
    when its neighbour costs no more and is no worse, because moving there keeps the order. Pairs of equal positions skip the
    middle tier and are all kept. Beyond `resolution` useful positions a boundary they are thinned evenly in traffic; until then
    the result is exact (checked against brute force). More tiers: see `_supported`.
    """
    g, k = prefix.top, prefix.tiers
    if k == 2:
        inner = np.arange(1, g)[:, None] if g > 1 else np.empty((0, 1), int)
    elif k == 3:
        low, high = (_thin(prefix, _useful(prefix, j), resolution) for j in (0, 1))
        start = np.searchsorted(high, low, "right")
        counts = len(high) - start
        i = np.repeat(low, counts)
        j = high[np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts - start, counts)]
        both = _thin(prefix, np.arange(g + 1), 20 * resolution)
        inner = np.concatenate([np.stack([i, j], 1), np.stack([both, both], 1)])
    else:
        inner = _supported(prefix, _thin(prefix, np.arange(g + 1), max(8, resolution * 2 // 3)))
    ends = np.full((1, k - 1), g), np.zeros((1, k - 1), int)
    return np.concatenate([ends[0], inner, ends[1]])


def _useful(prefix: Prefix, j: int) -> np.ndarray:
    """Positions of boundary j that neither neighbour beats."""
    q, c = prefix.gains[0][j], prefix.gains[1][j]
    after = (c[1:] <= c[:-1]) & (q[1:] >= q[:-1])
    before = (c[:-1] <= c[1:]) & (q[:-1] >= q[1:]) & ~after
    return np.flatnonzero(~(np.append(after, False) | np.append(False, before)))


def _thin(prefix: Prefix, positions: np.ndarray, most: int) -> np.ndarray:
    """At most `most` of the positions, evenly spread over the traffic, first and last among them."""
    if len(positions) <= most:
        return positions
    mass = prefix.mass[positions]
    return positions[np.unique(np.searchsorted(mass, np.linspace(mass[0], mass[-1], most)).clip(0, len(positions) - 1))]


def _supported(prefix: Prefix, grid: np.ndarray, most: int = 150) -> np.ndarray:
    """For more than three tiers: the policies that are best for some price of a dollar, and those one boundary away.

    For a price L the best positions maximise the sum of quality_j(p_j) - L cost_j(p_j) over rising p_j: dynamic programming over
    `grid`. Prices are found as slopes between neighbours until no better policy lies between them (all vertices of the
    hull). Moving one boundary of each over the whole grid fills the gaps that a hull leaves.
    """
    quality, cost = (g[:, grid] for g in prefix.gains)
    steps = np.arange(len(grid))

    def best(price: float) -> np.ndarray:
        worth, back = quality - price * cost, []
        total = worth[0]
        for row in worth[1:]:
            reach = np.maximum.accumulate(total)
            back.append(np.maximum.accumulate(np.where(total == reach, steps, 0)))
            total = row + reach
        at = [int(np.argmax(total))]
        for from_ in reversed(back):
            at.append(int(from_[at[-1]]))
        return np.array(at[::-1])

    def value(at: np.ndarray) -> tuple[float, float]:
        rows = np.arange(len(at))
        return float(quality[rows, at].sum()), float(cost[rows, at].sum())

    scale = max(np.ptp(quality) / max(np.ptp(cost), 1e-300), 1e-9)
    found = {tuple(at): value(at) for at in (best(0.0), best(scale * 1e6))}
    pending, solved = [tuple(sorted(found, key=lambda at: found[at][1]))], 0
    while pending and solved < most:
        pair = pending.pop(0)
        if len(pair) < 2:
            break
        (q0, c0), (q1, c1) = found[pair[0]], found[pair[1]]
        if c1 <= c0 or q1 <= q0:
            continue
        price, solved = (q1 - q0) / (c1 - c0), solved + 1
        at = tuple(best(price))
        q, c = value(np.array(at))
        if at not in found and q - price * c > q0 - price * c0 + 1e-12:
            found[at] = (q, c)
            pending += [(pair[0], at), (at, pair[1])]
    rows = []
    for at in found:
        limits = (0, *at, len(grid) - 1)
        for j in range(len(at)):
            span = np.arange(limits[j], limits[j + 2] + 1)
            moved = np.tile(np.array(at), (len(span), 1))
            moved[:, j] = span
            rows.append(moved)
    return grid[np.unique(np.concatenate(rows), axis=0)]
