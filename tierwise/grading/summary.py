"""What each tier of a graded run comes to: quality, cost, speed, and what could not be graded."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tierwise.statistics.intervals import mean_interval
from tierwise.types import OutcomeMatrix


@dataclass(frozen=True)
class TierSummary:
    """One tier of a run. Means carry the prompts' weights; NaN (null in JSON) where nothing is known."""

    tier: str
    model: str
    n: int
    """Prompts with a grade; n + unscored + failed is every prompt of the set."""
    quality: float
    quality_ci95: tuple[float, float]
    cost_per_1k_usd: float
    latency_p50_s: float
    latency_p95_s: float
    unscored: int
    """Prompts without a grade, other than failed ones."""
    failed: int
    """Prompts whose every call failed."""
    truncated_share: float
    """Of the answers, the share that was cut off."""
    dominated_by: str | None
    """A tier that is no dearer and no worse on the prompts both have, and cheaper or better."""
    paired_difference: float
    """Mean grade minus the frontier tier's, over prompts graded on both; 0 for the frontier tier itself."""
    paired_difference_ci95: tuple[float, float]

    def to_json(self) -> dict[str, Any]:
        """As `summary --json` prints it."""

        def known(*names: str) -> dict[str, Any]:
            return {name: _known(getattr(self, name)) for name in names}

        return {
            "tier": self.tier, "model": self.model, "n": self.n,
            **known("quality", "quality_ci95", "cost_per_1k_usd", "latency_p50_s", "latency_p95_s"),
            "unscored": self.unscored, "failed": self.failed, **known("truncated_share"), "dominated_by": self.dominated_by,
            **known("paired_difference", "paired_difference_ci95"), "ci95": _known(self.quality_ci95),
        }  # fmt: skip


def summary(matrix: OutcomeMatrix) -> list[TierSummary]:
    """One row a tier, in the order of the run.

    Pass/fail grades of independent, equally weighted prompts get Wilson intervals, others cluster-robust ones (`tierwise.statistics.intervals`).
    """
    last = len(matrix.tiers) - 1
    rows = []
    for k, tier in enumerate(matrix.run.tiers):
        scored = np.isfinite(matrix.quality[:, k])
        answered = scored | matrix.truncated[:, k] | np.isfinite(matrix.cost[:, k]) | np.isfinite(matrix.latency[:, k])
        answered &= ~matrix.failed[:, k]
        both = scored & np.isfinite(matrix.quality[:, last])
        difference = matrix.quality[both, k] - matrix.quality[both, last]
        rows.append(
            TierSummary(
                tier=tier.name, model=tier.model, n=int(scored.sum()), quality=_mean(matrix.quality[:, k], matrix.weights),
                quality_ci95=mean_interval(matrix.quality[scored, k], matrix.weights[scored], matrix.clusters[scored]),
                cost_per_1k_usd=1000 * _mean(matrix.cost[:, k], matrix.weights),
                latency_p50_s=_percentile(matrix.latency[:, k], 50), latency_p95_s=_percentile(matrix.latency[:, k], 95),
                unscored=int((~scored & ~matrix.failed[:, k]).sum()), failed=int((~scored & matrix.failed[:, k]).sum()),
                truncated_share=float(matrix.truncated[answered, k].mean()) if answered.any() else math.nan,
                dominated_by=_dominator(matrix, k), paired_difference=_mean(difference, matrix.weights[both]),
                paired_difference_ci95=(0.0, 0.0) if k == last and both.any() else
                mean_interval(difference, matrix.weights[both], matrix.clusters[both], low=-1.0),
            )
        )  # fmt: skip
    return rows


def by_request_type(matrix: OutcomeMatrix) -> pd.DataFrame:
    """Long table: request_type, tier, n (graded), quality, lo, hi (95 %), cost_per_1k_usd; the commonest type first, tiers in order."""
    kinds = pd.Series(matrix.request_types).value_counts(sort=True)
    rows = []
    for kind in kinds.index:
        part = matrix.request_types == kind
        for k, tier in enumerate(matrix.tiers):
            at = part & np.isfinite(matrix.quality[:, k])
            low, high = mean_interval(matrix.quality[at, k], matrix.weights[at], matrix.clusters[at])
            quality, cost = _mean(matrix.quality[at, k], matrix.weights[at]), 1000 * _mean(matrix.cost[part, k], matrix.weights[part])
            rows.append((kind, tier, int(at.sum()), quality, low, high, cost))
    return pd.DataFrame(rows, columns=["request_type", "tier", "n", "quality", "lo", "hi", "cost_per_1k_usd"])


def _dominator(matrix: OutcomeMatrix, k: int) -> str | None:
    """The best tier that dominates tier `k`, compared on the prompts that both have graded and priced."""
    found = []
    for j, name in enumerate(matrix.tiers):
        both = np.isfinite(matrix.quality[:, [j, k]]).all(1) & np.isfinite(matrix.cost[:, [j, k]]).all(1)
        if j == k or not both.any():
            continue
        weights = matrix.weights[both]
        better = _mean(matrix.quality[both, j] - matrix.quality[both, k], weights)
        dearer = _mean(matrix.cost[both, j] - matrix.cost[both, k], weights)
        if better >= 0 and dearer <= 0 and (better > 0 or dearer < 0):
            found.append((-better, dearer, name))
    return min(found)[2] if found else None


def _mean(values: np.ndarray, weights: np.ndarray) -> float:
    known = np.isfinite(values)
    total = weights[known].sum()
    return float((values[known] * weights[known]).sum() / total) if total > 0 else math.nan


def _percentile(values: np.ndarray, q: float) -> float:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, q)) if len(known) else math.nan


def _known(value: float | tuple[float, ...]) -> float | list | None:
    if isinstance(value, tuple):
        return [_known(v) for v in value]
    return float(value) if math.isfinite(value) else None
