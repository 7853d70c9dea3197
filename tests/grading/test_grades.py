"""Which grade counts, what is never a zero, and that applying a scorer keeps all of its grades or none."""

import math
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.grading.grades import AUTOMATIC, MANUAL, apply_scorer, grade_outcomes, matrix, record_manual
from tierwise.grading.summary import summary
from tierwise.scorers import SCORERS, Score, Scorer
from tierwise.store import Store
from tierwise.types import EvalSet, Grade, Outcome, Run, Sample, Tier

TIERS = (Tier("small", "m/small"), Tier("large", "m/large"))


def keep(store: Store, outcomes: list[Outcome], n: int = 3, own: str = "1", **params) -> Run:
    """A run of `n` prompts, whose right answers are 0, 1, 2 ..."""
    samples = tuple(Sample(f"s{i}", f"what is {i}?", str(i)) for i in range(n))
    store.evalsets.add(EvalSet(f"e{own}", f"set {own}", f"digest {own}", samples))
    run = store.runs.add(Run(f"r{own}", f"run {own}", f"e{own}", "live", TIERS, "done", {"scorer": "exact"} | params))
    store.runs.record(run.id, outcomes)
    return run


def answer(i: int, tier: str = "small", output: str | None = None, repeat: int = 0, **other) -> Outcome:
    return Outcome(f"s{i}", tier, repeat, output=str(i) if output is None else output, **{"cost_usd": 0.01, "latency_s": 1.0} | other)


@pytest.fixture
def run(store) -> Run:
    """s0 right, s1 wrong, s2 failed on small; all right on large. Graded."""
    outcomes = [answer(0), answer(1, output="7"), Outcome("s2", "small", status="failed", error="HTTP 500")]
    kept = keep(store, [*outcomes, *(answer(i, "large") for i in range(3))])
    apply_scorer(store, kept.id, "exact")
    return kept


def quality(store: Store, run: Run, scorer: str | None = None) -> list[list[float | None]]:
    return [[None if math.isnan(v) else float(v) for v in row] for row in matrix(store, run.id, scorer).quality]


def test_automatic_grades_fill_the_matrix_and_a_failed_call_is_no_zero(store, run):
    assert quality(store, run) == [[1, 1], [0, 1], [None, 1]]
    found = matrix(store, run.id)
    assert found.failed.tolist() == [[False, False], [False, False], [True, False]]
    assert found.scorer == "exact" and found.samples[0].id == "s0"


def test_a_person_overrules_the_scorer_and_the_newest_person_the_others(store, run):
    record_manual(store, run.id, "s1", "small", 0.5, "Ann")
    assert quality(store, run)[1] == [0.5, 1]
    record_manual(store, run.id, "s1", "small", 0.75, "Ben")
    assert quality(store, run)[1] == [0.75, 1]
    apply_scorer(store, run.id, "exact")
    assert quality(store, run)[1] == [0.75, 1], "automatic grades that come later do not matter"
    assert len(store.grades.frame(run.id)) == 6 + 2 + 6, "nothing is overwritten"


def test_a_withdrawn_judgement_leaves_the_answer_unscored(store, run):
    record_manual(store, run.id, "s0", "small", 1, "Ann")
    record_manual(store, run.id, "s0", "small", None, "Ann", reason="the question is ambiguous")
    assert quality(store, run)[0] == [None, 1], "the automatic grade does not come back"
    record_manual(store, run.id, "s0", "small", 0.25, "Ann")
    assert quality(store, run)[0] == [0.25, 1]


def test_a_person_may_grade_an_answer_that_no_scorer_could(store, run):
    record_manual(store, run.id, "s2", "small", 0, "Ann", "no answer is no help")
    assert quality(store, run)[2] == [0, 1]


@pytest.mark.parametrize(("change", "words"), [
    ({"value": 1.5}, "between 0 and 1, not 1.5"), ({"value": "1"}, "between 0 and 1"), ({"value": math.nan}, "between 0 and 1"),
    ({"value": None}, "needs a reason"), ({"author": " "}, "Say who graded this"), ({"author": AUTOMATIC}, "not 'tierwise'"),
    ({"tier": "huge"}, "no tier 'huge'. Tiers: small, large"), ({"sample_id": "s9"}, "no answer of small to prompt 's9'"),
    ({"repeat": 3}, "prompt 's0', repeat 3")])  # fmt: skip
def test_a_manual_grade_that_fits_nothing_is_refused(store, run, change, words):
    given = {"sample_id": "s0", "tier": "small", "value": 1.0, "author": "Ann"} | change
    with pytest.raises(BadInput) as error:
        record_manual(store, run.id, **given)
    assert words in str(error.value)
    assert len(store.grades.frame(run.id)) == 6


