"""What a grading by models will send and cost, before it starts."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tierwise.endpoints.prices import price
from tierwise.grading.grades import why_unanswered
from tierwise.judging.work import MEMBER, open_outcomes
from tierwise.runs.plan import Estimate, max_tokens, prompt_tokens
from tierwise.scorers import SCORERS, Scorer, scorer_ref
from tierwise.scorers.asking import CONCURRENCY
from tierwise.store import Store
from tierwise.types import EvalSet, Run, Sample, Tier

VERDICT_TOKENS = 120
"""As a rule: a few sentences and a number."""

UNKNOWN_ANSWER = 250.0
"""Tokens of an answer that is still to come, where no reference tells."""


def estimate_grading(store: Store, run: Run, scorer: Scorer, options: Mapping[str, Any], retry_unscored: bool = False) -> Estimate:
    """For the answers a run has, as far as this scorer has not graded them."""
    samples = {s.id: s for s in store.evalsets.get(run.evalset_id).samples}
    parts = [(scorer, options, scorer_ref(scorer.name, options))]
    if scorer.asking.members is not None:
        member = SCORERS[MEMBER]
        parts = [(member, member.parse_options(o), scorer_ref(MEMBER, o)) for o in scorer.asking.members(options)]
    found = []
    for one, given, ref in parts:
        todo = open_outcomes(store, run, ref, retry_unscored)[1]
        rows = todo.itertuples(index=False)
        sizes = [
            (samples[r.sample_id], len(r.output) / 4) for r in rows
            if why_unanswered(r.status, r.output, r.error) is None and one.lacks(samples[r.sample_id]) is None
        ]  # fmt: skip
        found.append(_estimate(one, given, sizes))
    return _sum(found)


def estimate_ahead(evalset: EvalSet, tiers: Sequence[Tier], repeats: int, scorer: Scorer, options: Mapping[str, Any]) -> Estimate:
    """For the answers of a run that is still to start."""
    parts = [(scorer, options)]
    if scorer.asking.members is not None:
        parts = [(SCORERS[MEMBER], SCORERS[MEMBER].parse_options(o)) for o in scorer.asking.members(options)]
    sizes = [
        (s, UNKNOWN_ANSWER if s.reference is None else 24 + len(s.reference) / 4)
        for s in evalset.samples if scorer.lacks(s) is None for _ in range(repeats * len(tiers))
    ]  # fmt: skip
    return _sum([_estimate(one, given, sizes) for one, given in parts])


def _estimate(scorer: Scorer, options: Mapping[str, Any], sizes: Iterable[tuple[Sample, float]]) -> Estimate:
    asking, judges = scorer.asking, scorer.asking.judges(options)
    tier = judges.get("judge") or judges["embedder"]
    priced, chat = price(tier), "judge" in judges
    limit = max_tokens(tier) if chat else 0
    calls, prompt, seen = 0, 0.0, {}
    for sample, answer in sizes:
        if sample.id not in seen:
            seen[sample.id] = (prompt_tokens(sample) if chat else 0.0) + len(sample.reference or "") / 4
        calls += asking.requests
        prompt += asking.requests * (asking.prompt_tokens + len(str(options.get("rubric", ""))) / 4 + seen[sample.id] + answer)
    verdicts = calls * min(VERDICT_TOKENS, limit)
    low, usd, high = 0.0, 0.0, 0.0
    if priced:
        usd, low, high = (
            (scale * prompt * priced.input_per_1m + tokens * priced.output_per_1m) / 1e6
            for scale, tokens in ((1.0, verdicts), (0.8, 0.4 * verdicts), (1.3, calls * limit))
        )
    minutes = calls * (0.6 + min(VERDICT_TOKENS, limit) / 60) / 60 / max(1, int(options.get("concurrency", CONCURRENCY)))
    unpriced = tuple(t.model for t in judges.values() if price(t) is None)
    return Estimate(calls, usd, low, high, minutes, unpriced)


def _sum(parts: Sequence[Estimate]) -> Estimate:
    return Estimate(
        sum(p.calls for p in parts), sum(p.usd for p in parts), sum(p.low_usd for p in parts), sum(p.high_usd for p in parts),
        sum(p.minutes for p in parts), tuple(dict.fromkeys(name for p in parts for name in p.unpriced)),
    )  # fmt: skip
