"""Portkey's config and scorer: fallbacks inside targets, pins, keys by name, and the conditions as the gateway reads them."""

import json

import pytest

from tests.exporters.files import live, load
from tests.policies import SPECS, a_policy
from tierwise.exporters import export
from tierwise.exporters.portkey_conditions import target
from tierwise.types import Tier

PARAMS, FALLBACKS = {"temperature": 0, "timeout": 30}, ("frontier", "anthropic/claude-y")
CHEAP = Tier("cheap", "openai/gpt-4o-mini", None, "MY_KEY", 0.15, 0.6, PARAMS, FALLBACKS)
DEAR = Tier("frontier", "openrouter/anthropic/claude-x", None, None, 3.0, 15.0)
RULES = ({"id": "kept: \"here\"", "when": {"metadata": {"critical": ["true"]}}, "tier": "frontier",
          "pin": {"provider": "anthropic", "allow_fallbacks": False}},)  # fmt: skip
SAID = [{"role": "user", "content": "hello"}]


@pytest.fixture
def folder(tmp_path):
    export(live(CHEAP, DEAR, rules=RULES), [], "portkey", tmp_path)
    return tmp_path


def test_targets_carry_fallbacks_parameters_and_names_of_keys(folder):
    config = json.loads((folder / "portkey-config.json").read_text())
    cheap, frontier, pinned = config["targets"]
    assert config["strategy"]["default"] == "frontier"
    assert cheap["strategy"]["mode"] == "fallback" and 429 in cheap["strategy"]["on_status_codes"]
    assert [t["override_params"]["model"] for t in cheap["targets"]] == ["gpt-4o-mini", "anthropic/claude-x", "claude-y"]
    model = {"override_params": {"model": "gpt-4o-mini", "temperature": 0}, "request_timeout": 30_000}
    assert cheap["targets"][0] == {"provider": "openai", "api_key": "${MY_KEY}"} | model
    assert [t["provider"] for t in cheap["targets"]] == ["openai", "openrouter", "anthropic"]
    assert frontier["targets"][0]["api_key"] == "${OPENROUTER_API_KEY}"
    assert "targets" not in pinned
    assert pinned["override_params"]["provider"] == {"order": ["anthropic"], "allow_fallbacks": False}


def test_keys_come_from_the_environment_when_headers_are_made(folder):
    scorer = load(folder / "portkey_scorer.py")
    with pytest.raises(RuntimeError, match="ANTHROPIC_API_KEY, MY_KEY, OPENROUTER_API_KEY"):
        scorer.config(environment={})
    keys = {"MY_KEY": "sk-1", "OPENROUTER_API_KEY": "sk-2", "ANTHROPIC_API_KEY": "sk-3"}
    headers = scorer.headers(SAID, {"request_type": "easy", "note": "Größe ☃"}, scorer.config(environment=keys))
    assert headers["x-portkey-metadata"].isascii() and headers["x-portkey-config"].isascii()
    assert json.loads(headers["x-portkey-metadata"]) == {"request_type": "easy", "note": "Größe ☃", "tier": "cheap", "tier_score": "0.2"}
    assert "sk-1" in headers["x-portkey-config"]
    assert scorer.headers(SAID, None, "pc-abc-1")["x-portkey-config"] == "pc-abc-1"


def test_a_caller_cannot_pass_a_score_of_its_own(folder):
    scorer = load(folder / "portkey_scorer.py")
    told = json.loads(scorer.header(SAID, {"tier_score": "0.0", "tier_rule": "x", "request_type": "hard"}))
    assert told["tier_score"] == "0.8"
    assert json.loads(scorer.header(SAID, {"critical": "true"}))["tier_rule"] == "kept-here"


def test_a_key_is_not_sent_to_another_address(tmp_path):
    export(live(Tier("cheap", "openai/x", "http://10.0.0.1/v1"), DEAR), [], "portkey", tmp_path)
    config = json.loads((tmp_path / "portkey-config.json").read_text())
    called = config["targets"][0]["targets"][0]
    assert called["custom_host"] == "http://10.0.0.1/v1" and called["api_key"] == "unused"


def test_what_needs_more_than_a_key_is_noted(tmp_path):
    done = export(live(Tier("cheap", "bedrock/x"), DEAR), [], "portkey", tmp_path)
    assert any("complete that target" in note for note in done.notes)


def test_a_long_config_is_to_be_saved_at_portkey(tmp_path):
    rules = tuple({"id": f"rule {i}", "when": {"request_type": [f"t{i}"]}, "tier": "mid"} for i in range(150))
    done = export(a_policy(3, SPECS["hash"], rules), [], "portkey", tmp_path)
    assert any("too long for a request header" in note for note in done.notes)


def config(*conditions) -> dict:
    strategy = {"conditions": [{"query": q, "then": "a"} for q in conditions], "default": "b"}
    return {"strategy": strategy, "targets": [{"name": "a"}, {"name": "b"}]}


@pytest.mark.parametrize(("query", "metadata", "wanted"), [
    ({"metadata.x": {"$lt": 0.5}}, {"x": "0.41"}, "a"), ({"metadata.x": {"$lt": 0.5}}, {}, "b"),
    ({"metadata.x": {"$gte": 0.5}}, {"x": "0.5abc"}, "a"),
    ({"metadata.x": {"$eq": "5"}}, {"x": "5"}, "a"), ({"metadata.x": {"$eq": 5}}, {"x": "5"}, "b"), ({"metadata.x": "5"}, {"x": "5"}, "a"),
    ({"metadata.x": {"$ne": "5"}}, {}, "a"), ({"metadata.x": {"$in": ["5"]}}, {"x": "5"}, "a"),
    ({"metadata.x": {"$nin": ["5"]}}, {"x": "5"}, "b"),
    ({"metadata.x": {"$gt": 1, "$lte": 3}}, {"x": "3"}, "a"), ({"metadata.x": {"$gt": 1, "$lte": 3}}, {"x": "4"}, "b"),
    ({"$and": [{"metadata.x": "1"}, {"metadata.y": "2"}]}, {"x": "1"}, "b"),
    ({"$or": [{"metadata.x": "1"}, {"metadata.y": "2"}]}, {"x": "1"}, "a"),
    ({"$and": [{"metadata.x": "1"}], "metadata.y": "2"}, {"x": "1"}, "a"),
])  # fmt: skip
def test_conditions_are_read_as_the_gateway_reads_them(query, metadata, wanted):
    assert target(config(query), metadata) == wanted


@pytest.mark.parametrize("query", [{"metadata.x": {"$exists": True}}, {"metadata.x": {"$not": {"$eq": "1"}}}])
def test_operators_that_the_gateway_refuses_are_refused(query):
    with pytest.raises(ValueError, match="operator"):
        target(config(query), {"x": "1"})
