"""JSON answers: where they stand among words, when two are the same, and what is broken."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tierwise.scorers import SCORERS
from tierwise.scorers.structure import MAX_DEPTH, NotJson, depth, find_json, leaves, parse, same
from tierwise.types import Sample

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text("aé\"\\ {}[]", max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=4), max_leaves=12,
)  # fmt: skip


def grade(output: str, reference: str, **options):
    return SCORERS["json"](output, Sample("s", "q", reference), **options)


@given(VALUES, st.sampled_from(["{}", "```json\n{}\n```", "Here it is:\n```\n{}\n```\nAnything else?", "  {}\n"]))
@settings(max_examples=150, deadline=None)
def test_a_value_is_found_among_words_and_equals_itself(value, around):
    text = around.replace("{}", json.dumps(value, indent=1), 1)
    assert same(find_json(text), value) and same(value, find_json(text))
    assert grade(text, json.dumps(value)).value == 1


@given(VALUES)
@settings(max_examples=100, deadline=None)
def test_the_order_of_keys_does_not_count(value):
    assert same(json.loads(json.dumps(value, sort_keys=True)), value)


def test_what_is_the_same_and_what_is_not():
    equal = [(1, 1.0), (0.1 + 0.2, 0.3), ([1, 2], [1, 2.0]), ({"a": None}, {"a": None}), (-0.0, 0)]
    different = [
        (True, 1),
        (False, 0),
        (None, 0),
        ("1", 1),
        ([1, 2], [2, 1]),
        ({"a": 1}, {"a": 1, "b": None}),
        ({}, []),
        (10**400, 1.5),
        (10**30, 10**30 + 1),
    ]
    assert all(same(a, b) and same(b, a) for a, b in equal)
    assert not any(same(a, b) or same(b, a) for a, b in different)
    assert same({"a": [1.04]}, {"a": [1]}, 0.05) and not same({"a": [1.06]}, {"a": [1]}, 0.05) and not same("1.04", "1", 0.05)


def test_the_last_value_counts_and_the_kind_of_the_reference_is_preferred():
    assert find_json('First {"a": 1}, better {"a": 2}.') == {"a": 2}
    assert find_json('{"a": 1} as in [1]', dict) == {"a": 1} and find_json('{"a": 1} as in [1]') == [1]
    assert find_json('```json\n{"a": 1}\n```\n```json\n{"a": 2}\n```') == {"a": 2}
    assert grade('I think {"a": {"b": [1, 2]}} fits.', '{"a": {"b": [1, 2]}}').value == 1


BROKEN = ["{'a': 1}", '{"a": 1', '{"a": NaN}', '{"a": 01}', "{a: 1}", '{"a": 1,}', "sorry", "[" * 5000, '{"a": ' * 5000, ""]


@pytest.mark.parametrize("broken", BROKEN)
def test_broken_json_is_wrong_with_the_reason_and_never_an_error(broken):
    found = grade(broken, '{"a": 1}')
    assert found.value == 0 and found.explanation.startswith("not JSON: ")
    assert SCORERS["json"]('{"a": 1}', Sample("s", "q", broken)).value is None, "a broken reference leaves the answer unscored"


def test_fields_give_the_share_that_is_right_of_both_sides():
    reference = '{"name": "Ann", "age": 30, "tags": ["a", "b"], "more": {}}'
    assert grade(reference, reference, mode="fields").value == 1
    found = grade('{"name": "Ann", "age": 31, "tags": ["a"], "extra": 1}', reference, mode="fields")
    assert found.value == pytest.approx(2 / 6), "name and tags.0 of name, age, tags.0, tags.1, more and extra"
    assert found.explanation == "differs in age, tags.1, more, extra not asked for"
    assert grade("[]", reference, mode="fields").value == 0
    assert dict(leaves({"a": [1, {}], "b": []})) == {("a", 0): 1, ("a", 1): {}, ("b",): []}


def test_json_too_deep_or_too_long_is_refused():
    assert depth(1) == 1 and depth([[1]]) == 3
    assert parse("[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1)) is not None
    with pytest.raises(NotJson, match="nested more than 64 levels"):
        parse("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH)
    assert grade("[" * 90 + "1" + "]" * 90, "[1]").value == 0
    assert "longer than" in grade(" " * 200_001 + "1", "1").reason
