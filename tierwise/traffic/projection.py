"""What a policy saves in a month of this traffic, with an interval.

An exact cache comes first and routing works on what it leaves: the two percentages are never added.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from tierwise.errors import BadInput, NotReady
from tierwise.statistics.resampling import DRAWS, bootstrap, percentiles
from tierwise.traffic.profile import TrafficProfile
from tierwise.types import OutcomeMatrix

MIX_REQUESTS = 500
"""Next month's mix is drawn as if last month's had been counted on so many requests."""
VOLUME_CV = 0.10
"""Standard deviation of next month's volume, as a share of it."""
FEW_OF_TYPE = 10
OFF = 2.0


@dataclass(frozen=True)
class Projection:
    """US dollars a month."""

    requests: float
    frontier_cost: float
    """All requests on the last tier, no cache."""
    cache_saved: float
    """By answering repeats from an exact cache, before any routing."""
    routing_saved: float
    """By routing what the cache does not answer, less the router's own cost."""
    saved: float
    saved_ci95: tuple[float, float]
    cost: float
    """What is left to pay."""
    now: float | None
    """What the log says is paid now."""
    by_type: pd.DataFrame = field(repr=False)
    """request_type, share, n (prompts), frontier_per_1k, routed_per_1k, saved (dollars a month)."""
    method: str
    notes: tuple[str, ...]

    @property
    def saving(self) -> float:
        """Share of the always-frontier cost."""
        return self.saved / self.frontier_cost if self.frontier_cost > 0 else 0.0

    def to_json(self) -> dict[str, object]:
        return {
            "requests": self.requests, "frontier_cost": self.frontier_cost, "cache_saved": self.cache_saved,
            "routing_saved": self.routing_saved, "saved": self.saved, "saved_ci95": list(self.saved_ci95), "cost": self.cost,
            "saving": self.saving, "now": self.now, "by_type": self.by_type.to_dict("records"), "method": self.method,
            "notes": list(self.notes),
        }  # fmt: skip


def project(
    matrix: OutcomeMatrix,
    choice: np.ndarray,
    profile: TrafficProfile | None = None,
    requests: float | None = None,
    overhead_usd: float = 0.0,
    cache: bool = False,
    seed: int = 0,
    mix_requests: float = MIX_REQUESTS,
    volume_cv: float = VOLUME_CV,
    wider: float = 1.0,
) -> Projection:
    """Month = V * sum_t w_t * mean_t(c_frontier - c_routed) - V * overhead (docs/traffic.md).

    Interval: bootstrap of prompts (by cluster) within type, a Dirichlet mix, a lognormal volume. Give the choice of held-out prompts:
    the one that thresholds were tuned on flatters itself.

    Args:
        matrix: graded and priced prompts.
        choice: (n,) tier of each prompt; or, as floats, the dollars that each prompt is paid with, every call of it counted.
        profile: where the mix, the volume and the repeats come from; without it the prompt set's own mix.
        requests: a month; the profile's own where None.
        overhead_usd: what the router costs for a request.
        cache: whether an exact cache answers the repeats first.
        wider: what the part of the interval that comes from the prompts is stretched by; `heldout.WIDER_SAVING` for a recommended point.

    Raises:
        NotReady: no volume is known, or no prompt has a type of the traffic.
        BadInput: a volume or an overhead below 0.
    """
    volume = requests if requests is not None else profile.per_month if profile else None
    if volume is None:
        raise NotReady("How many requests a month is not known: the log has no times. Give the number.")
    if volume < 0 or overhead_usd < 0:
        raise BadInput("Requests a month and the router's cost are 0 or more.")
    counts = profile.counts if profile else {}
    kinds = matrix.request_types if counts else np.full(len(matrix), "all requests", dtype=object)
    counts = counts or {"all requests": 1}
    present = [t for t in counts if (kinds == t).any()]
    if not present:
        raise NotReady("No prompt has a request type of the traffic, so nothing can be said about it.")
    rng = np.random.default_rng(seed)
    size = np.array([counts[t] for t in present], dtype=float)
    mix = size / size.sum()
    mixes = np.ones((1, DRAWS))
    if len(present) > 1:
        mixes = rng.dirichlet(np.maximum(mix * min(mix_requests, max(size.sum(), 2.0)), 1e-3), DRAWS).T
    sigma = np.sqrt(np.log1p(volume_cv**2))
    volumes = volume * np.exp(sigma * rng.standard_normal(DRAWS) - sigma**2 / 2)
    hit = np.array([profile.repeats.get(t, 0.0) if cache and profile else 0.0 for t in present])
    if cache and profile and not profile.counts:
        hit[:] = _all_repeats(profile)
    choice = np.asarray(choice)
    paid = choice if choice.dtype.kind == "f" else matrix.cost[np.arange(len(matrix)), choice]
    means, draws = _by_type(matrix, paid, kinds, present, seed, wider)
    frontier, routed = means[:, 0], means[:, 1]
    cached, routing = mix * hit * frontier, mix * (1 - hit) * (frontier - routed - overhead_usd)
    saved = volumes * (mixes * (hit[:, None] * draws[:, 0] + (1 - hit[:, None]) * (draws[:, 0] - draws[:, 1] - overhead_usd))).sum(0)
    low, high = percentiles(saved[None])[0]
    full = float(volume * (mix @ frontier))
    total = float(volume * (cached + routing).sum())
    by_type = pd.DataFrame(
        {
            "request_type": present, "share": mix, "n": [int((kinds == t).sum()) for t in present], "frontier_per_1k": frontier * 1000,
            "routed_per_1k": (routed + overhead_usd) * 1000, "saved": volume * (cached + routing),
        }
    )  # fmt: skip
    now = _scaled(profile, volume)
    return Projection(
        float(volume), full, float(volume * cached.sum()), float(volume * routing.sum()), total, (low, high), full - total,
        now, by_type,
        f"bootstrap of prompts within type x Dirichlet mix ({mix_requests:,.0f} requests) x volume (cv {volume_cv:.0%}); {DRAWS} draws",
        tuple([*_notes(matrix, profile, counts, by_type), *_dear_now(now, full)]),
    )  # fmt: skip


