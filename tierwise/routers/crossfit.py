"""Scores for every prompt from routers that have not seen it, and the router that goes into a policy."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tierwise.errors import NotReady
from tierwise.routers import ROUTERS
from tierwise.routers.average import ranked
from tierwise.routers.base import Fitted, Prompts, RouterData
from tierwise.types import OutcomeMatrix


@dataclass(frozen=True)
class CrossFitted:
    """Held-out scores of one router."""

    router: str
    scores: np.ndarray
    """(n,) rank within the fold, (rank + 0.5) / m with ties averaged: folds become comparable."""
    fold: np.ndarray
    """(n,) integers."""
    raw: np.ndarray
    """(n,) the scores themselves, each from a router fitted on the other folds."""


def cross_fitted_scores(
    router_name: str, matrix: OutcomeMatrix, folds: int = 5, seed: int = 0, options: Mapping[str, Any] | None = None
) -> CrossFitted:
    """Score each prompt by a router fitted on the other folds; prompts of one cluster share a fold.

    `options` go to the router's constructor.

    Raises:
        NotReady: with fewer clusters than folds, or when a grade or cost is missing.
        NotFound: no such router.
    """
    router, data = ROUTERS[router_name](**(options or {})), RouterData.of(matrix)
    fold, rest = _split(data, matrix.clusters, folds, seed)
    raw = np.empty(len(data))
    for k in range(folds):
        held = fold == k
        if getattr(router, "knows_outcomes", False):
            raw[held] = router.scores(data.take(held))
        else:
            fitted = router.fit(rest[k], seed) if options else rest[k].fitted(router_name, seed)
            raw[held] = fitted.score(data.prompts.take(held))
    scores = np.empty(len(data))
    for k in range(folds):
        scores[fold == k] = mid_ranks(raw[fold == k])
    return CrossFitted(router_name, scores, fold, raw)


_SPLITS: deque[tuple[tuple[Any, ...], np.ndarray, list[RouterData]]] = deque(maxlen=2)


def _split(data: RouterData, clusters: np.ndarray, folds: int, seed: int) -> tuple[np.ndarray, list[RouterData]]:
    """(n,) folds, and the prompts outside each. Routers tried one after another on the same labels share them, and what was fitted."""
    key = (data.prompts.samples, data.quality, data.cost, folds, seed)
    for known, fold, rest in list(_SPLITS):
        if all(a is b for a, b in zip(known[:3], key[:3], strict=True)) and known[3:] == key[3:]:
            return fold, rest
    fold, parts = _parts(data.prompts, clusters, folds, seed)
    rest = [RouterData(part, *(x[fold != k] for x in (data.quality, data.cost, data.weights))) for k, part in enumerate(parts)]
    _SPLITS.append((key, fold, rest))
    return fold, rest


_PARTS: deque[tuple[tuple[Any, ...], tuple[int, int], np.ndarray, list[Prompts]]] = deque(maxlen=2)


def _parts(prompts: Prompts, clusters: np.ndarray, folds: int, seed: int) -> tuple[np.ndarray, list[Prompts]]:
    """The same of the prompts alone: other tiers of a run share them, and the vocabularies that were made of them."""
    for samples, how, fold, parts in list(_PARTS):
        if samples is prompts.samples and how == (folds, seed):
            return fold, parts
    prompts.read_all()
    fold = folds_of(clusters, folds, seed)
    parts = [prompts.take(fold != k) for k in range(folds)]
    _PARTS.append((prompts.samples, (folds, seed), fold, parts))
    return fold, parts


def deployed(crossed: CrossFitted, matrix: OutcomeMatrix, seed: int = 0, options: Mapping[str, Any] | None = None) -> Fitted:
    """The router refitted on all prompts, its score turned into its rank among the held-out raw scores.

    A threshold on `CrossFitted.scores` therefore keeps its meaning (the same share of traffic) in the policy.
    """
    fitted = ROUTERS[crossed.router](**(options or {})).fit(RouterData.of(matrix), seed)
    return fitted if fitted.spec is None else Fitted(ranked(fitted.spec, crossed.raw, 1000), fitted.lines)


def folds_of(clusters: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """(n,) fold of each prompt: whole clusters, the largest placed first, sizes as even as they allow."""
    names, sizes = np.unique(clusters, return_counts=True)
    if len(names) < folds:
        raise NotReady(
            f"Tuning needs at least {folds} groups of prompts to hold some out, and this run has {len(names)}. "
            "Add prompts, or leave the cluster column out if these prompts are independent."
        )
    order = np.random.default_rng(seed).permutation(len(names))
    order = order[np.argsort(-sizes[order], kind="stable")]
    filled, place = np.zeros(folds), np.empty(len(names), dtype=int)
    for i in order:
        place[i] = filled.argmin()
        filled[place[i]] += sizes[i]
    return place[np.searchsorted(names, clusters)]


def mid_ranks(values: np.ndarray) -> np.ndarray:
    """(n,) ranks in (0, 1), ties averaged."""
    ordered = np.sort(values)
    return (np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")) / (2 * len(values))
