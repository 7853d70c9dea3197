"""A solved run as the small tables that Tune draws from."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from tierwise.advice import FEW
from tierwise.intervals import mean_interval
from tierwise.types import OperatingPoint, Run
from tierwise.ui import solver, tierpoints
from tierwise.ui.tierpoints import References

STEPS, CLOUD = 90, 200


class Drawn(NamedTuple):
    """All of the chart that stays when a threshold moves."""

    steps: pd.DataFrame
    tiers: pd.DataFrame
    mix: pd.DataFrame
    oracle: pd.DataFrame
    cloud: pd.DataFrame
    band: pd.DataFrame | None
    """Limits that hold for every point of the frontier at once; None below 30 groups of prompts."""
    certified: tuple[float, float] | None
    """From the certified policy's cost to the frontier tier's."""
    target: float | None
    thresholds: list[tuple[float, ...]]
    """Of each step, as the sliders show them."""
    base: References


@st.cache_resource(max_entries=12, show_spinner=False)
def drawn(project: str, key: tuple, _run: Run, _tuning: Any) -> Drawn:
    """`key` names the tuning: run, version, router and aim."""
    p, grain = _tuning.frontier.points, solver.grain(_tuning.scores)
    base = tierpoints.references(_tuning.matrix)
    best = np.flatnonzero(p.on_frontier)
    best = best[np.argsort(p.cost_per_1k[best], kind="stable")]
    kept = best[_spread(p.cost_per_1k[best], STEPS)]
    rest = np.flatnonzero(~p.on_frontier)
    rest = rest[:: max(1, len(rest) // CLOUD)]
    thresholds = [solver.snap(p.thresholds[i], grain) for i in kept]
    steps = pd.DataFrame(
        {
            "step": np.arange(len(kept)),
            "cost": p.cost_per_1k[kept],
            "quality": p.quality[kept],
            "what": ["threshold " + ", ".join(f"{t:.3g}" for t in row) for row in thresholds],
            "share": [" / ".join(f"{s:.0%}" for s in p.share_by_tier[i]) for i in kept],
        }
    )
    aim = _tuning.aim
    target = base.frontier.quality - aim.max_loss if aim.max_loss is not None else aim.min_quality
    tiers = tierpoints.tier_frame(_run)
    return Drawn(
        steps,
        tiers[tiers["name"].isin(_tuning.tiers)],
        tierpoints.mix_frame(base.cheapest, base.frontier),
        tierpoints.point_frame(base.oracle),
        pd.DataFrame({"cost": p.cost_per_1k[rest], "quality": p.quality[rest]}),
        _tuning.band.sort_values("cost") if _tuning.certificate.units >= FEW else None,
        certified_costs(_tuning),
        target,
        thresholds,
        base,
    )


def certified_costs(tuning: Any) -> tuple[float, float] | None:
    """Dollars per 1,000 requests between which the promise holds: the certified policy's, and always-frontier's."""
    if tuning.certificate.status != "certified":
        return None
    full = tuning.frontier.cost_per_1k_usd
    return full * (1 - tuning.certificate.saving), full


def spot(point: OperatingPoint) -> pd.DataFrame:
    return pd.DataFrame({"cost": [point.cost_per_1k_usd], "quality": [point.quality]})


def choice(tuning: Any, thresholds: Sequence[float]) -> np.ndarray:
    """(n,) tier index of every prompt."""
    from tierwise.frontier import assign

    return assign(tuning.scores, thresholds)


def loss_interval(tuning: Any, thresholds: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the paired loss at these thresholds; prompts of one cluster count as one."""
    m = tuning.matrix
    lost = m.quality[:, -1] - m.quality[np.arange(len(m)), choice(tuning, thresholds)]
    return mean_interval(lost, m.weights, m.clusters, low=-1.0)


def by_request_type(tuning: Any, thresholds: Sequence[float]) -> pd.DataFrame:
    """One row a request type, the commonest first."""
    m, at = tuning.matrix, choice(tuning, thresholds)
    rows = np.arange(len(m))
    frame = pd.DataFrame(
        {"kind": m.request_types, "q": m.quality[rows, at], "top": m.quality[:, -1], "cost": m.cost[rows, at], "dear": m.cost[:, -1]}
    )
    for k, tier in enumerate(tuning.tiers):
        frame[f"tier {k} {tier}"] = at == k
    means, sizes = frame.groupby("kind").mean(), frame.groupby("kind").size()
    out = pd.DataFrame(
        {
            "prompts": sizes,
            "quality": means["q"] * 100,
            "against top tier": (means["q"] - means["top"]) * 100,
            "cost per 1,000": means["cost"] * 1000,
            "saving": 100 * (1 - means["cost"] / means["dear"]),
        }
    )
    for k, tier in enumerate(tuning.tiers):
        out[tier] = means[f"tier {k} {tier}"] * 100
    return out.sort_values("prompts", ascending=False).reset_index(names="request type")


def flips(tuning: Any, before: Sequence[float], after: Sequence[float]) -> pd.DataFrame:
    """Prompts whose tier differs between two sets of thresholds, worst change first."""
    m = tuning.matrix
    a, b = choice(tuning, before), choice(tuning, after)
    rows = np.flatnonzero(a != b)
    change = m.quality[rows, b[rows]] - m.quality[rows, a[rows]]
    saved = m.cost[rows, a[rows]] - m.cost[rows, b[rows]]
    order = rows[np.lexsort((saved, change))]
    change = m.quality[order, b[order]] - m.quality[order, a[order]]
    return pd.DataFrame(
        {
            "id": [m.samples[i].id for i in order],
            "prompt": [(m.samples[i].input or m.samples[i].chat()[-1]["content"])[:240] for i in order],
            "request type": m.request_types[order],
            "from": [tuning.tiers[k] for k in a[order]],
            "to": [tuning.tiers[k] for k in b[order]],
            "change": change,
        }
    )


def chosen_tiers(tuning: Any, sample_id: str, ways: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Tier name -> our words for the ways that send this prompt there."""
    at = next((i for i, s in enumerate(tuning.matrix.samples) if s.id == sample_id), None)
    said: dict[str, list[str]] = {}
    if at is not None:
        for word, thresholds in ways.items():
            said.setdefault(tuning.tiers[int(choice(tuning, thresholds)[at])], []).append(word)
    return {tier: " and ".join(words) for tier, words in said.items()}


def _spread(costs: np.ndarray, most: int) -> np.ndarray:
    """Positions that cover the range of costs evenly on a log axis, first and last among them."""
    if len(costs) <= most:
        return np.arange(len(costs))
    scale = np.log(np.maximum(costs, 1e-12))
    wanted = np.linspace(scale[0], scale[-1], most)
    return np.unique(np.concatenate([[0, len(costs) - 1], np.searchsorted(scale, wanted).clip(0, len(costs) - 1)]))
