"""Several criteria said one after another, and the one grade that is made of them."""

import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tierwise.errors import BadInput

MOST = 9
USUAL = "Correct = 2\nComplete\nDoes what was asked\nClear"

Criteria = Sequence[tuple[str, float]]
"""Name and weight of each."""


def parse_criteria(text: str) -> tuple[tuple[str, float], ...]:
    """One criterion a line, `name` or `name = weight`.

    Raises:
        BadInput: fewer than two, too many, a name twice, or a weight that is no number above 0.
    """
    found: dict[str, float] = {}
    for line in filter(None, (line.strip() for line in text.splitlines())):
        name, equals, weight = (part.strip() for part in line.rpartition("="))
        name, weight = (name, weight) if equals else (line, "1")
        try:
            number = float(weight)
        except ValueError:
            number = 0.0
        if not name or len(name) > 60 or name in found or not 0 < number < 1e6:
            raise BadInput(
                f"Criterion {line[:80]!r}: give a name of its own of at most 60 letters, and a weight above 0, as in Correct = 2."
            )
        found[name] = number
    if not 2 <= len(found) <= MOST:
        raise BadInput(f"Give two to {MOST} criteria, one a line.")
    return tuple(found.items())


def said(marks: pd.DataFrame, grades: pd.DataFrame, sample_id: str, tier: str) -> list[float]:
    """What a rater said of the first criteria of an answer since its newest grade; `marks` and `grades` are that rater's, oldest first."""
    here = (marks["sample_id"] == sample_id) & (marks["tier"] == tier) & marks["kind"].isin(["criterion", "uncriterion"])
    since = grades.loc[(grades["sample_id"] == sample_id) & (grades["tier"] == tier), "created_at"].max()
    values: list[float] = []
    for r in marks[here].itertuples():
        if pd.isna(since) or r.created_at > since:
            values = values[:-1] if r.kind == "uncriterion" else [*values, float(json.loads(r.text)["value"])]
    return values


def weighed(criteria: Criteria, values: Sequence[float]) -> tuple[float, str, str]:
    """The weighted mean; the same in words; and every criterion's value with its weight, as JSON to keep with the grade."""
    names, weights = zip(*criteria, strict=True)
    told = ", ".join(f"{name} {1 + 4 * v:g}/5" for name, v in zip(names, values, strict=True))
    kept = {"criteria": dict(zip(names, values, strict=True)), "weights": dict(criteria)}
    return float(np.clip(np.average(values, weights=weights), 0, 1)), told, json.dumps(kept, ensure_ascii=False)
