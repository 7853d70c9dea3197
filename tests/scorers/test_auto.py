"""The scorer that picks one for each prompt."""

import pytest

from tierwise.scorers import SCORERS
from tierwise.scorers.auto import choose
from tierwise.types import Sample


@pytest.mark.parametrize(("reference", "name"), [
    ("B", "multiple_choice"), ("(C)", "multiple_choice"), ("D.", "multiple_choice"), ("K", "normalized_exact"), ("b", "normalized_exact"),
    ("42", "numeric"), ("-1,234.50", "numeric"), ("$5", "numeric"), ("45%", "numeric"), ("3/4", "numeric"), ("6.02e23", "numeric"),
    ("007", "normalized_exact"), ("-00", "normalized_exact"), ("0.5", "numeric"), ("0", "numeric"), ("42 days", "normalized_exact"),
    ('{"a": 1}', "json"), ("[1, 2]", "json"), (" {} ", "json"), ("[see note]", "normalized_exact"), ("{broken", "normalized_exact"),
    ("urgent", "normalized_exact"), ("one two three four", "normalized_exact"), ("one two three four five", "token_f1"),
    ("word " * 30, "token_f1"), ("word " * 31, "rouge_l"), ("[" * 5000, "normalized_exact"), ("", "normalized_exact")])  # fmt: skip
def test_the_shape_of_the_reference_picks_the_scorer(reference, name):
    assert choose(reference) == name


def auto(output: str, reference: str | None = None, **metadata):
    return SCORERS["auto"](output, Sample("s", "q", reference, metadata=metadata))


@pytest.mark.parametrize(("output", "reference"), [
    ("It is 42.", "42"), ("The answer is B", "B"), ('{"b": 2, "a": 1}', '{"a": 1, "b": 2}'), ("Urgent!", "urgent"),
    ("refunds within thirty days", "refunds are given within thirty days")])  # fmt: skip
def test_it_scores_as_the_scorer_it_picks_and_names_it(output, reference):
    sample, name = Sample("s", "q", reference), choose(reference)
    found, its = SCORERS["auto"](output, sample), SCORERS[name](output, sample)
    assert found.value == its.value and found.explanation.startswith(name)


def test_the_prompt_can_name_its_scorer_and_options():
    assert auto("about 43", "42").value == 0
    assert auto("about 43", "42", scorer="numeric", scorer_options={"tolerance": 1}).value == 1
    assert auto("about 43", "42", scorer="numeric", scorer_options='{"tolerance": 1}').value == 1
    assert auto("about 43", "42", scorer="numeric", scorer_options="tolerance=1, relative=0").value == 1
    assert auto("42!", "42", scorer="exact").value == 0 and auto("42!", "42", scorer="includes").explanation.startswith("includes")
    assert auto("id 7", None, scorer="regex", scorer_options={"pattern": r"id \d"}).value == 1, "a scorer that needs no reference"


@pytest.mark.parametrize(("metadata", "words"), [
    ({"scorer": "nummeric"}, "Did you mean numeric?"), ({"scorer": "auto"}, "names auto as its own scorer"),
    ({"scorer": "numeric", "scorer_options": {"tolerence": 1}}, "has no option 'tolerence'"),
    ({"scorer": "numeric", "scorer_options": {"tolerance": "much"}}, "should be a number")])  # fmt: skip
def test_a_scorer_that_the_prompt_misnames_leaves_the_answer_unscored_in_words(metadata, words):
    found = auto("42", "42", **metadata)
    assert found.value is None and words in found.reason


def test_without_a_reference_or_a_scorer_it_is_unscored():
    assert auto("anything").value is None and auto("anything", " ").value is None
    assert auto("x", "y" * 10, scorer="exact").value == 0
