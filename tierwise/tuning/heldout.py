"""Thresholds chosen on some folds and read off another: what a policy really does on prompts that had no say in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tierwise.statistics.intervals import mean_interval
from tierwise.statistics.resampling import DRAWS, bootstrap, percentiles
from tierwise.tuning.aims import Aim
from tierwise.tuning.cascade import Replayed
from tierwise.tuning.frontier import RESOLUTION as FULL
from tierwise.tuning.lattice import Lattice, assign, lattice
from tierwise.tuning.optimism import margin
from tierwise.tuning.terms import Terms
from tierwise.types import OutcomeMatrix

RESOLUTION = 300
"""Positions a boundary while folds are read off; the final thresholds come from the full sweep."""
KNOBS = 40
WIDER_LOSS, WIDER_SAVING = 1.4, 1.6
"""By how much a bootstrap interval at the recommended thresholds is stretched: these were chosen, and the router will be another one."""
SAME = 0.002
"""Savings that differ by less are the same."""


@dataclass(frozen=True)
class HeldOut:
    """What to expect of a policy on prompts that took no part in choosing it, with 95 % intervals."""

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
    """(n,) tier that each prompt was sent to by router and thresholds of the other folds; for a cascade what it did, as `Folded` numbers
    actions."""
    served: np.ndarray = field(repr=False)
    """(n,) tier whose answer each prompt got."""
    routers: tuple[str, ...] = ()
    """The router that the other folds chose, fold by fold."""
    paid: np.ndarray = field(repr=False, default_factory=lambda: np.empty(0))
    """(n,) US dollars for each prompt at the recommended thresholds, every call and the router's own cost counted."""

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


def _wider(value: float, interval: tuple[float, float], factor: float, at: float, limits: tuple[float, float]) -> tuple[float, float]:
    """An interval of `value`, stretched, moved to `at`, and cut to what is possible."""
    low, high = at - factor * (value - interval[0]), at + factor * (interval[1] - value)
    return float(min(max(low, limits[0]), at)), float(max(min(high, limits[1]), at))


