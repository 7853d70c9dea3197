"""Whether raters and the judge grade the same way from beginning to end.

A series is what somebody said minus what they are held against, prompt by prompt in the order of time: people against the automatic
grades, a person against the other people, the judge against people. A change is looked for by the largest CUSUM of the series (Page,
Biometrika 41:100, 1954), and how often chance alone would give so large a one by shuffling prompts (permutation test of Antoch and
Hušková, Stat. Probab. Lett. 53:37, 2001).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from tierwise.grading.anchors import Consistency, consistency
from tierwise.grading.counting import AUTOMATIC
from tierwise.grading.grades import standing
from tierwise.grading.human import HumanGrades
from tierwise.statistics.calibration import nearest
from tierwise.statistics.intervals import mean_interval
from tierwise.store import Store
from tierwise.types import OutcomeMatrix

FEWEST = 20
"""Prompts below which nothing is said of a change."""

WINDOWS = 4
DRAWS = 999
ALPHA = 0.05


@dataclass(frozen=True)
class Drift:
    """One grader over time, against what they are held against."""

    who: str
    against: str
    windows: pd.DataFrame
    """first, last (prompts in order of time, from 1), n (answers), same (share of equal grades), low, high (95 %), lean (mean difference)."""
    p: float
    """Chance of so large a change where there is none, of the difference and of the agreement together; NaN with too few prompts."""
    at: int | None
    """The prompt after which the change looks largest; None where p is not below 0.05."""
    before: float
    after: float
    """Mean difference up to there and from there on, in quality units: above 0 kinder than what they are held against."""
    prompts: int

    @property
    def words(self) -> str:
        if not np.isfinite(self.p):
            return f"{self.prompts:,} prompts so far: from {FEWEST} on a change over time can be looked for."
        if self.at is None:
            return f"No sign of a change over {self.prompts:,} prompts (p = {self.p:.2f})."
        kinder = "kinder" if self.after > self.before else "harsher"
        lean = f"{kinder} by {abs(self.after - self.before) * 100:.0f} points" if abs(self.after - self.before) >= 0.005 else "less alike"
        return f"A change after about prompt {self.at:,} of {self.prompts:,}: {lean} from there on (p = {self.p:.3f})."


def drift(who: str, against: str, said: np.ndarray, held: np.ndarray, prompts: np.ndarray, scale: Sequence[float], seed: int = 0) -> Drift:
    """One series.

    Args:
        said, held: (n,) grades of the same answers, in order of time.
        prompts: (n,) codes: answers of one prompt are one unit, which is shuffled as a whole.
        scale: levels on which two grades are the same.
    """
    order = pd.factorize(prompts)[0]
    same = (nearest(said, scale) == nearest(held, scale)).astype(float)
    count = np.bincount(order)
    lean, alike = np.bincount(order, said - held) / count, np.bincount(order, same) / count
    n = len(count)
    if n < FEWEST:
        p, at = np.nan, None
    else:
        found = [_change(series, seed) for series in (lean, alike)]
        p, at = min(found)
        p = min(1.0, 2 * p)  # two looks
        at = at if p < ALPHA else None
    cut = at or n
    rows = []
    for part in np.array_split(np.arange(n), min(WINDOWS, max(n // 5, 1))):
        here = np.isin(order, part)
        low, high = mean_interval(same[here], np.ones(here.sum()), order[here])
        rows.append((part[0] + 1, part[-1] + 1, int(here.sum()), same[here].mean(), low, high, (said - held)[here].mean()))
    frame = pd.DataFrame(rows, columns=["first", "last", "n", "same", "low", "high", "lean"])
    return Drift(who, against, frame, p, at, float(lean[:cut].mean()), float(lean[cut:].mean()) if cut < n else np.nan, n)


def _change(series: np.ndarray, seed: int) -> tuple[float, int]:
    """p by permutation of the largest absolute CUSUM, weighted as a t statistic is, and after how many units it lies."""
    n = len(series)
    if np.ptp(series) < 1e-12:
        return 1.0, n
    k = np.arange(1, n)
    edge = max(n // 10, 2)  # a change of the first or last few prompts alone is no drift
    weight = np.where((k >= edge) & (k <= n - edge), 1 / np.sqrt(k * (n - k) / n), 0.0)
    centred = series - series.mean()
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(np.tile(centred, (DRAWS, 1)), axis=1)
    seen = np.abs(np.cumsum(centred)[:-1]) * weight
    chance = (np.abs(np.cumsum(shuffled, axis=1)[:, :-1]) * weight).max(1)
    return float((1 + (chance >= seen.max() - 1e-12).sum()) / (DRAWS + 1)), int(k[seen.argmax()])


@dataclass(frozen=True)
class Steadiness:
    """Everybody who graded a run, over time."""

    drifts: tuple[Drift, ...]
    again: dict[str, Consistency]
    """By person: what they said when asked the same twice."""


def steadiness(store: Store, matrix: OutcomeMatrix, human: HumanGrades) -> Steadiness:
    """Each person against the automatic grades and against the other people, and the judge against people in the order it graded."""
    grades = store.grades.frame(matrix.run.id)
    manual = (grades["author"] != AUTOMATIC).to_numpy(bool)
    people = standing(grades[manual]).dropna(subset="value")
    judged = grades[~manual & (grades["scorer"] == matrix.scorer).to_numpy(bool)].dropna(subset="value")
    judged = judged.drop_duplicates(["sample_id", "tier", "repeat"], keep="last")
    found = []

    def add(who: str, against: str, left: pd.DataFrame, right: pd.Series) -> None:
        both = left.join(right.rename("held"), on=["sample_id", "tier"], how="inner").sort_values("id", kind="stable")
        if len(both):
            said, held = both["value"].to_numpy(float), both["held"].to_numpy(float)
            found.append(drift(who, against, said, held, both["sample_id"].to_numpy(object), human.scale))

    def means(rows: pd.DataFrame) -> pd.Series:
        return rows.groupby(["sample_id", "tier"])["value"].mean()

    for name, mine in people.groupby("author", sort=False):
        add(str(name), "the automatic grades", mine, means(judged))
        add(str(name), "the other people", mine, means(people[people["author"] != name]))
    add(matrix.scorer, "people", judged, means(people))
    rows = grades[manual & (grades["repeat"] == 0).to_numpy(bool)]
    again = {str(name): c for name, own in rows.groupby("author", sort=False) if (c := consistency([own])) is not None}
    return Steadiness(tuple(found), again)