def test_repeats_are_averaged_over_those_that_are_scored(store):
    outcomes = [answer(0), answer(0, output="9", repeat=1), Outcome("s0", "small", 2, "failed", error="HTTP 500"),
                answer(0, "large", cost_usd=0.1), answer(0, "large", output="9", repeat=1, cost_usd=0.3, latency_s=3.0),
                answer(0, "large", repeat=2, cost_usd=None, latency_s=None)]  # fmt: skip
    run = keep(store, outcomes, n=1)
    apply_scorer(store, run.id, "exact")
    found = matrix(store, run.id)
    assert found.quality.tolist() == [[0.5, pytest.approx(2 / 3)]], "the failed repeat is not a zero"
    assert found.cost.tolist() == [[0.01, pytest.approx(0.2)]] and found.latency.tolist() == [[1.0, 2.0]]
    assert found.failed.tolist() == [[False, False]], "failed means that every call did"
    record_manual(store, run.id, "s0", "small", 1, "Ann", repeat=1)
    assert matrix(store, run.id).quality[0, 0] == 1.0


@pytest.mark.parametrize("status", ["failed", "empty", "blank", "none"])
def test_failed_and_empty_answers_are_unscored_with_a_reason_whatever_the_scorer(store, status):
    failed, empty = Outcome("s0", "small", status="failed", error="HTTP 429"), Outcome("s0", "small", status="empty", output="")
    outcome = {"failed": failed, "empty": empty, "blank": answer(0, output=" \n"), "none": Outcome("s0", "small")}[status]
    for name in SCORERS:
        (grade,) = grade_outcomes({"s0": Sample("s0", "q", "0")}, [outcome], name)
        assert grade.value is None and grade.reason == ("the call failed: HTTP 429" if status == "failed" else "the answer is empty")


def test_an_answer_that_was_cut_off_is_graded_and_marked(store):
    run = keep(store, [answer(0, status="truncated"), answer(0, "large")], n=1)
    apply_scorer(store, run.id, "numeric")
    rows = store.grades.frame(run.id)
    assert rows["explanation"].tolist() == ["took 0; the answer was cut off", "took 0"]
    assert matrix(store, run.id, "numeric").truncated.tolist() == [[True, False]]


def test_a_scorer_that_breaks_on_one_answer_keeps_the_grades_of_the_rest(store, monkeypatch, caplog):
    def broken(output: str, sample: Sample) -> Score:
        return Score(1 / (1 - int(output)) ** 2)

    monkeypatch.setitem(SCORERS._entries, "exact", Scorer("exact", broken, "", True, ()))
    run = keep(store, [answer(i) for i in range(3)])
    assert apply_scorer(store, run.id, "exact").unscored == 1
    rows = store.grades.frame(run.id)
    assert rows["value"].notna().tolist() == [True, False, True]
    assert rows["reason"][1] == "the scorer stopped with ZeroDivisionError: division by zero"
    assert "prompt s1 of tier small" in caplog.text


def test_only_missing_grades_each_answer_once(store, run):
    first = store.grades.frame(run.id)
    again = apply_scorer(store, run.id, "exact", only_missing=True)
    assert (again.graded, again.unscored, again.skipped) == (0, 0, 6)
    pd.testing.assert_frame_equal(store.grades.frame(run.id), first)
    store.runs.record(run.id, [answer(0, repeat=1)])
    added = apply_scorer(store, run.id, "exact", only_missing=True)
    assert (added.graded, added.unscored, added.skipped) == (1, 0, 6)
    other = apply_scorer(store, run.id, "numeric", {"tolerance": 1}, only_missing=True)
    assert other.graded + other.unscored == 7, "another scorer has graded nothing yet"
    assert apply_scorer(store, run.id, "numeric", {"tolerance": 2}, only_missing=True).skipped == 0, "nor has it with other options"
    record_manual(store, run.id, "s0", "small", 1, "Ann")
    assert apply_scorer(store, run.id, "exact", only_missing=True).skipped == 7


def test_applying_a_scorer_keeps_all_of_its_grades_or_none(store, run):
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = store.runs.version(run.id)
    with pytest.raises(KeyboardInterrupt):
        apply_scorer(store, run.id, "numeric", progress=stop)
    with pytest.raises(NotFound, match="Did you mean numeric"):
        apply_scorer(store, run.id, "numerik")
    with pytest.raises(BadInput, match="has no option"):
        apply_scorer(store, run.id, "numeric", {"x": 1})
    assert store.runs.version(run.id) == before


def test_a_run_and_a_scorer_without_grades_are_named(store, run):
    other = keep(store, [answer(0)], own="2")
    with pytest.raises(NotReady, match=r"'run 2' has no grades yet\. Grade it with a scorer"):
        matrix(store, other.id)
    with pytest.raises(NotReady, match=r"no grades by 'numeric'\. It has grades by: exact"):
        matrix(store, run.id, "numeric")
    record_manual(store, other.id, "s0", "small", 1, "Ann")
    assert matrix(store, other.id).scorer == MANUAL and quality(store, other)[0] == [1, None]


