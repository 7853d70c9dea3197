"""A real LiteLLM proxy with the exported pre-call hook decides as `route` does, on every kind of call."""

import json
import os
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.interop.test_litellm_gateway import ODD, RULES, THREADS, placeholders, shipped  # noqa: F401
from tests.policies import SPECS, a_policy
from tierwise.adaptive import with_shadow
from tierwise.exporters import export
from tierwise.importers.results import read_results
from tierwise.policy import route

pytestmark = [pytest.mark.interop, pytest.mark.timeout(900)]

HARD = {"role": "user", "content": "Solve this: prove step by step that 2 + 2 is 4."}
PART, ITEM = ({"role": "user", "content": [{"type": kind, "text": HARD["content"]}]} for kind in ("text", "input_text"))
CRITICAL = {"critical": "true"}


@pytest.fixture(scope="module")
def policy():
    """Six tiers, more than LiteLLM's own router has, spread evenly, and a pin."""
    rules = ({**RULES[0], "tier": "t5"}, {**RULES[1], "tier": "t1"})
    return a_policy(6, SPECS["hash"], rules)


@pytest.fixture(scope="module")
def proxy(policy, shipped, start_proxy, upstream, tmp_path_factory):  # noqa: F811
    folder = tmp_path_factory.mktemp("hook")
    done = export(policy, shipped, "litellm-hook", folder)
    assert done.agreement == 1 and done.checked == len(shipped)
    return start_proxy(folder, placeholders(folder, upstream.base))


def test_every_shipped_prompt_is_served_by_the_tier_that_route_names(policy, proxy, shipped, upstream):  # noqa: F811
    upstream.calls.clear()

    def served(sample):
        proxy.ask({"model": "auto", "messages": sample.chat(), "metadata": sample.request_metadata()})

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(served, shipped))
    wanted = [(json.dumps(s.chat()), route(policy, {"messages": s.chat(), "metadata": s.request_metadata()}).model) for s in shipped]
    assert sorted(upstream.calls) == sorted(wanted)
    assert len({model for _, model in wanted}) == 6, "the test should meet every tier"


@pytest.mark.parametrize("request_", ODD, ids=range(len(ODD)))
def test_odd_requests_are_decided_the_same(request_, policy, proxy, upstream):
    upstream.calls.clear()
    proxy.ask({"model": "auto"} | request_)
    wanted = route(policy, {k: v for k, v in request_.items() if k in ("messages", "metadata")})
    assert [model for _, model in upstream.calls] == [wanted.model], wanted.why


SYSTEM = {"role": "system", "content": "Be brief."}
CALLS = {
    "a stream": ("/v1/chat/completions", {"messages": [HARD], "stream": True}, [HARD]),
    "messages": ("/v1/messages", {"messages": [HARD], "max_tokens": 9}, [HARD]),
    "messages with a system prompt": ("/v1/messages", {"messages": [HARD], "system": "Be brief.", "max_tokens": 9}, [SYSTEM, HARD]),
    "messages in parts": ("/v1/messages", {"messages": [PART], "max_tokens": 9}, [HARD]),
    "messages after a tool": ("/v1/messages", {"max_tokens": 9, "messages": [
        HARD, {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "add", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "4"}]},
    ]}, [HARD]),
    "responses": ("/v1/responses", {"input": HARD["content"]}, [HARD]),
    "responses as items": ("/v1/responses", {"input": [HARD], "instructions": "Be brief."}, [SYSTEM, HARD]),
    "responses in parts": ("/v1/responses", {"input": [ITEM]}, [HARD]),
}  # fmt: skip


@pytest.mark.parametrize("metadata", [None, CRITICAL, {"request_type": "contract"}], ids=["plain", "pinned", "typed"])
@pytest.mark.parametrize("what", CALLS)
def test_every_kind_of_call_is_routed(what, metadata, policy, proxy, upstream):
    path, body, messages = CALLS[what]
    upstream.calls.clear()
    proxy.ask({"model": "auto"} | body | ({"metadata": metadata} if metadata else {}), path=path)
    wanted = route(policy, {"messages": messages, "metadata": metadata or {}})
    assert [model for _, model in upstream.calls] == [wanted.model], wanted.why


