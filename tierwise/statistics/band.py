"""A band that holds for all policies of a path at once, so that a person may pick any of them by looking."""

import numpy as np

from tierwise.statistics.certify import Evidence, star_rejects
from tierwise.statistics.intervals import tango
from tierwise.statistics.resampling import MOST_UNITS

MIN_EVENTS = 3
"""Policies with fewer discordant prompts do not enter the bootstrap; the score interval alone covers them."""


def band(evidence: Evidence, delta: float = 0.1, draws: int = 500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(P,) lower and (P,) upper limits of the losses, that hold together with probability 1 - delta on each side.

    Pass/fail: the largest studentised deviation over policies is bootstrapped with normal multipliers, and its quantile put into Tango's
    score interval instead of 1.28: Wald limits fail twice as often where harms are rare. Otherwise the same quantile
    with a variance floor of 1/n (pass/fail limits are the better tested ones).
    """
    d, n = evidence.d, len(evidence.d)
    w = np.ones(n) if evidence.weights is None else evidence.weights / evidence.weights.mean()
    mean = (w[:, None] * d).sum(0) / w.sum()
    centred = w[:, None] * (d - mean)
    spread = np.sqrt((centred**2).mean(0))
    use = (d != 0).sum(0) >= MIN_EVENTS
    critical = 1.2815515655446004 if delta == 0.1 else _normal_quantile(1 - delta)
    if use.any():
        rng = np.random.default_rng(seed)
        scaled = centred[:, use] / (np.maximum(spread[use], 1e-12) * np.sqrt(n))
        if n > MOST_UNITS:  # units put together at random have the same covariance
            scaled = np.add.reduceat(scaled[rng.permutation(n)], np.linspace(0, n, MOST_UNITS, endpoint=False).astype(int))
        z = rng.standard_normal((draws, len(scaled))) @ scaled
        critical = max(critical, float(np.quantile(np.maximum(z.max(1), (-z).max(1)), 1 - delta)))
    if not evidence.pass_fail:
        half = critical * np.sqrt((centred**2).mean(0) + 1 / n) / np.sqrt(n)
        return np.maximum(mean - half, -1), np.minimum(mean + half, 1)
    limits = np.array([tango(int((column > 0).sum()), int((column < 0).sum()), n, critical) for column in d.T])
    return limits[:, 0], limits[:, 1]


def star_upper(d: np.ndarray, delta: float, steps: int = 14) -> np.ndarray:
    """(P,) finite-sample upper limits by betting, each at delta / P: safe for graded values, and wide."""
    p = d.shape[1]
    low, high = np.clip(d.mean(0), -0.999, 0.998), np.full(p, 0.999)
    for _ in range(steps):
        middle = (low + high) / 2
        passed = np.array([star_rejects(d[:, j], float(middle[j]), delta / p)[0] for j in range(p)])
        high, low = np.where(passed, middle, high), np.where(passed, low, middle)
    return high


def _normal_quantile(p: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(p)
