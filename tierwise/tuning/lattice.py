"""The policies that scores can make, with what each gives: thresholds on one score (`Line`), or on two (`Plane`).

Both offer the same: mean quality and cost of every policy, the mean of anything else that is known of each prompt and action, the
thresholds of a policy, and a path of policies from always-frontier to the cheapest.
"""

from typing import Protocol

import numpy as np

from tierwise.tuning.prefix import Prefix, candidates

KEPT, ESCALATED, STRAIGHT = range(3)
"""What a cascade does with a prompt: keeps the cheap answer, asks the frontier tier after it, or asks the frontier tier at once."""


class Lattice(Protocol):
    """P policies of one family on n prompts, each of which has A actions; the last action is always-frontier's."""

    quality: np.ndarray
    """(P,) weighted mean."""
    cost: np.ndarray
    """(P,) dollars a request."""
    frontier: int
    """Which policy is always-frontier."""

    def thresholds(self, policies: int | np.ndarray) -> np.ndarray: ...

    def read(self, values: np.ndarray) -> np.ndarray:
        """(P,) weighted mean of (n, A) values over the actions that each policy takes."""
        ...

    def path(self, knobs: int) -> np.ndarray:
        """(knobs + 1, T) thresholds: through the policies that are best for some price of a dollar (the upper hull of quality over saving),
        and between two of them evenly in traffic. The order is fixed before anything is tested, and neighbours differ in few prompts."""
        ...


class Line:
    """K tiers in order, K - 1 thresholds that do not fall, on (n,) scores."""

    def __init__(self, scores: np.ndarray, quality: np.ndarray, cost: np.ndarray, weights: np.ndarray, resolution: int) -> None:
        self._scores, self._weights = scores, weights
        self.prefix = Prefix.of(scores, quality, cost, weights)
        self.positions = candidates(self.prefix, resolution)
        self.quality, self.cost = self.prefix.read(self.positions)
        self.frontier = len(self.quality) - 1

    def thresholds(self, policies: int | np.ndarray) -> np.ndarray:
        return self.prefix.marks[self.positions[policies]]

    def read(self, values: np.ndarray) -> np.ndarray:
        return Prefix.of(self._scores, values, values, self._weights).read(self.positions)[0]

    def path(self, knobs: int) -> np.ndarray:
        prefix = self.prefix
        hull, saved = _hull(self.quality, self.cost, self.frontier)
        below = prefix.mass[self.positions[hull]]
        share = np.stack([np.interp(np.arange(knobs + 1) / knobs, saved, column) for column in below.T], axis=1)
        at = np.searchsorted(prefix.mass, share + 1e-9, "right") - 1
        at[0], at[-1] = 0, prefix.top
        return prefix.marks[at]


class Plane:
    """A cascade, on (n, 2) scores: straight to the frontier tier from the first threshold on, else escalated from the second on."""

    def __init__(self, scores: np.ndarray, quality: np.ndarray, cost: np.ndarray, weights: np.ndarray, resolution: int) -> None:
        self._weights = weights / weights.sum()
        steps = max(2, int(resolution))
        self.marks = [_marks(column, self._weights, steps) for column in scores.T]
        # the position of a prompt is how many marks lie at or below its score: it is below a mark from that position on
        self._at = [np.searchsorted(marks[:-1], column, "right") for marks, column in zip(self.marks, scores.T, strict=True)]
        self._shape = tuple(len(m) for m in self.marks)
        self.quality, self.cost = self.read(quality), self.read(cost)
        self.frontier = 0

    def thresholds(self, policies: int | np.ndarray) -> np.ndarray:
        first, second = np.unravel_index(policies, self._shape)
        return np.stack([self.marks[0][first], self.marks[1][second]], axis=-1)

    def read(self, values: np.ndarray) -> np.ndarray:
        w, (g0, g1) = self._weights, self._shape
        first, second = self._at
        # a mark at position p takes the prompts whose own position is at most p
        called = np.cumsum(np.bincount(first, w * (values[:, ESCALATED] - values[:, STRAIGHT]), g0 + 1))[:g0]
        kept = np.zeros((g0 + 1, g1 + 1))
        np.add.at(kept, (first, second), w * (values[:, KEPT] - values[:, ESCALATED]))
        return (w @ values[:, STRAIGHT] + called[:, None] + kept.cumsum(0).cumsum(1)[:g0, :g1]).ravel()

    def path(self, knobs: int) -> np.ndarray:
        hull, saved = _hull(self.quality, self.cost, self.frontier)
        first, second = (index.astype(float) for index in np.unravel_index(hull, self._shape))
        if len(hull) > 1:  # nobody is asked twice at the start, so the second threshold may stand where it will be needed
            second[0] = second[1]
        even = np.arange(knobs + 1) / knobs
        at = [np.rint(np.interp(even, saved, index)).astype(int) for index in (first, second)]
        return np.stack([marks[i] for marks, i in zip(self.marks, at, strict=True)], axis=1)


def assign(scores: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """(n,) action of each prompt: its tier on a line (n,), what the cascade does on a plane (n, 2)."""
    if scores.ndim == 1:
        return np.searchsorted(thresholds, scores, "right")
    return np.where(scores[:, 0] >= thresholds[0], STRAIGHT, np.where(scores[:, 1] >= thresholds[1], ESCALATED, KEPT))


def lattice(scores: np.ndarray, quality: np.ndarray, cost: np.ndarray, weights: np.ndarray, resolution: int) -> Lattice:
    """The policies of scores: a plane for two of them, thinned to a third of the resolution, since both thresholds are free."""
    if scores.ndim == 1:
        return Line(scores, quality, cost, weights, resolution)
    return Plane(scores, quality, cost, weights, max(resolution // 3, 60))


def _marks(values: np.ndarray, weights: np.ndarray, most: int) -> np.ndarray:
    """(G,) thresholds: one below every score, distinct scores (thinned evenly in traffic), and +inf."""
    order = np.argsort(values, kind="stable")
    ranked = values[order]
    starts = np.flatnonzero(np.append(True, ranked[1:] != ranked[:-1]))
    if len(starts) > most:
        below = (np.cumsum(weights[order]) - weights[order])[starts]
        starts = starts[np.unique(np.searchsorted(below, np.linspace(0, below[-1], most)).clip(0, len(starts) - 1))]
    marks = np.append(ranked[starts], np.inf)
    marks[0] = min(marks[0], 0.0)
    return marks


def _hull(quality: np.ndarray, cost: np.ndarray, frontier: int) -> tuple[np.ndarray, np.ndarray]:
    """Policies on the upper hull of quality over saving, from always-frontier on, and their savings as shares of the largest."""
    saved = (cost[frontier] - cost) / max(cost[frontier] - cost.min(), 1e-300)
    hull = [frontier]
    for i in np.lexsort((-quality, saved)):
        if saved[i] <= saved[hull[-1]]:
            continue
        while len(hull) > 1 and _below(saved, quality, hull[-2], hull[-1], i):
            hull.pop()
        hull.append(int(i))
    return np.array(hull), saved[hull]


def _below(x: np.ndarray, y: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether point b lies on or below the line from a to c."""
    return bool((y[b] - y[a]) * (x[c] - x[a]) <= (y[c] - y[a]) * (x[b] - x[a]))
