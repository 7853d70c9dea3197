"""From a graded run to a policy: the router, the thresholds for an aim, and what may honestly be said of them.

Scores are cross-fitted: each prompt is scored by a router that has not seen it. Router and thresholds are chosen again without each fold
and read off it, which gives the held-out figures. docs/statistics.md says how each number is computed.
"""

import math
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from tierwise.advice import FEW, data_warnings, result_warnings
from tierwise.aims import Aim
from tierwise.certificate import DEFAULT_EPSILON, WORTH_HAVING, Certificate, Path
from tierwise.certify import floor
from tierwise.changes import by_request_type, flips
from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.frontier import Frontier, assign, checked, sweep
from tierwise.heldout import Candidate, Folded, HeldOut
from tierwise.metrics import metrics
from tierwise.references import RandomMix, Reference, references
from tierwise.routers import DEFAULT_CANDIDATES, ROUTERS, cross_fitted_scores
from tierwise.transfer import Scored
from tierwise.types import OperatingPoint, OutcomeMatrix, Run

__all__ = ["Monthly", "Tuning", "by_request_type", "flips", "monthly", "tune"]

SURE, HINT = 1.28, 0.5
"""Standard errors by which a router must beat a coin flip of the same cost: for `routable` (one in ten that know nothing gets there),
and for the verdict that more prompts may show it."""

Progress = Callable[[str, float], Any]


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
    path: Path = field(repr=False)

    def point(self, thresholds: Sequence[float]) -> OperatingPoint:
        """What thresholds cost and keep on these prompts.

        Raises:
            BadInput: not one a boundary, not a number, or falling.
        """
        return self.frontier.at(thresholds)

    def choice(self, thresholds: Sequence[float]) -> np.ndarray:
        """(n,) tier of each prompt."""
        return assign(self.scores, checked(thresholds, len(self.tiers)))

    def flips(self, before: Sequence[float], after: Sequence[float]) -> pd.DataFrame:
        """Prompts whose tier changes, worst first; see `changes.flips`."""
        return flips(self.matrix, self.choice(before), self.choice(after))

    def by_request_type(self, thresholds: Sequence[float]) -> pd.DataFrame:
        """See `changes.by_request_type`."""
        return by_request_type(self.matrix, self.choice(thresholds))

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
        }
        return _finite(data)


def tune(
    matrix: OutcomeMatrix,
    aim: Aim | None = None,
    router: str = "auto",
    delta: float = 0.10,
    seed: int = 0,
    folds: int = 5,
    tiers: Sequence[str] | None = None,
    progress: Progress | None = None,
    options: Mapping[str, Any] | None = None,
) -> Tuning:
    """Choose router and thresholds for an aim (default: at most 2 points of loss), with held-out figures and a certificate.

    Args:
        router: a name in ROUTERS, or `auto`: the one worth most on held-out prompts, the simpler one when two are within half a point.
        delta: the certificate may be wrong with this probability.
        tiers: names (or models) of some tiers in the order wanted, cheapest first; default all as in the run.
        progress: called with what is being done and the fraction done.
        options: for the router's constructor, when one router is named.

    Raises:
        NotReady: no complete prompt, fewer than two tiers, or no thresholds keep the aim's limits.
        NotFound: no such router or tier.
        BadInput: delta is not between 0 and 1.
    """
    if not 0 < delta < 1:
        raise BadInput(f"delta={delta:g}: give a probability between 0 and 1, such as 0.10.")
    aim = aim or Aim(max_loss=DEFAULT_EPSILON)
    say = progress or (lambda what, fraction: None)
    names = list(DEFAULT_CANDIDATES) if router == "auto" else [router]
    for name in names:
        ROUTERS[name]
    say("Reading the graded prompts", 0.0)
    used = _used(matrix, tuple(tiers) if tiers else None)
    folds = max(2, min(folds, len(np.unique(used.clusters))))
    scored: dict[str, Scored] = {}
    for i, name in enumerate(names):
        say(f"Scoring held-out prompts with router {name}", 0.05 + 0.65 * i / len(names))
        scored[name] = _scored(used, name, folds, seed, options)
    say("Choosing thresholds", 0.7)
    folded = Folded(used, {name: s.scores for name, s in scored.items()}, scored[names[0]].crossed.fold, aim)
    best = folded.best(names)
    scores = scored[best].scores
    frontier = sweep(scores, used.quality, used.cost, used.weights, used.tiers)
    chosen = frontier.at(folded.thresholds(best, final=True))
    say("Reading off held-out folds", 0.8)
    routers = folded.nested(names)
    held = folded.held_out(routers, seed)
    say("Walking the certificate", 0.9)
    path = Path.of(folded, routers, best)
    epsilon = aim.max_loss if aim.max_loss is not None else DEFAULT_EPSILON
    certificate = path.certificate(epsilon, delta, held.saving)
    known = references(used)
    mix: RandomMix = known["random_mix"]
    baselines = {
        "always_cheapest": known["always_cheapest"],
        "always_frontier": known["always_frontier"],
        "zero_router": mix.choose(aim),
        "coin_flip": mix.at_cost(held.cost_per_1k_usd),
        "oracle": known["oracle"],
    }
    verdict = _verdict(held, path, baselines["coin_flip"], certificate)
    warnings = data_warnings(_columns(matrix, tuple(tiers) if tiers else None), used)
    warnings += result_warnings(used, held, aim, baselines["coin_flip"], verdict, floor(epsilon, delta))
    say("Done", 1.0)
    return Tuning(
        run=used.run, matrix=used, router=best, tiers=used.tiers, n=len(used), aim=aim, delta=delta, seed=seed, folds=folds,
        scores=scores, frontier=frontier, chosen=chosen, heldout=held, certificate=certificate,
        metrics=metrics(scores, used.quality, used.cost, used.weights), baselines=baselines, references=known,
        candidates=tuple(folded.ranking(names)), verdict=verdict, warnings=tuple(warnings), scored=scored[best], path=path,
    )  # fmt: skip


