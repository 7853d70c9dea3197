"""The sweep: every useful set of thresholds with what it costs and keeps, and the best of them for an aim.

Thresholds are in units of the router score. With K tiers there are K - 1, never falling; a prompt goes to the tier whose number
is the count of thresholds at or below its score. Two equal thresholds skip the tier between them; +inf keeps all below.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from tierwise.errors import BadInput
from tierwise.tuning.aims import Aim, parse_aim
from tierwise.tuning.metrics import metrics
from tierwise.tuning.prefix import Prefix, candidates, pareto
from tierwise.tuning.references import Reference, references
from tierwise.types import OperatingPoint

__all__ = ["Aim", "Frontier", "Points", "Reference", "assign", "metrics", "parse_aim", "references", "sweep"]

RESOLUTION = 1500
"""Positions a boundary that three tiers are combined from: a step of 1/1500 of the traffic where there are more."""
DOTS = 2000
"""Beaten policies that are kept, for the cloud of a chart."""


@dataclass(frozen=True)
class Points:
    """P policies as arrays: `always cheapest` first, `always frontier` last, by rising cost between."""

    thresholds: np.ndarray
    """(P, K - 1)"""
    quality: np.ndarray
    """(P,) mean grade."""
    cost_per_1k: np.ndarray
    """(P,) US dollars."""
    loss: np.ndarray
    """(P,) against always-frontier, paired by prompt."""
    saving: np.ndarray
    """(P,) share of the always-frontier cost."""
    share_by_tier: np.ndarray
    """(P, K)"""
    on_frontier: np.ndarray
    """(P,) bool: no other policy is as cheap and as good."""

    def __len__(self) -> int:
        return len(self.quality)


@dataclass(frozen=True)
class Beside:
    """Prompts that thresholds do not decide: what they add to every policy, a request."""

    free: float
    """Share of the weight that thresholds decide."""
    quality: float
    cost: float
    shares: np.ndarray
    """(K,) of the tiers."""
    top_quality: float
    """Of always using the frontier tier, for every prompt."""
    top_cost: float


@dataclass(frozen=True)
class Frontier:
    """What a router's scores can do on graded prompts."""

    points: Points
    prefix: Prefix = field(repr=False)
    tiers: tuple[str, ...] = ()
    beside: Beside | None = field(default=None, repr=False)

    @property
    def quality(self) -> float:
        """Of always using the frontier tier."""
        return float(self.prefix.quality[-1, -1]) if self.beside is None else self.beside.top_quality

    @property
    def cost_per_1k_usd(self) -> float:
        """Of always using the frontier tier."""
        return float(self.prefix.cost[-1, -1]) * 1000 if self.beside is None else self.beside.top_cost * 1000

    def under(self, beside: Beside) -> "Frontier":
        """The same thresholds with other prompts beside them."""
        p, x = self.points, beside
        quality, cost = x.quality + x.free * p.quality, 1000 * x.cost + x.free * p.cost_per_1k
        full = 1000 * x.top_cost
        points = replace(
            p, quality=quality, cost_per_1k=cost, loss=x.top_quality - quality,
            saving=1 - cost / full if full > 0 else np.zeros(len(cost)), share_by_tier=x.shares + x.free * p.share_by_tier,
        )  # fmt: skip
        return replace(self, points=points, beside=beside)

    def at(self, thresholds: Sequence[float]) -> OperatingPoint:
        """What any thresholds give: a look-up, not a pass over the prompts.

        Raises:
            BadInput: not one a boundary, not a number, or falling.
        """
        given = checked(thresholds, self.prefix.tiers)
        positions = self.prefix.positions(given)[None]
        quality, cost = (float(x[0]) for x in self.prefix.read(positions))
        shares = self.prefix.shares(positions)[0]
        if (x := self.beside) is not None:
            quality, cost, shares = x.quality + x.free * quality, x.cost + x.free * cost, x.shares + x.free * shares
        return OperatingPoint(
            tuple(float(t) for t in given), quality, cost * 1000, self.quality - quality, saved(cost * 1000, self.cost_per_1k_usd),
            tuple(float(s) for s in shares),
        )  # fmt: skip

    def choose(self, aim: Aim, nearest: bool = False) -> OperatingPoint:
        """The cheapest policy within the aim's limit on loss or quality, else the best within its limit on cost.

        Raises:
            NotReady: no policy keeps the limits, unless `nearest` asks for the one that misses by least.
        """
        p = self.points
        return self.at(p.thresholds[aim.pick(p.cost_per_1k, p.quality, self.quality, nearest)])

    def steps(self, max_points: int = 200) -> pd.DataFrame:
        """The frontier for a chart: cost_per_1k, quality, loss, saving, t1.., share_<tier>; cost and quality rise."""
        p = self.points
        rows = np.flatnonzero(p.on_frontier)
        rows = rows[np.argsort(p.cost_per_1k[rows])]
        if len(rows) > max_points:
            scale = np.log(np.maximum(p.cost_per_1k[rows], 1e-12))
            wanted = np.searchsorted(scale, np.linspace(scale[0], scale[-1], max_points)).clip(0, len(rows) - 1)
            rows = rows[np.unique(np.concatenate([[0], wanted[1:-1], [len(rows) - 1]]))]
        return self._frame(rows)

    def cloud(self, max_points: int = 300) -> pd.DataFrame:
        """A sample of the policies that something else beats, in the columns of `steps`."""
        rows = np.flatnonzero(~self.points.on_frontier)
        return self._frame(rows[np.linspace(0, len(rows) - 1, min(max_points, len(rows))).astype(int)])

    def _frame(self, rows: np.ndarray) -> pd.DataFrame:
        p = self.points
        names = self.tiers or tuple(str(k + 1) for k in range(self.prefix.tiers))
        out = {"cost_per_1k": p.cost_per_1k[rows], "quality": p.quality[rows], "loss": p.loss[rows], "saving": p.saving[rows]}
        out |= {f"t{j + 1}": p.thresholds[rows, j] for j in range(p.thresholds.shape[1])}
        out |= {f"share_{name}": p.share_by_tier[rows, k] for k, name in enumerate(names)}
        return pd.DataFrame(out)


