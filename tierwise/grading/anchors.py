"""Answers that a person has graded before and is asked about again, unannounced: do they say the same?"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tierwise.statistics.intervals import mean_interval

USUAL = 20
"""After so many answers one is asked again."""

AGE = 10
"""It lies at least so many answers back: one should not remember what one said."""

Answer = tuple[str, str]
"""(sample_id, tier)"""


def due(history: pd.DataFrame, graded: Sequence[Answer], every: int, seed: int = 0) -> Answer | None:
    """The answer to ask again now, in an order by hash, or None where none is due.

    Args:
        history: every row of a person's grades of a run, oldest first.
        graded: the answers that stand graded, oldest first.
    """
    values = runs(history)
    standing = [v for v in values.values() if v]
    if len(standing) < every * (1 + sum(len(v) - 1 for v in standing)):
        return None
    old = [a for a in graded[: max(len(graded) - AGE, 0)] if len(values.get(a, ())) == 1]
    return min(old, key=lambda a: hashlib.sha256(f"{seed} {a[0]} {a[1]}".encode("utf-8", "surrogatepass")).digest(), default=None)


def runs(history: pd.DataFrame) -> dict[Answer, list[float]]:
    """What a person said of each answer, time after time, since they last took it back."""
    found: dict[Answer, list[float]] = {}
    for sample_id, tier, value in history[["sample_id", "tier", "value"]].itertuples(index=False, name=None):
        found[sample_id, tier] = [] if pd.isna(value) else [*found.get((sample_id, tier), []), float(value)]
    return found


@dataclass(frozen=True)
class Consistency:
    """A person against themselves."""

    n: int
    """Answers graded twice."""
    same: float
    same_ci95: tuple[float, float]
    """Share with the same grade, with its interval."""
    shift: float
    shift_ci95: tuple[float, float]
    """Mean of the later grade minus the first, in quality units: above 0 they grow kinder."""


def consistency(histories: Iterable[pd.DataFrame]) -> Consistency | None:
    """Of one person's history or several together; None where nothing was graded twice."""
    pairs = np.array([(v[0], v[-1]) for h in histories for v in runs(h).values() if len(v) > 1]).reshape(-1, 2)
    if not len(pairs):
        return None
    equal, moved = np.isclose(pairs[:, 0], pairs[:, 1]) * 1.0, pairs[:, 1] - pairs[:, 0]
    ones, units = np.ones(len(pairs)), np.arange(len(pairs))
    return Consistency(
        len(pairs), float(equal.mean()), mean_interval(equal, ones, units), float(moved.mean()), mean_interval(moved, ones, units, low=-1.0)
    )
