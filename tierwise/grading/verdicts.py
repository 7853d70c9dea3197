"""Pairwise verdicts of a run, people's and judges', as rows that strengths can be fitted to."""

from __future__ import annotations

import pandas as pd

from tierwise.grading.counting import AUTOMATIC
from tierwise.statistics.preferences import Preferences, preferences
from tierwise.store import Store

JUDGE = "pairwise_judge"


def verdicts(store: Store, run_id: str) -> pd.DataFrame:
    """sample_id, first_tier, second_tier, result (1 the first is better, 0 the second, 0.5 a tie), by, ordered.

    `by` is "people" or the scorer as grades name it. Of people the newest verdict of each on each prompt, without those taken back;
    of a judge the newest on each answer. A judge saw both orders, so `ordered` is False there.
    """
    run = store.runs.get(run_id)
    people = store.reviews.comparisons(run.id).drop_duplicates(["sample_id", "author"], keep="last").dropna(subset="result")
    rows = [people[["sample_id", "first_tier", "second_tier", "result"]].assign(by="people", ordered=True)]
    grades = store.grades.frame(run.id)
    grades = grades[(grades["author"] == AUTOMATIC) & (grades["scorer"].str.partition("(")[0] == JUDGE)]
    for ref, given in grades.drop_duplicates(["sample_id", "tier", "repeat", "scorer"], keep="last").groupby("scorer", sort=False):
        applied = store.grades.scoring(run.id, ref)
        other = (applied[1].get("against") if applied else None) or run.tiers[-1].name
        given = given[(given["tier"] != other) & given["value"].isin([0.0, 0.5, 1.0])]
        rows.append(pd.DataFrame({"sample_id": given["sample_id"], "first_tier": given["tier"], "second_tier": other,
                                  "result": given["value"].astype(float), "by": ref, "ordered": False}))  # fmt: skip
    return pd.concat([r for r in rows if len(r)] or rows[:1], ignore_index=True)


def strengths(store: Store, run_id: str) -> dict[str, Preferences]:
    """A fit for people and one for each judge, by `by`; empty where nothing was compared. Intervals resample prompts."""
    names = [t.name for t in store.runs.get(run_id).tiers]
    found = {}
    for by, rows in verdicts(store, run_id).groupby("by", sort=False):
        met = set(rows["first_tier"]) | set(rows["second_tier"])
        codes = pd.factorize(rows["sample_id"])[0]
        found[str(by)] = preferences(
            rows["first_tier"], rows["second_tier"], rows["result"].to_numpy(float), codes, [n for n in names if n in met],
            rows["ordered"].to_numpy(bool),
        )  # fmt: skip
    return found
