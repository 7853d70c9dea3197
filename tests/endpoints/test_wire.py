"""Who is spoken to directly, and what is not taken for an answer."""

import pytest

from tests.runs.provider import Provider, send
from tierwise.endpoints import models, wire
from tierwise.endpoints.replies import CallFailed
from tierwise.runs import background
from tierwise.types import Tier

BASE = "http://127.0.0.1:1/v1"


@pytest.mark.parametrize(("model", "base", "direct"), [
    ("openai/llama3", BASE, True), ("hosted_vllm/x", BASE, True), ("litellm_proxy/small", BASE, True), ("openai/vendor/model", BASE, True),
    ("openai/gpt-4o", None, False), ("openai/gpt-5-mini", BASE, False), ("openai/o3", BASE, False), ("openai/@team/gpt-6-luna", BASE, False),
    ("anthropic/claude", BASE, False), ("gpt-4o", BASE, False), ("openrouter/a/b", BASE, False)])  # fmt: skip
def test_only_plain_servers_of_ones_own_are_spoken_to_directly(model, base, direct):
    assert wire.speaks(Tier("t", model, base)) is direct


def ask(provider: Provider, **params):
    tier = Tier("t", "openai/m", provider.base, params=params)
    return background.submit(models.call(tier, [{"role": "user", "content": "hi"}], max_tokens=7, timeout_s=5, request_id="r-1")).result()


def test_an_error_with_status_200_is_no_answer(monkeypatch):
    told = {"error": {"message": "upstream is down", "code": 502}}
    monkeypatch.setattr(Provider, "_answer", lambda self, http, body, mine, **_: send(http, 200, told))
    with Provider() as provider, pytest.raises(CallFailed, match="upstream is down") as failed:
        ask(provider)
    assert failed.value.retry and failed.value.billed == "unknown"


@pytest.mark.parametrize("value", [[], "text", 5, None])
def test_json_that_is_no_object_is_no_answer(monkeypatch, value):
    monkeypatch.setattr(Provider, "_answer", lambda self, http, body, mine, **_: send(http, 200, value))
    with Provider() as provider, pytest.raises(CallFailed, match="not JSON"):
        ask(provider)


def test_a_redirect_is_not_followed(monkeypatch):
    monkeypatch.setattr(Provider, "_answer", lambda self, http, body, mine, **_: send(http, 302, {}, {"location": "http://127.0.0.1:9/"}))
    with Provider() as provider:
        with pytest.raises(CallFailed, match="HTTP 302") as failed:
            ask(provider)
        assert len(provider.seen) == 1 and not failed.value.retry


def test_what_belongs_to_litellm_is_not_sent():
    with Provider() as provider:
        ask(
            provider,
            temperature=0.5,
            drop_params=True,
            num_retries=3,
            extra_body={"provider": {"order": ["x"]}},
            extra_headers={"x-a": "b"},
        )
        (seen,) = provider.seen
    assert set(seen.body) == {"model", "messages", "max_tokens", "temperature", "provider"}
    assert seen.headers["x-a"] == "b" and seen.request_id == "r-1"


def test_connections_are_kept_between_calls():
    with Provider() as provider:
        for _ in range(5):
            ask(provider)
        ports = {s.headers.get("host") for s in provider.seen}
    assert len(ports) == 1 and len(wire._sessions) == 1
