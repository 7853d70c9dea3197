"""OpenAI-compatible endpoints: the exported client calls the tier's model and its fallbacks, with keys from the environment."""

import json
import urllib.error

import pytest

from tests.exporters.files import live, load
from tests.interop.standin import StandIn
from tierwise.errors import BadInput
from tierwise.exporters import export
from tierwise.types import Tier

KEYS = {"MY_KEY": "sk-1", "OPENAI_API_KEY": "sk-openai"}
PINNED = ({"id": "r", "when": {"metadata": {"critical": ["true"]}}, "tier": "frontier", "pin": {"allow_fallbacks": False}},)


@pytest.fixture
def upstream():
    standin = StandIn()
    yield standin
    standin.close()


@pytest.fixture
def router(upstream, tmp_path):
    policy = live(Tier("cheap", "openai/small", upstream.base, "MY_KEY", params={"temperature": 0.5, "timeout": 20}),
                  Tier("frontier", "openai/large", upstream.base), rules=PINNED)  # fmt: skip
    export(policy, [], "openai-compatible", tmp_path)
    return load(tmp_path / "tier_router.py")


def ask(router, **metadata):
    body = {"messages": [{"role": "user", "content": "hello"}], "model": "auto"}
    return router.complete(body, metadata, KEYS)["choices"][0]["message"]["content"]


def test_the_tiers_model_is_called_with_its_key_and_parameters(router, upstream):
    assert ask(router, request_type="easy") == "answered by small"
    headers, body = upstream.requests[-1]
    assert {k.lower(): v for k, v in headers.items()}["authorization"] == "Bearer sk-1"
    assert body["temperature"] == 0.5 and "timeout" not in body


def test_a_vendors_key_is_not_sent_to_another_address(router, upstream):
    assert ask(router, request_type="hard") == "answered by large"
    assert "authorization" not in {k.lower() for k in upstream.requests[-1][0]}


def test_a_tier_that_is_down_falls_back_and_a_pinned_one_does_not(router, upstream):
    upstream.broken = {"small"}
    assert ask(router, request_type="easy") == "answered by large"
    upstream.broken = {"large"}
    with pytest.raises(urllib.error.HTTPError):
        ask(router, critical="true")


def test_tokenmix_stands_at_its_own_address(tmp_path):
    base = "https://api.tokenmix.ai/v1"
    policy = live(Tier("cheap", "openai/gpt-4o-mini", base, "TOKENMIX_API_KEY"), Tier("frontier", "openai/gpt-4o"))
    export(policy, [], "openai-compatible", tmp_path)
    tiers = json.loads((tmp_path / "tiers.json").read_text())
    assert tiers["cheap"][0] == {"base_url": base, "api_key_env": "TOKENMIX_API_KEY", "body": {"model": "gpt-4o-mini"}}
    assert tiers["frontier"][0]["base_url"] == "https://api.openai.com/v1"


def test_a_vendor_without_such_an_address_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"'bedrock/x'.*export it for the LiteLLM proxy"):
        export(live(Tier("cheap", "bedrock/x"), Tier("frontier", "openai/y")), [], "openai-compatible", tmp_path)


def test_an_address_that_is_not_known_waits_for_a_variable(tmp_path):
    from tests.policies import a_policy

    export(a_policy(2), [], "openai-compatible", tmp_path)
    router = load(tmp_path / "tier_router.py")
    with pytest.raises(RuntimeError, match=r"Set TIERWISE_.*_API_BASE"):
        router.complete({"messages": [{"role": "user", "content": "hi"}]}, environment={})
