"""The tiers of a run as the small tables that charts and screens draw from."""

import math
from typing import NamedTuple

import numpy as np
import pandas as pd

from tierwise.types import OutcomeMatrix, Run
from tierwise.ui import readings


class Reference(NamedTuple):
    """Quality (share) and cost (dollars for 1,000 requests) of a way to choose."""

    quality: float
    cost: float


class References(NamedTuple):
    """What a router is compared to, on the prompts that every tier has a grade and a price for."""

    n: int
    cheapest: Reference
    frontier: Reference
    oracle: Reference


def references(matrix: OutcomeMatrix) -> References | None:
    """None when no prompt is graded and priced on every tier."""
    from tierwise.tuning.frontier import references as of

    whole = matrix.take(matrix.complete)
    if not len(whole):
        return None
    found = of(whole)
    pick = [Reference(float(found[k].quality), float(found[k].cost_per_1k_usd)) for k in ("always_cheapest", "always_frontier", "oracle")]
    return References(len(whole), *pick)


def tier_frame(run: Run) -> pd.DataFrame:
    """One row a tier, cheapest first: name, cost, quality, low, high, n. Tiers without a grade or a price are left out."""
    return frame_of(readings.summary(run))


def frame_of(summaries: list) -> pd.DataFrame:
    """The same of one `summary.TierSummary` a tier."""
    rows = [(s.tier, s.cost_per_1k_usd, s.quality, *(s.quality_ci95 or (s.quality, s.quality)), s.n) for s in summaries]
    frame = pd.DataFrame(rows, columns=["name", "cost", "quality", "low", "high", "n"])
    return frame[np.isfinite(frame["cost"].astype(float)) & np.isfinite(frame["quality"].astype(float))].reset_index(drop=True)


def mix_frame(cheap: Reference, dear: Reference, points: int = 48) -> pd.DataFrame:
    """A coin that sends a share of requests to the dear tier: a straight line in dollars, so a curve on a log axis."""
    if cheap.cost > 0 and dear.cost > cheap.cost:
        cost = np.geomspace(cheap.cost, dear.cost, points)
        share = (cost - cheap.cost) / (dear.cost - cheap.cost)
    else:
        share = np.linspace(0, 1, points)
        cost = cheap.cost + share * (dear.cost - cheap.cost)
    return pd.DataFrame({"cost": cost, "quality": cheap.quality + share * (dear.quality - cheap.quality)})


def point_frame(at: Reference) -> pd.DataFrame:
    return (
        pd.DataFrame({"cost": [at.cost], "quality": [at.quality]})
        if math.isfinite(at.cost + at.quality)
        else pd.DataFrame({"cost": [], "quality": []})
    )
