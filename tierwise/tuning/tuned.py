"""A run solved for an aim: what was chosen, what may be expected of it, and what moving its thresholds would do."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tierwise.grading.opinion import Opinion
from tierwise.traffic.weighing import Weighing
from tierwise.tuning import cascade
from tierwise.tuning.aims import Aim
from tierwise.tuning.cascade_frontier import action_matrix, actions_of
from tierwise.tuning.certificate import Certificate, Path
from tierwise.tuning.changes import by_request_type, flips
from tierwise.tuning.frontier import Frontier, assign, checked
from tierwise.tuning.heldout import Candidate, HeldOut
from tierwise.tuning.references import RandomMix, Reference
from tierwise.tuning.terms import Terms
from tierwise.tuning.transfer import Scored
from tierwise.types import OperatingPoint, OutcomeMatrix, Run


@dataclass(frozen=True)
class Monthly:
    """US dollars a month, for as many requests like these prompts."""

    cost: float
    frontier_cost: float
    saved: float
    saved_ci95: tuple[float, float] | None = None


def monthly(point: OperatingPoint, frontier_cost_per_1k: float, requests: int, saving_ci95: tuple[float, float] | None = None) -> Monthly:
    """Dollars a month at a volume; `saving_ci95` of held-out prompts becomes the interval of the dollars saved."""
    full = requests * frontier_cost_per_1k / 1000
    interval = (saving_ci95[0] * full, saving_ci95[1] * full) if saving_ci95 else None
    cost = requests * point.cost_per_1k_usd / 1000
    return Monthly(cost, full, full - cost, interval)


@dataclass(frozen=True)
class Tuning:
    """A run solved for an aim. Moving thresholds afterwards costs a look-up."""

    run: Run
    matrix: OutcomeMatrix
    """The prompts used (complete on every tier), with the tiers used."""
    router: str
    tiers: tuple[str, ...]
    n: int
    aim: Aim
    delta: float
    seed: int
    folds: int
    scores: np.ndarray = field(repr=False)
    """(n,) cross-fitted, in the units of the deployed router's score; thresholds are in them too."""
    frontier: Frontier = field(repr=False)
    chosen: OperatingPoint
    """The recommended point, as observed on these prompts; `heldout` is what to expect of it."""
    heldout: HeldOut
    certificate: Certificate
    metrics: Mapping[str, float | None]
    baselines: Mapping[str, Reference]
    """always_cheapest, always_frontier, zero_router (random mix for the same aim), coin_flip (random mix of the held-out cost), oracle."""
    references: Mapping[str, Reference | RandomMix]
    candidates: tuple[Candidate, ...]
    verdict: str
    """`routable`, `not routable` or `too few prompts`."""
    warnings: tuple[str, ...]
    scored: Scored = field(repr=False)
    """The router on these prompts; of a cascade, the score before the first calls."""
    path: Path = field(repr=False)
    mode: str = "standard"
    """`standard`; `strict`: figures and promise come from half the prompts, which chose nothing; `anytime`: the promise may be asked for
    again after adding prompts."""
    opinion: Opinion | None = None
    """What people's grades make of it; None where nobody graded, and the certificate is the opinion of the automatic grades."""
    terms: Terms = field(default_factory=Terms)
    """Pins, and the router's own cost."""
    traffic: Weighing | None = None
    """The traffic whose mix the prompts are weighed by."""

    def point(self, thresholds: Sequence[float]) -> OperatingPoint:
        """What thresholds cost and keep on these prompts.

        Raises:
            BadInput: not one a boundary, not a number, or falling.
        """
        return self.frontier.at(thresholds)

    def choice(self, thresholds: Sequence[float]) -> np.ndarray:
        """(n,) tier of each prompt."""
        fixed = self.terms.fixed(self.matrix)
        return np.where(fixed >= 0, fixed, assign(self.scores, checked(thresholds, len(self.tiers))))

    def served(self, thresholds: Sequence[float]) -> np.ndarray:
        """(n,) tier whose answer each prompt gets."""
        return self.choice(thresholds)

    @cached_property
    def actions(self) -> OutcomeMatrix:
        """What `choice` counts in: the tiers, the router's own cost with them; of a cascade what it can do with a prompt."""
        return self.terms.on(self.matrix)

    def latency(self, thresholds: Sequence[float]) -> tuple[float, float]:
        """p50 and p95 of a request, in seconds, every call of it counted; NaN where latencies were not recorded."""
        return self._latency(self.actions.latency[np.arange(self.n), self.choice(thresholds)])

    @cached_property
    def top_latency(self) -> tuple[float, float]:
        """The same of always using the last tier."""
        return self._latency(self.matrix.latency[:, -1])

    def _latency(self, seconds: np.ndarray) -> tuple[float, float]:
        known = np.isfinite(seconds)
        if not known.any():
            return math.nan, math.nan
        return tuple(weighted_quantile(seconds[known], self.matrix.weights[known], q) for q in (0.5, 0.95))

    def flips(self, before: Sequence[float], after: Sequence[float]) -> pd.DataFrame:
        """Prompts whose tier changes, worst first; see `changes.flips`."""
        return flips(self.actions, self.choice(before), self.choice(after))

    def by_request_type(self, thresholds: Sequence[float]) -> pd.DataFrame:
        """See `changes.by_request_type`."""
        return by_request_type(self.actions, self.choice(thresholds), self.matrix)

    def monthly(self, point: OperatingPoint, requests: int) -> Monthly:
        """Dollars a month; the interval is that of the held-out saving, and only for the recommended point."""
        ci = self.heldout.saving_ci95 if point.thresholds == self.chosen.thresholds else None
        return monthly(point, self.frontier.cost_per_1k_usd, requests, ci)

    @property
    def router_spec(self) -> Mapping[str, Any] | None:
        """For `evaluator.score`: the router fitted again on all prompts. None for the perfect router, which cannot be exported."""
        return self.scored.deployed.spec

    def explain(self) -> list[str]:
        """What the router has learned, in sentences."""
        return self.scored.deployed.explain()

    @cached_property
    def band(self) -> pd.DataFrame:
        """cost, quality, low, high: quality limits that hold for the whole path at once with probability 1 - delta; and the losses."""
        frame = self.path.band(self.delta)
        top = self.frontier.quality
        return frame.assign(quality=top - frame["loss"], low=top - frame["loss_upper"], high=top - frame["loss_lower"])

    def to_json(self) -> dict[str, Any]:
        """As `tune --json` gives it; +inf and what does not exist are None."""
        data = {
            "run": self.run.id,
            "router": self.router,
            "tiers": list(self.tiers),
            "n": self.n,
            "chosen": {
                "thresholds": list(self.chosen.thresholds),
                "share_by_tier": dict(zip(self.tiers, self.chosen.share_by_tier, strict=True)),
            },
            "heldout": self.heldout.to_json(),
            "certificate": self.certificate.to_json(),
            "metrics": dict(self.metrics),
            "baselines": {name: reference.to_json() for name, reference in self.baselines.items()},
            "candidates": [c.to_json() for c in self.candidates],
            "verdict": self.verdict,
            "warnings": list(self.warnings),
            "policy": None,
        } | ({"people": self.opinion.to_json()} if self.opinion else {})
        return _finite(data)


