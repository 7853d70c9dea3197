"""Runs through a real LiteLLM proxy and a real Portkey gateway: one request for each attempt, at the provider behind as well."""

import pytest

from tests.interop.test_portkey_gateway import gateway, server  # noqa: F401
from tests.runs.conftest import keep_prompts
from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
from tierwise.endpoints.presets import test_call
from tierwise.runs import calls
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.types import Tier

pytestmark = [pytest.mark.interop, pytest.mark.timeout(600)]
test_call.__test__ = False
PRICES = {"input_per_1m": IN_PRICE, "output_per_1m": OUT_PRICE}
CONFIG = """
model_list:
  - {{model_name: small, litellm_params: {{model: openai/small-model, api_base: "{base}", api_key: sk-unused, max_retries: 0}}}}
  - {{model_name: large, litellm_params: {{model: openai/large-model, api_base: "{base}", api_key: sk-unused, max_retries: 0}}}}
router_settings: {{num_retries: 0, disable_cooldowns: true}}
"""


@pytest.fixture(scope="module")
def provider():
    with Provider() as started:
        yield started


@pytest.fixture(scope="module")
def litellm_proxy(start_proxy, provider, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("proxy")
    (folder / "config.yaml").write_text(CONFIG.format(base=provider.base))
    return f"http://127.0.0.1:{start_proxy(folder, {}).port}"


def ladder_of(kind: str, request) -> list[Tier]:
    if kind == "litellm":
        base = request.getfixturevalue("litellm_proxy")
        return [Tier(n, f"litellm_proxy/{n}", base, "PROXY_KEY", **PRICES) for n in ("small", "large")]
    base = request.getfixturevalue("gateway").removesuffix("/chat/completions")
    behind = request.getfixturevalue("provider").base
    params = {"extra_headers": {"x-portkey-provider": "openai", "x-portkey-custom-host": behind}}
    return [Tier(n, f"openai/{n}-model", base, "PROXY_KEY", params=params, **PRICES) for n in ("small", "large")]


@pytest.mark.parametrize("kind", ["litellm", "portkey"])
def test_a_run_through_a_gateway_is_whole_and_adds_up(store, provider, request, monkeypatch, kind):
    monkeypatch.setenv("PROXY_KEY", "sk-test")
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.05)
    tiers = ladder_of(kind, request)
    provider.fault = lambda body, before: None
    provider.forget()
    for tier in tiers:
        told = test_call(store, tier)
        assert told.ok, told.says
    provider.forget()
    provider.fault = lambda body, before: "500" if before < 1 and body["messages"][-1]["content"] in ("prompt 3", "prompt 4") else None
    run = execute(store, create_run(store, keep_prompts(store, 20), tiers, params={"scorer": "exact", "concurrency": 4}).id)
    outcomes, ledger = store.runs.outcomes(run.id), store.attempts.frame(run.id)
    assert run.status == "done" and set(outcomes["status"]) == {"ok"}
    assert len(provider.seen) == len(ledger) == 44, "two prompts failed once on either tier, and nobody else tried again"
    assert ledger["cost_usd"].sum() == pytest.approx(provider.billed_usd)
    assert (outcomes["output"] == "answer to " + outcomes["sample_id"].str.replace("s", "prompt ")).all()


@pytest.mark.parametrize("kind", ["litellm", "portkey"])
def test_what_is_wrong_behind_a_gateway_is_told(store, provider, request, monkeypatch, kind):
    monkeypatch.setenv("PROXY_KEY", "sk-test")
    tier = ladder_of(kind, request)[0]
    provider.fault = lambda body, before: "429"
    assert "limit is reached" in test_call(store, tier).says
    if kind == "litellm":
        monkeypatch.setenv("PROXY_KEY", "sk-wrong-0000000000")
        provider.fault = lambda body, before: None
        told = test_call(store, tier)
        assert not told.ok
