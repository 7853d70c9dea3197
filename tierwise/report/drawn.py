"""The tables behind the charts of a report."""

import math
from typing import Any

import numpy as np

from tierwise.grading.summary import TierSummary
from tierwise.report.pictures import Route, Spot
from tierwise.report.subject import Subject
from tierwise.tuning.advice import FEW
from tierwise.tuning.references import references

STEPS, MIX, BAND = 90, 40, 120


def tier_spots(rows: list[TierSummary]) -> list[Spot]:
    """Tiers with a grade; a tier without a price has no cost."""
    return [_spot(r) for r in rows if math.isfinite(r.quality)]


def route(subject: Subject, rows: list[TierSummary]) -> Route | None:
    """What the cost-quality chart shows, or None where no tier is both graded and priced."""
    tiers = [s for s in tier_spots(rows) if math.isfinite(s.cost)]
    if not tiers:
        return None
    whole = subject.tuning.matrix if subject.tuning is not None else subject.matrix.take(subject.matrix.complete)
    found: dict[str, Any] = {"tiers": tiers}
    if len(whole) and len(whole.tiers) > 1:
        known = references(whole)
        found["mix"], oracle = mix(known["random_mix"]), known["oracle"]
        found["oracle"] = Spot("perfect router", oracle.cost_per_1k_usd, oracle.quality)
    if subject.tuning is not None:
        found |= _routed(subject)
    return Route(**found, heldout=_held_out(subject))


def _routed(subject: Subject) -> dict[str, Any]:
    tuning = subject.tuning
    steps = tuning.frontier.steps(STEPS)
    used, at = subject.used, (np.arange(len(subject.used)), subject.choice)
    w = used.weights / used.weights.sum()
    here = Spot("policy" if subject.policy else "recommended", 1000 * float(w @ used.cost[at]), float(w @ used.quality[at]))
    found: dict[str, Any] = {"steps": list(zip(steps["cost_per_1k"], steps["quality"], strict=True)), "here": here}
    if tuning.certificate.units >= FEW:
        band = tuning.band.sort_values("cost")
        band = band.iloc[:: max(1, len(band) // BAND)]
        found["band"] = [tuple(map(float, row)) for row in zip(band["cost"], band["low"], band["high"], strict=True)]
    aim = tuning.aim
    found["target"] = tuning.frontier.quality - aim.max_loss if aim.max_loss is not None else aim.min_quality
    return found


def _held_out(subject: Subject) -> Spot | None:
    """What to expect, with the interval of the paired loss."""
    held = subject.expected
    if held is None:
        return None
    cost, quality, loss = (held[name] for name in ("cost_per_1k_usd", "quality", "loss"))
    if cost.value is None or quality.value is None or loss.ci95 is None:
        return None
    top = quality.value + (loss.value or 0.0)
    return Spot("held-out", cost.value, quality.value, top - loss.ci95[1], top - loss.ci95[0])


def mix(random_mix: Any) -> list[tuple[float, float]]:
    """The hull of single tiers with points between, since a straight line in dollars bends on a log axis."""
    cost, quality = np.asarray(random_mix.cost_per_1k, float), np.asarray(random_mix.quality, float)
    if len(cost) < 2:
        return list(zip(cost.tolist(), quality.tolist(), strict=True))
    between = np.geomspace(cost[0], cost[-1], MIX) if cost[0] > 0 else np.linspace(cost[0], cost[-1], MIX)
    every = np.union1d(between, cost)
    return list(zip(every.tolist(), np.interp(every, cost, quality).tolist(), strict=True))


def _spot(r: TierSummary) -> Spot:
    low, high = r.quality_ci95
    known = math.isfinite(low) and math.isfinite(high)
    return Spot(r.tier, r.cost_per_1k_usd, r.quality, low if known else None, high if known else None, r.n)
