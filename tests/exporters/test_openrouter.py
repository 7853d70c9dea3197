"""OpenRouter's templates: fallbacks, price ceilings, pins, and the picker beside them."""

import json

import pytest

from tests.exporters.files import live, load
from tests.policies import a_policy
from tierwise.errors import BadInput
from tierwise.exporters import export
from tierwise.types import Tier

CHEAP = Tier("cheap", "openrouter/openai/gpt-4o-mini", None, None, 0.15, 0.6, {"temperature": 0, "timeout": 30})
DEAR = Tier("frontier", "openrouter/anthropic/claude-x", None, None, 3.0, 15.0)
PINNED = ({"id": "r", "when": {"metadata": {"critical": ["true"]}}, "tier": "frontier",
           "pin": {"provider": "anthropic", "allow_fallbacks": False}},)  # fmt: skip
MESSAGES = [{"role": "user", "content": "hello"}]


def test_a_template_carries_fallbacks_preferences_and_a_ceiling(tmp_path):
    export(live(CHEAP, DEAR, rules=PINNED), [], "openrouter", tmp_path)
    templates = json.loads((tmp_path / "tier_templates.json").read_text())
    ceiling = {"prompt": 3.0, "completion": 15.0}
    assert templates["cheap"] == {
        "model": "openai/gpt-4o-mini", "models": ["anthropic/claude-x"], "temperature": 0,
        "provider": {"allow_fallbacks": True, "data_collection": "deny", "max_price": ceiling},
    }  # fmt: skip
    only = {"order": ["anthropic"], "allow_fallbacks": False, "data_collection": "deny"}
    assert templates["frontier-pinned"] == {"model": "anthropic/claude-x", "provider": only}


def test_an_unknown_price_sets_no_ceiling(tmp_path):
    export(live(CHEAP, Tier("frontier", "openrouter/a/b")), [], "openrouter", tmp_path)
    templates = json.loads((tmp_path / "tier_templates.json").read_text())
    assert all("max_price" not in t["provider"] for t in templates.values())


def test_the_picker_fills_a_request(tmp_path):
    export(live(CHEAP, DEAR, rules=PINNED), [], "openrouter", tmp_path)
    router = load(tmp_path / "tier_router.py")
    body = router.request({"messages": MESSAGES, "max_tokens": 5, "model": "auto"}, {"request_type": "easy"})
    assert body["model"] == "openai/gpt-4o-mini" and body["max_tokens"] == 5 and body["messages"] == MESSAGES
    assert router.request({"messages": MESSAGES, "metadata": {"critical": "true"}})["provider"]["order"] == ["anthropic"]


def test_models_without_an_id_wait_for_a_variable(tmp_path):
    done = export(a_policy(2), [], "openrouter", tmp_path)
    router = load(tmp_path / "tier_router.py")
    with pytest.raises(RuntimeError, match=r"Set TIERWISE_.*_MODEL"):
        router.request({"messages": MESSAGES}, environment={})
    named = {"TIERWISE_CHEAP_MODEL": "a/b", "TIERWISE_FRONTIER_MODEL": "c/d"}
    assert router.request({"messages": MESSAGES}, environment=named)["model"] in ("a/b", "c/d")
    assert any("TIERWISE_CHEAP_MODEL" in note for note in done.notes)


def test_an_address_of_ones_own_is_refused(tmp_path):
    with pytest.raises(BadInput, match=r"cannot reach 'openai/x' at 'http://10\.0\.0\.1/v1'.*openai-compatible"):
        export(live(Tier("cheap", "openai/x", "http://10.0.0.1/v1"), DEAR), [], "openrouter", tmp_path)


def test_vendors_names_are_to_be_checked(tmp_path):
    done = export(live(Tier("cheap", "gemini/flash"), DEAR), [], "openrouter", tmp_path)
    assert any("taken to be called google/flash" in note for note in done.notes)
