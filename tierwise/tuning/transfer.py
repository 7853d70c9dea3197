"""Held-out scores in the units of the deployed router, so that a threshold means in the policy what it meant in tuning."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from tierwise.routers import CrossFitted, Fitted, deployed
from tierwise.types import OutcomeMatrix

FEW = 0.25
"""A router that gives fewer different scores than this share of the prompts sends groups of prompts as a whole."""


class Scored:
    """One router on the prompts of a matrix: cross-fitted scores, and the router fitted again on all of them."""

    def __init__(self, matrix: OutcomeMatrix, crossed: CrossFitted, seed: int = 0, options: Mapping[str, Any] | None = None) -> None:
        # not the matrix itself: whoever keeps these scores for later should not keep alive what they are recognised by
        self._refit = (matrix.samples, crossed, seed, options)
        self._labels = {name: getattr(matrix, name) for name in ("run", "quality", "cost", "latency", "truncated", "failed", "scorer")}
        self.crossed, self.weights = crossed, matrix.weights

    @cached_property
    def deployed(self) -> Fitted:
        """Its score is a rank among the held-out scores; fitted when first asked for."""
        samples, crossed, seed, options = self._refit
        return deployed(crossed, OutcomeMatrix(samples=samples, **self._labels), seed, options)

    @cached_property
    def scores(self) -> np.ndarray:
        """(n,) what thresholds are compared with: ranks within the fold, or the deployed groups where there are few."""
        ranks, fold = self.crossed.scores, self.crossed.fold
        different = sum(len(np.unique(ranks[fold == k])) for k in np.unique(fold))
        if different >= 2 * FEW * len(ranks) or self.deployed.spec is None:
            return ranks
        return aligned(ranks, self.deployed.score(self._refit[0]), self.weights)


def aligned(ranks: np.ndarray, deployed: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(n,) held-out ranks, each replaced by the group of the deployed router that lies at this rank.

    A router with few different scores (rules, request types, a tree) gives each fold slightly different ones, so a threshold could
    fall between the folds and part a group that the deployed router can only send as a whole: on recorded ladders the deployed
    saving was then off by 0.1 to 0.2 (one standard deviation). Deployed groups, in their order, take up the shares of traffic
    that they have among these prompts. A group's value lies half way between its deployed score and that of the group below:
    a threshold there parts the two.

    Args:
        ranks: (n,) in [0, 1].
        deployed: (n,) scores of the deployed router on the same prompts.
        weights: (n,)
    """
    values, group = np.unique(deployed, return_inverse=True)
    if len(values) >= FEW * len(ranks):
        return ranks
    ends = np.cumsum(np.bincount(group, weights, len(values))) / weights.sum()
    steps = np.append(values[0] / 2, (values[1:] + values[:-1]) / 2)
    return steps[np.searchsorted(ends[:-1], ranks, "right")]
