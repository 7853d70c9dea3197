"""Cascades: ask one or two cheap models first, keep their answer when a sign speaks for it, else ask the frontier tier.

A run stores every tier's answer, so what a cascade would have served and paid is known without a new call. Every call counts, the
discarded ones too. Signs that need no grade: two models agree, repeats of one model agree, or a confidence that came with the answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal

import numpy as np

from tierwise.errors import BadInput, NotReady
from tierwise.tuning.answers import Answers, agreement
from tierwise.tuning.lattice import KEPT, assign
from tierwise.types import OutcomeMatrix

Sign = Literal["agreement", "repeats", "confidence"]
PREFIX = "cascade"
DOUBT = "doubt"
"""The metadata key under which an escalation score reads how much speaks against the cheap answer, in [0, 1]."""


@dataclass(frozen=True)
class Cascade:
    """Who is asked first, whose answer is kept, by what sign, and who is asked otherwise."""

    calls: tuple[str, ...]
    """Tiers asked first, in order; each is paid whatever comes of it."""
    escalate_to: str
    sign: Sign = "agreement"
    repeats: int = 1
    """How often each of them is asked."""
    compare_as: str = "auto"
    """How answers are compared; one of `answers.KINDS`."""

    def __post_init__(self) -> None:
        alone = self.sign == "repeats" and (self.repeats < 2 or len(self.calls) != 1)
        if alone or (self.sign == "agreement" and len(self.calls) < 2):
            raise BadInput("Agreement needs two models, and self-consistency two answers or more of one.")
        if len(set(self.calls)) < len(self.calls) or self.escalate_to in self.calls:
            raise BadInput(f"A cascade asks each model once: {', '.join(self.calls)}, then {self.escalate_to}.")

    @property
    def keep(self) -> str:
        """Whose answer is served when the sign is good: the last one asked, which is the dearer and mostly the better."""
        return self.calls[-1]

    @property
    def name(self) -> str:
        """As in `--router cascade:a+b`."""
        who = "+".join(self.calls)
        return f"{PREFIX}:{who}" + {"agreement": "", "repeats": f"x{self.repeats}", "confidence": "?"}[self.sign]

    @property
    def rule(self) -> str:
        """In words, without thresholds."""
        sign = {
            "agreement": f"{' and '.join(self.calls)} agree",
            "repeats": f"{self.repeats} answers of {self.calls[0]} agree",
            "confidence": f"{self.calls[0]} is sure",
        }[self.sign]
        return f"ask {' and '.join(self.calls)} first; keep the answer of {self.keep} when {sign}, else ask {self.escalate_to}"

    @property
    def paid(self) -> tuple[str, ...]:
        """Every call before an escalation, in order."""
        return tuple(tier for tier in self.calls for _ in range(self.repeats))


@dataclass(frozen=True)
class Replayed:
    """A cascade on the prompts of a matrix; actions are KEPT, ESCALATED and STRAIGHT."""

    cascade: Cascade
    doubt: np.ndarray = field(repr=False)
    """(n,) in [0, 1]: what speaks against the cheap answer."""
    quality: np.ndarray = field(repr=False)
    """(n, 3)"""
    cost: np.ndarray = field(repr=False)
    """(n, 3) US dollars, every call paid."""
    latency: np.ndarray = field(repr=False)
    """(n, 3) seconds, calls one after another."""

    @property
    def agreed(self) -> float:
        """Share of prompts with no sign against the cheap answer."""
        return float((self.doubt == 0).mean())

    def breaks_even_at(self) -> float:
        """The share of answers that must be kept for the calls to pay: (c_cheap) / c_frontier, means over prompts."""
        first = self.cost[:, KEPT].mean()
        return float(first / self.cost[:, -1].mean()) if self.cost[:, -1].mean() > 0 else 1.0


def possible(matrix: OutcomeMatrix, answers: Answers | None, confidence: Mapping[str, np.ndarray] | None = None) -> list[Cascade]:
    """The cascades that the stored answers allow: every pair of lower tiers, repeats of each, and each with a confidence.

    Pairs only: longer chains did no better than the best pair (arXiv 2605.06350).
    """
    *lower, top = matrix.tiers
    found = [Cascade((t,), top, "confidence") for t in lower if t in (confidence or {})]
    if answers is None:
        return found
    repeats = dict(zip(matrix.tiers, answers.repeats.tolist(), strict=True))
    found += [Cascade(pair, top, "agreement", 1, answers.compare_as) for pair in combinations(lower, 2) if all(repeats[t] for t in pair)]
    return found + [Cascade((t,), top, "repeats", repeats[t], answers.compare_as) for t in lower if repeats[t] > 1]


def replay(
    cascade: Cascade, matrix: OutcomeMatrix, answers: Answers | None = None, confidence: Mapping[str, np.ndarray] | None = None
) -> Replayed:
    """What a cascade would have done, from stored outcomes.

    Args:
        confidence: (n,) in [0, 1] by tier, for the sign of that name.

    Raises:
        BadInput: the matrix has no such tier.
        NotReady: the answers or the confidence it needs are not there.
    """
    place = {t: k for k, t in enumerate(matrix.tiers)}
    for tier in (*cascade.calls, cascade.escalate_to):
        if tier not in place:
            raise BadInput(f"The run {matrix.run.name!r} has no tier {tier!r}. It has: {', '.join(place)}.")
    first, keep, top = [place[t] for t in cascade.paid], place[cascade.keep], place[cascade.escalate_to]
    doubt = _doubt(cascade, matrix, answers, confidence, place)
    quality = matrix.quality[:, [keep, top, top]]

    def chain(values: np.ndarray) -> np.ndarray:
        asked = values[:, first].sum(1)
        return np.stack([asked, asked + values[:, top], values[:, top]], axis=1)

    return Replayed(cascade, doubt, quality, chain(matrix.cost), chain(matrix.latency))


def _doubt(
    cascade: Cascade, matrix: OutcomeMatrix, answers: Answers | None, confidence: Mapping[str, np.ndarray] | None, place: Mapping[str, int]
) -> np.ndarray:
    if cascade.sign == "confidence":
        if cascade.keep not in (confidence or {}):
            raise NotReady(f"There is no confidence of {cascade.keep}.")
        return 1 - np.nan_to_num(np.asarray(confidence[cascade.keep], float), nan=0.0).clip(0, 1)
    if answers is None:
        raise NotReady(f"The answers of {matrix.run.name!r} are needed to see whether they agree.")
    read = Answers(answers.outputs, cascade.compare_as)
    cells = [(place[t], r) for t in reversed(cascade.calls) for r in range(cascade.repeats)]
    columns = [read.said(matrix.samples, tier, repeat) for tier, repeat in cells]
    return 1 - np.array([agreement(group) for group in zip(*columns, strict=True)])


def confidences(matrix: OutcomeMatrix, key: str = "confidence") -> dict[str, np.ndarray]:
    """(n,) by tier, in [0, 1]: `confidence_<tier>` of the prompts' metadata, or what came with the answers (`OutcomeMatrix.confidence`); tiers
    that many prompts have none for are left out."""
    found = {}
    for k, tier in enumerate(matrix.tiers[:-1]):
        values = np.array([_number(s.metadata.get(f"{key}_{tier}")) for s in matrix.samples], float)
        if matrix.confidence is not None and not np.isfinite(values).any():
            values = matrix.confidence[:, k]
        if len(values) and np.isfinite(values).mean() >= 0.95:
            found[tier] = values
    return found


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")


@dataclass(frozen=True)
class Fitted:
    """A replayed cascade with held-out scores: `scores[:, 0]` before any call, `scores[:, 1]` after the first calls."""

    replayed: Replayed
    scores: np.ndarray = field(repr=False)
    """(n, 2) in [0, 1]. Straight to the frontier tier from the first threshold on; escalated from the second on."""
    raw_after: np.ndarray = field(repr=False)
    """(n,) the second score before it was turned into ranks."""
    weight: float
    """What doubt weighs in the score after the calls, of 1; the prompt score weighs the rest."""

    @property
    def name(self) -> str:
        return self.replayed.cascade.name

    def on(self, replayed: Replayed, before: np.ndarray) -> "Fitted":
        """The same rule on other prompts, with the prompt scores of the deployed router."""
        raw = self.weight * replayed.doubt + (1 - self.weight) * before
        ordered = np.sort(self.raw_after)
        after = (np.searchsorted(ordered, raw, "left") + np.searchsorted(ordered, raw, "right")) / (2 * len(ordered))
        return Fitted(replayed, np.stack([before, after], axis=1), self.raw_after, self.weight)

    def after_spec(self, before: Mapping[str, Any]) -> dict[str, Any]:
        """The score after the calls as a spec for `evaluator.score`, with the doubt in the metadata.

        Args:
            before: the spec of the deployed prompt router.
        """
        from tierwise.routers.average import ranked

        terms = [{"feature": "metadata_number", "key": DOUBT, "weight": 1.0}]
        members = [{"weight": max(self.weight, 1e-6), "spec": {"type": "linear", "link": "identity", "intercept": 0.0, "terms": terms}}]
        if self.weight < 1:
            members.append({"weight": 1 - self.weight, "spec": dict(before)})
        return ranked({"type": "mean", "members": members}, self.raw_after, 1000)


def fit(replayed: Replayed, before: np.ndarray, fold: np.ndarray, weights: np.ndarray) -> Fitted:
    """Learn how much the sign and how much the prompt should count, each fold from the others.

    The score after the calls is the weighted mean of doubt and the prompt's own score, with the weights of a logistic regression of "the
    frontier tier is better" on both.

    Args:
        before: (n,) cross-fitted prompt scores, higher = harder.
        fold: (n,) integers.
    """
    from tierwise.routers.crossfit import mid_ranks

    gap = replayed.quality[:, -1] - replayed.quality[:, KEPT]
    raw, ranks = np.empty(len(gap)), np.empty(len(gap))
    whole = _share(replayed.doubt, before, gap, weights)
    for k in np.unique(fold):
        here = fold == k
        own = _share(replayed.doubt[~here], before[~here], gap[~here], weights[~here])
        raw[here] = own * replayed.doubt[here] + (1 - own) * before[here]
        ranks[here] = mid_ranks(raw[here])
    return Fitted(replayed, np.stack([before, ranks], axis=1), raw, whole)


TIE = 0.15
"""How much a prompt counts on which both answers are as good: a little, on the cheap side, as in the logistic router."""


def _share(doubt: np.ndarray, before: np.ndarray, gap: np.ndarray, weights: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression

    won, pull = gap > 0, np.where(gap == 0, TIE, np.abs(gap)) * weights
    if len(np.unique(won)) < 2 or not np.ptp(doubt) > 0:
        return 1.0 if np.ptp(doubt) > 0 else 0.0
    a, b = np.maximum(LogisticRegression(C=3.0).fit(np.stack([doubt, before], 1), won, pull).coef_[0], 0.0)
    return round(float(a / (a + b)), 4) if a + b > 0 else 1.0


def served(choice: np.ndarray, cascade: Cascade, tiers: Sequence[str]) -> np.ndarray:
    """(n,) tier whose answer each prompt gets."""
    return np.where(choice == KEPT, tiers.index(cascade.keep), tiers.index(cascade.escalate_to))


def calls(action: int, cascade: Cascade) -> list[str]:
    """Every tier paid for a prompt, in order."""
    return [*cascade.paid, cascade.escalate_to][: len(cascade.paid) + action] if action < 2 else [cascade.escalate_to]


def decide(scores: np.ndarray, thresholds: Sequence[float]) -> np.ndarray:
    """(n,) actions of (n, 2) scores."""
    return assign(np.asarray(scores, float), np.asarray(thresholds, float))
