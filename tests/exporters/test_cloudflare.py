"""Cloudflare's dynamic route: a graph whose every output leads somewhere, pins without fallbacks, and refusals of what it cannot hold."""

import json

import pytest

from tests.exporters.files import asked, live, load
from tests.policies import SPECS, a_policy
from tierwise.errors import BadInput
from tierwise.exporters import export
from tierwise.exporters.cloudflare import first_model
from tierwise.policy import route, with_cache
from tierwise.types import Tier

CHEAP = Tier("cheap", "openai/gpt-4o-mini", None, None, 0.15, 0.6, {"timeout": 30}, ("frontier", "gemini/flash"))
DEAR = Tier("frontier", "anthropic/claude-x", None, None, 3.0, 15.0, {}, ("cheap",))
PINNED = ({"id": "r", "when": {"metadata": {"critical": ["true"]}}, "tier": "frontier",
           "pin": {"provider": "anthropic", "allow_fallbacks": False}},)  # fmt: skip


def written(policy, folder):
    done = export(policy, [], "cloudflare", folder)
    return json.loads((folder / "cloudflare-route.json").read_text()), load(folder / "cloudflare_router.py"), done


def test_the_route_is_a_whole_graph(tmp_path):
    found, _, _ = written(live(CHEAP, DEAR, rules=PINNED), tmp_path)
    known = {e["id"]: e for e in found["elements"]}
    assert len(known) == len(found["elements"])
    wanted = {"start": {"next"}, "conditional": {"true", "false"}, "model": {"success", "fallback"}, "end": set()}
    for element in found["elements"]:
        assert set(element["outputs"]) == wanted[element["type"]]
        assert all(o["elementId"] in known for o in element["outputs"].values())
    left, reached = ["start"], set()
    while left:
        at = left.pop()
        left += [] if at in reached else [o["elementId"] for o in known[at]["outputs"].values()]
        reached.add(at)
    assert reached == set(known), "nothing stands where no request comes"


def chain(found, at):
    known, models = {e["id"]: e for e in found["elements"]}, []
    while known[at]["type"] == "model":
        models.append(tuple(known[at]["properties"][k] for k in ("provider", "model", "timeout")))
        at = known[at]["outputs"]["fallback"]["elementId"]
    return models


def test_fallbacks_follow_their_tier_and_a_pin_has_none(tmp_path):
    found, router, done = written(live(CHEAP, DEAR, rules=PINNED), tmp_path)
    where = {name: first_model(found["elements"], {"place": name}) for name in ("cheap", "frontier", "frontier-pinned")}
    dear, long = ("anthropic", "claude-x", 600_000), 600_000
    assert chain(found, where["cheap"]) == [("openai", "gpt-4o-mini", 30_000), dear, ("google-ai-studio", "flash", long)]
    assert chain(found, where["frontier"]) == [dear, ("openai", "gpt-4o-mini", 30_000)]
    assert chain(found, where["frontier-pinned"]) == [dear]
    assert first_model(found["elements"], {}) == where["frontier"], "without metadata, the default tier"
    assert router.place(**asked(critical="true")) == "frontier-pinned"
    assert any("pinned to" in note for note in done.notes) and any("Not run" in note for note in done.notes)


def test_a_request_names_the_route_and_tells_five_values_at_most(tmp_path):
    policy = with_cache(live(CHEAP, DEAR), 600)
    _, router, _ = written(policy, tmp_path)
    metadata = {"request_type": "easy", "place": "frontier", **{f"k{i}": "Größe ☃" for i in range(9)}}
    body, headers = router.request({"messages": asked()["messages"], "max_tokens": 5}, metadata)
    told = json.loads(headers["cf-aig-metadata"])
    assert body["model"] == "dynamic/support-bot" and body["max_tokens"] == 5 and headers["cf-aig-cache-ttl"] == "600"
    assert headers["cf-aig-metadata"].isascii() and len(told) == 5
    assert told["place"] == route(policy, {"prompt": "hello", "metadata": metadata}).tier == "cheap", (
        "a caller cannot name the place itself"
    )


def test_parameters_travel_with_the_request_and_are_refused_where_a_fallback_has_others(tmp_path):
    same = (
        Tier("cheap", "openai/a", None, None, 1, 2, {"temperature": 0}),
        Tier("frontier", "openai/b", None, None, 3, 4, {"temperature": 0}),
    )
    _, router, _ = written(live(*same), tmp_path)
    assert router.request({"messages": asked()["messages"], "temperature": 1})[0]["temperature"] == 0
    with pytest.raises(BadInput, match=r"parameters of tier 'cheap'.*litellm"):
        export(live(same[0], Tier("frontier", "openai/b", None, None, 3, 4)), [], "cloudflare", tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_an_address_of_ones_own_is_refused_with_what_would_do(tmp_path):
    with pytest.raises(BadInput, match=r"hold no addresses.*litellm.*portkey"):
        export(live(CHEAP, Tier("frontier", "openai/b", "https://api.tokenmix.ai/v1", "K", 3, 4)), [], "cloudflare", tmp_path)


@pytest.mark.parametrize("kind", ["mean", "linear", "hash"])
def test_every_score_is_held(kind, tmp_path):
    from tests.conftest import make_matrix

    samples = make_matrix(60, 3, seed=2).samples
    done = export(a_policy(3, SPECS[kind]), samples, "cloudflare", tmp_path)
    assert done.agreement == 1 and done.checked == 60


def test_what_is_not_understood_is_not_guessed():
    start = {"id": "start", "type": "start", "outputs": {"next": {"elementId": "x"}}}
    odd = {"id": "x", "type": "conditional", "properties": {"conditions": {"metadata.a": {"$lt": 1}}}, "outputs": {}}
    with pytest.raises(ValueError, match="operators"):
        first_model([start, odd], {})
    with pytest.raises(ValueError, match="element percentage"):
        first_model([start, {"id": "x", "type": "percentage", "outputs": {}}], {})
