"""From a graded run to a policy: the router, the thresholds for an aim, and what may honestly be said of them.

Scores are cross-fitted: each prompt is scored by a router that has not seen it. Router and thresholds are chosen again without each fold
and read off it, which gives the held-out figures. docs/statistics.md says how each number is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.grading.opinion import opinion
from tierwise.routers import DEFAULT_CANDIDATES, ROUTERS
from tierwise.routers.crossfit import folds_of
from tierwise.statistics.certify import floor
from tierwise.traffic.weighing import Weighing
from tierwise.tuning import cascade, scoring
from tierwise.tuning.advice import FEW, data_warnings, result_warnings
from tierwise.tuning.aims import Aim
from tierwise.tuning.answers import Answers
from tierwise.tuning.cascade_frontier import cascade_frontier, cascade_metrics
from tierwise.tuning.certificate import DEFAULT_EPSILON, WORTH_HAVING, Certificate, Path
from tierwise.tuning.changes import by_request_type, flips
from tierwise.tuning.heldout import Candidate, Folded, HeldOut
from tierwise.tuning.metrics import metrics
from tierwise.tuning.references import RandomMix, references
from tierwise.tuning.terms import Terms
from tierwise.tuning.transfer import Scored
from tierwise.tuning.tuned import CascadeTuning, Monthly, Tuning, monthly
from tierwise.types import OutcomeMatrix

if TYPE_CHECKING:
    from tierwise.grading.human import HumanGrades

__all__ = ["CascadeTuning", "Monthly", "Tuning", "by_request_type", "flips", "monthly", "tune"]

SURE, HINT = 1.28, 0.5
"""Standard errors by which a router must beat a coin flip of the same cost: for `routable` (one in ten that know nothing gets there),
and for the verdict that more prompts may show it."""

CASCADE_PAYS = "A cascade does better here"
MODES = ("standard", "strict", "anytime")
Progress = Callable[[str, float], Any]


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
    answers: Answers | None = None,
    mode: str = "standard",
    human: HumanGrades | None = None,
    terms: Terms | None = None,
    traffic: Weighing | None = None,
) -> Tuning:
    """Choose router and thresholds for an aim (default: at most 2 points of loss), with held-out figures and a certificate.

    Args:
        router: a name in ROUTERS; `auto`: the one worth most on held-out prompts, the simpler one when two are within half a point;
            `cascade`: the best cascade, or `cascade:a+b` for one of them.
        delta: the certificate may be wrong with this probability.
        tiers: names (or models) of some tiers in the order wanted, cheapest first; default all as in the run.
        progress: called with what is being done and the fraction done.
        options: for the router's constructor, when one router is named.
        answers: the stored answers of `matrix`, so that cascades can be tried; `auto` measures them beside the routers, and does not take
            one, since gateways cannot run it.
        mode: `standard` (cross-fitting), `strict` (half the prompts choose, the other half judges: an exact promise from fewer prompts) or
            `anytime` (the promise stays good when it is asked for again after adding prompts; needs more of them).
        human: what people said of the run. Their grades correct the loss, and from 50 routed prompts on they decide the certificate;
            without them it is the opinion of the automatic grades. See `Tuning.opinion`.
        terms: request types pinned to a tier, and what the router itself costs; every figure and the promise are under them.
        traffic: whose mix the prompts of `matrix` are weighed by, for the record (`traffic.weighed` gives both).

    Raises:
        NotReady: no complete prompt, fewer than two tiers, no thresholds keep the aim's limits, or a cascade without answers.
        NotFound: no such router or tier.
        BadInput: delta is not between 0 and 1, or there is no such mode.
    """
    if not 0 < delta < 1:
        raise BadInput(f"delta={delta:g}: give a probability between 0 and 1, such as 0.10.")
    if mode not in MODES:
        raise BadInput(f"There is no mode {mode!r}. Modes: {', '.join(MODES)}.")
    aim = aim or Aim(max_loss=DEFAULT_EPSILON)
    say = progress or (lambda what, fraction: None)
    wanted = tuple(tiers) if tiers else None
    by_cascade = router.partition(":")[0] == cascade.PREFIX
    names = [] if by_cascade else list(DEFAULT_CANDIDATES) if router == "auto" else [router]
    for name in names:
        ROUTERS[name]
    say("Reading the graded prompts", 0.0)
    used = scoring.usable(matrix, wanted)
    terms = (terms or Terms()).named(used.tiers)
    terms.beside(used)
    given = scoring.answers_of_used(matrix, answers, wanted) if answers is not None else None
    learn, judge = scoring.halves(used, seed) if mode == "strict" else (slice(None), None)
    base, own = (used, given) if judge is None else (scoring.part(used, learn), given.take(learn) if given else None)
    folds = max(2, min(folds, len(np.unique(base.clusters))))
    scored: dict[str, Scored] = {}
    for i, name in enumerate(names):
        say(f"Scoring held-out prompts with router {name}", 0.05 + 0.6 * i / len(names))
        scored[name] = scoring.scored(base, name, folds, seed, options)
    fold = scored[names[0]].crossed.fold if names else folds_of(base.clusters, folds, seed)
    tried: dict[str, scoring.Tried] = {}
    if by_cascade or router == "auto":
        say("Trying cascades on the stored answers", 0.65)
        tried = scoring.tried(base, own, fold, folds, seed)
        tried = _named(tried, router, used) if by_cascade else tried
    say("Choosing thresholds", 0.7)
    scores = {name: s.scores for name, s in scored.items()} | {name: t.fitted.scores for name, t in tried.items()}
    folded = Folded(base, scores, fold, aim, {name: t.fitted.replayed for name, t in tried.items()}, terms)
    pool = names or list(tried)
    best = folded.best(pool)
    try:
        thresholds = folded.thresholds(best, final=True)
    except NotReady as error:
        if not terms.pins:
            raise
        raise NotReady(f"{error} Or take a pin away: pins hold whatever the thresholds.") from error
    say("Reading off held-out folds", 0.8)
    chosen_router = tried[best].before if by_cascade else scored[best]
    fitted = tried[best].fitted if by_cascade else None
    if judge is None:
        routers = folded.nested(pool)
        read = _Read(base, folded.scores[best], fitted, folded.held_out(routers, best, thresholds, seed), Path.of(folded, routers, best))
    else:
        other = scoring.part(used, judge), given.take(judge) if given else None
        read = _judged(folded, best, thresholds, chosen_router, fitted, *other, seed)
    say("Walking the certificate", 0.9)
    held, path, m = read.held, read.path, read.matrix
    epsilon = aim.max_loss if aim.max_loss is not None else DEFAULT_EPSILON
    certificate = path.certificate(epsilon, delta, held.saving, anytime=mode == "anytime")
    checked = opinion(human, m, held, path, certificate) if human is not None and human.prompts else None
    certificate = checked.decides if checked else certificate
    known = references(m)
    mix: RandomMix = known["random_mix"]
    baselines = {
        "always_cheapest": known["always_cheapest"],
        "always_frontier": known["always_frontier"],
        "zero_router": mix.choose(aim),
        "coin_flip": mix.at_cost(held.cost_per_1k_usd),
        "oracle": known["oracle"],
    }
    ranking = folded.ranking([*names, *tried])
    read_off = next(c for c in ranking if c.router == best) if judge is None else held
    flipped = mix.at_cost(read_off.cost_per_1k_usd)
    verdict = _verdict(held, path, read_off.quality > flipped.quality + 1e-9, certificate)
    warnings = data_warnings(scoring.columns(matrix, wanted), used) + terms.warnings(used)
    warnings += result_warnings(m, held, aim, (read_off.quality, flipped.quality), verdict, floor(epsilon, delta))
    warnings += _cascade_pays(ranking, best, tried, aim) if not by_cascade else []
    if fitted:
        under = terms.of_cascade(read.fitted, m)
        frontier = cascade_frontier(under, m, terms)
        more: dict[str, Any] = {"fitted": under, "metrics": cascade_metrics(read.fitted, m)}
    else:
        frontier = terms.frontier(read.scores, m)
        more = {"metrics": metrics(read.scores, m.quality, m.cost, m.weights)}
    say("Done", 1.0)
    return (CascadeTuning if fitted else Tuning)(
        run=used.run, matrix=m, router=best, tiers=used.tiers, n=len(m), aim=aim, delta=delta, seed=seed, folds=folds,
        scores=read.scores, frontier=frontier, chosen=frontier.at(thresholds), heldout=held, certificate=certificate,
        baselines=baselines, references=known, candidates=tuple(ranking), verdict=verdict, warnings=tuple(warnings),
        scored=chosen_router, path=path, mode=mode, opinion=checked, terms=terms, traffic=traffic, **more,
    )  # fmt: skip


@dataclass(frozen=True)
class _Read:
    """Prompts with the figures that were read off them."""

    matrix: OutcomeMatrix
    scores: np.ndarray
    fitted: cascade.Fitted | None
    held: HeldOut
    path: Path


def _judged(
    folded: Folded, best: str, thresholds: np.ndarray, router: Scored, fitted: cascade.Fitted | None,
    m: OutcomeMatrix, answers: Answers | None, seed: int,
) -> _Read:  # fmt: skip
    """Strict mode: router, thresholds and path as half the prompts chose them, read off the other half."""
    if router.deployed.spec is None:
        raise BadInput(f"Router {best} cannot score prompts that it was not tuned on, so it cannot be judged strictly.")
    scores = router.deployed.score(m.samples)
    if fitted:
        replayed = cascade.replay(fitted.replayed.cascade, m, answers, cascade.confidences(m))
        fitted = fitted.on(replayed, scores)
        scores = fitted.scores
    half = Folded(m, {best: scores}, np.zeros(len(m), int), folded.aim, {best: fitted.replayed} if fitted else None, folded.terms)
    method = f"strict split: router and thresholds chosen on {len(folded.rows):,} other prompts"
    held = half.figures(half.read(best, thresholds, half.rows), method, (best,), seed)
    at = folded.path(best)
    return _Read(m, scores, fitted, held, Path.reading(half, half.along_path(best, at), at, "strict split"))


def _named(tried: dict[str, scoring.Tried], router: str, used: OutcomeMatrix) -> dict[str, scoring.Tried]:
    """The cascades asked for."""
    if not tried:
        raise NotReady(
            f"No cascade can be tried on {used.run.name!r}. It takes stored answers of two tiers below the last, repeats of one, or a "
            "confidence_<tier> in the prompts' metadata."
        )
    if router == cascade.PREFIX:
        return tried
    if router not in tried:
        raise NotFound(f"There is no cascade called {router!r} here. Cascades: {', '.join(tried)}.")
    return {router: tried[router]}


def _cascade_pays(ranking: list[Candidate], best: str, tried: Mapping[str, scoring.Tried], aim: Aim) -> list[str]:
    """A sentence when a cascade is worth more than the router taken."""
    worth = {c.router: c for c in ranking}
    rival = max((worth[name] for name in tried), key=lambda c: c.worth, default=None)
    if rival is None or rival.worth <= worth[best].worth + 0.02:
        return []
    rule = tried[rival.router].fitted.replayed.cascade.rule
    return [
        f"{CASCADE_PAYS}: {rule}. Held-out it saves {rival.saving:.1%} at {rival.loss * 100:.1f} points of loss (the router: "
        f"{worth[best].saving:.1%} at {worth[best].loss * 100:.1f}). Tune with router {rival.router}; gateways cannot run it by themselves."
    ]


def _verdict(held: HeldOut, path: Path, beats_coin: bool, certificate: Certificate) -> str:
    """`beats_coin`: read off folds that chose nothing, the router does better than a coin flip of the same cost."""
    if certificate.units < max(FEW, floor(certificate.epsilon, certificate.delta)):
        return "too few prompts"
    gain, error = path.over_coin_flip
    if held.saving < WORTH_HAVING or not beats_coin or gain <= HINT * error + 1e-12:
        return "not routable"
    return "routable" if gain > SURE * error else "too few prompts"
