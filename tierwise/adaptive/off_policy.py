"""What another policy would have kept, from the log of one that chose at random with known probabilities.

Needed for live logs only. In a replay every tier's answer is stored, so values are exact, and this module can be held against them. Three
estimates (Dudik, Langford and Li, 2011): inverse propensity weights, the same normalised, and doubly robust ones, which correct a
model's prediction by what was logged. All are blind where the logging policy never went.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tierwise.errors import BadInput, NotReady

Z = 1.959963984540054
FEW_EFFECTIVE = 30


@dataclass(frozen=True)
class OffPolicy:
    """The mean worth of a target policy, estimated."""

    value: float
    """Doubly robust."""
    ci95: tuple[float, float]
    ips: float
    snips: float
    n: int
    effective: float
    """Logged requests that count: (sum of weights)^2 / sum of squared weights."""
    matched: float
    """Share of logged requests on which the target would have done the same."""
    largest: float
    """The largest weight: one request that stands for so many."""

    @property
    def usable(self) -> bool:
        return self.effective >= FEW_EFFECTIVE

    @property
    def says(self) -> str:
        low, high = self.ci95
        figures = f"{self.value:.3f} [{low:.3f}, {high:.3f}] from {self.n:,} logged requests, of which {self.effective:,.0f} count"
        if not self.usable:
            return f"Not enough: {figures}. The log hardly ever did what this policy would do; log more exploration, or grade both answers."
        return f"Estimated worth {figures}."

    def to_json(self) -> dict[str, Any]:
        return {"value": self.value, "ci95": list(self.ci95), "ips": self.ips, "snips": self.snips, "n": self.n, "effective": self.effective,
                "matched": self.matched, "largest_weight": self.largest, "usable": self.usable}  # fmt: skip


def off_policy(
    tier: np.ndarray, worth: np.ndarray, chance: np.ndarray, target: np.ndarray, predicted: np.ndarray | None = None, folds: int = 5
) -> OffPolicy:
    """Estimate the mean worth of a target policy.

    Args:
        tier: (n,) what was chosen.
        worth: (n,) what came of it: quality less what the cost is worth.
        chance: (n,) the probability with which it was chosen, logged at the time.
        target: (n,) what the target policy would choose, or (n, K) its probabilities.
        predicted: (n, K) worth predicted by a model that has not seen these outcomes; by default each tier's mean over other folds.

    Raises:
        BadInput: a probability outside (0, 1], or shapes that do not fit.
        NotReady: nothing was logged.
    """
    tier, worth, chance, target = np.asarray(tier), np.asarray(worth, float), np.asarray(chance, float), np.asarray(target)
    n = len(tier)
    if not n:
        raise NotReady("Nothing was logged.")
    if not (len(worth) == len(chance) == len(target) == n):
        raise BadInput("Tiers, worths, probabilities and the target's choices are not of one length.")
    if not ((chance > 0) & (chance <= 1)).all():
        where = int(np.flatnonzero(~((chance > 0) & (chance <= 1)))[0])
        raise BadInput(f"Logged request {where + 1}: {chance[where]:g} is no probability. A choice without one cannot be read afterwards.")
    tiers = int(max(tier.max(), target.max() if target.ndim == 1 else target.shape[1] - 1)) + 1
    wanted = np.eye(tiers)[target.astype(int)] if target.ndim == 1 else target
    if predicted is None:
        predicted = _means(tier, worth, tiers, folds)
    rows = np.arange(n)
    weight = wanted[rows, tier] / chance
    baseline = (wanted * predicted).sum(1)
    parts = baseline + weight * (worth - predicted[rows, tier])
    value, error = float(parts.mean()), float(parts.std(ddof=1) / np.sqrt(n)) if n > 1 else float("inf")
    total = weight.sum()
    effective = float(total**2 / (weight**2).sum()) if total > 0 else 0.0
    snips = float((weight * worth).sum() / total) if total > 0 else float("nan")
    return OffPolicy(
        value, (value - Z * error, value + Z * error), float((weight * worth).mean()), snips, n, effective, float((weight > 0).mean()),
        float(weight.max()),
    )  # fmt: skip


def _means(tier: np.ndarray, worth: np.ndarray, tiers: int, folds: int) -> np.ndarray:
    """(n, K) mean worth of each tier over the other folds; the mean of all where a tier was not chosen there."""
    fold = np.arange(len(tier)) % folds
    out = np.empty((len(tier), tiers))
    for k in range(folds):
        rest = fold != k
        overall = worth[rest].mean() if rest.any() else worth.mean()
        for t in range(tiers):
            own = worth[rest & (tier == t)]
            out[fold == k, t] = own.mean() if len(own) else overall
    return out