def test_other_models_pass(proxy, upstream):
    upstream.calls.clear()
    proxy.ask({"model": "t3", "messages": [HARD], "metadata": CRITICAL})
    assert [model for _, model in upstream.calls] == ["test/t3"]


def test_a_failing_tier_falls_back_but_a_pinned_request_does_not(policy, proxy, upstream):
    ask = {"model": "auto", "messages": [HARD]}
    first = route(policy, {"messages": [HARD]}).model
    upstream.broken = {first}
    try:
        answer, headers = proxy.ask(ask)
        assert answer["choices"][0]["message"]["content"] != f"answered by {first}"
        assert headers["x-litellm-attempted-fallbacks"] == "1"
        upstream.broken = {"test/t5"}
        for more in ({}, {"fallbacks": ["t0"]}):
            with pytest.raises(urllib.error.HTTPError) as refused:
                proxy.ask(ask | {"metadata": CRITICAL} | more)
            assert refused.value.code in (500, 503)
    finally:
        upstream.broken = set()


@pytest.mark.skipif("TIERWISE_INTEROP_SHADOW" not in os.environ, reason="starts a proxy of its own; set TIERWISE_INTEROP_SHADOW")
def test_what_is_sent_down_is_asked_of_the_last_tier_too(start_proxy, upstream, tmp_path):
    """In the proxy itself: plain and streamed calls are paired, by a second call that the caller does not wait for; others are not."""
    rule = {**RULES[0], "tier": "cheap"}
    policy = with_shadow(a_policy(3, SPECS["table"], (rule,)), 1.0, tolerated=0.03)
    export(policy, [], "litellm-hook", tmp_path)
    file = tmp_path / "pairs.jsonl"
    shadow = {"TIERWISE_SHADOW_LOG": str(file), "TIERWISE_SHADOW_KEY": "sk-test", "TIERWISE_SHADOW_URL": "http://127.0.0.1:{port}"}
    proxy = start_proxy(tmp_path, placeholders(tmp_path, upstream.base) | shadow)

    def wait(met) -> None:
        until = time.monotonic() + 20
        while time.monotonic() < until and not met():
            time.sleep(0.1)

    def pairs(n: int) -> list[dict]:
        wait(lambda: file.exists() and file.read_text().count("\n") >= n)
        return [json.loads(line) for line in file.read_text().splitlines()]

    upstream.calls.clear()
    easy = {"model": "auto", "messages": [HARD], "metadata": {"request_type": "easy"}}
    said, _ = proxy.ask(easy | {"temperature": 0.3})
    assert said["choices"][0]["message"]["content"] == "answered by test/cheap"
    first = pairs(1)[0]
    assert (first["served_output"], first["frontier_output"]) == ("answered by test/cheap", "answered by test/frontier")
    assert first["messages"] == [HARD] and first["request_type"] == "easy" and first["routed_to"] == "cheap"
    assert [model for _, model in upstream.calls] == ["test/cheap", "test/frontier"] and upstream.requests[-1][1]["temperature"] == 0.3
    proxy.ask(easy | {"stream": True})
    assert pairs(2)[1]["served_output"] == "answered by test/cheap"
    for other in ({"metadata": {"request_type": "hard"}}, {"metadata": CRITICAL}, {"model": "mid"}):
        proxy.ask(easy | other)
    try:
        upstream.broken = {"test/frontier"}
        proxy.ask(easy)  # the last tier is down: the caller does not notice, and no fallback's answer is taken for it
        wait(lambda: "a shadow pair was lost" in proxy.log.read_text())
        assert "a shadow pair was lost: HTTPError" in proxy.log.read_text() and HARD["content"] not in proxy.log.read_text()
        upstream.broken = {"test/cheap"}
        proxy.ask(easy)  # answered by a fallback: no pair
    finally:
        upstream.broken = set()
    proxy.ask(easy)
    assert len(pairs(3)) == 3
    found = read_results(file.read_bytes(), "pairs.jsonl")
    assert not found.problems and list(found.answers) == ["served", "frontier"]
