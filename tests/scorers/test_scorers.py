"""Every scorer of the registry: its own examples, the promises that all of them make, and how options are read."""

import math
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.errors import BadInput, NotFound
from tierwise.registry import Registry
from tierwise.scorers import SCORERS, Score, options, score, scorer_ref, unscored
from tierwise.types import Sample

EXAMPLES = [(name, *example) for name, entry in SCORERS.items() for example in entry.examples]
TEXTS = st.one_of(
    st.text(max_size=80),
    st.text('0123456789.,-+/%$eE ()[]{}":\\abAB\n', max_size=60),
    st.sampled_from(["{}", '{"a": 1}', "B", "42", "1/0", "\\boxed{", "[" * 70, "(?", "NaN", "\ud800", "\x00"]),
)


@pytest.mark.parametrize(("name", "output", "reference", "value", "given"), [(*e, {})[:5] for e in EXAMPLES])
def test_a_scorer_gives_its_own_examples_their_value(name, output, reference, value, given):
    found = SCORERS[name](output, Sample("s", "question", reference), **SCORERS[name].parse_options(given))
    assert (found.value is None) == (value is None), found
    assert value is None or found.value == pytest.approx(value, abs=1e-9), found


@pytest.mark.parametrize("name", [n for n, s in SCORERS.items() if s.asking is None or s.asking.optional])
def test_a_scorer_shows_right_wrong_and_unscored_and_says_what_it_does(name):
    entry = SCORERS[name]
    values = [example[2] for example in entry.examples]
    assert 1 in values and None in values and (0 in values or name == "auto")
    assert entry.name == name and len(entry.summary) > 20 and not entry.summary.endswith(".")
    assert all(option.help for option in entry.options), "the screen shows a help text for each option"


@pytest.mark.parametrize("name", SCORERS)
def test_an_answer_without_a_reference_is_unscored_and_never_zero(name):
    for reference in (None, "", "  \n"):
        found = SCORERS[name]("some answer", Sample("s", "question", reference))
        assert found.value is None and found.reason


@pytest.mark.parametrize("name", [n for n in SCORERS if n not in ("json_schema", "auto")])
@given(output=TEXTS, reference=TEXTS)
@settings(max_examples=60, deadline=None)
def test_any_text_gets_a_value_or_a_reason(name, output, reference):
    found = SCORERS[name](output, Sample("s", "question", reference))
    assert bool(found.reason) if found.value is None else 0 <= found.value <= 1
    assert found == SCORERS[name](output, Sample("s", "question", reference)), "the same again"


@pytest.mark.parametrize("name", [n for n in SCORERS if n not in ("regex", "json_schema")])
@pytest.mark.parametrize("reference", ["B", "42", '{"a": [1, 2.5, null]}', "Galway", "the cat sat on the mat by the door", "word " * 40])
def test_the_reference_itself_is_a_right_answer(name, reference):
    found = SCORERS[name](reference, Sample("s", "question", reference))
    assert found.value in (1.0, None), found


def test_a_score_has_a_value_in_range_or_a_reason():
    assert unscored("no key").reason == "no key" and Score(0.5).value == 0.5
    for wrong in (1.01, -0.01, math.nan):
        with pytest.raises(ValueError, match="in \\[0, 1\\]"):
            Score(wrong)
    with pytest.raises(ValueError, match="needs a reason"):
        Score(None)


def test_options_come_from_the_signature():
    assert [(o.name, o.type, o.default) for o in options("numeric")] == [("tolerance", float, 0.0), ("relative", float, 0.0)]
    assert [(o.name, o.choices) for o in options("json")] == [("mode", ("equal", "fields")), ("tolerance", ())]
    assert options("regex")[0].type is str and options("regex")[0].default is None
    assert options("token_f1") == []


@pytest.mark.parametrize(("name", "given", "parsed"), [
    ("numeric", {"tolerance": "0.5"}, {"tolerance": 0.5}), ("numeric", {"tolerance": 1}, {"tolerance": 1.0}),
    ("numeric", {"tolerance": 0}, {}),
    ("numeric", {"tolerance": "0.0"}, {}), ("exact", {"strip": "no"}, {"strip": False}), ("exact", {"strip": "TRUE"}, {}),
    ("json", {"mode": "fields"}, {"mode": "fields"}), ("json", {"mode": None}, {}), ("numeric", None, {}),
    ("json_schema", {"schema": {"type": "object"}}, {"schema": '{"type": "object"}'})])  # fmt: skip
def test_options_are_read_from_text_and_defaults_are_left_out(name, given, parsed):
    assert SCORERS[name].parse_options(given) == parsed


@pytest.mark.parametrize(("name", "given", "words"), [
    ("numeric", {"tolerence": 1}, "has no option 'tolerence'. It has: tolerance (a number), relative (a number)."),
    ("token_f1", {"x": 1}, "Scorer token_f1 has no option 'x'. It has none."),
    ("numeric", {"tolerance": "much"}, "tolerance should be a number, not 'much'"), ("numeric", {"tolerance": "nan"}, "should be a number"),
    ("numeric", {"tolerance": True}, "should be a number"), ("numeric", {"tolerance": [1]}, "should be a number"),
    ("exact", {"strip": "perhaps"}, "strip should be true or false"), ("json", {"mode": "some"},
    "one of equal, fields, not 'some'")])  # fmt: skip
def test_a_wrong_option_is_refused_in_words(name, given, words):
    with pytest.raises(BadInput) as error:
        SCORERS[name].parse_options(given)
    assert words in str(error.value)


def test_a_grade_names_its_scorer_with_the_options_that_matter():
    assert scorer_ref("numeric") == scorer_ref("numeric", {"tolerance": 0.0}) == "numeric"
    assert scorer_ref("numeric", {"relative": "0.1", "tolerance": 0.5}) == "numeric(tolerance=0.5, relative=0.1)"
    assert scorer_ref("regex", {"pattern": 'a"é', "whole": "yes"}) == r'regex(pattern="a\"é", whole=True)'
    with pytest.raises(NotFound, match=r"Did you mean numeric\?.*Available: auto, exact"):
        scorer_ref("numerc")


def test_an_added_scorer_goes_through_the_same_door(monkeypatch):
    monkeypatch.setattr(score, "SCORERS", Registry("scorer"))

    @score.scorer("length", summary="The answer is at most so long", needs_reference=False)
    def length(output: str, sample: Sample, *, most: Annotated[int, "Characters"] = 10, kind: Literal["soft", "hard"] = "hard") -> Score:
        return Score(float(len(output) <= most))

    assert score.SCORERS["length"] is length and [o.name for o in length.options] == ["most", "kind"]
    assert length.parse_options({"most": "3", "kind": "soft"}) == {"most": 3, "kind": "soft"}
    assert length("four", Sample("s", "q"), most=3).value == 0
    for wrong in (3.5, True, "x"):
        with pytest.raises(BadInput, match="a whole number"):
            length.parse_options({"most": wrong})
    with pytest.raises(TypeError, match="bool, int, float, str"):
        score.scorer("bad", summary="An option that no form can show")(_with_a_list)
    with pytest.raises(ValueError, match="two scorers are called 'length'"):
        score.scorer("length", summary="Again")(_plain)


def _with_a_list(output: str, sample: Sample, *, words: list[str] = ()) -> Score:  # type: ignore[assignment]
    return Score(1.0)


def _plain(output: str, sample: Sample) -> Score:
    return Score(1.0)
