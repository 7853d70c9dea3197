"""Thresholds chosen on some folds and read off another: what a policy really does on prompts that had no say in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tierwise.aims import Aim
from tierwise.intervals import mean_interval
from tierwise.prefix import Prefix, candidates
from tierwise.resampling import DRAWS, bootstrap, percentiles
from tierwise.types import OutcomeMatrix

RESOLUTION = 300
"""Positions a boundary while folds are read off; the final thresholds come from the full sweep."""
KNOBS = 40
SAME = 0.002
"""Savings that differ by less are the same."""


@dataclass(frozen=True)
class HeldOut:
    """Figures of the whole recipe on prompts that took no part in choosing router or thresholds, with 95 % intervals."""

    loss: float
    """Paired by prompt, in quality units."""
    loss_ci95: tuple[float, float]
    saving: float
    """Share of the always-frontier cost."""
    saving_ci95: tuple[float, float]
    quality: float
    quality_ci95: tuple[float, float]
    cost_per_1k_usd: float
    cost_per_1k_ci95: tuple[float, float]
    method: str
    choice: np.ndarray = field(repr=False)
    """(n,) tier that each prompt was sent to."""
    routers: tuple[str, ...] = ()
    """The router that the other folds chose, fold by fold."""

    def to_json(self) -> dict[str, object]:
        return {
            "loss": self.loss, "loss_ci95": list(self.loss_ci95), "saving": self.saving, "saving_ci95": list(self.saving_ci95),
            "quality": self.quality, "cost_per_1k_usd": self.cost_per_1k_usd, "method": self.method,
        }  # fmt: skip


@dataclass(frozen=True)
class Candidate:
    """A router as `auto` saw it: thresholds from the other folds, read off each fold."""

    router: str
    saving: float
    loss: float
    quality: float
    cost_per_1k_usd: float
    worth: float
    """Saving, less what a loss beyond the aim would cost to buy back by coin flip between the outer tiers; mean over nearby aims."""

    def to_json(self) -> dict[str, object]:
        return {"router": self.router, "saving": self.saving, "loss": self.loss}


def nearby(aim: Aim) -> list[Aim]:
    """Aims around an aim: a router is judged by all of them, since one point of a curve is mostly chance."""
    if aim.max_loss is not None and aim.max_loss > 0:
        return [replace(aim, max_loss=min(aim.max_loss * x, 1.0)) for x in (0.5, 1.5, 2.0)]
    if aim.max_cost_per_1k is not None:
        return [replace(aim, max_cost_per_1k=aim.max_cost_per_1k * x) for x in (0.7, 1.2, 1.4)]
    return []


def _below(x: np.ndarray, y: np.ndarray, a: int, b: int, c: int) -> bool:
    """Whether point b lies on or below the line from a to c."""
    return bool((y[b] - y[a]) * (x[c] - x[a]) <= (y[c] - y[a]) * (x[b] - x[a]))


class Folded:
    """Prompts in folds with the cross-fitted scores of one router or more, and the aim that thresholds are chosen for."""

    def __init__(self, matrix: OutcomeMatrix, scores: Mapping[str, np.ndarray], fold: np.ndarray, aim: Aim) -> None:
        self.matrix, self.scores, self.fold, self.aim = matrix, scores, fold, aim
        self.folds = [int(k) for k in np.unique(fold)]
        self.rows = np.arange(len(matrix))
        self._swept: dict[tuple, tuple[Prefix, np.ndarray, np.ndarray, np.ndarray]] = {}
        w = matrix.weights / matrix.weights.sum()
        self.quality, self.cost = w @ matrix.quality, w @ matrix.cost
        self.w = w

    def _sweep(self, router: str, out: tuple[int, ...]) -> tuple[Prefix, np.ndarray, np.ndarray, np.ndarray]:
        """Prefix sums, positions, qualities and costs of the policies of a router on all folds but some."""
        key = (router, tuple(sorted(out)))
        if key not in self._swept:
            m, kept = self.matrix, ~np.isin(self.fold, out)
            prefix = Prefix.of(self.scores[router][kept], m.quality[kept], m.cost[kept], m.weights[kept])
            positions = candidates(prefix, RESOLUTION)
            self._swept[key] = (prefix, positions, *prefix.read(positions))
        return self._swept[key]

    def thresholds(self, router: str, out: tuple[int, ...] = (), aim: Aim | None = None) -> np.ndarray:
        """(K - 1,) for the aim, chosen without some folds; the nearest when none keeps its limits."""
        prefix, positions, quality, cost = self._sweep(router, out)
        return prefix.marks[positions[(aim or self.aim).pick(cost * 1000, quality, prefix.quality[-1, -1], nearest=True)]]

    def path(self, router: str, out: tuple[int, ...] = (), knobs: int = KNOBS) -> np.ndarray:
        """(knobs + 1, K - 1) thresholds from always-frontier to always-cheapest, chosen without some folds.

        The path goes through the policies that are best for some price of a dollar (the upper hull of quality over saving), and between
        two of them moves every boundary evenly in traffic. Its order is therefore fixed before anything is tested, and
        neighbours differ in few prompts.
        """
        prefix, positions, quality, cost = self._sweep(router, out)
        saved = (cost[-1] - cost) / max(cost[-1] - cost[0], 1e-300)
        hull = [len(cost) - 1]
        for i in np.lexsort((-quality, saved)):
            if saved[i] <= saved[hull[-1]]:
                continue
            while len(hull) > 1 and _below(saved, quality, hull[-2], hull[-1], i):
                hull.pop()
            hull.append(int(i))
        below = prefix.mass[positions[hull]]
        share = np.stack([np.interp(np.arange(knobs + 1) / knobs, saved[hull], column) for column in below.T], axis=1)
        at = np.searchsorted(prefix.mass, share + 1e-9, "right") - 1
        at[0], at[-1] = 0, prefix.top
        return prefix.marks[at]

    def read(self, router: str, thresholds: np.ndarray, fold: int) -> np.ndarray:
        """Tiers of the prompts of one fold."""
        return np.searchsorted(thresholds, self.scores[router][self.fold == fold], "right")

    def choice(self, router: str | Mapping[int, str], out: tuple[int, ...] = (), aim: Aim | None = None) -> np.ndarray:
        """(n,) tiers: each fold with thresholds from the folds that are neither it nor in `out`; -1 in the folds of `out`."""
        chosen = np.full(len(self.rows), -1)
        for k in self.folds:
            if k not in out:
                name = router if isinstance(router, str) else router[k]
                chosen[self.fold == k] = self.read(name, self.thresholds(name, (k, *out), aim), k)
        return chosen

    def candidate(self, router: str, out: tuple[int, ...] = ()) -> Candidate:
        """The read-off of one router on all folds but those of `out`."""
        at_aim, *near = (self._figures(router, out, aim) for aim in (self.aim, *nearby(self.aim)))
        return Candidate(router, *at_aim[:-1], float(np.mean([f[-1] for f in (at_aim, *near)])))

    def _figures(self, router: str, out: tuple[int, ...], aim: Aim) -> tuple[float, float, float, float, float]:
        """Saving, loss, quality, cost per 1,000, and what they are worth for an aim."""
        choice, m = self.choice(router, out, aim), self.matrix
        on = np.flatnonzero(choice >= 0)
        w, at = self.w[on] / self.w[on].sum(), (on, choice[on])
        quality, cost = float(w @ m.quality[at]), float(w @ m.cost[at])
        top_quality, top_cost = float(w @ m.quality[on, -1]), float(w @ m.cost[on, -1])
        saving = 1 - cost / top_cost if top_cost > 0 else 0.0
        whole = 1 - self.cost[0] / self.cost[-1] if self.cost[-1] > 0 else 0.0
        price = whole / max(self.quality[-1] - self.quality[0], 0.01)  # saving for a unit of loss, by coin flip
        if aim.wants_cheapest:
            worth = saving - price * max(aim.least_quality(top_quality) - quality, 0.0)
        else:
            over = max(cost * 1000 - aim.max_cost_per_1k, 0.0) / (1000 * self.cost[-1]) if self.cost[-1] > 0 else 0.0
            worth = price * quality - over
        return saving, top_quality - quality, quality, cost * 1000, worth

    def ranking(self, routers: Sequence[str], out: tuple[int, ...] = ()) -> list[Candidate]:
        """All routers, as read off, in the order given."""
        return [self.candidate(name, out) for name in routers]

    def best(self, routers: Sequence[str], out: tuple[int, ...] = ()) -> str:
        """The last router named, unless another is worth more by 1/sqrt(n), or all are worth the same: then the first.

        Small differences between routers are noise: on recorded ladders with 200 prompts, taking the one that looked best gave a
        saving of 0.36 at 2 points, keeping the average of three 0.41 (docs/statistics.md).
        """
        *others, usual = routers
        if not others:
            return usual
        worth = {c.router: c.worth for c in self.ranking(routers, out)}
        if max(worth.values()) - min(worth.values()) < SAME:
            return routers[0]
        first = max(others, key=worth.__getitem__)
        return first if worth[first] > worth[usual] + 1 / np.sqrt((~np.isin(self.fold, out)).sum()) else usual

    def nested(self, routers: Sequence[str]) -> dict[int, str]:
        """For each fold, the router that the other folds choose."""
        return {k: self.best(routers, (k,)) for k in self.folds}

    def held_out(self, routers: Mapping[int, str], seed: int = 0) -> HeldOut:
        """Figures of the read-offs, each fold by its own router and thresholds."""
        choice, m = self.choice(routers), self.matrix
        at = self.rows, choice
        lost = m.quality[:, -1] - m.quality[at]
        columns = np.stack([m.quality[at], m.cost[at], m.quality[:, -1], m.cost[:, -1]])

        def figures(means: np.ndarray) -> np.ndarray:
            quality, cost, top, full = means
            return np.stack([top - quality, np.where(full > 0, 1 - cost / np.where(full > 0, full, 1), 0.0), quality, cost * 1000])

        loss, saving, quality, cost = figures((columns @ self.w)[:, None])[:, 0]
        draws = figures(bootstrap(columns, m.weights, m.clusters, lambda x: x, seed))
        cis = percentiles(draws)
        simple = np.ptp(m.weights) == 0 and len(np.unique(m.clusters)) == len(m) and np.isin(lost, (-1.0, 0.0, 1.0)).all()
        # a score interval where it applies; and never an interval of no width, as the bootstrap gives when no drawn prompt differs
        if simple or cis[0][1] - cis[0][0] < 1e-12:
            cis[0] = mean_interval(lost, m.weights, m.clusters, low=-1.0)
        if simple or cis[2][1] - cis[2][0] < 1e-12:
            cis[2] = mean_interval(m.quality[at], m.weights, m.clusters)
        chosen = "router and thresholds" if len(self.scores) > 1 else "thresholds"
        method = f"{len(self.folds)}-fold cross-fitted, {chosen} chosen on the other folds; cluster bootstrap {DRAWS}"
        if simple:
            method += ", score interval of the paired loss"
        return HeldOut(float(loss), cis[0], float(saving), cis[1], float(quality), cis[2], float(cost), cis[3], method, choice,
                       tuple(routers[k] for k in self.folds))  # fmt: skip

    def along(self, routers: Mapping[int, str], knobs: int = KNOBS) -> tuple[np.ndarray, np.ndarray]:
        """Two (n, knobs + 1) arrays, held-out quality and cost of every prompt along the path; each fold with the path of the others."""
        m = self.matrix
        quality, cost = np.empty((len(m), knobs + 1)), np.empty((len(m), knobs + 1))
        for k in self.folds:
            here = np.flatnonzero(self.fold == k)
            for j, thresholds in enumerate(self.path(routers[k], (k,), knobs)):
                tier = np.searchsorted(thresholds, self.scores[routers[k]][here], "right")
                quality[here, j], cost[here, j] = m.quality[here, tier], m.cost[here, tier]
        return quality, cost
