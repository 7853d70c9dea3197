"""Whether a policy fits LiteLLM's own scorer, and its form there: keyword rules, three sizes of prompt, weighted keyword groups.

What fits is exact for every prompt: the tier of each combination of size and groups is computed here, and LiteLLM's boundaries are put
between the sums of neighbours. Everything else is refused in words.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tierwise import evaluator
from tierwise.errors import BadInput

MOST_GROUPS, MOST_KEYWORDS = 16, 32
NO_SIZE = 10**9
"""A size in tokens that no prompt has."""
_CJK = ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0xFF66, 0xFF9D), (0x20000, 0x3FFFF))
"""Scripts whose keywords LiteLLM takes as substrings, and Tierwise as words."""


@dataclass(frozen=True)
class Portable:
    """A policy in the terms of LiteLLM's scorer."""

    rules: tuple[tuple[tuple[str, ...], str], ...]
    """(keywords, tier), dearest first: LiteLLM lets the dearest match win."""
    short: int = 0
    """Prompts of fewer tokens are short."""
    long: int = NO_SIZE
    """Prompts of more tokens are long."""
    size_weight: float = 0.0
    groups: tuple[tuple[tuple[str, ...], float], ...] = ()
    """(keywords, weight in (0, 1])."""
    easy: tuple[tuple[str, ...], float] = ((), 0.0)
    """The one group that lowers the score, with its weight."""
    boundaries: tuple[float, ...] = field(default=())
    """One a boundary between tiers."""


def portable(document: Mapping[str, Any]) -> Portable:
    """The portable form of a policy.

    Raises:
        BadInput: it has none, and why.
    """
    place = {tier["name"]: i for i, tier in enumerate(document["tiers"])}
    rules = [(_keywords(rule["when"], f"its rule {rule['id']!r}"), rule["tier"]) for rule in document["rules"]]
    if pinned := next((r["id"] for r in document["rules"] if r.get("pin")), None):
        raise _no(f"its rule {pinned!r} is pinned")
    score = document["score"]
    if score["type"] == "rules":
        found = _score_rules(document, rules)
    elif score["type"] in ("linear", "constant"):
        found = _linear(document, rules)
    else:
        raise _no(f"its score is of the type {score['type']}")
    for (words, tier), (_, later) in itertools.pairwise(found.rules):
        if place[tier] < place[later]:
            raise _no(f"its rule on {words[0]!r} (tier {tier!r}) comes before one of a dearer tier, and LiteLLM lets the dearest win")
    return found


def _no(why: str) -> BadInput:
    exact = "Export it for the LiteLLM proxy (litellm) or its pre-call hook (litellm-hook), which are exact for any policy."
    return BadInput(f"LiteLLM's own scorer cannot hold this policy: {why}. {exact}")


def _keywords(when: Mapping[str, Any], what: str) -> tuple[str, ...]:
    if set(when) != {"keywords_any"}:
        raise _no(f"{what} looks at {', '.join(sorted(set(when) - {'keywords_any'}))}")
    return _words(when["keywords_any"], what)


def _words(keywords: Sequence[str], what: str) -> tuple[str, ...]:
    for keyword in keywords:
        if keyword != keyword.strip() or any(a <= ord(c) <= b for c in keyword for a, b in _CJK):
            raise _no(f"the keyword {keyword!r} of {what} is read otherwise there (outer spaces, Chinese or Japanese script)")
    return tuple(keywords)


def _tier(document: Mapping[str, Any], raw: float) -> str:
    """The tier of a raw score, through quantiles and thresholds as the evaluator takes it."""
    spec = {"type": "constant", "value": raw, **{k: v for k, v in document["score"].items() if k == "quantiles"}}
    value = evaluator.score(spec, [])
    return next(step["tier"] for step in document["thresholds"] if "lt" not in step or value < step["lt"])


