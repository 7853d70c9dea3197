"""Intervals by resampling whole clusters: for means, differences and ratios that have no closed form."""

from collections.abc import Callable

import numpy as np

DRAWS = 2000
MOST_UNITS = 5000


def bootstrap(
    columns: np.ndarray,
    weights: np.ndarray,
    clusters: np.ndarray,
    statistic: Callable[[np.ndarray], np.ndarray],
    seed: int = 0,
    draws: int = DRAWS,
) -> np.ndarray:
    """(S, draws) values of statistics of weighted means, over clusters drawn with replacement.

    More than 5,000 clusters are first put together at random into 5,000 groups, which leaves the variance of a mean as it is.

    Args:
        columns: (C, n) values by prompt.
        weights: (n,)
        clusters: (n,) codes; prompts of one cluster are drawn together.
        statistic: (C, draws) weighted means -> (S, draws).
    """
    codes = np.unique(clusters, return_inverse=True)[1]
    units = int(codes.max()) + 1
    rng = np.random.default_rng(seed)
    if units > MOST_UNITS:
        codes = (rng.permutation(units) % MOST_UNITS)[codes]
        units = MOST_UNITS
    sums = np.stack([np.bincount(codes, weights * row, units) for row in (*columns, np.ones_like(weights))], axis=1)
    means = np.empty((len(columns), draws))
    step = max(1, 4_000_000 // units)
    for start in range(0, draws, step):
        size = min(step, draws - start)
        drawn = rng.integers(0, units, (size, units)) + np.arange(size)[:, None] * units
        totals = np.bincount(drawn.ravel(), minlength=size * units).reshape(size, units) @ sums
        means[:, start : start + size] = (totals[:, :-1] / np.maximum(totals[:, -1:], 1e-300)).T
    return statistic(means)


def percentiles(values: np.ndarray, level: float = 0.95) -> list[tuple[float, float]]:
    """Two-sided percentile intervals of the rows."""
    low, high = np.percentile(values, [50 * (1 - level), 50 * (1 + level)], axis=1)
    return [(float(a), float(b)) for a, b in zip(low, high, strict=True)]
