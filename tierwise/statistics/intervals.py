"""95 % intervals in closed form, without scipy: means of grades, and paired differences between tiers.

Pass/fail grades of independent prompts get score intervals (Wilson 1927; Tango 1998 for pairs). Anything else (graded values, clusters,
weights) gets a cluster-robust interval: the linearised variance of a weighted mean over cluster totals, with Student's t on clusters - 1.
"""

import math

import numpy as np

Z = 1.959963984540054


def wilson(successes: float, n: float, z: float = Z) -> tuple[float, float]:
    """Score interval of a proportion."""
    p, zz = successes / n, z * z
    centre, half = p + zz / (2 * n), z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    low, high = (centre - half) / (1 + zz / n), (centre + half) / (1 + zz / n)
    return (0.0 if p == 0 else max(low, 0.0)), (1.0 if p == 1 else min(high, 1.0))


def tango(wins: int, losses: int, n: int, z: float = Z) -> tuple[float, float]:
    """Score interval of the difference of two paired proportions, (wins - losses) / n.

    Args:
        wins: pairs that only the first passes.
        losses: pairs that only the second passes.
    """

    def statistic(d: float) -> float:
        b = (2 * n - wins + losses) * d - wins - losses
        q = (math.sqrt(max(b * b + 8 * n * losses * d * (1 - d), 0.0)) - b) / (4 * n)
        variance = n * (2 * q + d * (1 - d))
        return (wins - losses - n * d) / math.sqrt(variance) if variance > 1e-15 else math.copysign(math.inf, wins - losses - n * d)

    estimate = (wins - losses) / n

    def solve(inside: float, outside: float, target: float) -> float:
        for _ in range(50):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if (statistic(middle) - target) * target < 0 else (inside, middle)
        return inside

    return (-1.0 if estimate == -1 else solve(estimate, -1.0, z)), (1.0 if estimate == 1 else solve(estimate, 1.0, -z))


def student(df: float, z: float = Z) -> float:
    """The two-sided 95 % quantile of Student's t (Cornish-Fisher; within 0.2 % everywhere)."""
    if df < 5:
        return {1: 12.706, 2: 4.303, 3: 3.182, 4: 2.776}.get(int(df), math.inf)
    terms = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + sum(t / df**i for i, t in enumerate(terms, 1))


def clustered(values: np.ndarray, weights: np.ndarray, clusters: np.ndarray) -> tuple[float, float, int]:
    """Weighted mean, its cluster-robust standard error, and the number of clusters."""
    total = weights.sum()
    mean = float((weights * values).sum() / total)
    codes = np.unique(clusters, return_inverse=True)[1]
    sums = np.bincount(codes, weights * (values - mean))
    g = len(sums)
    return mean, (float(math.sqrt(g / (g - 1) * (sums**2).sum()) / total) if g > 1 else math.inf), g


def mean_interval(
    values: np.ndarray, weights: np.ndarray, clusters: np.ndarray, low: float = 0.0, high: float = 1.0
) -> tuple[float, float]:
    """95 % interval of a mean of values known to lie in [low, high].

    When every value is the same there is no spread to estimate from, so the score interval for as many pass/fail clusters stands in.
    """
    if not len(values):
        return math.nan, math.nan
    simple = weights.min() == weights.max() and len(np.unique(clusters)) == len(values)
    if simple and low == 0 and np.isin(values, (0.0, 1.0)).all():
        return wilson(float(values.sum()), len(values))
    if simple and low == -1 and np.isin(values, (-1.0, 0.0, 1.0)).all():
        return tango(int((values > 0).sum()), int((values < 0).sum()), len(values))
    mean, error, g = clustered(values, weights, clusters)
    if g < 2:
        return low, high
    if error < 1e-12:
        if low == -1:
            return (max(mean - Z * Z / (Z * Z + g), low), min(mean + Z * Z / (Z * Z + g), high))
        return wilson(mean * g, g)
    half = student(g - 1) * error
    return max(mean - half, low), min(mean + half, high)
