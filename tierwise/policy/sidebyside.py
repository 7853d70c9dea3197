"""Two policies on one run, or two runs on the prompts they share: the figures of each, and the difference paired by prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tierwise.errors import BadInput
from tierwise.grading.summary import TierSummary, summary
from tierwise.policy import Evaluation, evaluate
from tierwise.statistics.intervals import mean_interval
from tierwise.tuning.answers import Answers
from tierwise.types import OutcomeMatrix, Policy


@dataclass(frozen=True)
class Difference:
    """B minus A in mean grade, over n prompts that both have, with its 95 % interval."""

    what: str
    n: int
    value: float
    ci95: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "n": self.n, "difference": self.value, "ci95": list(self.ci95)}

    def __str__(self) -> str:
        low, high = (100 * v for v in self.ci95)
        return f"{self.what}: B is {100 * self.value:+.2f} points against A [{low:+.2f}, {high:+.2f}], n = {self.n:,}"


@dataclass(frozen=True)
class Policies:
    """Two policies that decided the same prompts."""

    evaluations: tuple[Evaluation, Evaluation]
    quality: Difference
    agree: float
    """Share of the prompts that both serve from the same model."""
    simulated: bool

    def to_json(self) -> dict[str, Any]:
        a, b = (e.to_json() | {"policy": e.policy.id, "name": e.policy.name} for e in self.evaluations)
        return {"a": a, "b": b, "quality": self.quality.to_json(), "agree": self.agree, "simulated": self.simulated}


@dataclass(frozen=True)
class Runs:
    """Two runs, tier by tier."""

    names: tuple[str, str]
    tiers: tuple[tuple[TierSummary | None, TierSummary | None], ...]
    """Tiers of the same name, else of the same model, and those that only one run has."""
    differences: tuple[Difference, ...]
    shared: int
    """Prompts that both have; the differences are over these."""
    simulated: tuple[bool, bool]

    def to_json(self) -> dict[str, Any]:
        pairs = [{"a": a.to_json() if a else None, "b": b.to_json() if b else None} for a, b in self.tiers]
        return {"a": self.names[0], "b": self.names[1], "tiers": pairs, "differences": [d.to_json() for d in self.differences],
                "shared_prompts": self.shared, "simulated": list(self.simulated)}  # fmt: skip


def compare_policies(a: Policy, b: Policy, matrix: OutcomeMatrix, answers: Answers | None = None) -> Policies:
    """Both policies on the outcomes of a run.

    Raises:
        BadInput: the run lacks a tier of one of them.
        NotReady: no prompt is graded and priced on all of their tiers.
    """
    found = tuple(evaluate(p, matrix, answers=answers if "cascade" in p.document else None) for p in (a, b))
    served = [[d["served"] for d in e.decisions] for e in found]
    column = {t.model: k for k, t in reversed(list(enumerate(matrix.run.tiers)))}
    quality = [np.array([row[column[m]] for row, m in zip(matrix.quality, models, strict=True)]) for models in served]
    same = float(np.mean([x == y for x, y in zip(*served, strict=True)]))
    return Policies(found, _paired("Quality served", quality, matrix), same, _simulated(matrix))


def compare_runs(a: OutcomeMatrix, b: OutcomeMatrix) -> Runs:
    """Two graded runs; prompts are the same where their ids are, and their texts.

    Raises:
        BadInput: no tier of one is a tier of the other, and they share no prompt.
    """
    place = {s.id: i for i, s in enumerate(b.samples)}
    at = [(i, place[s.id]) for i, s in enumerate(a.samples) if s.id in place and s.chat() == b.samples[place[s.id]].chat()]
    left, right = a.take(np.array([i for i, _ in at], int)), b.take(np.array([j for _, j in at], int))
    pairs = _tiers(a, b)
    if not at and not any(x is not None and y is not None for x, y in pairs):
        raise BadInput(f"{a.run.name!r} and {b.run.name!r} have no tier and no prompt in common.")
    rows = summary(a), summary(b)
    both = [(x, y) for x, y in pairs if x is not None and y is not None]
    different = tuple(_paired(a.tiers[x], [left.quality[:, x], right.quality[:, y]], left) for x, y in both) if at else ()
    listed = tuple((rows[0][x] if x is not None else None, rows[1][y] if y is not None else None) for x, y in pairs)
    return Runs((a.run.name, b.run.name), listed, tuple(d for d in different if d.n), len(at), (_simulated(a), _simulated(b)))


def _tiers(a: OutcomeMatrix, b: OutcomeMatrix) -> list[tuple[int | None, int | None]]:
    left: dict[int, int] = {}
    for attribute in ("name", "model"):
        known = {getattr(t, attribute): j for j, t in enumerate(b.run.tiers)}
        for i, tier in enumerate(a.run.tiers):
            j = known.get(getattr(tier, attribute))
            if i not in left and j is not None and j not in left.values():
                left[i] = j
    pairs: list[tuple[int | None, int | None]] = [(i, left.get(i)) for i in range(len(a.run.tiers))]
    return pairs + [(None, j) for j in range(len(b.run.tiers)) if j not in left.values()]


def _paired(what: str, quality: Sequence[np.ndarray], matrix: OutcomeMatrix) -> Difference:
    change = quality[1] - quality[0]
    known = np.isfinite(change)
    if not known.any():
        return Difference(what, 0, float("nan"), (float("nan"), float("nan")))
    w = matrix.weights[known]
    low, high = mean_interval(change[known], w, matrix.clusters[known], low=-1.0)
    return Difference(what, int(known.sum()), float((w * change[known]).sum() / w.sum()), (low, high))


def _simulated(matrix: OutcomeMatrix) -> bool:
    return matrix.run.simulated or any(t.simulated for t in matrix.run.tiers)
