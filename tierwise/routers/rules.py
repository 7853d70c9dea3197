"""A list of rules that a person writes and orders; the data says how hard each kind is."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tierwise import evaluator
from tierwise.routers import ROUTERS
from tierwise.routers.base import Fitted, RouterData, shrunken, unit

DEFAULT_RULES: tuple[dict[str, Any], ...] = (
    {
        "id": "proof or reasoning",
        "when": {"keywords_any": ["prove", "proof", "step by step", "derive", "explain why", "justify"]},
        "score": 0.9,
    },
    {"id": "legal", "when": {"keywords_any": ["liability", "indemnify", "indemnification", "clause", "contract", "breach"]}, "score": 0.8},
    {"id": "code", "when": {"keywords_any": ["python", "javascript", "sql", "function", "def", "class", "bug"]}, "score": 0.75},
    {
        "id": "maths",
        "when": {"keywords_any": ["calculate", "solve", "equation", "probability", "integral", "how many", "how much"]},
        "score": 0.7,
    },
    {
        "id": "simple task",
        "when": {"keywords_any": ["summarise", "summarize", "translate", "classify", "extract", "rewrite", "label"]},
        "score": 0.2,
    },
    {"id": "very long", "when": {"tokens_gte": 500}, "score": 0.6},
    {"id": "very short", "when": {"tokens_lt": 40}, "score": 0.3},
)


@ROUTERS.add("rules")
class Rules:
    """First match wins. Fitting replaces each rule's score by the shrunken mean gap of the prompts it catches."""

    name = "rules"
    title = "Rules"
    summary = "Keywords, request types and length, in an order you can edit."
    mass = 10.0

    def __init__(self, rules: Sequence[Mapping[str, Any]] | None = None, default: float = 0.5, calibrate: bool = True) -> None:
        self.rules, self.default, self.calibrate = rules, default, calibrate

    def fit(self, data: RouterData, seed: int = 0) -> Fitted:
        rules = [dict(r) for r in (DEFAULT_RULES if self.rules is None else self.rules)]
        requests = [(s.chat(), s.request_metadata()) for s in data.prompts.samples]
        caught = np.array([next((i for i, r in enumerate(rules) if evaluator.matches(r["when"], m, d)), len(rules)) for m, d in requests])
        centre, default = float(np.average(data.gap, weights=data.weights)), self.default
        if self.calibrate:
            for i, rule in enumerate(rules):
                rule["score"] = round(unit(shrunken(data.gap[caught == i], data.weights[caught == i], centre, self.mass)), 6)
            rest = caught == len(rules)
            default = round(unit(shrunken(data.gap[rest], data.weights[rest], centre, self.mass)), 6)
        lines = [f"{r['id']}: score {r['score']:.2f} ({(caught == i).sum()} prompts)." for i, r in enumerate(rules)]
        return Fitted({"type": "rules", "rules": rules, "default": default}, (*lines, f"All others: score {default:.2f}."))