def _score_rules(document: Mapping[str, Any], rules: list[tuple[tuple[str, ...], str]]) -> Portable:
    """Keyword rules first, then rules on length alone, which must make at most three sizes with rising or falling tiers."""
    sizes: list[Mapping[str, Any]] = []
    for rule in document["score"]["rules"]:
        what = f"the rule {rule.get('id') or rule['when']!r} of its score"
        if set(rule["when"]) <= {"tokens_gte", "tokens_lt"}:
            sizes.append(rule)
        elif sizes:
            raise _no(f"{what} comes after a rule on length")
        else:
            rules = [*rules, (_keywords(rule["when"], what), _tier(document, rule["score"]))]

    def tier(tokens: int) -> str:
        met = (r["score"] for r in sizes if r["when"].get("tokens_gte", 0) <= tokens < r["when"].get("tokens_lt", NO_SIZE))
        return _tier(document, next(met, document["score"]["default"]))

    edges = sorted({0, *(edge for r in sizes for edge in r["when"].values())})
    steps = [(edge, tier(edge)) for edge in edges]
    steps = [step for i, step in enumerate(steps) if not i or step[1] != steps[i - 1][1]]
    if len(steps) > 3:
        raise _no(f"its score makes {len(steps)} sizes of prompts, and LiteLLM has three")
    place = {t["name"]: i for i, t in enumerate(document["tiers"])}
    places = [place[t] for _, t in steps]
    if places not in (sorted(places), sorted(places, reverse=True)):
        raise _no("prompts of a middle length go to the dearest or cheapest tier, and LiteLLM's score only rises or falls with length")
    values = {1: [0], 2: [-1, 0], 3: [-1, 0, 1]}[len(steps)]
    weight = 1.0 if places == sorted(places) else -1.0
    sums = [(weight * v, p) for v, p in zip(values, places, strict=False)]
    short = steps[1][0] if len(steps) > 1 else 0
    long = steps[2][0] - 1 if len(steps) == 3 else NO_SIZE
    return Portable(tuple(rules), short, long, weight, boundaries=_boundaries(sorted(sums), len(place)))


def _linear(document: Mapping[str, Any], rules: list[tuple[tuple[str, ...], str]]) -> Portable:
    import numpy as np

    score, size, raising, lowering = document["score"], None, [], []
    for term in (t for t in score.get("terms", ()) if t["weight"]):
        if term["feature"] == "keyword_group":
            (raising if term["weight"] > 0 else lowering).append((_words(term["keywords"], "its score"), term["weight"]))
        elif term["feature"] == "token_bucket" and size is None:
            size = term
        else:
            raise _no(f"its score looks at {term['feature']}" + (" twice" if term["feature"] == "token_bucket" else ""))
    if len(lowering) > 1 or len(raising) > MOST_GROUPS:
        raise _no(f"its score has {len(raising)} raising and {len(lowering)} lowering keyword groups; LiteLLM has {MOST_GROUPS} and one")
    if long := next((g for g, _ in raising if len(g) > MOST_KEYWORDS or sum(map(len, g)) > 4096), None):
        raise _no(f"the keyword group of {long[0]!r} is longer than LiteLLM takes ({MOST_KEYWORDS} keywords)")
    scale = max([w for _, w in raising] or [abs(size["weight"]) if size else 1.0])
    groups = tuple((words, w / scale) for words, w in raising)
    easy = (lowering[0][0], -lowering[0][1] / scale) if lowering else ((), 0.0)
    size_weight = size["weight"] / scale if size else 0.0
    sums = np.array([-size_weight, 0.0, size_weight] if size else [0.0])
    for weight in (*(w for _, w in groups), -easy[1]):
        sums = np.unique((sums[:, None] + np.array([0.0, weight])).ravel().round(12))
    sums = np.unique(sums)
    intercept, link = score.get("intercept", 0.0), score.get("link", "logistic")
    place = {t["name"]: i for i, t in enumerate(document["tiers"])}
    raw = intercept + sums * scale
    raw = np.clip(raw if link == "identity" else 1 / (1 + np.exp(-np.clip(raw, -700, 700))), 0, 1)
    if score["type"] == "constant":
        raw = np.array([score["value"]])
    tiers = {value: place[_tier(document, value)] for value in np.unique(raw.round(evaluator.DIGITS)).tolist()}
    placed = [(float(s), tiers[r]) for s, r in zip(sums, raw.round(evaluator.DIGITS).tolist(), strict=True)]
    lo, hi = (size["lo"], size["hi"]) if size else (0, NO_SIZE)
    return Portable(tuple(rules), lo, hi, size_weight, groups, easy, _boundaries(placed, len(place)))


def _boundaries(sums: Sequence[tuple[float, int]], tiers: int) -> tuple[float, ...]:
    """Between neighbours, for (sum, place of its tier) in rising order; beyond all sums where no prompt crosses."""
    found = []
    for boundary in range(1, tiers):
        above = next((i for i, (_, p) in enumerate(sums) if p >= boundary), len(sums))
        if 0 < above < len(sums) and sums[above][0] - sums[above - 1][0] < 1e-9:
            raise _no("two prompts on either side of a threshold have almost the same score")
        found.append(sums[0][0] - 1 if above == 0 else sums[-1][0] + 1 if above == len(sums) else (sums[above][0] + sums[above - 1][0]) / 2)
    return tuple(found)
