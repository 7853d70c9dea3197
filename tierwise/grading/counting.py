"""Whose automatic grades count for a run: several scorers may have graded it, and every figure is by one of them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.scorers import scorer_ref
from tierwise.store import Store
from tierwise.types import Run

AUTOMATIC = "tierwise"
"""The author of a grade that no person gave."""

MANUAL = "manual"
"""The scorer of a grade that a person gave."""

CELL = ["sample_id", "tier", "repeat"]


def scorer_in_use(run: Run, automatic: pd.Series, asked: str | None, has_manual: bool, chosen: str | None = None) -> str:
    """The reference of the scorer whose grades count; `automatic` are the references of the automatic grades, oldest first."""
    used = automatic.iloc[::-1].unique().tolist()
    if not used and not has_manual:
        raise NotReady(
            f"Run {run.name!r} has no grades yet. "
            + ("Start it first." if run.status == "planned" else "Grade it with a scorer (tierwise grade), or grade answers by hand.")
        )
    if asked is not None:
        found = MANUAL if asked == MANUAL and has_manual else _match(asked, used)
        if found is None:
            raise NotReady(f"Run {run.name!r} has no grades by {asked!r}. It has grades by: {', '.join(used) or MANUAL}.")
        return found
    if chosen in used:
        return chosen
    own = run.params.get("scorer")
    if own:
        try:
            ref = scorer_ref(own, run.params.get("scorer_options"))
        except (NotFound, BadInput):  # a scorer of another version, or the grades of an import
            ref = own
        if found := _match(ref, used):
            return found
    return used[0] if used else MANUAL


def _match(asked: str, used: list[str]) -> str | None:
    """`asked` itself, else the scorer of that name with the options used last."""
    return asked if asked in used else next((u for u in used if u.partition("(")[0] == asked), None)


def let_count(store: Store, run_id: str, scorer: str, author: str = "") -> str:
    """Choose whose automatic grades count for a run from now on, in every figure; returns the scorer as grades name it.

    Raises:
        NotReady: the run has no grades by it.
    """
    run, grades = store.runs.get(run_id), store.grades.frame(run_id)
    used = grades["scorer"][grades["author"] == AUTOMATIC]
    ref = scorer_in_use(run, used, scorer, False)
    store.grades.let_count(run.id, ref, author)
    return ref


@dataclass(frozen=True)
class ScorerFigures:
    """What one automatic scorer says of a run."""

    scorer: str
    """As grades name it."""
    quality: Mapping[str, float]
    """Mean grade by tier, over the prompts it graded; NaN where it graded none."""
    graded: int
    unscored: int
    counts: bool
    """Whether its grades are the ones in use."""


def by_scorer(store: Store, run_id: str) -> list[ScorerFigures]:
    """Every automatic scorer that has graded a run, the one used last first; only its newest grade of an answer counts."""
    run, grades = store.runs.get(run_id), store.grades.frame(run_id)
    grades = grades[grades["author"] == AUTOMATIC]
    if not len(grades):
        return []
    in_use = scorer_in_use(run, grades["scorer"], None, False, store.grades.counting(run_id))
    newest = grades.drop_duplicates([*CELL, "scorer"], keep="last")
    means = newest.groupby(["scorer", "tier"])["value"].mean()
    found = []
    for ref in grades["scorer"].iloc[::-1].unique():
        mine = newest.loc[newest["scorer"] == ref, "value"]
        quality = {t.name: float(means.get((ref, t.name), math.nan)) for t in run.tiers}
        found.append(ScorerFigures(ref, quality, int(mine.notna().sum()), int(mine.isna().sum()), ref == in_use))
    return found
