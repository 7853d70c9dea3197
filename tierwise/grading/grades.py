"""From outcomes to grades, and from grades to the matrix that tuning needs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from tierwise.errors import BadInput, NotReady
from tierwise.grading.counting import AUTOMATIC, CELL, MANUAL, scorer_in_use
from tierwise.grading.summary import TierSummary, by_request_type, summary
from tierwise.scorers import SCORERS, Scorer, scorer_ref
from tierwise.store import Store
from tierwise.types import Grade, Outcome, OutcomeMatrix, Run, Sample, now

if TYPE_CHECKING:
    from tierwise.runs.stopping import Stop

__all__ = [
    "AUTOMATIC", "CELL", "MANUAL", "UNDONE", "GradeCount", "TierSummary", "apply_scorer", "by_request_type", "grade_outcomes", "matrix",
    "record_manual", "standing", "summary", "why_unanswered",
]  # fmt: skip

UNDONE = "taken back"
"""The reason of a row with which a person undoes a slip: as if they had not graded the answer."""

STEP = 2_000
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GradeCount:
    """What applying a scorer did, in outcomes."""

    graded: int
    unscored: int
    skipped: int
    open: int = 0
    """Not graded yet, because the models that grade were stopped; a second go grades them."""
    note: str = ""
    """Why it stopped."""


def apply_scorer(
    store: Store, run_id: str, scorer: str = "auto", options: Mapping[str, Any] | None = None, only_missing: bool = False,
    progress: Callable[[int, int], None] | None = None, stop: Stop | None = None, budget_usd: float | None = None,
    retry_unscored: bool = False,
) -> GradeCount:  # fmt: skip
    """Grade every outcome of a run and append the grades, all of them or none.

    A scorer that asks models keeps each grade as it comes instead, and never asks twice about the same answer: only outcomes that it has
    not graded are sent.

    Args:
        only_missing: skip outcomes that this scorer with these options has graded before.
        progress: called with (outcomes done, outcomes in all) now and then.
        stop, budget_usd, retry_unscored: for a scorer that asks models, as `tierwise.judging.grade_by_models` tells.

    Raises:
        NotFound: no such run or scorer.
        BadInput: an option the scorer does not have, or of the wrong type; a judge that cannot be asked.
        NotReady: the scorer is off; says why.
    """
    run, chosen = store.runs.get(run_id), SCORERS[scorer]
    name, parsed = scorer_ref(scorer, options), chosen.parse_options(options)
    chosen.check()
    if not only_missing:  # else it is the grading that belongs to a run
        store.note("graded", "run", run.id, run.name, name[:200])
    if chosen.asks(parsed):
        from tierwise.judging import grade_by_models

        return grade_by_models(
            store, run, chosen, parsed, stop=stop, budget_usd=budget_usd, progress=progress, retry_unscored=retry_unscored
        )
    store.grades.note_scoring(run.id, name, scorer, parsed)
    outcomes = store.runs.outcomes(run.id)[["sample_id", "tier", "repeat", "status", "output", "error"]]
    total = len(outcomes)
    if only_missing:
        known = store.grades.frame(run.id)
        known = known[(known["scorer"] == name) & (known["author"] == AUTOMATIC)]
        outcomes = outcomes[~pd.MultiIndex.from_frame(outcomes[CELL]).isin(pd.MultiIndex.from_frame(known[CELL]))]
    samples = {s.id: s for s in store.evalsets.get(run.evalset_id).samples}
    rows = zip(*(outcomes[c].tolist() for c in outcomes), strict=True)
    grades: list[Grade] = []
    for grade in _grade(samples, rows, SCORERS[scorer], options, name):
        grades.append(grade)
        if progress and (len(grades) % STEP == 0 or len(grades) == len(outcomes)):
            progress(len(grades), len(outcomes))
    store.grades.add(run.id, grades)
    unscored = sum(g.value is None for g in grades)
    return GradeCount(len(grades) - unscored, unscored, total - len(grades))


def grade_outcomes(
    samples_by_id: Mapping[str, Sample], outcomes: Iterable[Outcome], scorer: str = "auto", options: Mapping[str, Any] | None = None
) -> list[Grade]:
    """One grade an outcome, in their order; keeps nothing. Raises as `apply_scorer` does."""
    rows = ((o.sample_id, o.tier, o.repeat, o.status, o.output, o.error) for o in outcomes)
    return list(_grade(samples_by_id, rows, SCORERS[scorer], options, scorer_ref(scorer, options)))


def record_manual(
    store: Store, run_id: str, sample_id: str, tier: str, value: float | None, author: str,
    explanation: str = "", repeat: int = 0, reason: str | None = None, provenance: str | None = None,
) -> Grade:  # fmt: skip
    """Append a person's grade of one answer. It counts from now on, whatever automatic grades come; of two such the newer wins.

    Args:
        value: in [0, 1]; None withdraws a judgement and needs a `reason`. The answer is then unscored; with the reason `UNDONE` it is as
            if this person had not graded it.

    Raises:
        BadInput: a value out of range, no author, or a sample or tier the run does not have.
    """
    run = store.runs.get(run_id)
    if value is not None and not (isinstance(value, int | float | np.number) and 0 <= value <= 1):
        raise BadInput(f"A grade is between 0 and 1, not {value!r}.")
    if value is None and not reason:
        raise BadInput("A grade without a value needs a reason.")
    author = author.strip()
    if not author or author == AUTOMATIC:
        raise BadInput(f"Say who graded this: a name, and not {AUTOMATIC!r}, which stands for automatic grades.")
    if tier not in {t.name for t in run.tiers}:
        raise BadInput(f"Run {run.name!r} has no tier {tier!r}. Tiers: {', '.join(t.name for t in run.tiers)}.")
    if (tier, repeat) not in store.reviews.answers(run.id, sample_id):
        raise BadInput(f"Run {run.name!r} has no answer of {tier} to prompt {sample_id!r}{f', repeat {repeat}' if repeat else ''}.")
    grade = Grade(sample_id, tier, None if value is None else float(value), MANUAL, repeat, reason, author, explanation,
                  provenance=provenance)  # fmt: skip
    store.grades.add(run.id, [grade])
    return grade


def matrix(store: Store, run_id: str, scorer: str | None = None, as_asked: bool = False, confidence: str | None = None) -> OutcomeMatrix:
    """A graded run as arrays, prompts in the order of their set, tiers in the order of the run.

    The grade that counts for an answer is a person's newest, else the newest of the scorer in use: `scorer` if given, else the one that
    somebody chose to count (`counting.let_count`), else the run's own, else the one used last. When that grade has no value the answer is
    unscored. Repeats of a cell are averaged over the scored ones.

    Args:
        as_asked: leave out answers that came under another model's name than the tier's (a fallback or an alias on the way).
        confidence: a scorer, such as a judge, whose grades are taken for how sure one may be of an answer, so that a cascade can go by them;
            without it the models' own confidence is, where logprobs were stored.

    Raises:
        NotReady: the run has no grades, or none by `scorer` or `confidence`; says which it has.
    """
    run = store.runs.get(run_id)
    grades = store.grades.frame(run.id, texts=False)
    manual = (grades["author"] != AUTOMATIC).to_numpy(bool)
    ref = scorer_in_use(run, grades["scorer"][~manual], scorer, manual.any(), store.grades.counting(run.id))
    if confidence is not None:
        _another(grades["scorer"][~manual], confidence, ref)
    samples = store.evalsets.get(run.evalset_id).samples
    outcomes = store.runs.outcomes(run.id, texts=False)
    repeats = 1 + max((int(f["repeat"].max()) for f in (grades, outcomes) if len(f)), default=0)
    shape = (len(samples), len(run.tiers), repeats)
    place = _Places(samples, run, shape)

    at, keep = place(outcomes)
    status = outcomes["status"].to_numpy(object)[keep]
    asked, failed, cut = (place.flags(at[mask]) for mask in (slice(None), status == "failed", status == "truncated"))
    automatic = ~manual & (grades["scorer"] == ref).to_numpy(bool)
    people = standing(grades[manual])
    by_scorer, by_person = place.newest(grades[automatic]), place.newest(people)
    quality = np.where(np.isnan(by_person), np.where(failed | place.graded(people), np.nan, by_scorer), by_person)
    if as_asked:
        tiers = {t.name: t for t in run.tiers}
        asked_of, served = outcomes["tier"].to_numpy(object)[keep], outcomes["served_model"].to_numpy(object)[keep]
        strange = [not tiers[t].served_by(m if isinstance(m, str) else None) for t, m in zip(asked_of, served, strict=True)]
        quality = np.where(place.flags(at[np.array(strange, bool)]), np.nan, quality)
    cost, latency, own = (_mean(place.values(at, outcomes[c][keep])) for c in ("cost_usd", "latency_s", "confidence"))
    sure = own if confidence is None else _mean(place.newest(grades[~manual & (grades["scorer"] == confidence).to_numpy(bool)]))
    return OutcomeMatrix(
        run, samples, _mean(quality), cost, latency, truncated=cut.any(2), failed=asked.any(2) & (failed | ~asked).all(2), scorer=ref,
        confidence=sure if np.isfinite(sure).any() else None,
    )  # fmt: skip


def _another(scorers: pd.Series, wanted: str, counts: str) -> None:
    known = list(dict.fromkeys(scorers))
    if wanted not in known:
        raise NotReady(
            f"No grades by {wanted!r} here, so they cannot tell how sure an answer is. Graded by: {', '.join(known) or 'nobody'}."
        )
    if wanted == counts:
        raise NotReady(f"The grades of {wanted!r} are those that count; a cascade cannot know them beforehand. Take another scorer's.")


def standing(grades: pd.DataFrame) -> pd.DataFrame:
    """Of grades by people, oldest first, the newest of each person on each answer, without those taken back."""
    newest = grades.drop_duplicates(["sample_id", "tier", "repeat", "author"], keep="last")
    return newest[~(newest["value"].isna() & (newest["reason"] == UNDONE)).to_numpy(bool)]


class _Places:
    """Where rows of a frame belong in an array of prompts x tiers x repeats."""

    def __init__(self, samples: tuple[Sample, ...], run: Run, shape: tuple[int, int, int]) -> None:
        self.samples = pd.Index([s.id for s in samples])
        self.tiers = pd.Index([t.name for t in run.tiers])
        self.shape = shape

    def __call__(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """Flat positions of the rows that belong, and which rows these are."""
        sample, tier = self.samples.get_indexer(frame["sample_id"]), self.tiers.get_indexer(frame["tier"])
        keep = (sample >= 0) & (tier >= 0)
        _, k, r = self.shape
        return ((sample * k + tier) * r + frame["repeat"].to_numpy(np.int64))[keep], keep

    def values(self, at: np.ndarray, values: pd.Series) -> np.ndarray:
        out = np.full(int(np.prod(self.shape)), np.nan)
        out[at] = values.to_numpy(float, na_value=np.nan)  # for a repeated position the last row holds: frames come oldest first
        return out.reshape(self.shape)

    def flags(self, at: np.ndarray) -> np.ndarray:
        out = np.zeros(int(np.prod(self.shape)), bool)
        out[at] = True
        return out.reshape(self.shape)

    def newest(self, grades: pd.DataFrame) -> np.ndarray:
        at, keep = self(grades)
        return self.values(at, grades["value"][keep])

    def graded(self, grades: pd.DataFrame) -> np.ndarray:
        return self.flags(self(grades)[0])


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the last axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(2)
    return np.divide(np.where(known, values, 0.0).sum(2), count, out=np.full(count.shape, np.nan), where=count > 0)


def why_unanswered(status: str, output: object, error: object) -> str | None:
    """Why an outcome has nothing to grade, or None."""
    if status == "failed":
        return f"the call failed: {error}" if isinstance(error, str) and error else "the call failed"
    return "the answer is empty" if status == "empty" or not isinstance(output, str) or not output.strip() else None


Row = tuple[str, str, int, str, str | None, str | None]


def _grade(
    samples: Mapping[str, Sample], rows: Iterable[Row], scorer: Scorer, options: Mapping[str, Any] | None, name: str
) -> Iterator[Grade]:
    score_of = scorer.fitted(samples.values(), scorer.parse_options(options))
    time = now()
    for sample_id, tier, repeat, status, output, error in rows:
        if why := why_unanswered(status, output, error):
            yield Grade(sample_id, tier, None, name, repeat, why, created_at=time)
            continue
        try:
            score = score_of(output, samples[sample_id])
        except Exception as problem:  # one answer must not lose the grades of the rest; counted as unscored, and logged
            log.exception("scorer %s on prompt %s of tier %s", name, sample_id, tier)
            why = f"the scorer stopped with {type(problem).__name__}: {problem}"[:500]
            yield Grade(sample_id, tier, None, name, repeat, why, created_at=time)
            continue
        told = score.explanation
        if status == "truncated":
            told = f"{told}; the answer was cut off" if told else "the answer was cut off"
        yield Grade(sample_id, tier, score.value, name, repeat, score.reason, explanation=told, created_at=time)
