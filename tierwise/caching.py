"""What a cache in front of the models would do to a stream of prompts: how often it answers, and how often wrongly.

Replayed, not promised: prompts arrive in the order of their set, a miss is answered and kept, and a hit takes the kept answer of the
nearest prompt. A hit is false when that answer scores worse on the new prompt than the model's own answer does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tierwise.errors import NotReady
from tierwise.grading.grades import grade_outcomes, matrix
from tierwise.store import Store
from tierwise.types import Outcome, Sample

MOST = 3_000
"""Prompts replayed; of a larger set the first ones."""

GRID = (1.0, 0.99, 0.97, 0.95, 0.92, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5)
WORSE = 0.05
"""A hit's answer may score so much less than the model's own before it counts as false."""

SURE = 0.95


@dataclass(frozen=True)
class AtThreshold:
    """A cache that answers when a kept prompt is at least this similar."""

    threshold: float
    hits: int
    exact_hits: int
    """Of the hits, those whose text is the same to the letter."""
    graded_hits: int
    """Hits whose answer could be graded."""
    false_hits: int
    """Of the graded ones."""
    false_rate: float
    """Of graded hits; NaN without any."""
    false_rate_upper95: float
    """Clopper-Pearson, one-sided: 3.0 / n with none seen among n. 1 without graded hits."""
    saved_usd: float
    """What the hits would have cost on the tier."""


@dataclass(frozen=True)
class Replay:
    """One tier's answers behind a cache, at several thresholds, the strictest first."""

    tier: str
    n: int
    cost_usd: float
    """Of all prompts without a cache."""
    rows: tuple[AtThreshold, ...]

    def best(self, tolerated: float) -> AtThreshold | None:
        """The threshold with most hits whose false rate is shown to be at most `tolerated`."""
        good = [r for r in self.rows if r.hits and r.false_rate_upper95 <= tolerated]
        return max(good, key=lambda r: r.hits, default=None)


def tolerable(cost_usd: float, wrong_usd: float, lookup_usd: float = 0.0, hit_rate: float = 1.0) -> float:
    """The highest false-hit rate at which a cache still pays: (cost of a call - look-up / hit rate) / price of a wrong answer."""
    return min(1.0, max(0.0, (cost_usd - lookup_usd / max(hit_rate, 1e-9)) / wrong_usd)) if wrong_usd > 0 else 1.0


def replay(store: Store, run_id: str, tier: str, thresholds: Sequence[float] = GRID, vectors: np.ndarray | None = None) -> Replay:
    """Replay a run's prompts against a cache of one tier's answers.

    Args:
        vectors: (n, d) embeddings of the prompts, in the order of the set; words and letters by TF-IDF without them.

    Raises:
        NotReady: the run has no grades, or the tier gave no answers.
    """
    run = store.runs.get(run_id)
    graded = matrix(store, run.id)
    if tier not in graded.tiers:
        raise NotReady(f"The run {run.name!r} has no tier {tier!r}. It has: {', '.join(graded.tiers)}.")
    samples = graded.samples[:MOST]
    column = graded.tiers.index(tier)
    own, cost = graded.quality[: len(samples), column], graded.cost[: len(samples), column]
    answers = _answers(store, run.id, tier)
    if not answers:
        raise NotReady(f"Tier {tier!r} of {run.name!r} gave no answers that are kept.")
    near = similarities(samples) if vectors is None else _cosine(np.asarray(vectors, float)[: len(samples)])
    texts = [_key(s) for s in samples]
    simulated = [_stream(near, texts, t) for t in sorted(thresholds, reverse=True)]
    wanted = {(i, j) for pairs in simulated for i, j in pairs if samples[j].id in answers}
    scores = _scores(samples, wanted, answers, run.params.get("scorer") or "auto", run.params.get("scorer_options"))
    rows = []
    for threshold, pairs in zip(sorted(thresholds, reverse=True), simulated, strict=True):
        seen = [(scores[p], own[p[0]]) for p in pairs if scores.get(p) is not None and np.isfinite(own[p[0]])]
        false = sum(theirs < mine - WORSE for theirs, mine in seen)
        rate = false / len(seen) if seen else float("nan")
        saved = float(np.nansum([cost[i] for i, _ in pairs]))
        exact = sum(texts[i] == texts[j] for i, j in pairs)
        rows.append(AtThreshold(threshold, len(pairs), exact, len(seen), false, rate, _upper(false, len(seen)), saved))
    return Replay(tier, len(samples), float(np.nansum(cost)), tuple(rows))


def similarities(samples: Sequence[Sample]) -> np.ndarray:
    """(n, n) cosine of prompts by words, word pairs and letters; TF-IDF on these prompts. Another document is another prompt."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    texts = [_key(s) for s in samples]
    if not any(t.strip() for t in texts):
        return np.eye(len(texts))
    kinds = (TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\S+"),
             TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, max_features=200_000))  # fmt: skip
    parts = [kind.fit_transform(texts) for kind in kinds]
    joined = normalize(hstack(parts).tocsr())
    return np.clip(np.asarray((joined @ joined.T).todense()), 0.0, 1.0)


def _stream(near: np.ndarray, texts: Sequence[str], threshold: float) -> list[tuple[int, int]]:
    """(prompt, kept prompt whose answer it takes) of every hit, in order of arrival. The same text is always a hit."""
    kept: list[int] = []
    first: dict[str, int] = {}
    hits = []
    for i, text in enumerate(texts):
        if text in first:
            hits.append((i, first[text]))
            continue
        if kept and threshold < 1:
            row = near[i, kept]
            best = int(row.argmax())
            if row[best] >= threshold:
                hits.append((i, kept[best]))
                continue
        first[text] = i
        kept.append(i)
    return hits


def _answers(store: Store, run_id: str, tier: str) -> dict[str, str]:
    frame = store.runs.outcomes(run_id)
    mine = frame[(frame["tier"] == tier) & (frame["repeat"] == 0) & frame["status"].isin(("ok", "truncated"))]
    return {s: o for s, o in zip(mine["sample_id"], mine["output"], strict=True) if isinstance(o, str) and o}


def _scores(samples: Sequence[Sample], pairs: set[tuple[int, int]], answers: dict[str, str], scorer: str, options: Any) -> dict:
    """The grade of each kept answer on the prompt that would get it; None where it cannot be graded."""
    ordered = sorted(pairs)
    by_id = {s.id: s for s in samples}
    outcomes = [Outcome(samples[i].id, "cache", k, output=answers[samples[j].id]) for k, (i, j) in enumerate(ordered)]
    try:
        grades = grade_outcomes(by_id, outcomes, scorer, options)
    except Exception as error:  # a scorer that needs a model, or one of another tool: hits are counted, not judged
        if type(error).__module__.startswith("tierwise"):
            return {}
        raise
    return {pair: g.value for pair, g in zip(ordered, grades, strict=True)}


def _key(sample: Sample) -> str:
    return "\n".join(m["content"] for m in sample.chat())


def _cosine(vectors: np.ndarray) -> np.ndarray:
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return np.clip(unit @ unit.T, -1.0, 1.0)


def _upper(false: int, n: int) -> float:
    """One-sided 95 % Clopper-Pearson limit."""
    if n == 0:
        return 1.0
    from scipy.stats import beta

    return 1.0 if false >= n else float(beta.ppf(SURE, false + 1, n - false))
