"""Thresholds chosen on some folds and read off another: what a policy really does on prompts that had no say in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tierwise.aims import Aim
from tierwise.intervals import mean_interval
from tierwise.prefix import Prefix, candidates
from tierwise.resampling import DRAWS, bootstrap, percentiles
from tierwise.types import OutcomeMatrix

RESOLUTION = 300
"""Positions a boundary while folds are read off; the final thresholds come from the full sweep."""
KNOBS = 40


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
    """Saving brought back to the aim: what a loss beyond the aim would cost to buy back from a coin flip between the outer tiers."""

    def to_json(self) -> dict[str, object]:
        return {"router": self.router, "saving": self.saving, "loss": self.loss}


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

    def thresholds(self, router: str, out: tuple[int, ...] = ()) -> np.ndarray:
        """(K - 1,) for the aim, chosen without some folds; the nearest when none keeps its limits."""
        prefix, positions, quality, cost = self._sweep(router, out)
        return prefix.marks[positions[self.aim.pick(cost * 1000, quality, prefix.quality[-1, -1], nearest=True)]]

    def path(self, router: str, out: tuple[int, ...] = (), knobs: int = KNOBS) -> np.ndarray:
        """(knobs + 1, K - 1) thresholds from always-frontier to always-cheapest, chosen without some folds.

        Knob m has the best quality among policies that save between (m - 1) / knobs and m / knobs of the most that can be saved; an
        empty slice repeats the knob before. So the order is fixed before anything is tested.
        """
        prefix, positions, quality, cost = self._sweep(router, out)
        spent, least = cost[-1], cost[0]
        part = np.clip((spent - cost) / max(spent - least, 1e-300), -1, 1)
        slot = np.ceil(part * knobs - 1e-9).astype(int)
        order = np.lexsort((cost, -quality, slot))
        first = np.flatnonzero(np.append(True, np.diff(slot[order]) > 0))
        best = dict(zip(slot[order[first]].tolist(), order[first].tolist(), strict=True))
        at, rows = len(cost) - 1, [len(cost) - 1]
        for m in range(1, knobs + 1):
            at = best.get(m, at)
            rows.append(at)
        rows[-1] = 0
        return prefix.marks[positions[rows]]

    def read(self, router: str, thresholds: np.ndarray, fold: int) -> np.ndarray:
        """Tiers of the prompts of one fold."""
        return np.searchsorted(thresholds, self.scores[router][self.fold == fold], "right")

    def choice(self, router: str | Mapping[int, str], out: tuple[int, ...] = ()) -> np.ndarray:
        """(n,) tiers: each fold with thresholds from the folds that are neither it nor in `out`; -1 in the folds of `out`."""
        chosen = np.full(len(self.rows), -1)
        for k in self.folds:
            if k not in out:
                name = router if isinstance(router, str) else router[k]
                chosen[self.fold == k] = self.read(name, self.thresholds(name, (k, *out)), k)
        return chosen

    def candidate(self, router: str, out: tuple[int, ...] = ()) -> Candidate:
        """The read-off of one router on all folds but those of `out`."""
        choice, m = self.choice(router, out), self.matrix
        on = choice >= 0
        w = self.w[on] / self.w[on].sum()
        at = self.rows[on], choice[on]
        quality, cost = float(w @ m.quality[at]), float(w @ m.cost[at])
        top_quality, top_cost = float(w @ m.quality[on, -1]), float(w @ m.cost[on, -1])
        saving = 1 - cost / top_cost if top_cost > 0 else 0.0
        return Candidate(router, saving, top_quality - quality, quality, cost * 1000, self._worth(saving, quality, top_quality, cost * 1000))

    def _worth(self, saving: float, quality: float, top_quality: float, cost_per_1k: float) -> float:
        whole = 1 - self.cost[0] / self.cost[-1] if self.cost[-1] > 0 else 0.0
        price = whole / max(self.quality[-1] - self.quality[0], 0.01)  # saving for a unit of loss, by coin flip
        if self.aim.wants_cheapest:
            return saving - price * max(self.aim.least_quality(top_quality) - quality, 0.0)
        over = max(cost_per_1k / (1000 * self.cost[-1]) - self.aim.max_cost_per_1k / (1000 * self.cost[-1]), 0.0) if self.cost[-1] > 0 else 0
        return price * quality - over

    def ranking(self, routers: Sequence[str], out: tuple[int, ...] = ()) -> list[Candidate]:
        """All routers, as read off, in the order given."""
        return [self.candidate(name, out) for name in routers]

    def best(self, routers: Sequence[str], out: tuple[int, ...] = (), margin: float = 0.005) -> str:
        """The simplest router (earliest in the order given) that is worth the most, to within half a point of saving."""
        if len(routers) == 1:
            return routers[0]
        found = self.ranking(routers, out)
        most = max(c.worth for c in found)
        return next(c.router for c in found if c.worth >= most - margin)

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
        chosen = "router and thresholds" if len(set(routers.values())) > 1 else "thresholds"
        method = f"{len(self.folds)}-fold cross-fitted, {chosen} chosen on the other folds; cluster bootstrap {DRAWS}"
        if simple:
            method += ", score interval of the paired loss"
        return HeldOut(float(loss), cis[0], float(saving), cis[1], float(quality), cis[2], float(cost), cis[3], method, choice,
                       tuple(routers[k] for k in self.folds))  # fmt: skip

    def losses(self, routers: Mapping[int, str], knobs: int = KNOBS) -> tuple[np.ndarray, np.ndarray]:
        """(n, knobs + 1) held-out losses of the path, and (knobs + 1, ) mean costs a request; each fold with the path of the others."""
        m = self.matrix
        lost, cost = np.zeros((len(m), knobs + 1)), np.zeros(knobs + 1)
        for k in self.folds:
            here = np.flatnonzero(self.fold == k)
            name = routers[k]
            for j, thresholds in enumerate(self.path(name, (k,), knobs)):
                tier = np.searchsorted(thresholds, self.scores[name][here], "right")
                lost[here, j] = m.quality[here, -1] - m.quality[here, tier]
                cost[j] += self.w[here] @ m.cost[here, tier]
        return lost, cost
