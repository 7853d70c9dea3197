"""A solved run as the small tables that Tune draws from."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from tierwise.errors import TierwiseError
from tierwise.statistics.intervals import mean_interval
from tierwise.tuning.advice import FEW
from tierwise.tuning.cascade import PREFIX
from tierwise.types import OperatingPoint
from tierwise.ui import readings, solver, tierpoints
from tierwise.ui.question import Question
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
    others: pd.DataFrame
    """Held-out points of what was measured beside the way chosen: name, cost, quality."""


def drawn(asked: Question) -> Drawn:
    """The chart of a solved run."""
    return _drawn(asked.project, asked)


@st.cache_resource(max_entries=12, show_spinner=False)
def _drawn(project: str, asked: Question) -> Drawn:
    from tierwise.grading.summary import summary

    tuning = readings.tuning(asked)
    p, grain = tuning.frontier.points, solver.grain(tuning.scores)
    base = tierpoints.references(tuning.matrix)
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
    aim = tuning.aim
    target = base.frontier.quality - aim.max_loss if aim.max_loss is not None else aim.min_quality
    tiers = tierpoints.frame_of(summary(tuning.matrix))
    return Drawn(
        steps,
        tiers,
        tierpoints.mix_frame(base.cheapest, base.frontier),
        tierpoints.point_frame(base.oracle),
        pd.DataFrame({"cost": p.cost_per_1k[rest], "quality": p.quality[rest]}),
        tuning.band.sort_values("cost") if tuning.certificate.units >= FEW else None,
        certified_costs(tuning),
        target,
        thresholds,
        base,
        other_ways(tuning, router_beside(asked)),
    )


def router_beside(asked: Question) -> Any:
    """The router that a cascade is to be compared with; None beside a router, and where none can be solved for."""
    if asked.router.partition(":")[0] != PREFIX:
        return None
    try:
        return readings.tuning(asked._replace(router="auto"))
    except TierwiseError:
        return None


def certified_costs(tuning: Any) -> tuple[float, float] | None:
    """Dollars per 1,000 requests between which the promise holds: the certified policy's, and always-frontier's."""
    if tuning.certificate.status != "certified":
        return None
    full = tuning.frontier.cost_per_1k_usd
    return full * (1 - tuning.certificate.saving), full


def spot(point: OperatingPoint) -> pd.DataFrame:
    return pd.DataFrame({"cost": [point.cost_per_1k_usd], "quality": [point.quality]})


def loss_interval(tuning: Any, thresholds: Sequence[float]) -> tuple[float, float]:
    """95 % interval of the paired loss at these thresholds; prompts of one cluster count as one."""
    m = tuning.matrix
    lost = m.quality[:, -1] - tuning.actions.quality[np.arange(len(m)), tuning.choice(thresholds)]
    return mean_interval(lost, m.weights, m.clusters, low=-1.0)


def by_request_type(tuning: Any, thresholds: Sequence[float]) -> pd.DataFrame:
    """One row a request type, the commonest first, in per cent and points; a last column for each thing done with a prompt."""
    frame = tuning.by_request_type(thresholds)
    out = pd.DataFrame(
        {
            "request type": frame["request_type"],
            "prompts": frame["n"],
            "quality": frame["quality"] * 100,
            "against top tier": -frame["loss"] * 100,
            "cost per 1,000": frame["cost_per_1k"],
            "saving": frame["saving"] * 100,
        }
    )
    return out.assign(**{tier: frame[f"share_{tier}"] * 100 for tier in tuning.actions.tiers})


def flips(tuning: Any, before: Sequence[float], after: Sequence[float]) -> pd.DataFrame:
    """Prompts that are treated differently by two sets of thresholds, worst change first."""
    frame = tuning.flips(before, after)
    return pd.DataFrame(
        {
            "id": frame["sample_id"],
            "prompt": frame["prompt"],
            "request type": frame["request_type"],
            "from": frame["from_tier"],
            "to": frame["to_tier"],
            "change": frame["quality_to"] - frame["quality_from"],
        }
    )


def chosen_tiers(tuning: Any, sample_id: str, ways: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """Tier name -> our words for the ways whose answer to this prompt is that tier's."""
    at = next((i for i, s in enumerate(tuning.matrix.samples) if s.id == sample_id), None)
    said: dict[str, list[str]] = {}
    if at is not None:
        for word, thresholds in ways.items():
            said.setdefault(tuning.tiers[int(tuning.served(thresholds)[at])], []).append(word)
    return {tier: " and ".join(words) for tier, words in said.items()}


def other_ways(tuning: Any, router: Any) -> pd.DataFrame:
    """Held-out points: of the recommended point itself, and of what was measured beside the way chosen (cascades beside a router, the router
    beside a cascade)."""
    mine = tuning.router.partition(":")[0] == PREFIX
    found = [c for c in tuning.candidates if c.router.partition(":")[0] == PREFIX and not mine]
    best = max(found, key=lambda c: c.worth, default=None)
    rows = [("held-out", tuning.heldout.cost_per_1k_usd, tuning.heldout.quality)]
    if best:
        rows.append(("cascade", best.cost_per_1k_usd, best.quality))
    if mine and router is not None:
        rows.append(("router alone", router.heldout.cost_per_1k_usd, router.heldout.quality))
    return pd.DataFrame(rows, columns=["name", "cost", "quality"])


def _spread(costs: np.ndarray, most: int) -> np.ndarray:
    """Positions that cover the range of costs evenly on a log axis, first and last among them."""
    if len(costs) <= most:
        return np.arange(len(costs))
    scale = np.log(np.maximum(costs, 1e-12))
    wanted = np.linspace(scale[0], scale[-1], most)
    return np.unique(np.concatenate([[0, len(costs) - 1], np.searchsorted(scale, wanted).clip(0, len(costs) - 1)]))
