"""The story that started many a routing project, recomputed: 60/25/15, from $18,000 to $4,800 a month."""

from dataclasses import dataclass

import pandas as pd

REQUESTS = 1_000_000
BEFORE = 18_000.0
SHARES = {"cheap": 0.60, "mid": 0.25, "frontier": 0.15}
PER_1K = {"cheap": 1.0, "mid": 6.0, "frontier": 18.0}
"""US dollars for 1,000 requests: the round prices under which the story's figures come out, since it does not tell its own."""


@dataclass(frozen=True)
class SeedCase:
    """A worked example, with what it takes for granted."""

    tiers: pd.DataFrame
    """tier, share, requests, per_1k, cost (dollars a month)."""
    before: float
    after: float
    saving: float
    assumptions: tuple[str, ...]
    what_if: pd.DataFrame
    """change, after, saving: the same sum with one assumption less."""
    sentence: str


def seed_case() -> SeedCase:
    """The story's arithmetic, and the same with each assumption taken away."""
    rows = [{"tier": t, "share": s, "requests": round(REQUESTS * s), "per_1k": PER_1K[t], "cost": REQUESTS * s * PER_1K[t] / 1000}
            for t, s in SHARES.items()]  # fmt: skip
    after = _after()
    changes = {
        "As told": after,
        "The hardest 15 % are twice as long": _after(longer=2.0),
        "One in ten cheap answers is asked again at the top": _after(again=0.10),
        "Only 45 % can go to cheap, 30 % need the top": _after({"cheap": 0.45, "mid": 0.25, "frontier": 0.30}),
        "The router costs $0.20 per 1,000": _after(overhead_per_1k=0.20),
    }
    what_if = pd.DataFrame([{"change": k, "after": v, "saving": 1 - v / BEFORE} for k, v in changes.items()])
    return SeedCase(
        pd.DataFrame(rows), BEFORE, after, 1 - after / BEFORE,
        (
            "Before, every request went to the frontier model.",
            "A frontier request costs three times a mid one and eighteen times a cheap one; the story does not give its prices.",
            "Hard requests are as long as easy ones, so shares of requests are shares of dollars.",
            "The router knows which request is which, costs nothing and takes no time.",
            "Quality is the same afterwards. The story does not say how that was measured.",
        ),
        what_if,
        "This is one team's story with its own traffic, not a promise. What you save depends on your mix, and on how well cheap "
        "models do on it: run your prompts and read your own interval.",
    )  # fmt: skip


def _after(shares: dict[str, float] | None = None, longer: float = 1.0, again: float = 0.0, overhead_per_1k: float = 0.0) -> float:
    """Dollars a month for the same bill before routing.

    Args:
        longer: length of requests that stay at the top, in lengths of the others; the bill before stays what it was.
        again: share of cheap requests that are asked again at the top, both calls paid.
    """
    shares = shares or SHARES
    unit = 1 / (1 + shares["frontier"] * (longer - 1))
    cost = sum(REQUESTS * s * PER_1K[t] / 1000 * unit * (longer if t == "frontier" else 1.0) for t, s in shares.items())
    return cost + REQUESTS / 1000 * (shares["cheap"] * again * PER_1K["frontier"] * unit + overhead_per_1k)
