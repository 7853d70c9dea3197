"""The prompts of a run that can be tuned on, and the held-out scores of routers on them; both are kept while they are in use."""

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.routers import DEFAULT_CANDIDATES, cross_fitted_scores
from tierwise.routers.crossfit import folds_of
from tierwise.tuning import cascade
from tierwise.tuning.answers import Answers
from tierwise.tuning.transfer import Scored
from tierwise.types import OutcomeMatrix

_USED: list[tuple[weakref.ref, tuple[str, ...] | None, OutcomeMatrix]] = []
_SCORED: list[tuple[weakref.ref, tuple, Scored]] = []
KEEP = 6
"""Tunings of which the scores are kept."""


def usable(matrix: OutcomeMatrix, tiers: tuple[str, ...] | None) -> OutcomeMatrix:
    """The complete prompts with the tiers wanted; the same object for the same matrix, so that another aim reads no prompt again."""
    for known, wanted, used in list(_USED):
        if known() is matrix and wanted == tiers:
            return used
    part = columns(matrix, tiers)
    if not part.complete.any():
        raise NotReady(_incomplete(part))
    used = part if part.complete.all() else part.take(part.complete)
    _USED.append((weakref.ref(matrix), tiers, used))
    del _USED[:-KEEP]
    return used


def scored(used: OutcomeMatrix, name: str, folds: int, seed: int, options: Mapping[str, Any] | None) -> Scored:
    """Cross-fitting is the slow part and does not depend on the aim: the latest are kept while their prompts are in use."""
    key = (name, folds, seed, repr(sorted(options.items())) if options else None)
    for known, wanted, found in list(_SCORED):
        if known() is used and wanted == key:
            return found
    found = Scored(used, cross_fitted_scores(name, used, folds, seed, options), seed, options)
    _SCORED.append((weakref.ref(used), key, found))
    del _SCORED[: -KEEP * len(DEFAULT_CANDIDATES)]
    return found


PROMPT_ROUTER = "average"
"""What scores prompts before the first calls of a cascade."""


@dataclass(frozen=True)
class Tried:
    """A cascade with its held-out scores, and the prompt router that scores before its first calls."""

    fitted: cascade.Fitted
    before: Scored


_TRIED: list[tuple[weakref.ref, weakref.ref | None, tuple[int, int], dict[str, Tried]]] = []


def tried(used: OutcomeMatrix, answers: Answers | None, fold: np.ndarray, folds: int, seed: int) -> dict[str, Tried]:
    """Every cascade that the stored answers allow, by name, the one that agrees most last; empty where there is none."""
    for known, said, key, found in list(_TRIED):
        if known() is used and (said() if said else None) is (answers.outputs if answers else None) and key == (folds, seed):
            return found
    confidence = cascade.confidences(used)
    found = {}
    for rule in cascade.possible(used, answers, confidence):
        before = scored(usable(used, (rule.keep, rule.escalate_to)), PROMPT_ROUTER, folds, seed, None)
        replayed = cascade.replay(rule, used, answers, confidence)
        found[rule.name] = Tried(cascade.fit(replayed, before.scores, fold, used.weights), before)
    found = dict(sorted(found.items(), key=lambda item: item[1].fitted.replayed.agreed))
    _TRIED.append((weakref.ref(used), weakref.ref(answers.outputs) if answers else None, (folds, seed), found))
    del _TRIED[:-KEEP]
    return found


def answers_of_used(matrix: OutcomeMatrix, answers: Answers, tiers: tuple[str, ...] | None) -> Answers:
    """The answers in the places of `usable(matrix, tiers)`; the same object for the same answers."""
    for known, wanted, whole, found in list(_GIVEN):
        if known() is matrix and wanted == tiers and whole() is answers.outputs:
            return found
    found = answers.take(columns(matrix, tiers).complete, places(matrix, tiers) if tiers else None)
    _GIVEN.append((weakref.ref(matrix), tiers, weakref.ref(answers.outputs), found))
    del _GIVEN[:-KEEP]
    return found


_GIVEN: list[tuple[weakref.ref, tuple[str, ...] | None, weakref.ref, Answers]] = []


def halves(used: OutcomeMatrix, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two masks: the prompts that choose, and those that judge; clusters stay whole."""
    judge = folds_of(used.clusters, 2, seed) == 1
    return ~judge, judge


_PARTS: list[tuple[weakref.ref, bytes, OutcomeMatrix]] = []


def part(used: OutcomeMatrix, rows: np.ndarray) -> OutcomeMatrix:
    """Some of the prompts; the same object when asked again."""
    for known, mask, found in list(_PARTS):
        if known() is used and mask == rows.tobytes():
            return found
    found = used.take(rows)
    _PARTS.append((weakref.ref(used), rows.tobytes(), found))
    del _PARTS[:-KEEP]
    return found


def columns(matrix: OutcomeMatrix, tiers: tuple[str, ...] | None) -> OutcomeMatrix:
    """The matrix with some of its tiers, in the order wanted."""
    if not tiers:
        return matrix
    at = places(matrix, tiers)
    run = replace(matrix.run, tiers=tuple(matrix.run.tiers[k] for k in at))
    arrays = {name: getattr(matrix, name)[:, at] for name in ("quality", "cost", "latency", "truncated", "failed")}
    confidence = None if matrix.confidence is None else matrix.confidence[:, at]
    return replace(matrix, run=run, confidence=confidence, **arrays)


def places(matrix: OutcomeMatrix, tiers: tuple[str, ...]) -> list[int]:
    """The columns of some tiers, by name or model.

    Raises:
        NotFound: no such tier.
        BadInput: one is named twice.
    """
    places = []
    for wanted in tiers:
        found = [k for k, t in enumerate(matrix.run.tiers) if wanted in (t.name, t.model)]
        if not found:
            raise NotFound(f"The run {matrix.run.name!r} has no tier {wanted!r}. It has: {', '.join(matrix.tiers)}.")
        places.append(found[0])
    if len(set(places)) < len(places):
        raise BadInput(f"A tier is named twice: {', '.join(tiers)}.")
    return places


def _incomplete(m: OutcomeMatrix) -> str:
    if not len(m):
        return f"The run {m.run.name!r} has no prompts."
    ungraded = [t for k, t in enumerate(m.tiers) if not np.isfinite(m.quality[:, k]).any()]
    unpriced = [t for k, t in enumerate(m.tiers) if not np.isfinite(m.cost[:, k]).any()]
    if ungraded:
        return f"No answer of {', '.join(ungraded)} is graded yet. Grade the run first."
    if unpriced:
        return f"The cost of {', '.join(unpriced)} is not known. Set its prices per million tokens on the run's tiers, and run it again."
    return f"No prompt of {m.run.name!r} has a grade and a cost on every tier. Grade the run again."
