"""The pre-call hook without LiteLLM: what it reads of each kind of call, and what it leaves alone."""

import asyncio

import pytest
import yaml

from tests.exporters.files import instead_of_litellm, load
from tests.policies import SPECS, a_policy
from tierwise.exporters import export

RULES = ({"id": "r", "when": {"metadata": {"critical": ["true"]}}, "tier": "frontier", "pin": {"allow_fallbacks": False}},)


@pytest.fixture
def hook(tmp_path, monkeypatch):
    instead_of_litellm(monkeypatch)
    export(a_policy(3, SPECS["table"], RULES), [], "litellm-hook", tmp_path)
    return load(tmp_path / "litellm_policy_hook.py")


def sent(hook, data):
    return asyncio.run(hook.policy_hook.async_pre_call_hook(None, None, {"model": "auto"} | data, "acompletion"))


def test_the_alias_the_callback_and_the_fallbacks_stand_in_the_config(hook, tmp_path):
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["router_settings"]["model_group_alias"] == {"auto": "frontier"}
    assert config["litellm_settings"]["callbacks"] == ["litellm_policy_hook.policy_hook"]
    assert {"cheap": ["mid", "frontier"]} in config["router_settings"]["fallbacks"]
    assert all("frontier-pinned" not in chain for chain in config["router_settings"]["fallbacks"])


SAID = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize("data", [
    {"messages": SAID, "metadata": {"request_type": "easy"}},
    {"messages": SAID, "metadata": {"request_type": "hard", "requester_metadata": {"request_type": "easy"}}},
    {"messages": SAID, "litellm_metadata": {"user_api_key": "x", "requester_metadata": {"request_type": "easy"}}},
    {"input": "hi", "metadata": {"request_type": "easy"}}, {"prompt": "hi", "metadata": {"request_type": "easy"}},
])  # fmt: skip
def test_metadata_is_read_wherever_the_proxy_keeps_it(hook, data):
    assert sent(hook, data)["model"] == "cheap"


def test_a_pinned_request_loses_all_fallbacks(hook):
    data = sent(hook, {"messages": SAID, "metadata": {"critical": "true"}, "fallbacks": ["cheap"]})
    assert data["model"] == "frontier-pinned" and data["disable_fallbacks"] is True
    assert "disable_fallbacks" not in sent(hook, {"messages": SAID})


def test_tools_and_their_results_are_read_in_each_form(hook):
    text = {"type": "text", "text": "hi"}
    anthropic = [{"role": "user", "content": [text]}, {"role": "assistant", "content": [{"type": "tool_use", "name": "f"}]},
                 {"role": "user", "content": [{"type": "tool_result", "content": "4"}]}]  # fmt: skip
    responses = [{"role": "user", "content": "hi"}, {"type": "function_call", "name": "f"}, {"type": "function_call_output", "output": "4"}]
    for data in ({"messages": anthropic}, {"input": responses}):
        chat = hook.chat(data)
        assert [m["role"] for m in chat] == ["user", "assistant", "tool"] and chat[1]["tool_calls"]
        assert hook.request_text(chat) == "hi"


@pytest.mark.parametrize("data", [{}, {"messages": ["x"]}, {"messages": [{"role": "user"}]}, {"input": None}, {"input": []}])
def test_odd_bodies_get_a_tier(hook, data):
    assert sent(hook, data)["model"] == "frontier"


def test_other_models_pass_untouched(hook):
    data = {"model": "gpt-x", "messages": SAID, "metadata": {"critical": "true"}}
    assert sent(hook, dict(data)) == data