class Folded:
    """Prompts in folds with the cross-fitted scores of one router or more, and the aim that thresholds are chosen for.

    Cascades take part like routers, with two scores a prompt. What a prompt gets is an *action*: its tier, or for a cascade one of three
    (KEPT, ESCALATED, STRAIGHT) that have columns of their own behind those of the tiers.
    """

    def __init__(
        self, matrix: OutcomeMatrix, scores: Mapping[str, np.ndarray], fold: np.ndarray, aim: Aim,
        cascades: Mapping[str, Replayed] | None = None, terms: Terms | None = None,
    ) -> None:  # fmt: skip
        self.matrix, self.scores, self.fold, self.aim = matrix, scores, fold, aim
        self.terms = terms or Terms()
        self.folds = [int(k) for k in np.unique(fold)]
        self.rows = np.arange(len(matrix))
        self._swept: dict[tuple, tuple[Lattice, np.ndarray, np.ndarray]] = {}
        self.w = matrix.weights / matrix.weights.sum()
        self.quality, self.cost = self.w @ matrix.quality, self.w @ matrix.cost
        tiers, more = len(self.quality), list((cascades or {}).items())
        tiers_at = {name: k for k, name in enumerate(matrix.tiers)}
        self.actions = dict.fromkeys(scores, np.arange(tiers)) | {
            name: np.array([tiers + 2 * j, tiers + 2 * j + 1, tiers - 1]) for j, (name, _) in enumerate(more)
        }
        self.served = np.concatenate([np.arange(tiers), *([tiers_at[s.cascade.keep], tiers - 1] for _, s in more)]).astype(int)
        """Which tier's answer an action serves."""
        every = (
            np.concatenate([getattr(matrix, part), *(getattr(s, part)[:, :2] for _, s in more)], axis=1)
            for part in ("quality", "cost", "latency")
        )
        self.q, self.c, self.latency = self.terms.charged(matrix, *every)
        self.fixed = self.terms.fixed(matrix)
        self.lost = matrix.quality[:, -1:] - self.q

    def _sweep(self, router: str, out: tuple[int, ...], resolution: int = RESOLUTION) -> tuple[Lattice, np.ndarray, np.ndarray]:
        """The policies of a router on all folds but some, the margin of each, and the rows it was computed on."""
        key = (router, tuple(sorted(out)), resolution)
        if key not in self._swept:
            kept, at = np.flatnonzero(~np.isin(self.fold, out)), self.actions[router]
            scores, weights = self.scores[router][kept], self.matrix.weights[kept]
            policies = lattice(scores, self.q[np.ix_(kept, at)], self.c[np.ix_(kept, at)], weights, resolution)
            self._swept[key] = (policies, margin(policies, scores, self.lost[np.ix_(kept, at)], weights), kept)
        return self._swept[key]

    def thresholds(
        self, router: str, out: tuple[int, ...] = (), aim: Aim | None = None, final: bool = False, bold: bool = False
    ) -> np.ndarray:
        """For the aim, chosen without some folds: the nearest when none keeps its limits.

        Args:
            bold: by what is observed, without a margin.
            final: at the full resolution, and refused when no policy keeps the limits.

        Raises:
            NotReady: as said.
        """
        aim = aim or self.aim
        policies, margins, kept = self._sweep(router, out, FULL if final else RESOLUTION)
        at, m = self.actions[router], self.matrix
        limits = aim.excesses(m.request_types, m.weights, self.q[:, at], self.latency[:, at], kept)
        excess = np.max([policies.read(limit) for limit in limits], axis=0) if limits else None
        top = float(np.average(m.quality[kept, -1], weights=m.weights[kept]))
        return policies.thresholds(aim.pick(policies.cost * 1000, policies.quality, top, not final, excess, 0.0 if bold else margins))

    def path(self, router: str, out: tuple[int, ...] = (), knobs: int = KNOBS) -> np.ndarray:
        """(knobs + 1, T) thresholds from always-frontier to the cheapest, chosen without some folds; see `Lattice.path`."""
        return self._sweep(router, out)[0].path(knobs)

    def read(self, router: str, thresholds: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Actions of some prompts."""
        fixed = self.fixed[rows]
        return np.where(fixed >= 0, fixed, self.actions[router][assign(self.scores[router][rows], thresholds)])

    def choice(self, router: str | Mapping[int, str], out: tuple[int, ...] = (), aim: Aim | None = None, bold: bool = False) -> np.ndarray:
        """(n,) actions: each fold with thresholds from the folds that are neither it nor in `out`; -1 in the folds of `out`."""
        chosen = np.full(len(self.rows), -1)
        for k in self.folds:
            if k not in out:
                name = router if isinstance(router, str) else router[k]
                here = self.fold == k
                chosen[here] = self.read(name, self.thresholds(name, (k, *out), aim, bold=bold), here)
        return chosen

    def candidate(self, router: str, out: tuple[int, ...] = ()) -> Candidate:
        """The read-off of one router on all folds but those of `out`."""
        # routers are compared by thresholds without margins: the worth charges for the loss itself, and margins blur the comparison
        worth = np.mean([self._figures(router, out, aim, True)[-1] for aim in (self.aim, *nearby(self.aim))])
        return Candidate(router, *self._figures(router, out, self.aim, False)[:-1], float(worth))

    def _figures(self, router: str, out: tuple[int, ...], aim: Aim, bold: bool) -> tuple[float, float, float, float, float]:
        """Saving, loss, quality, cost per 1,000, and what they are worth for an aim."""
        choice, m = self.choice(router, out, aim, bold), self.matrix
        on = np.flatnonzero(choice >= 0)
        w, at = self.w[on] / self.w[on].sum(), (on, choice[on])
        quality, cost = float(w @ self.q[at]), float(w @ self.c[at])
        top_quality, top_cost = float(w @ m.quality[on, -1]), float(w @ m.cost[on, -1])
        saving = 1 - cost / top_cost if top_cost > 0 else 0.0
        whole = 1 - self.cost[0] / self.cost[-1] if self.cost[-1] > 0 else 0.0
        price = whole / max(self.quality[-1] - self.quality[0], 0.01)  # saving for a unit of loss, by coin flip
        if aim.wrong_answer_usd is not None:
            worth = -(cost + aim.wrong_answer_usd * (1 - quality)) / max(top_cost, 1e-300)
        elif aim.max_cost_per_1k is None:
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

    def held_out(self, routers: Mapping[int, str], final: str, thresholds: np.ndarray, seed: int = 0) -> HeldOut:
        """What to expect of the policy of `final` and its thresholds.

        Cost and saving are those of these thresholds on cross-fitted scores: no grade is in them but through the choice. The loss seen
        there was chosen to look low; it is corrected by how much more the policies that the other folds chose lose on a fold than on the
        folds that chose them. Intervals are stretched by what it takes to hold what prompts not drawn show (docs/statistics.md).
        """
        chosen = "router and thresholds" if len(self.scores) > 1 else "thresholds"
        method = f"{len(self.folds)}-fold cross-fitted, loss corrected by read-offs of {chosen} chosen on the other folds"
        read = self.choice(routers)
        seen = self.figures(self.read(final, thresholds, self.rows), method, tuple(routers[k] for k in self.folds), seed)
        loss = float(np.clip(seen.loss + self._flattery(routers, read), -1, 1))
        top, full = self.quality[-1], self.cost[-1]
        least, most = float(self.w @ self.c.min(1)), float(self.w @ self.c.max(1))  # no policy costs less or more
        spent = (1000 * least, 1000 * most)
        kept = (1 - most / full, 1 - least / full) if full > 0 else (0.0, 1.0)
        quality = float(top - loss)
        return replace(
            seen, loss=loss, quality=quality, choice=read, served=self.served[read],
            loss_ci95=_wider(seen.loss, seen.loss_ci95, WIDER_LOSS, loss, (-1, 1)),
            quality_ci95=_wider(seen.quality, seen.quality_ci95, WIDER_LOSS, quality, (0, 1)),
            saving_ci95=_wider(seen.saving, seen.saving_ci95, WIDER_SAVING, seen.saving, kept),
            cost_per_1k_ci95=_wider(seen.cost_per_1k_usd, seen.cost_per_1k_ci95, WIDER_SAVING, seen.cost_per_1k_usd, spent),
            method=f"{seen.method}, stretched {WIDER_LOSS:g} times (loss) and {WIDER_SAVING:g} times (saving) as measured",
        )  # fmt: skip

    def _flattery(self, routers: Mapping[int, str], read: np.ndarray) -> float:
        """By how much choosing on some prompts makes the loss on them look low: loss where it was not chosen, less loss where it was."""
        seen = []
        for k in self.folds:
            on = np.flatnonzero(self.fold != k)
            at = self.read(routers[k], self.thresholds(routers[k], (k,)), on)
            seen.append(np.average(self.lost[on, at], weights=self.w[on]))
        return float(self.w @ self.lost[self.rows, read]) - float(np.mean(seen))

    def figures(self, choice: np.ndarray, method: str, routers: tuple[str, ...], seed: int = 0) -> HeldOut:
        """Means and intervals of (n,) actions."""
        m, at = self.matrix, (self.rows, choice)
        lost = self.lost[at]
        columns = np.stack([self.q[at], self.c[at], m.quality[:, -1], m.cost[:, -1]])

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
            cis[2] = mean_interval(self.q[at], m.weights, m.clusters)
        method += f"; cluster bootstrap {DRAWS}"
        if simple:
            method += ", score interval of the paired loss"
        return HeldOut(float(loss), cis[0], float(saving), cis[1], float(quality), cis[2], float(cost), cis[3], method, choice,
                       self.served[choice], routers, self.c[at])  # fmt: skip

    def along(self, routers: Mapping[int, str], knobs: int = KNOBS) -> np.ndarray:
        """(n, knobs + 1) held-out actions of every prompt along the path; each fold with the path of the others."""
        actions = np.empty((len(self.rows), knobs + 1), int)
        for k in self.folds:
            here = np.flatnonzero(self.fold == k)
            actions[here] = self.along_path(routers[k], self.path(routers[k], (k,), knobs), here)
        return actions

    def along_path(self, router: str, path: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Actions of some prompts (all by default) by policies of a path."""
        rows = self.rows if rows is None else rows
        return np.stack([self.read(router, thresholds, rows) for thresholds in path], axis=1)
