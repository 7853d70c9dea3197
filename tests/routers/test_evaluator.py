"""What a gateway runs: features of odd text, keywords, rules and decisions, on the standard library alone."""

import ast
import itertools
import json
import math
import re
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policies import RULE_SCORE, SPECS, a_policy
from tierwise import evaluator, reading
from tierwise.evalsets import load_shipped, shipped
from tierwise.exporters import embedded
from tierwise.exporters.javascript_patterns import PLAIN
from tierwise.features import FEATURES
from tierwise.routers.rules import DEFAULT_RULES

TEXT_PART = st.fixed_dictionaries({"type": st.just("text"), "text": st.none() | st.text(max_size=20)})
PARTS = st.one_of(
    st.none(), st.text(max_size=50), st.integers(), st.lists(st.one_of(st.text(max_size=9), st.none(), TEXT_PART), max_size=3)
)
ROLES = st.sampled_from(["user", "system", "assistant", "tool"])
MESSAGES = st.lists(st.fixed_dictionaries({"role": ROLES}, optional={"content": PARTS}), max_size=4)


def user(content: object) -> list[dict]:
    return [{"role": "user", "content": content}]


def test_it_needs_nothing_but_the_standard_library():
    whole = embedded.source(a_policy().document, "", "Nothing more.", "")
    tree = ast.parse(whole)
    found = {n.name.partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for n in node.names}
    found |= {(node.module or "").partition(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert found <= sys.stdlib_module_names


@given(MESSAGES | st.none())
@settings(max_examples=150, deadline=None)
def test_any_request_has_every_feature_as_a_finite_number(messages):
    found = evaluator.features(messages)
    assert list(found) == list(FEATURES), "the screens describe exactly these, in this order"
    assert all(isinstance(v, float | int) and math.isfinite(v) and v >= 0 for v in found.values())
    assert found == evaluator.features(messages)
    json.dumps(evaluator.decide({"default_tier": "a", "tiers": [{"name": "a", "model": "m"}]}, messages or []))


ODD = [
    "", " ", "🦊" * 2000, "x" * 1_000_000, "word " * 200_000, "\n" * 1_000_000, "_." * 500_000, "1" * 1_000_000, "\ud800",
    "\x00", '{["' * 100_000,
    "=\\a" * 300_000, "-" * 1_000_000, "." * 5_999 + "x", "!?" * 2_999 + "x", ";\n\n" * 3_000, "\r\n" * 4_000, "1 1/" * 2_000,
    "def\n" * 2_000,
]  # fmt: skip
"""The second half took more than a second once: patterns that start again at each character of a long run."""


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_and_huge_text_is_read_in_no_time(text):
    began = time.monotonic()
    found = evaluator.features(user(text))
    assert time.monotonic() - began < 0.7
    assert all(math.isfinite(v) for v in found.values())
    assert found["log_tokens"] == math.log1p(len(text) // 4), "the length is that of the whole text"


@pytest.mark.parametrize(("content", "text"), [
    (None, ""), ("hi", "hi"), ([], ""), ([{"type": "text", "text": "a"}, {"type": "image_url"}, "b", None, {"text": None}], "a\nb"), (5,
    ""),
    ({"text": "a"}, "")])  # fmt: skip
def test_the_text_of_a_content(content, text):
    assert evaluator.content_text(content) == text
    assert evaluator.features(user(content)) == evaluator.features(user(text))


@pytest.mark.parametrize(("text", "largest", "decimals", "money"), [
    ("none here", 0.0, 0, 0), ("7 apples", 1.7, 0, 0), ("pay $1,250.50 or 12%", 4.1, 1, 2), ("0.75 of 30", 2.3, 1, 0),
    ("call 4915112345678", 12.4, 0, 0), ("€٣٤", 2.0, 0, 1)])  # fmt: skip
def test_the_size_of_numbers(text, largest, decimals, money):
    found = evaluator.features(user(text))
    assert found["largest_number"] == pytest.approx(largest)
    assert (found["decimals"], found["money_percent"]) == (math.log1p(decimals), math.log1p(money))


def test_only_the_last_user_message_is_read():
    long = [{"role": "system", "content": "prove this"}, *user("first why"), {"role": "assistant", "content": "because"}, *user("thanks")]
    found, alone = evaluator.features(long), evaluator.features(user("thanks"))
    assert {k for k in found if found[k] != alone[k]} == {"earlier_turns", "system_prompt"}
    assert found["earlier_turns"] == math.log1p(2) and found["system_prompt"] == 1.0
    assert evaluator.features([{"role": "system", "content": "alone"}])["earlier_turns"] == 0.0


def test_features_count_what_they_say():
    found = evaluator.features(user('Why is 3 x 4 = 12?\n- one\n- two\nA) yes\nB) no\n```python\ndef f():\n```\n____ "quoted"'))
    counted = {"numbers": 3, "question_marks": 1, "list_items": 2, "options": 2, "blanks": 1, "quotes": 2, "lines": 9}
    assert {k: round(math.expm1(found[k])) for k in counted} == counted
    assert found["asks_why_how"] == 1 and found["opens_what"] == 0 and found["code_marks"] > 0


@pytest.mark.parametrize(("text", "keyword", "there"), [
    ("fix this bug", "bug", True), ("debugging", "bug", False), ("Bug!", "bug", True), ("a bug", "BUG", True), ("(bug)", "bug", True),
    ("bug_report", "bug", False), ("step by step", "step by step", True), ("sidestep by stepping", "step by step", True),
    ("naïve", "naïve", True), ("naïveté", "naïve", False), ("c++ code", "c", True), ("a.b", "a.b", True), ("axb", "a.b", False), ("",
    "a", False)])  # fmt: skip
def test_a_word_is_found_at_its_boundaries_and_a_phrase_anywhere(text, keyword, there):
    assert evaluator.keyword_found(text.lower(), keyword) is there
    assert evaluator.matches({"keywords_any": ["zzz", keyword]}, user(text)) is there


def test_no_keyword_that_ships_is_one_that_can_not_be_found():
    """Word boundaries need a letter or digit at both ends; gateways that share this rule would not find `c++` either."""
    words = [k for rule in DEFAULT_RULES for k in rule["when"].get("keywords_any", ())]
    assert words and all(evaluator.keyword_found(f"so, {word}.", word) for word in words)


@pytest.mark.parametrize(("when", "messages", "metadata", "met"), [
    ({}, [], {}, True), ({"tokens_gte": 3}, user("x" * 12), {}, True), ({"tokens_gte": 3}, user("x" * 11), {}, False),
    ({"tokens_lt": 3}, user("x" * 11), {}, True), ({"request_type": ["a", "b"]}, [], {"request_type": "b"}, True),
    ({"request_type": ["a"]}, [], {}, False), ({"metadata": {"team": ["x"]}}, [], {"team": "x"}, True),
    ({"metadata": {"team": ["x"]}}, [], {}, False),
    ({"metadata": {"vip": ["true"]}}, [], {"vip": True}, True), ({"metadata": {"n": ["3"]}}, [], {"n": 3}, True),
    ({"has_image": True}, user([{"type": "image_url"}]), {}, True), ({"has_image": False}, user("x"), {}, True),
    ({"has_image": True}, [], {"has_image": "1"}, True),
    ({"has_tools": True}, [{"role": "tool", "content": "x"}], {}, True), ({"has_tools": True}, user("x"), {}, False),
    ({"tokens_gte": 1, "keywords_any": ["bug"]}, user("no such word"), {}, False)])  # fmt: skip
def test_every_condition_of_a_rule_must_hold(when, messages, metadata, met):
    assert evaluator.matches(when, messages, metadata) is met


def test_an_unknown_condition_is_an_error_and_not_ignored():
    with pytest.raises(ValueError, match="unknown condition 'tokens'"):
        evaluator.matches({"tokens": 3}, user("x"))


def test_the_first_rule_that_matches_wins():
    spec = {"type": "rules", "rules": RULE_SCORE, "default": 0.5}
    assert evaluator.score(spec, user("a contract")) == 0.9, "short too, but the first rule says legal"
    assert evaluator.score(spec, user("hello")) == 0.1 and evaluator.score(spec, user("x" * 400)) == 0.5
    assert evaluator.score(spec | {"rules": RULE_SCORE[::-1]}, user("a contract")) == 0.1


DOCUMENT = {
    "tiers": [{"name": n, "model": f"m/{n}"} for n in ("small", "large")], "default_tier": "large", "on_error_tier": "small",
    "rules": [{"id": "legal", "when": {"keywords_any": ["contract"]}, "tier": "large"}],
    "score": {"type": "linear", "link": "identity", "intercept": 0.0, "terms": [{"feature": "metadata_number", "key": "hard",
    "weight": 1.0}]},
    "thresholds": [{"lt": 0.5, "tier": "small"}, {"tier": "large"}],
}  # fmt: skip


def test_a_decision_goes_by_rules_then_score_then_threshold():
    decide = evaluator.decide
    assert decide(DOCUMENT, user("a contract"), {"hard": 0})["why"] == "rule legal"
    assert decide(DOCUMENT, user("hello"), {"hard": 0.49})["tier"] == "small"
    at = decide(DOCUMENT, user("hello"), {"hard": 0.5})
    assert (at["tier"], at["model"], at["score"]) == ("large", "m/large", 0.5), "a threshold belongs to the dearer tier"
    assert at["why"] == "score 0.500 is at least 0.500; most weight: hard +0.50"
    assert decide(DOCUMENT, [], {})["tier"] == decide(DOCUMENT, user(" "), {})["tier"] == "large"
    broken = decide(DOCUMENT, user("hello"), {"hard": "very"})
    assert broken["tier"] == "small" and broken["score"] is None and "could not be scored (ValueError" in broken["why"]
    assert decide(DOCUMENT | {"score": None}, user("hello"))["why"] == "no rule matched: the default tier"


def test_a_score_stays_in_range_and_ranks_are_mid_ranks():
    constant = {"type": "constant", "value": 7.0}
    assert evaluator.score(constant, []) == 1.0 and evaluator.score(constant | {"value": -1.0}, []) == 0.0
    ranked = {"type": "constant", "value": 0.3, "quantiles": [0.1, 0.3, 0.3, 0.9]}
    assert [evaluator.score(ranked | {"value": v}, []) for v in (0.3, 1.0, 0.0)] == [0.5, 1.0, 0.0]
    with pytest.raises(ValueError, match="unknown score type"):
        evaluator.score({"type": "crystal ball"}, [])


def test_the_random_score_is_spread_evenly_and_depends_on_seed_and_text_alone():
    values = [evaluator.score({"type": "hash", "seed": 1}, user(f"prompt {i}")) for i in range(2000)]
    assert abs(sum(values) / 2000 - 0.5) < 0.02 and sum(v < 0.1 for v in values) == pytest.approx(200, abs=50)
    assert evaluator.score({"type": "hash", "seed": 2}, user("prompt 0")) != values[0]
    assert evaluator.score({"type": "hash", "seed": 1}, user("prompt 0"), {"request_type": "x"}) == values[0]


def read_plainly(text: str) -> dict[str, float]:
    """Counts of a text as the patterns say them, one by one."""
    text, log = reading._clip(text), math.log1p
    found, size = PLAIN["word"].findall(text.lower()), max(len(text), 1)
    letters = [w for w in found if not w[0].isdigit()]
    count = max(len(found), 1)
    told = {name: log(sum(w in words.split() for w in found)) for name, words in evaluator.KEYWORDS.items()}
    return told | {
        "numbers": log(len(found) - len(letters)), "number_share": (len(found) - len(letters)) / count,
        "digit_share": sum(map(str.isdigit, text)) / size, "code_marks": log(len(PLAIN["code"].findall(text))),
        "maths_marks": log(len(PLAIN["maths"].findall(text))), "blanks": log(len(PLAIN["blank"].findall(text))),
        "sentences": log(len(PLAIN["sentence"].findall(text))), "list_items": log(len(PLAIN["list"].findall(text))),
        "options": log(len(PLAIN["option"].findall(text))), "asks_json": float(PLAIN["json"].search(text) is not None),
        "word_length": sum(map(len, letters)) / max(len(letters), 1), "long_words": sum(len(w) > 8 for w in letters) / count,
        "distinct_words": len(set(found)) / count, "capitals": sum(map(str.isupper, text)) / size,
        "non_ascii": sum(c > "\x7f" for c in text) / size, "asks_why_how": float("why" in found or "how" in found),
    }  # fmt: skip


PIECES = ["```", "def", "def()", "\nimport", "\nimport()", "SELECT", "#include", "let x", "f()", "f()()", "()", "==", "!=", "=>", "!==", "==>", "=",
          ";", "};", "{", "\n", "\n\n", " ", "\t", "\r\n", "\x0b", "\u2028", "1-2-3", "3 * 4", "٣/٤", "5 -\n6", "²", "x²", "\\frac", "\\1", "$", "π",
          "A. ", "(b) ", "j:\n", "K) ", "- ", "* x", "•\t", "12) ", "1234. ", "...", "....", ". ", "?!", "？", "。", "!", "___", "__", "json", "JSON",
          "jſon", "ſ", "İjson", '{ "', '["', "don't", "l’été", "’", "'", "1,000.5", "3rd", "a1b", "x_y", "İ", "K", "ß", "ΑΣ", "why", "prove",
          "not", "sum", "\ud800", "\x00", "\U0001f600", "𝟙𝟚", "𐌰", "你好", "– ", "“"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=30).map("".join))
@settings(max_examples=400, deadline=None)
def test_quick_ways_of_counting_count_what_the_plain_patterns_say(text):
    found = evaluator.features(user(text))
    wanted = read_plainly(text)
    assert {k: found[k] for k in wanted} == wanted
    assert evaluator.words(text) == PLAIN["word"].findall(text.lower())
    single = ["0" if w[0].isdigit() else w for w in evaluator.words(text)]
    assert evaluator.terms(text) == single + [f"{a} {b}" for a, b in itertools.pairwise(single)]


def test_shipped_prompts_are_counted_as_the_plain_patterns_say():
    for entry in shipped():
        for sample in load_shipped(entry.name).samples:
            found, wanted = evaluator.features(sample.chat()), read_plainly(evaluator.request_text(sample.chat()))
            assert {k: found[k] for k in wanted} == wanted, sample.id


@given(st.lists(st.sampled_from(["bug", "Bug", " ", "_", "é", "c++", ".net", "1", "-", "ſ", "naïve", "."]), max_size=12).map("".join),
       st.sampled_from(["bug", "c++", ".net", "naïve", "1", "a.b", "é"]))  # fmt: skip
def test_a_keyword_is_found_where_word_boundaries_are(text, keyword):
    lower = text.lower()
    assert evaluator.keyword_found(lower, keyword) is (re.search(rf"\b{re.escape(keyword)}\b", lower) is not None)


def test_the_leading_reasons_are_the_largest_of_all():
    spec = {"type": "mean", "members": [{"weight": 2.0, "spec": SPECS["text_linear"]}, {"weight": 1.0, "spec": SPECS["linear"]}]}
    asked, told = user("Solve this step 1 2 3, then prove why"), {"request_type": "hard", "urgency": "5"}
    every = evaluator.contributions(spec, asked, told)
    assert len(every) > 6 and [abs(a) for _, a in every] == sorted((abs(a) for _, a in every), reverse=True)
    for most in (1, 2, 3, 4):
        assert evaluator.contributions(spec, asked, told, most=most) == every[:most]
