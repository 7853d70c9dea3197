"""LiteLLM by its own scorer: what fits is exact, what does not is refused by its reason."""

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.policies import SPECS, a_policy
from tierwise.errors import BadInput
from tierwise.exporters import EXPORTERS, export
from tierwise.exporters.litellm_heuristic import tier
from tierwise.policy import route
from tierwise.routers.rules import DEFAULT_RULES
from tierwise.types import Sample

LINEAR = {"type": "linear", "link": "logistic", "intercept": -0.4, "terms": [
    {"feature": "token_bucket", "weight": 0.8, "lo": 30, "hi": 400},
    {"feature": "keyword_group", "weight": 1.2, "keywords": ["python", "sql", "refund"]},
    {"feature": "keyword_group", "weight": 0.7, "keywords": ["prove", "step by step", "contract", "how many"]},
    {"feature": "keyword_group", "weight": -0.9, "keywords": ["summarise", "extract", "translate"]},
]}  # fmt: skip
LISTED = {"type": "rules", "rules": [dict(rule) for rule in DEFAULT_RULES], "default": 0.5}
WORDS = ["python", "step by step", "extract", "prove", "Contract", "sqlite", "clause", "def", "```", "hello", "GDPR", "how many", "İ"]


def fits(policy) -> dict:
    """The router settings of a policy's native export."""
    text = EXPORTERS["litellm-native"].compile(policy).files["config.yaml"]
    return yaml.safe_load(text)["model_list"][-1]["litellm_params"]["complexity_router_config"]


@pytest.mark.parametrize("change", [
    {}, {"link": "identity", "intercept": 0.3}, {"quantiles": [0.1, 0.3, 0.3, 0.4, 0.5, 0.6, 0.8]}, {"intercept": 30.0},
    {"intercept": -30.0}, {"terms": LINEAR["terms"][:1]}, {"terms": LINEAR["terms"][1:]}, {"terms": LINEAR["terms"][3:]}, {"terms": []},
    {"terms": [{**LINEAR["terms"][0], "weight": -0.8}, *LINEAR["terms"][1:]]},
    {"terms": [{**LINEAR["terms"][0], "weight": 1.2}, *LINEAR["terms"][1:]]},
])  # fmt: skip
@pytest.mark.parametrize("tiers", [2, 3, 4])
def test_linear_scores_are_decided_alike_for_any_words_and_length(change, tiers, tmp_path):
    assert agreement(a_policy(tiers, LINEAR | change), tmp_path) == 1


LENGTHS = {
    "one size": [], "two": [{"when": {"tokens_lt": 50}, "score": 0.1}], "two, falling": [{"when": {"tokens_gte": 50}, "score": 0.1}],
    "three": [{"when": {"tokens_gte": 400}, "score": 0.9}, {"when": {"tokens_lt": 50}, "score": 0.1}],
    "three, falling": [{"when": {"tokens_gte": 400}, "score": 0.1}, {"when": {"tokens_lt": 50}, "score": 0.9}],
    "nested": [{"when": {"tokens_gte": 50, "tokens_lt": 400}, "score": 0.4}, {"when": {"tokens_gte": 10}, "score": 0.4}],
}  # fmt: skip


@pytest.mark.parametrize("sizes", LENGTHS)
@pytest.mark.parametrize("default", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("tiers", [2, 3, 4])
def test_lists_of_rules_are_decided_alike_or_refused(sizes, default, tiers, tmp_path):
    policy = a_policy(tiers, {**LISTED, "rules": [*LISTED["rules"][:5], *LENGTHS[sizes]], "default": default})
    try:
        assert agreement(policy, tmp_path) == 1
    except BadInput as error:
        assert "length" in str(error) or "sizes" in str(error)
        assert "litellm-hook" in str(error)


def agreement(policy, folder) -> float:
    words = [" ".join(WORDS[i % len(WORDS)] for i in range(k, k + 3)) for k in range(14)]
    texts = ["word " * n + said for said in words for n in (0, 5, 25, 60, 300, 500)]
    return export(policy, [Sample(f"s{i}", t) for i, t in enumerate(texts)], "litellm-native", folder).agreement


@given(words=st.lists(st.sampled_from(WORDS), max_size=5), length=st.integers(0, 2000))
@settings(max_examples=150, deadline=None)
def test_any_text_is_decided_alike(words, length):
    policy, router = POLICY, ROUTER
    messages = [{"role": "user", "content": "x" * length + " ".join(["", *words, "."])}]
    slots = {"SIMPLE": "t0", "MEDIUM": "t1", "COMPLEX": "t2", "REASONING": "t3"}
    assert slots[tier(router, messages)] == route(policy, {"messages": [{"role": "user", "content": messages[0]["content"].strip()}]}).tier


POLICY = a_policy(4, LINEAR)
ROUTER = fits(POLICY)

TERM = {"feature": "keyword_group", "weight": 1.0, "keywords": ["a"]}
REFUSED = {
    "another kind of score": ({"spec": SPECS["tree"]}, "of the type tree"),
    "another feature": ({"spec": SPECS["linear"]}, "looks at log1p_tokens"),
    "a rule on metadata": ({"rules": [{"metadata": {"a": ["b"]}}]}, "looks at metadata"),
    "a rule on a type": ({"rules": [{"request_type": ["b"], "keywords_any": ["x"]}]}, "looks at request_type"),
    "a rule on length": ({"rules": [{"tokens_lt": 5}]}, "looks at tokens_lt"),
    "a cheap rule before a dear one": ({"rules": [({"keywords_any": ["x"]}, "cheap"), ({"keywords_any": ["y"]}, "mid")]}, "dearest win"),
    "a Chinese keyword": ({"rules": [{"keywords_any": ["发票"]}]}, "Chinese"),
    "a padded keyword": ({"rules": [{"keywords_any": [" a"]}]}, "outer spaces"),
    "two lowering groups": ({"spec": LINEAR | {"terms": [{**TERM, "weight": -1.0}] * 2}}, "2 lowering"),
    "seventeen groups": ({"spec": LINEAR | {"terms": [TERM] * 17}}, "17 raising"),
    "a long group": ({"spec": LINEAR | {"terms": [{**TERM, "keywords": [f"w{i}" for i in range(40)]}]}}, "longer than LiteLLM takes"),
    "two buckets": ({"spec": LINEAR | {"terms": [LINEAR["terms"][0]] * 2}}, "token_bucket twice"),
    "words after lengths": ({"spec": {**LISTED, "rules": [LISTED["rules"][-1], LISTED["rules"][0]]}}, "after a rule on length"),
    "five tiers": ({"tiers": 5}, "at most four tiers"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_fit_is_refused_with_the_exact_form(what):
    given, said = REFUSED[what]
    pairs = [r if isinstance(r, tuple) else (r, "frontier") for r in given.get("rules", ())]
    rules = tuple({"id": f"r{i}", "when": when, "tier": tier} for i, (when, tier) in enumerate(pairs))
    policy = a_policy(given.get("tiers", 3), given.get("spec", LINEAR), rules)
    with pytest.raises(BadInput, match=said) as refused:
        EXPORTERS["litellm-native"].compile(policy)
    assert "litellm-hook" in str(refused.value)


def test_a_pinned_rule_is_refused():
    rule = {"id": "r", "when": {"keywords_any": ["x"]}, "tier": "mid", "pin": {"allow_fallbacks": False}}
    with pytest.raises(BadInput, match="'r' is pinned"):
        EXPORTERS["litellm-native"].compile(a_policy(3, LINEAR, (rule,)))
