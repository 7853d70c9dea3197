"""What a choice of tiers does to prompts: by request type, and prompt by prompt."""

from typing import Any

import numpy as np
import pandas as pd

from tierwise.statistics.intervals import mean_interval
from tierwise.types import OutcomeMatrix, Sample


def by_request_type(source: Any, choice: np.ndarray, top: OutcomeMatrix | None = None) -> pd.DataFrame:
    """One row a request type, the commonest first.

    Columns: request_type, n, quality, loss with loss_low and loss_high (95 %, paired), cost_per_1k, saving, share_<tier>.

    Args:
        source: an OutcomeMatrix, or a Tuning.
        choice: (n,) tier of each prompt.
        top: whose last tier loss and saving are counted against, where it is not that of `source`.
    """
    m: OutcomeMatrix = getattr(source, "matrix", source)
    top = m if top is None else top
    rows = []
    for kind in pd.Series(m.request_types).value_counts().index:
        here = np.flatnonzero(m.request_types == kind)
        w = m.weights[here] / m.weights[here].sum()
        tier = choice[here]
        quality, cost, full = m.quality[here, tier], float(w @ m.cost[here, tier]), float(w @ top.cost[here, -1])
        lost = top.quality[here, -1] - quality
        low, high = mean_interval(lost, m.weights[here], m.clusters[here], low=-1.0)
        shares = {f"share_{name}": float(w[tier == k].sum()) for k, name in enumerate(m.tiers)}
        figures = {"quality": float(w @ quality), "loss": float(w @ lost), "loss_low": low, "loss_high": high}
        money = {"cost_per_1k": cost * 1000, "saving": 1 - cost / full if full > 0 else 0.0}
        rows.append({"request_type": kind, "n": len(here), **figures, **money, **shares})
    return pd.DataFrame(rows)


def flips(source: Any, before: np.ndarray, after: np.ndarray) -> pd.DataFrame:
    """The prompts whose tier differs between two choices, worst change of quality first, and of equal changes the dearest.

    Columns: sample_id, request_type, from_tier, to_tier, quality_from, quality_to, cost_from, cost_to, prompt (its start).
    """
    m: OutcomeMatrix = getattr(source, "matrix", source)
    moved = np.flatnonzero(before != after)
    change = m.quality[moved, after[moved]] - m.quality[moved, before[moved]]
    dearer = m.cost[moved, after[moved]] - m.cost[moved, before[moved]]
    moved = moved[np.lexsort((moved, -dearer, change))]
    a, b = before[moved], after[moved]
    return pd.DataFrame(
        {
            "sample_id": [m.samples[i].id for i in moved],
            "request_type": m.request_types[moved],
            "from_tier": [m.tiers[k] for k in a],
            "to_tier": [m.tiers[k] for k in b],
            "quality_from": m.quality[moved, a],
            "quality_to": m.quality[moved, b],
            "cost_from": m.cost[moved, a],
            "cost_to": m.cost[moved, b],
            "prompt": [start(m.samples[i]) for i in moved],
        }
    )


def start(sample: Sample, length: int = 240) -> str:
    """The first characters of what a person asked."""
    return (sample.input or str(sample.chat()[-1].get("content", "")))[:length]
