"""A saved policy on the outcomes of a run: what it would have served, kept, paid and saved."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tierwise import evaluator
from tierwise.errors import BadInput, NotReady
from tierwise.policy.cascades import replayed
from tierwise.tuning.answers import Answers
from tierwise.types import OutcomeMatrix, Policy

RESAMPLES = 1000


@dataclass(frozen=True)
class Evaluation:
    """Figures over the prompts that are graded and priced on every tier of the policy; the last tier is the reference."""

    policy: Policy
    tiers: tuple[str, ...]
    """Names of the policy's tiers."""
    n: int
    left_out: int
    """Prompts without a grade or a cost on some tier; decided, but not in the figures."""
    quality: float
    quality_ci95: tuple[float, float]
    cost_per_1k_usd: float
    loss: float
    """Frontier quality minus served quality, paired by prompt; 0.01 is one point."""
    loss_ci95: tuple[float, float]
    saving: float
    """Share of the always-frontier cost."""
    saving_ci95: tuple[float, float]
    frontier_quality: float
    frontier_cost_per_1k_usd: float
    share_by_tier: tuple[float, ...]
    method: str
    same_prompts: bool
    """The policy was tuned on this very run, so the figures are not held-out."""
    decisions: tuple[dict[str, Any], ...]
    """One a prompt: sample_id, calls (every model paid, in order), served, score."""

    def to_json(self) -> dict[str, Any]:
        return {
            "n": self.n, "left_out": self.left_out, "quality": self.quality, "quality_ci95": list(self.quality_ci95),
            "cost_per_1k_usd": self.cost_per_1k_usd, "loss": self.loss, "loss_ci95": list(self.loss_ci95),
            "saving": self.saving, "saving_ci95": list(self.saving_ci95), "method": self.method,
            "share_by_tier": dict(zip(self.tiers, self.share_by_tier, strict=True)), "same_prompts": self.same_prompts,
            "frontier": {"quality": self.frontier_quality, "cost_per_1k_usd": self.frontier_cost_per_1k_usd},
        }  # fmt: skip


def evaluate(policy: Policy, matrix: OutcomeMatrix, seed: int = 0, answers: Answers | None = None) -> Evaluation:
    """Let the policy decide for every prompt of a graded run and read off what its choices gave.

    Intervals are 95% percentile intervals of a bootstrap over clusters, paired by prompt.

    Args:
        answers: the run's stored answers; a cascade looks at them.

    Raises:
        BadInput: the run lacks a tier of the policy.
        NotReady: no prompt is graded and priced on all of them, or a cascade's answers are not there.
    """
    document = policy.document
    names = [tier["name"] for tier in document["tiers"]]
    columns = _columns(document, matrix)
    models = [matrix.run.tiers[c].model for c in columns]
    decided = [evaluator.decide(document, s.chat(), s.request_metadata()) for s in matrix.samples]
    choice = np.array([names.index(d["tier"]) for d in decided], dtype=int)
    quality, cost = matrix.quality[:, columns], matrix.cost[:, columns]
    everyone = np.arange(len(matrix))
    own, paid = quality[everyone, choice], cost[everyone, choice]
    made, scores = [[names[k]] for k in choice], [d["score"] for d in decided]
    if "cascade" in document:
        done = replayed(document, matrix, columns, decided, answers)
        choice, own, paid, made, scores = done.served, done.quality, done.cost, done.calls, done.scores
    decisions = tuple(
        {"sample_id": s.id, "calls": [models[names.index(c)] for c in called], "served": models[k], "score": score, "tier": names[k],
         "why": d["why"]}
        for s, k, called, score, d in zip(matrix.samples, choice, made, scores, decided, strict=True)
    )  # fmt: skip
    known = np.isfinite(quality).all(1) & np.isfinite(cost).all(1)
    if not known.any():
        raise NotReady(f"No prompt of {matrix.run.name!r} has a grade and a cost on every tier of the policy; grade the run first.")
    rows = np.flatnonzero(known)
    w = matrix.weights[rows] / matrix.weights[rows].sum()
    parts = np.stack([own[rows], paid[rows], quality[rows, -1], cost[rows, -1]])
    point = parts @ w
    low, high = np.percentile(_figures(_resampled(parts * w, matrix.clusters[rows], w, seed)), [2.5, 97.5], axis=1)
    kept, loss, saving = _figures(point[:, None])[:, 0]
    return Evaluation(
        policy=policy, tiers=tuple(names), n=len(rows), left_out=len(matrix) - len(rows),
        quality=float(kept), quality_ci95=(float(low[0]), float(high[0])), cost_per_1k_usd=float(point[1] * 1000),
        loss=float(loss), loss_ci95=(float(low[1]), float(high[1])), saving=float(saving), saving_ci95=(float(low[2]), float(high[2])),
        frontier_quality=float(point[2]), frontier_cost_per_1k_usd=float(point[3] * 1000),
        share_by_tier=tuple(float(w[choice[rows] == k].sum()) for k in range(len(names))),
        method=f"paired cluster bootstrap, {RESAMPLES} resamples", same_prompts=policy.run_id == matrix.run.id, decisions=decisions,
    )  # fmt: skip


def _columns(document: Any, matrix: OutcomeMatrix) -> list[int]:
    """The run's column of each tier of the policy: the tier of the same name, else the one that calls the same model."""
    by_name = {t.name: i for i, t in enumerate(matrix.run.tiers)}
    by_model = {t.model: i for i, t in reversed(list(enumerate(matrix.run.tiers)))}
    columns = []
    for tier in document["tiers"]:
        found = by_name.get(tier["name"], by_model.get(tier["model"]["litellm_model"]))
        if found is None:
            wanted = f"{tier['name']!r} ({tier['model']['litellm_model']})"
            raise BadInput(f"The run {matrix.run.name!r} has no outcomes for the policy's tier {wanted}. It has: {', '.join(by_name)}.")
        columns.append(found)
    if len(set(columns)) < len(columns):
        raise BadInput(f"Two tiers of the policy are the same tier of the run {matrix.run.name!r}.")
    return columns


def _figures(means: np.ndarray) -> np.ndarray:
    """(4, m) means of served quality and cost, frontier quality and cost -> (3, m) quality, loss, saving."""
    quality, cost, best, full = means
    with np.errstate(divide="ignore", invalid="ignore"):
        saving = np.where(full > 0, 1 - cost / full, 0.0)
    return np.stack([quality, best - quality, saving])


def _resampled(weighted: np.ndarray, clusters: np.ndarray, w: np.ndarray, seed: int) -> np.ndarray:
    """(4, n) weighted values -> (4, RESAMPLES) means over clusters drawn with replacement."""
    _, code = np.unique(clusters, return_inverse=True)
    m = int(code.max()) + 1
    sums = np.stack([np.bincount(code, row, m) for row in weighted])
    mass = np.bincount(code, w, m)
    rng = np.random.default_rng(seed)
    out = np.empty((len(weighted), RESAMPLES))
    for r in range(RESAMPLES):
        draw = np.bincount(rng.integers(0, m, m), minlength=m)
        out[:, r] = sums @ draw / (mass @ draw)
    return out