def _verdict(held: HeldOut, path: Path, coin_flip: Reference, certificate: Certificate) -> str:
    if certificate.units < max(FEW, floor(certificate.epsilon, certificate.delta)):
        return "too few prompts"
    gain, error = path.over_coin_flip
    if held.saving < WORTH_HAVING or held.quality <= coin_flip.quality + 1e-9 or gain <= HINT * error + 1e-12:
        return "not routable"
    return "routable" if gain > SURE * error else "too few prompts"


_USED: list[tuple[weakref.ref, tuple[str, ...] | None, OutcomeMatrix]] = []
_SCORED: list[tuple[weakref.ref, tuple, Scored]] = []
KEEP = 6
"""Tunings of which the scores are kept."""


def _used(matrix: OutcomeMatrix, tiers: tuple[str, ...] | None) -> OutcomeMatrix:
    """The complete prompts with the tiers wanted; the same object for the same matrix, so that another aim reads no prompt again."""
    for known, wanted, used in list(_USED):
        if known() is matrix and wanted == tiers:
            return used
    part = _columns(matrix, tiers)
    if not part.complete.any():
        raise NotReady(_incomplete(part))
    used = part if part.complete.all() else part.take(part.complete)
    _USED.append((weakref.ref(matrix), tiers, used))
    del _USED[:-KEEP]
    return used


def _scored(used: OutcomeMatrix, name: str, folds: int, seed: int, options: Mapping[str, Any] | None) -> Scored:
    """Cross-fitting is the slow part and does not depend on the aim: the latest are kept while their prompts are in use."""
    key = (name, folds, seed, repr(sorted(options.items())) if options else None)
    for known, wanted, scored in list(_SCORED):
        if known() is used and wanted == key:
            return scored
    scored = Scored(used, cross_fitted_scores(name, used, folds, seed, options), seed, options)
    _SCORED.append((weakref.ref(used), key, scored))
    del _SCORED[: -KEEP * len(DEFAULT_CANDIDATES)]
    return scored


def _columns(matrix: OutcomeMatrix, tiers: tuple[str, ...] | None) -> OutcomeMatrix:
    """The matrix with some of its tiers, in the order wanted."""
    if not tiers:
        return matrix
    columns = []
    for wanted in tiers:
        found = [k for k, t in enumerate(matrix.run.tiers) if wanted in (t.name, t.model)]
        if not found:
            raise NotFound(f"The run {matrix.run.name!r} has no tier {wanted!r}. It has: {', '.join(matrix.tiers)}.")
        columns.append(found[0])
    if len(set(columns)) < len(columns):
        raise BadInput(f"A tier is named twice: {', '.join(tiers)}.")
    run = replace(matrix.run, tiers=tuple(matrix.run.tiers[k] for k in columns))
    arrays = {name: getattr(matrix, name)[:, columns] for name in ("quality", "cost", "latency", "truncated", "failed")}
    return replace(matrix, run=run, **arrays)


def _incomplete(m: OutcomeMatrix) -> str:
    if not len(m):
        return f"The run {m.run.name!r} has no prompts."
    ungraded = [t for k, t in enumerate(m.tiers) if not np.isfinite(m.quality[:, k]).any()]
    unpriced = [t for k, t in enumerate(m.tiers) if not np.isfinite(m.cost[:, k]).any()]
    if ungraded:
        return f"No answer of {', '.join(ungraded)} is graded yet. Grade the run first."
    if unpriced:
        return f"The cost of {', '.join(unpriced)} is not known. Set its prices per million tokens on the run's tiers, and run it again."
    return f"No prompt of {m.run.name!r} has a grade and a cost on every tier. Grade the run again."


def _finite(value: Any) -> Any:
    """For JSON, which has no infinity and no NaN."""
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
