"""Every preset is a ladder that passes the checks; a test call says what is wrong, and is on the ledger."""

import pytest

from tests.runs.provider import Provider
from tierwise.endpoints.presets import ENDPOINTS, TEST_RUN, test_call
from tierwise.endpoints.prices import price
from tierwise.endpoints.tiers import check_tiers
from tierwise.errors import BadInput
from tierwise.types import Tier

test_call.__test__ = False


@pytest.fixture
def provider():
    with Provider() as started:
        yield started


@pytest.mark.parametrize("name", list(ENDPOINTS))
def test_a_preset_is_a_ladder_that_can_be_checked(name):
    entry = ENDPOINTS[name]
    tiers = entry.tiers()
    assert check_tiers(tiers) == tiers and len(tiers) >= 2
    assert entry.steps and entry.summary.endswith(".")
    if entry.api_base is None and not entry.gateway:
        assert all(price(t) for t in tiers), "a provider's own models have list prices"
        costs = [price(t).output_per_1m for t in tiers]
        assert costs == sorted(costs)
    assert all(t.api_key_env or entry.keyless for t in tiers)


def tier(provider: Provider, **other) -> Tier:
    given = {"api_base": provider.base, "input_per_1m": 1.0, "output_per_1m": 4.0} | other
    return Tier("small", "openai/small-model", **given)


def test_a_good_endpoint_is_told_and_paid_for(store, provider):
    told = test_call(store, tier(provider))
    assert told.ok and "answered in" in told.says and told.answer
    assert told.cost_usd == pytest.approx(provider.billed_usd)
    (row,) = store.attempts.frame(TEST_RUN).to_dict("records")
    assert row["status"] == "answered" and row["cost_usd"] == pytest.approx(provider.billed_usd)


@pytest.mark.parametrize(("fault", "says"), [("401", "key was refused"), ("403", "may not use"), ("404", "does not know the model"), ("429", "limit is reached"),
                                             ("500", "error of its own"), ("broken_json", "not JSON"), ("no_choices", "not with text")])  # fmt: skip
def test_what_is_wrong_is_said_in_words(store, provider, fault, says):
    provider.fault = lambda body, before: fault
    told = test_call(store, tier(provider))
    assert not told.ok and says in told.says
    assert len(provider.seen) == 1 and len(store.attempts.frame(TEST_RUN)) == 1


def test_a_hanging_server_is_given_up(store, provider):
    provider.fault = lambda body, before: "hang"
    assert "within 0.3 seconds" in test_call(store, tier(provider, timeout_s=0.3)).says


def test_nothing_at_the_address_is_said(store, provider):
    assert "Nothing answers" in test_call(store, tier(provider, api_base="http://127.0.0.1:9/v1")).says


def test_another_model_that_answers_is_noticed(store, provider):
    provider.fault = lambda body, before: "other_model"
    assert "another model served: somebody-else" in test_call(store, tier(provider)).says


def test_a_missing_key_is_found_without_a_call(store, provider, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    told = test_call(store, tier(provider, api_key_env="MY_KEY"))
    assert not told.ok and "MY_KEY" in told.says and provider.seen == []


def test_a_model_still_to_be_named_is_refused(store):
    with pytest.raises(BadInput, match="in place of SMALL"):
        test_call(store, ENDPOINTS["vllm"].tiers()[0])


def test_headers_and_bodies_of_a_gateway_arrive_with_their_secrets(store, provider, monkeypatch):
    monkeypatch.setenv("PORTKEY_API_KEY", "pk-canary-0123456789")
    params = {"extra_headers": {"x-portkey-api-key": "os.environ/PORTKEY_API_KEY", "x-portkey-provider": "openai"},
              "extra_body": {"provider": {"order": ["anthropic"], "allow_fallbacks": False}, "models": ["a/b"]}}  # fmt: skip
    assert test_call(store, tier(provider, params=params)).ok
    (seen,) = provider.seen
    assert seen.headers["x-portkey-api-key"] == "pk-canary-0123456789" and seen.headers["x-portkey-provider"] == "openai"
    assert seen.body["provider"] == {"order": ["anthropic"], "allow_fallbacks": False} and seen.body["models"] == ["a/b"]
    assert seen.request_id.startswith("tierwise-test-call-")


def test_a_key_typed_into_a_header_is_refused(store, provider):
    with pytest.raises(BadInput, match="environment variable instead"):
        test_call(store, tier(provider, params={"extra_headers": {"x-portkey-api-key": "pk-canary-0123456789"}}))


def test_openrouters_shape_and_its_own_cost(store, monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-test-0123456789abcdef")
    with Provider(fault=lambda body, before: "own_cost") as router:
        params = {"extra_body": {"provider": {"order": ["deepinfra"], "allow_fallbacks": False}, "models": ["meta/x", "meta/y"]}}
        told = test_call(store, Tier("t", "openrouter/meta/x", router.base, "OPENROUTER_API_KEY", params=params))
        (seen,) = router.seen
    assert told.ok and told.cost_usd == pytest.approx(0.0123)
    assert seen.body["model"] == "meta/x" and seen.body["models"] == ["meta/x", "meta/y"]
    assert seen.body["provider"] == {"order": ["deepinfra"], "allow_fallbacks": False}
    assert seen.headers["authorization"] == "Bearer sk-or-test-0123456789abcdef"


def test_a_test_call_is_brief_whatever_the_tier_allows(store, provider):
    assert test_call(store, tier(provider, params={"max_tokens": 9000, "max_completion_tokens": 9000})).ok
    assert provider.seen[0].body["max_tokens"] == 64 and "max_completion_tokens" not in provider.seen[0].body
