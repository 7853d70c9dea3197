"""Patterns run on RE2: linear time whatever the pattern, and what RE2 does not know is unscored in words."""

import time

import pytest

from tierwise.scorers import SCORERS
from tierwise.types import Sample

EVIL = [
    r"(a+)+$",
    r"(a|a)*$",
    r"(a|aa)+$",
    r"^(([a-z])+.)+[A-Z]([a-z])+$",
    r"(.*)*b",
    r"(\w+\s?)+$",
    r"a?" * 100 + "a" * 100,
    r"(a{0,30}){0,30}$",
]


def grade(output: str, reference: str | None = None, **options):
    return SCORERS["regex"](output, Sample("s", "q", reference), **options)


@pytest.mark.parametrize("pattern", EVIL)
@pytest.mark.parametrize("output", ["a" * 5_000 + "!", "ab " * 60_000 + "!"])
def test_an_evil_pattern_ends_in_no_time(pattern, output):
    began = time.monotonic()
    found = grade(output, pattern)
    assert time.monotonic() - began < 1
    assert found.value is not None or found.reason


UNKNOWN = [r"(?=x)x", r"(?<!a)b", r"(a)\1", r"(?P=name)", "(", "[", "*a", r"a{2000}", r"\p{Nonsense}", "a" * 501]


@pytest.mark.parametrize("pattern", UNKNOWN)
def test_what_re2_does_not_know_is_unscored_in_words(pattern):
    found = grade("some answer", pattern)
    assert found.value is None
    words = "the pattern cannot be used (RE2 syntax, without lookaround or backreferences): "
    too_long = found.reason == "the pattern is longer than 500 characters"
    assert too_long or (found.reason.startswith(words) and len(found.reason) > len(words))


def test_finding_matching_whole_and_case():
    assert grade("Order 4417.", r"\d{4}").explanation == "found '4417'"
    assert grade("ABC", "abc").value == 0 and grade("ABC", "abc", ignore_case=True).value == 1
    assert grade(" abc\n", "abc", whole=True).value == 1 and grade("xabc", "abc", whole=True).value == 0
    assert grade("first\nsecond", "^second").value == 0 and grade("first\nsecond", "(?m)^second").value == 1
    assert grade("naïve Straße", r"^\pL+ \pL+$").value == 1


def test_the_pattern_of_the_option_takes_the_place_of_the_reference():
    assert grade("id 7", "never used", pattern=r"id \d").value == 1
    assert grade("id 7", None, pattern=r"id \d").value == 1
    assert grade("id 7", None).value is None and "there is no pattern" in grade("id 7", " ").reason
    assert "longer than 200,000" in grade("a" * 200_001, "a").reason
