"""Cascades in policies: their part of the document, what they decide after the first answers, and their replay on a run.

The document's own score and thresholds decide before any call, as in any policy: a request that they send to the tier `keep` goes through
the cascade, one that they send to the last tier goes straight there. A rule that names a tier is obeyed without a cascade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tierwise import evaluator
from tierwise.errors import BadInput
from tierwise.tuning.answers import Answers, agreement, said
from tierwise.tuning.cascade import DOUBT, KEPT, Cascade, calls, confidences, replay
from tierwise.tuning.lattice import ESCALATED
from tierwise.types import OutcomeMatrix, Tier

NEVER = 2.0
"""The `lt` that takes every score."""


def document_part(rule: Cascade, after_spec: Mapping[str, Any], threshold: float) -> dict[str, Any]:
    """The `cascade` of a policy document; answers are kept while the score after the calls is below `threshold`."""
    return {
        "calls": list(rule.paid), "keep": rule.keep, "escalate_to": rule.escalate_to, "sign": rule.sign,
        "compare_as": rule.compare_as, "score": dict(after_spec), "lt": min(max(float(threshold), 0.0), NEVER),
    }  # fmt: skip


def tier_thresholds(rule: Cascade, tiers: Sequence[str], threshold: float) -> list[float]:
    """One threshold a boundary, that lets only the tier kept and the last one be chosen."""
    first = tiers.index(rule.keep)
    return [0.0] * first + [min(max(float(threshold), 0.0), NEVER)] * (len(tiers) - 1 - first)


def rule_of(part: Mapping[str, Any]) -> Cascade:
    """The cascade of a document's `cascade`."""
    order = tuple(dict.fromkeys(part["calls"]))
    return Cascade(order, part["escalate_to"], part["sign"], len(part["calls"]) // len(order), part["compare_as"])


def problems(document: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], str]]:
    """What the schema cannot say of a cascade: places and what is wrong there."""
    from tierwise.policy.scores import score_problems

    part, names = document["cascade"], [tier["name"] for tier in document["tiers"]]
    found: list[tuple[tuple[str | int, ...], str]] = []
    for place, name in [(("calls", i), c) for i, c in enumerate(part["calls"])] + [((k,), part[k]) for k in ("keep", "escalate_to")]:
        if name not in names:
            found.append((("cascade", *place), f"there is no tier called {name!r}; tiers: {', '.join(names)}"))
    if found:
        return found
    order = list(dict.fromkeys(part["calls"]))
    if part["keep"] != order[-1]:
        found.append((("cascade", "keep"), "must be the tier asked last"))
    if part["escalate_to"] != names[-1] or part["escalate_to"] in order:
        found.append((("cascade", "escalate_to"), "must be the last tier, and not among the calls"))
    if any(part["calls"].count(t) != len(part["calls"]) // len(order) for t in order):
        found.append((("cascade", "calls"), "every tier must be asked equally often"))
    if (part["sign"] == "agreement") != (len(order) > 1) or (part["sign"] == "repeats") != (len(part["calls"]) > len(order)):
        found.append((("cascade", "sign"), f"{part['sign']} does not go with {len(part['calls'])} calls of {len(order)} models"))
    for entry in document["thresholds"][:-1]:
        if entry["tier"] != part["keep"] and entry.get("lt", 0) > _before(document, entry["tier"]):
            found.append((("thresholds",), f"tier {entry['tier']!r} would be chosen without its answer being looked at"))
    return [*found, *score_problems(part["score"], ("cascade", "score"))]


def _before(document: Mapping[str, Any], name: str) -> float:
    """The threshold of the tier before: a tier whose own is no higher is never chosen."""
    limits = [0.0, *(t.get("lt", NEVER) for t in document["thresholds"])]
    return limits[[t["tier"] for t in document["thresholds"]].index(name)]


def goes_first(document: Mapping[str, Any], decided: Mapping[str, Any]) -> bool:
    """Whether a decision of `evaluator.decide` is the start of the cascade."""
    return "cascade" in document and decided["score"] is not None and decided["tier"] == document["cascade"]["keep"]


def words(document: Mapping[str, Any]) -> str:
    """The rule of a document's cascade in a sentence."""
    part = document["cascade"]
    return f"cascade: {rule_of(part).rule} (kept while the score after the calls is under {part['lt']:.3f})"


def after_calls(
    document: Mapping[str, Any], messages: list[dict[str, Any]], metadata: Mapping[str, Any] | None, outputs: Sequence[str | None],
    confidence: float | None = None,
) -> tuple[str, float]:  # fmt: skip
    """Which tier's answer to serve once the first calls are in, and the score that says so.

    Args:
        outputs: the answers, in the order of `calls`.
        confidence: in [0, 1], for that sign.

    Raises:
        BadInput: not as many answers as calls.
    """
    part = document["cascade"]
    if len(outputs) != len(part["calls"]):
        asked = f"{len(part['calls'])} calls first ({', '.join(part['calls'])})"
        raise BadInput(f"The cascade makes {asked}, and there are {len(outputs)} answers.")
    if part["sign"] == "confidence":
        doubt = 1 - min(max(confidence or 0.0, 0.0), 1.0)
    else:
        prompt = "\n".join(str(m.get("content", "")) for m in messages)
        doubt = 1 - agreement([said(text, prompt, part["compare_as"]) for text in reversed(outputs)])
    value = evaluator.score(part["score"], messages, {**(metadata or {}), DOUBT: doubt})
    return (part["keep"] if value < part["lt"] else part["escalate_to"]), value


@dataclass(frozen=True)
class Replayed:
    """What a cascade policy did with each prompt of a run."""

    served: np.ndarray
    """(n,) tier of the policy."""
    quality: np.ndarray
    cost: np.ndarray
    """(n,) every call paid."""
    calls: list[list[str]]
    """Tiers of the policy paid, in order."""
    scores: list[float | None]
    """After the calls where there were any, else before."""


def replayed(
    document: Mapping[str, Any], matrix: OutcomeMatrix, columns: Sequence[int], decided: Sequence[Mapping[str, Any]],
    answers: Answers | None,
) -> Replayed:  # fmt: skip
    """Every prompt through the cascade, from stored answers.

    Args:
        columns: the run's column of each tier of the policy.
        decided: of `evaluator.decide`, one a prompt.

    Raises:
        NotReady: the answers were not kept.
    """
    names = [tier["name"] for tier in document["tiers"]]
    run = replace(matrix.run, tiers=tuple(Tier(name, matrix.run.tiers[c].model) for name, c in zip(names, columns, strict=True)))
    arrays = {part: getattr(matrix, part)[:, list(columns)] for part in ("quality", "cost", "latency", "truncated", "failed")}
    own, part = replace(matrix, run=run, **arrays), document["cascade"]
    rule = rule_of(part)
    given = Answers(answers.outputs[:, list(columns)], part["compare_as"]) if answers else None
    sim = replay(rule, own, given, confidences(own))
    served = np.array([names.index(d["tier"]) for d in decided])
    rows = np.arange(len(matrix))
    quality, cost = own.quality[rows, served], own.cost[rows, served]
    made, scores = [[names[k]] for k in served], [d["score"] for d in decided]
    for i, (sample, first) in enumerate(zip(matrix.samples, decided, strict=True)):
        if not goes_first(document, first):
            continue
        scores[i] = evaluator.score(part["score"], sample.chat(), {**sample.request_metadata(), DOUBT: float(sim.doubt[i])})
        action = KEPT if scores[i] < part["lt"] else ESCALATED
        made[i], served[i] = calls(action, rule), names.index(rule.keep if action == KEPT else rule.escalate_to)
        quality[i], cost[i] = sim.quality[i, action], sim.cost[i, action]
    return Replayed(served, quality, cost, made, scores)