def test_which_scorer_is_in_use(store, run):
    apply_scorer(store, run.id, "numeric", {"tolerance": 10})
    assert matrix(store, run.id).scorer == "exact", "the run's own, though another was used last"
    assert quality(store, run, "numeric")[1] == [1, 1] and matrix(store, run.id, "numeric").scorer == "numeric(tolerance=10.0)"
    apply_scorer(store, run.id, "numeric", {"tolerance": 0.5})
    assert matrix(store, run.id, "numeric").scorer == "numeric(tolerance=0.5)", "the options used last"
    assert quality(store, run, "numeric(tolerance=10.0)")[1] == [1, 1]
    record_manual(store, run.id, "s1", "small", 0.5, "Ann")
    assert quality(store, run, MANUAL) == [[None, None], [0.5, None], [None, None]]


def test_the_newest_grade_of_a_scorer_counts(store, run):
    late = datetime(2026, 1, 1)
    newer = Grade("s0", "small", 0.5, "exact", created_at=late), Grade("s1", "small", None, "exact", reason="odd", created_at=late)
    store.grades.add(run.id, newer)
    assert quality(store, run) == [[0.5, 1], [None, 1], [None, 1]], "the newest by order of arrival, not by the clock"


@given(st.lists(st.tuples(
    st.integers(0, 3), st.sampled_from(["small", "large"]), st.integers(0, 1),
    st.sampled_from(["ok", "wrong", "failed", "empty", "truncated"]), st.sampled_from([None, "manual", "withdrawn"])),
    max_size=12, unique_by=lambda cell: cell[:3]))  # fmt: skip
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_prompt_is_counted_once_on_every_tier(store, cells):
    own = f"h{len(store.runs.list())}"
    outcomes = [answer(i, t, "9" if s == "wrong" else None, r, status="ok" if s == "wrong" else s) if s != "failed" else
                Outcome(f"s{i}", t, r, "failed", error="HTTP 500") for i, t, r, s, _ in cells]  # fmt: skip
    run = keep(store, outcomes, n=4, own=own, repeats=2)
    if not cells:
        return
    apply_scorer(store, run.id, "exact")
    for i, tier, repeat, _, by_hand in cells:
        if by_hand:
            record_manual(store, run.id, f"s{i}", tier, 1.0, "Ann", repeat=repeat)
        if by_hand == "withdrawn":
            record_manual(store, run.id, f"s{i}", tier, None, "Ann", repeat=repeat, reason="unclear")
    found = matrix(store, run.id)
    for row in summary(found):
        assert row.n + row.unscored + row.failed == 4
    for k, tier in enumerate(("small", "large")):
        for i in range(4):
            known = [{"manual": 1.0, "withdrawn": None}.get(h, {"ok": 1.0, "truncated": 1.0, "wrong": 0.0}.get(s))
                     for j, t, _, s, h in cells if (j, t) == (i, tier)]  # fmt: skip
            known = [v for v in known if v is not None]
            assert found.quality[i, k] == (pytest.approx(np.mean(known)) if known else pytest.approx(math.nan, nan_ok=True))


def test_progress_is_told_and_ends_at_the_whole(store, run, monkeypatch):
    monkeypatch.setattr("tierwise.grading.grades.STEP", 2)
    told = []
    apply_scorer(store, run.id, "exact", progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 6), (4, 6), (6, 6)]


def test_grades_stay_while_the_clock_runs_backwards(store, run):
    past = datetime.now() - timedelta(days=365)
    store.grades.add(run.id, [Grade("s0", "small", 0.25, MANUAL, author="Ann", created_at=past)])
    assert quality(store, run)[0][0] == 0.25


def test_confidence_comes_from_the_answers_or_from_another_scorers_grades(store, run):
    assert matrix(store, run.id).confidence is None
    apply_scorer(store, run.id, "numeric", {"tolerance": 1})
    found = matrix(store, run.id, "exact", confidence=scorers(store, run)[-1])
    assert np.array_equal(found.quality, matrix(store, run.id, "exact").quality, equal_nan=True)
    assert np.isfinite(found.confidence).any() and found.confidence.shape == found.quality.shape
    with pytest.raises(NotReady, match="No grades by 'judge'"):
        matrix(store, run.id, "exact", confidence="judge")
    with pytest.raises(NotReady, match="those that count"):
        matrix(store, run.id, "exact", confidence="exact")


def test_the_models_own_confidence_is_in_the_matrix(store):
    kept = keep(store, [answer(i, confidence=0.25 * i) for i in range(3)])
    apply_scorer(store, kept.id, "exact")
    assert matrix(store, kept.id).confidence[:, 0].tolist() == [0.0, 0.25, 0.5]


def scorers(store: Store, run: Run) -> list[str]:
    return list(dict.fromkeys(store.grades.frame(run.id)["scorer"]))