@dataclass(frozen=True)
class CascadeTuning(Tuning):
    """A run solved with a cascade. `scores` are (n, 2): before the first calls, and after them; so are the thresholds."""

    fitted: cascade.Fitted = field(repr=False, kw_only=True)

    @cached_property
    def actions(self) -> OutcomeMatrix:
        return action_matrix(self.fitted, self.matrix, self.terms)

    def choice(self, thresholds: Sequence[float]) -> np.ndarray:
        """(n,) what the cascade does with each prompt: a column of `actions`."""
        return actions_of(cascade.decide(self.scores, self.point(thresholds).thresholds), self.matrix, self.terms)

    def served(self, thresholds: Sequence[float]) -> np.ndarray:
        fixed = self.terms.fixed(self.matrix)
        decided = cascade.decide(self.scores, self.point(thresholds).thresholds)
        return np.where(fixed >= 0, fixed, cascade.served(decided, self.cascade, self.tiers))

    def shares(self, thresholds: Sequence[float]) -> np.ndarray:
        """Share of the weight by column of `actions`."""
        return np.bincount(self.choice(thresholds), self.matrix.weights / self.matrix.weights.sum(), len(self.actions.tiers))

    @property
    def cascade(self) -> cascade.Cascade:
        return self.fitted.replayed.cascade

    @cached_property
    def after_spec(self) -> dict[str, Any]:
        """For `evaluator.score`, with the doubt in the metadata: the score after the first calls."""
        return self.fitted.after_spec(self.scored.deployed.spec)

    def explain(self) -> list[str]:
        sim, at = self.fitted.replayed, cascade.decide(self.scores, self.chosen.thresholds)
        kept, escalated, straight = (float(np.average(at == k, weights=self.matrix.weights)) for k in range(3))
        return [
            f"The rule: {self.cascade.rule}.",
            f"No sign against the first answer on {sim.agreed:.0%} of prompts; at the chosen thresholds {kept:.0%} of answers are kept, "
            f"{escalated:.0%} of prompts are asked again, {straight:.0%} go to {self.cascade.escalate_to} at once.",
            f"The calls pay when more than {sim.breaks_even_at():.0%} of the answers are kept.",
            f"After the first calls the sign weighs {self.fitted.weight:.0%} and the prompt {1 - self.fitted.weight:.0%}.",
            *super().explain(),
        ]


def weighted_quantile(values: np.ndarray, weights: np.ndarray, q: float) -> float:
    """The value below which a share q of the weight lies, halfway between neighbours where it falls between two; (n,) of each."""
    order = np.argsort(values, kind="stable")
    w = weights[order]
    return float(np.interp(q, (np.cumsum(w) - w / 2) / w.sum(), values[order]))


def _finite(value: Any) -> Any:
    """For JSON, which has no infinity and no NaN."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