def break_even_share(overhead_usd: float, frontier_usd: float, cheap_usd: float) -> float:
    """Share of requests that must go to the cheap tier before a router pays for itself: overhead / (c_frontier - c_cheap)."""
    return overhead_usd / (frontier_usd - cheap_usd) if frontier_usd > cheap_usd else float("inf")


def _by_type(
    matrix: OutcomeMatrix, paid: np.ndarray, kinds: np.ndarray, present: list[str], seed: int, wider: float
) -> tuple[np.ndarray, np.ndarray]:
    """(T, 2) mean costs of frontier and routed, and (T, 2, draws) of them; draws are widened by sqrt(u / (u - 1)) for u clusters."""
    means, draws = np.empty((len(present), 2)), np.empty((len(present), 2, DRAWS))
    for t, kind in enumerate(present):
        here = np.flatnonzero(kinds == kind)
        costs, weights = np.stack([matrix.cost[here, -1], paid[here]]), matrix.weights[here]
        means[t] = costs @ weights / weights.sum()
        units = len(np.unique(matrix.clusters[here]))
        drawn = bootstrap(costs, weights, matrix.clusters[here], lambda x: x, seed + 1 + t)
        draws[t] = means[t][:, None] + (drawn - means[t][:, None]) * wider * np.sqrt(units / max(units - 1, 1))
    return means, draws


def _all_repeats(profile: TrafficProfile) -> float:
    shares: Mapping[str, float] = {u.request_type or "": u.share for u in profile.types()}
    return sum(share * profile.repeats.get(kind, 0.0) for kind, share in shares.items())


def _scaled(profile: TrafficProfile | None, volume: float) -> float | None:
    each = profile.total.cost_per_request if profile else None
    return each * volume if each is not None else None


def _dear_now(now: float | None, full: float) -> list[str]:
    if now is None or now <= OFF * full:
        return []
    return [f"The log pays ${now:,.2f} for what would cost ${full:,.2f} here with every request on the top tier: its requests are "
            "longer, or its models dearer. Take the saving as a share rather than as dollars."]  # fmt: skip


def _notes(matrix: OutcomeMatrix, profile: TrafficProfile | None, counts: Mapping[str, int], by_type: pd.DataFrame) -> list[str]:
    notes = []
    missing = [t for t in counts if t not in set(by_type["request_type"])]
    if missing:
        share = sum(counts[t] for t in missing) / sum(counts.values())
        notes.append(f"Without a prompt: {', '.join(missing[:5])}. {share:.0%} of requests are taken to save what the others do.")
    few = [f"{r.request_type} ({r.n})" for r in by_type.itertuples() if r.n < FEW_OF_TYPE]
    if few:
        notes.append(f"Few prompts of {', '.join(few[:5])}: the interval is too narrow for what so few can tell.")
    if profile:
        dear = matrix.run.tiers[-1]
        here = float(matrix.weights @ matrix.cost[:, -1] / matrix.weights.sum())
        for used in profile.models():
            if used.model in (dear.model, dear.model.partition("/")[2]) and used.cost_per_request and here > 0:
                ratio = used.cost_per_request / here
                if not 1 / OFF < ratio < OFF:
                    word = "low" if ratio > 1 else "high"
                    notes.append(f"A request to {used.model} costs ${used.cost_per_request:.3g} in the log and ${here:.3g} here: "
                                 f"these prompts are not as long as the traffic's, and the dollars are too {word}.")  # fmt: skip
    return notes
