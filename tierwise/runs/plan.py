"""A run before it starts: what it will send, what that may cost, and what would stop it."""

import math
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tierwise.endpoints.models import check_keys
from tierwise.endpoints.prices import Price, price
from tierwise.endpoints.tiers import check_tiers
from tierwise.errors import BadInput, NotReady
from tierwise.runs.prompts import check_template
from tierwise.scorers import SCORERS
from tierwise.store import Store
from tierwise.store.runs import Cell
from tierwise.types import EvalSet, Run, Sample, Tier

MAX_TOKENS = 2048
"""The answer's limit where a tier does not set one: it bounds what a call can cost."""

CONCURRENCY = 8
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Estimate:
    """What a run will send and cost, before it starts. Dollars leave out unpriced tiers."""

    calls: int
    usd: float
    low_usd: float
    """Short answers."""
    high_usd: float
    """Every answer as long as its limit allows."""
    minutes: float
    unpriced: tuple[str, ...]
    """Tiers without a price."""
    simulated: bool = False

    def text(self) -> str:
        """One line for a terminal."""
        left_out = f"; {', '.join(self.unpriced)} unpriced, not in the sum" if self.unpriced else ""
        cost = "as if " if self.simulated else "about "
        return (
            f"Estimate{' (simulated, nothing is paid)' if self.simulated else ''}: {self.calls:,} calls, {cost}${self.usd:.4f} "
            f"(${self.low_usd:.4f} to ${self.high_usd:.4f}{left_out}), about {max(self.minutes, 0.1):.1f} minutes."
        )


def estimate(
    evalset: EvalSet, tiers: Sequence[Tier], repeats: int = 1, done: Collection[Cell] | None = None, concurrency: int = CONCURRENCY
) -> Estimate:
    """Tokens are guessed: prompts at four characters a token, answers by the length of their reference.

    Args:
        done: cells that need no call.
    """
    finished = set(done or ())
    low = high = usd = seconds = 0.0
    calls = 0
    sizes = [(s.id, prompt_tokens(s), _answer_tokens(s)) for s in evalset.samples]
    for tier in tiers:
        priced, limit = price(tier), max_tokens(tier)
        for sample_id, prompt, answer in sizes:
            times = sum((sample_id, tier.name, r) not in finished for r in range(repeats)) if finished else repeats
            calls += times
            seconds += times * (0.6 + min(answer, limit) / 60)
            if priced:
                usd += times * _dollars(priced, prompt, min(answer, limit))
                low += times * _dollars(priced, 0.8 * prompt, min(0.25 * answer, limit))
                high += times * _dollars(priced, 1.3 * prompt + 8, limit)
    simulated = all(t.simulated for t in tiers)
    minutes = 0.0 if simulated else seconds / 60 / max(1, concurrency * len({endpoint(t) for t in tiers}))
    return Estimate(calls, usd, low, high, minutes, tuple(t.name for t in tiers if price(t) is None), simulated)


def prompt_tokens(sample: Sample) -> float:
    """A guess: four characters a token, one and a half for scripts that tokenisers split further."""
    texts = [m["content"] for m in sample.chat()]
    wide = sum(sum(ord(c) > 0x2E7F for c in t) if not t.isascii() else 0 for t in texts)
    return (sum(map(len, texts)) - wide) / 4 + wide / 1.5 + 4 * len(texts) + 3


def most_prompt_tokens(chat: Sequence[Mapping[str, str]]) -> int:
    """More than any tokeniser makes of it: a token is at least a byte, and a message has a few of its own."""
    return sum(len(m["content"].encode("utf-8", "surrogatepass")) + 16 for m in chat) + 16


def worst_case_usd(chat: Sequence[Mapping[str, str]], tier: Tier) -> float | None:
    """The most that one call can cost; None for an unpriced tier."""
    priced = price(tier)
    return None if priced is None else _dollars(priced, most_prompt_tokens(chat), max_tokens(tier))


def max_tokens(tier: Tier) -> int:
    """The answer's limit that is sent with each call."""
    given = [int(v) for k in ("max_tokens", "max_completion_tokens") if (v := tier.params.get(k))]
    return max(given, default=MAX_TOKENS)  # where both are given, either may be the one that a model goes by


def endpoint(tier: Tier) -> str:
    """What shares a rate limit: a server, or a provider's account."""
    return tier.api_base or tier.model.partition("/")[0] + (tier.api_key_env or "")


def create_run(
    store: Store, evalset_id: str, tiers: Sequence[Tier], name: str | None = None, params: Mapping[str, Any] | None = None
) -> Run:
    """Plan a run: checked, its prices fixed as they are today, nothing sent yet.

    Args:
        params: scorer, scorer_options, seed, repeats, concurrency, timeout_s, deadline_s, budget_usd, template, stream, reuse; others are kept.

    Raises:
        BadInput: a tier, a setting or a missing key; says which.
        NotFound: no such prompt set or scorer.
    """
    info = store.evalsets.info(evalset_id)
    tiers, params = tuple(tiers), dict(params or {})
    check_tiers(tiers)
    if not info.size:
        raise NotReady(f"Prompt set {info.name!r} is empty.")
    if len({t.simulated for t in tiers}) > 1:
        raise BadInput("Simulated and real models in one ladder make figures that mean nothing. Take either kind.")
    scorer = SCORERS[params.setdefault("scorer", "auto")]
    options = scorer.parse_options(params.get("scorer_options"))
    scorer.check()
    for setting, least, most in (("repeats", 1, 20), ("concurrency", 1, 256), ("timeout_s", 0.1, 3600.0), ("budget_usd", 0.0, math.inf),
                                 ("deadline_s", 1.0, math.inf)):  # fmt: skip
        value = params.get(setting)
        if value is not None and not (isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most):
            raise BadInput(f"{setting} is {value!r}: give a number between {least:g} and {most:g}.")
    priced = tuple(_fixed(t) for t in tiers)
    if params.get("budget_usd") is not None and (unknown := [t.name for t in priced if t.input_per_1m is None]):
        raise BadInput(f"A budget cannot be kept with tiers that have no price: {', '.join(unknown)}. Give their prices, or no budget.")
    if params.get("template"):
        check_template(params["template"])
    check_keys(priced)
    if scorer.asks(options):
        from tierwise.judging import check_judges

        check_judges(scorer, options, params.get("budget_usd"))
    listed = {t.name: p for t in tiers if (p := price(t)) is not None}
    params["prices"] = {n: {"source": p.source, "as_of": p.as_of.isoformat() if p.as_of else None} for n, p in listed.items()}
    kind = "simulated" if priced[0].simulated else "live"
    shown = (name or "").strip() or f"{info.name}, {len(tiers)} tier{'s' if len(tiers) != 1 else ''}"
    return store.runs.add(Run(secrets.token_hex(6), shown, info.id, kind, priced, "planned", params))


def _fixed(tier: Tier) -> Tier:
    """The tier with today's list price written down, where it has one."""
    known: Price | None = price(tier)
    if known is None or tier.input_per_1m is not None:
        return tier
    return replace(tier, input_per_1m=known.input_per_1m, output_per_1m=known.output_per_1m, cached_input_per_1m=known.cached_input_per_1m)


def _answer_tokens(sample: Sample) -> float:
    return 250.0 if sample.reference is None else 24 + 1.3 * len(sample.reference) / 4


def _dollars(priced: Price, prompt: float, completion: float) -> float:
    return (prompt * priced.input_per_1m + completion * priced.output_per_1m) / 1e6
