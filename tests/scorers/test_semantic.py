"""TF-IDF cosine equals scikit-learn's; edit distance equals the table."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.grading.grades import grade_outcomes
from tierwise.scorers import SCORERS
from tierwise.scorers.edits import edit_distance
from tierwise.scorers.semantic import by_words, cosine, letters, rarity, words
from tierwise.types import Outcome, Sample

TEXTS = ["the parcel is late", "refund for the parcel", "the invoice of may", "late invoice, late refund", "where is my parcel"]


@pytest.mark.parametrize("kind", [words, letters])
def test_cosines_equal_those_of_scikit_learn(kind):
    from sklearn.feature_extraction.text import TfidfVectorizer

    theirs = TfidfVectorizer(analyzer=kind, sublinear_tf=True)
    table = theirs.fit_transform(TEXTS)
    expected = (table @ table.T).toarray()
    rare = rarity(kind, TEXTS)
    ours = [[cosine(rare.weigh(kind(a)), rare.weigh(kind(b))) for b in TEXTS] for a in TEXTS]
    assert sum(ours, []) == pytest.approx(expected.ravel().tolist())  # noqa: RUF017


def test_common_words_tell_less_than_rare_ones():
    samples = [Sample(str(i), "q", text) for i, text in enumerate(TEXTS)]
    score = by_words(samples)
    assert score("the the", samples[0]).value < score("late", samples[0]).value < score("late parcel", samples[0]).value
    assert score("words that nobody else used: late parcel", samples[0]).value < score("late parcel", samples[0]).value


def test_a_set_is_graded_with_what_is_common_in_it():
    samples = {str(i): Sample(str(i), "q", text) for i, text in enumerate(TEXTS)}
    outcomes = [Outcome("0", "t", output="the parcel"), Outcome("1", "t", output="   "), Outcome("2", "t", output="the invoice of may")]
    values = [g.value for g in grade_outcomes(samples, outcomes, "semantic")]
    assert 0 < values[0] < 1 and values[1] is None and values[2] == pytest.approx(1)
    assert values[0] != SCORERS["semantic"]("the parcel", samples["0"]).value, "by itself it knows one reference"


def test_three_thousand_answers_take_a_few_seconds():
    samples = {str(i): Sample(str(i), "q", " ".join(TEXTS) + f" case {i}") for i in range(1000)}
    outcomes = [Outcome(str(i % 1000), "t", i // 1000, output=f"the parcel of case {i} is late, " * 4) for i in range(3000)]
    began = time.monotonic()
    assert len(grade_outcomes(samples, outcomes, "semantic")) == 3000
    assert time.monotonic() - began < 15


def table(a: str, b: str) -> int:
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@given(a=st.text("abc\u00e9\U0001f600", max_size=80), b=st.text("abc\u00e9\U0001f600", max_size=80))
@settings(max_examples=300, deadline=None)
def test_edit_distance_equals_the_table(a, b):
    assert edit_distance(a, b) == table(a, b) == edit_distance(b, a)


def test_long_texts_are_quick_or_unscored():
    began = time.monotonic()
    assert SCORERS["string_similarity"]("ab " * 6000, Sample("s", "q", "ba " * 6000)).value > 0.3
    assert SCORERS["string_similarity"]("ab " * 60000, Sample("s", "q", "ba " * 60000)).value is None
    assert time.monotonic() - began < 5