def sweep(
    scores: np.ndarray,
    quality: np.ndarray,
    cost: np.ndarray,
    weights: np.ndarray | None = None,
    tiers: Sequence[str] = (),
    resolution: int = RESOLUTION,
) -> Frontier:
    """Try all thresholds: observed scores, and +inf.

    Exact for two tiers, and for three while a boundary has at most `resolution` useful positions; beyond that, thresholds move in
    steps of 1/resolution of the traffic. With four tiers or more, the policies that are best for some price of quality, and
    all that differ from one of them in a single threshold, on a grid of two thirds of `resolution` positions.

    Args:
        scores: (n,) router scores, higher = harder.
        quality: (n, K) grades, cheapest tier first.
        cost: (n, K) US dollars a request.
        weights: (n,) or None for equal ones.
        tiers: names, for the columns of `Frontier.steps`.

    Raises:
        NotReady: no prompt, one tier, or a missing grade or cost.
        BadInput: arrays that do not belong together.
    """
    prefix = Prefix.of(scores, quality, cost, weights)
    positions = candidates(prefix, resolution)
    q, c = prefix.read(positions)
    # the ends as they are, so that rounding cannot make `always cheapest` look beaten by itself
    q[0], c[0], q[-1], c[-1] = prefix.quality[0, -1], prefix.cost[0, -1], prefix.quality[-1, -1], prefix.cost[-1, -1]
    best = pareto(c, q)
    rest = np.setdiff1d(np.arange(len(q)), np.concatenate([best, [0, len(q) - 1]])) if len(q) <= 4 * DOTS else np.arange(1, len(q) - 1)
    rest = rest[np.linspace(0, len(rest) - 1, min(DOTS, len(rest))).astype(int)] if len(q) > DOTS * 2 else rest
    inner = np.setdiff1d(np.union1d(best, rest), [0, len(q) - 1])
    rows = np.concatenate([[0], inner[np.argsort(c[inner], kind="stable")], [len(q) - 1]])
    top_q, top_c = q[-1], c[-1]
    points = Points(
        thresholds=prefix.marks[positions[rows]],
        quality=q[rows],
        cost_per_1k=c[rows] * 1000,
        loss=top_q - q[rows],
        saving=1 - c[rows] / top_c if top_c > 0 else np.zeros(len(rows)),
        share_by_tier=prefix.shares(positions[rows]),
        on_frontier=np.isin(rows, best),
    )
    return Frontier(points, prefix, tuple(tiers))


def assign(scores: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """(n,) tier of each prompt: the number of thresholds at or below its score."""
    return np.searchsorted(np.asarray(thresholds, float), np.asarray(scores, float), "right")


def checked(thresholds: Sequence[float], tiers: int) -> np.ndarray:
    """Thresholds as an array.

    Raises:
        BadInput: not one a boundary, not a number, or falling.
    """
    given = np.atleast_1d(np.asarray(thresholds, float))
    if given.shape != (tiers - 1,) or np.isnan(given).any():
        raise BadInput(f"{tiers} tiers need {tiers - 1} thresholds, one a boundary between them.")
    if (given[1:] < given[:-1]).any():
        raise BadInput(f"Thresholds must not fall from one boundary to the next: {', '.join(f'{t:g}' for t in given)}.")
    return given


def saved(cost: float, frontier_cost: float) -> float:
    """Share of the always-frontier cost that is not spent; 0 where the frontier is free."""
    return 1 - cost / frontier_cost if frontier_cost > 0 and math.isfinite(frontier_cost) else 0.0
