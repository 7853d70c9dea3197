"""Changes over time are found where they are and seldom where they are not; the same answer asked twice; criteria that make one grade."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import BadInput
from tierwise.grading import criteria
from tierwise.grading.anchors import AGE, consistency, due, runs
from tierwise.grading.criteria import parse_criteria
from tierwise.grading.drift import drift, steadiness
from tierwise.grading.grades import matrix
from tierwise.grading.human import human_grades
from tierwise.grading.session import Desk, start_session

SCALE = (0.0, 1.0)


def graders(seed: int, n: int = 120, change: float = 0.0):
    """A person who agrees with the judge on 85 %, and from the middle on also passes a share `change` of what it fails."""
    rng = np.random.default_rng(seed)
    judge = (rng.random(n) < 0.6).astype(float)
    person = np.where(rng.random(n) < 0.85, judge, 1 - judge)
    late = (np.arange(n) >= n // 2) & (rng.random(n) < change)
    return np.where(late, 1.0, person), judge


def test_a_change_is_found_with_its_place_and_direction():
    found = [drift("Ana", "judge", *graders(s, change=0.8), np.arange(120), SCALE) for s in range(20)]
    assert sum(d.at is not None for d in found) >= 16
    assert np.median([d.at for d in found if d.at]) == pytest.approx(60, abs=12)
    assert all("kinder by" in d.words for d in found if d.at)
    first = found[0].windows
    assert first["lean"].iloc[-1] > first["lean"].iloc[0] and (first["low"] <= first["same"]).all() and first["n"].sum() == 120


def test_without_a_change_it_is_claimed_in_at_most_one_of_twenty():
    p = np.array([drift("Ana", "judge", *graders(s), np.arange(120), SCALE).p for s in range(150)])
    assert (p < 0.05).mean() <= 0.05 + 2.5 * np.sqrt(0.05 * 0.95 / 150)


def test_answers_of_one_prompt_are_one_unit_and_few_say_nothing():
    person, judge = graders(0, 15)
    few = drift("Ana", "judge", person.repeat(3), judge.repeat(3), np.arange(15).repeat(3), SCALE)
    assert few.prompts == 15 and np.isnan(few.p) and "from 20 on" in few.words
    same = drift("Ana", "judge", judge, judge, np.arange(15), SCALE)
    assert (same.windows["same"] == 1).all()
    person, judge = graders(1)
    once = drift("Ana", "judge", person, judge, np.arange(120), SCALE)
    thrice = drift("Ana", "judge", person.repeat(3), judge.repeat(3), np.arange(120).repeat(3), SCALE)
    assert thrice.p == once.p


def history(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["sample_id", "tier", "value"])


def test_what_was_taken_back_is_not_said_twice():
    h = history(("a", "t", 1.0), ("a", "t", None), ("a", "t", 0.0), ("b", "t", 1.0), ("b", "t", 1.0), ("c", "t", 0.0), ("c", "t", 1.0))
    assert runs(h) == {("a", "t"): [0.0], ("b", "t"): [1.0, 1.0], ("c", "t"): [0.0, 1.0]}
    found = consistency([h])
    assert (found.n, found.same, found.shift) == (2, 0.5, 0.5) and found.same_ci95[0] < 0.5 < found.same_ci95[1]
    assert consistency([history(("a", "t", 1.0))]) is None


def test_an_answer_is_asked_again_in_time_and_never_thrice():
    rows = [(f"s{i}", "t", 1.0) for i in range(20)]
    graded = [(s, t) for s, t, _ in rows]
    assert due(history(*rows[:19]), graded[:19], 20) is None
    first = due(history(*rows), graded, 20)
    assert first in graded[: 20 - AGE] and due(history(*rows), graded, 20) == first
    assert due(history(*rows, (*first, 0.0)), graded, 20) is None
    more = [*rows, (*first, 0.0), *((f"s{i}", "t", 1.0) for i in range(20, 40))]
    second = due(history(*more), [(s, t) for s, t, _ in more if (s, t) != first], 20)
    assert second and second != first


def test_a_rater_is_asked_again_without_being_told(store, demo):
    m = matrix(store, demo.id)
    session = start_session(store, m, "Ana", anchors=5)
    seen = []
    for n in range(24):
        desk = Desk(store, session, "Ana")
        turn = desk.turn()
        seen.append((turn.again, turn.item.sample_id, turn.tier))
        desk.grade(turn, float(n % 2))
    again = [key for was, *key in seen if was]
    assert 1 <= len(again) <= 4 and all(key in [k for was, *k in seen[:-5] if not was] for key in again)
    found = steadiness(store, m, human_grades(store, m))
    assert found.again["Ana"].n == len(again)
    assert {(d.who, d.against) for d in found.drifts} == {("Ana", "the automatic grades"), (m.scorer, "people")}
    assert Desk(store, session, "Ana").finished() >= 6  # the answers asked again are not counted twice


@pytest.mark.parametrize(
    "text", ["", "one", "a\na", "a = 0\nb", "a = x\nb", "a = -1\nb", "=2\nb", "x" * 61 + "\nb", "\n".join("abcdefghij"), "a=nan\nb"]
)
def test_criteria_that_cannot_be_used_are_refused(text):
    with pytest.raises(BadInput):
        parse_criteria(text)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), min_size=2, max_size=9))
@settings(deadline=None, max_examples=60)
def test_the_grade_is_the_weighted_mean_and_keeps_its_parts(given_):
    asked = tuple((f"c{i}", w) for i, (w, _) in enumerate(given_))
    mean, told, kept = criteria.weighed(asked, [v for _, v in given_])
    parts = json.loads(kept)
    assert 0 <= mean <= 1 and min(parts["criteria"].values()) - 1e-9 <= mean <= max(parts["criteria"].values()) + 1e-9
    assert mean == pytest.approx(sum(w * v for w, v in given_) / sum(w for w, _ in given_))
    assert list(parts["criteria"]) == [n for n, _ in asked] and told.count("/5") == len(asked)


def test_criteria_are_kept_as_they_are_said_undone_and_made_one_grade(store, demo):
    m = matrix(store, demo.id)
    asked = parse_criteria("Correct = 3\nClear")
    session = start_session(store, m, "Ana", scale="criteria", criteria=asked)
    assert store.reviews.session(session.id).criteria == (("Correct", 3.0), ("Clear", 1.0))
    desk = Desk(store, session, "Ana")
    first = desk.turn()
    desk.grade(first, 0.25)
    assert Desk(store, session, "Ana").turn().criterion == 1  # after a reload as well
    Desk(store, session, "Ana").undo()
    assert Desk(store, session, "Ana").turn() == first
    for value in (1.0, 0.0):
        desk = Desk(store, session, "Ana")
        desk.grade(desk.turn(), value)
    row = store.grades.frame(demo.id).query("author == 'Ana'").iloc[-1]
    assert row["value"] == 0.75 and row["explanation"] == "Correct 5/5, Clear 1/5"
    assert json.loads(row["provenance"])["criteria"] == {"Correct": 1.0, "Clear": 0.0}
    desk = Desk(store, session, "Ana")
    assert desk.turn() != first and desk.undo().kind == "grade"
    assert Desk(store, session, "Ana").turn() == first  # all criteria are open again
    with pytest.raises(BadInput, match="criteria"):
        start_session(store, m, "Ana", criteria=asked)
