"""How much better than it is the best-looking policy looks, and the margin that takes it back.

The cheapest policy whose observed loss keeps the aim is chosen *because* its loss came out low: on 200 prompts of recorded ladders an aim
of 2 points gave 3.1 on prompts that took no part. Two things are asked instead. The loss must keep the aim not only as observed but also
after smoothing over neighbouring scores, since a true loss changes slowly with the score and a lucky dip does not survive; and it must
keep it by a part of its standard error. docs/statistics.md has the figures measured.
"""

import numpy as np

from tierwise.tuning.lattice import Lattice, Line

BANDWIDTH, AT = 0.2, 200
"""Standard deviation of the smoothing in shares of the traffic, with this many prompts; it shrinks with their cube root."""
ERRORS = 0.15
"""Standard errors asked of scores that can be smoothed."""
ERRORS_UNSMOOTHED = 0.5
"""Standard errors asked of the rest: few different scores, so that prompts go in groups, or two scores."""
GROUPS = 0.25
"""Scores with fewer different values than this share of the prompts are groups, and groups next to each other need not be alike."""
BINS = 400


def margin(policies: Lattice, scores: np.ndarray, lost: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(P,) quality units by which a policy must look better than its limit; 0 for always-frontier.

    Args:
        lost: (n, A) quality of the frontier tier less that of each action.
        weights: (n,)
    """
    seen = policies.read(lost)
    n = weights.sum() ** 2 / (weights**2).sum()
    # one prompt more that differs, so that no difference seen is not taken for certainty
    error = np.sqrt((np.maximum(policies.read(lost**2) - seen**2, 0.0) + 1 / n) / n)
    if isinstance(policies, Line) and policies.prefix.top >= GROUPS * len(scores):
        found = np.maximum(policies.read(smoothed(scores, lost, weights)) - seen, 0.0) + ERRORS * error
    else:
        found = ERRORS_UNSMOOTHED * error
    found[policies.frontier] = 0.0
    return found


def smoothed(scores: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n, A) values averaged over prompts of neighbouring score by a normal kernel in traffic; weighted means stay as they are."""
    from scipy.ndimage import gaussian_filter1d

    n = len(scores)
    order = np.argsort(scores, kind="stable")
    mass = np.cumsum(weights[order]) - weights[order] / 2
    bins = min(n, BINS)
    place = np.minimum((mass / weights.sum() * bins).astype(int), bins - 1)
    held = np.maximum(np.bincount(place, weights[order], bins), 1e-12)
    width = BANDWIDTH * min(1.0, (AT / n) ** (1 / 3)) * bins
    out = np.empty_like(values, dtype=float)
    for a, column in enumerate(values.T):
        total = gaussian_filter1d(np.bincount(place, (weights * column)[order], bins), width, mode="reflect")
        smooth = (total / gaussian_filter1d(held, width, mode="reflect"))[place]
        out[order, a] = smooth + np.average(column, weights=weights) - np.average(smooth, weights=weights[order])
    return out
