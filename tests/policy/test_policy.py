"""Policies: what is made of a tuning, what a document must hold to, and how requests are read."""

import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_matrix
from tests.policies import COLUMNS, SPECS, TREE, a_policy, tuning
from tierwise import evaluator
from tierwise.errors import BadInput
from tierwise.policy import make_policy, policy_from_json, route, route_lines, sign, to_json
from tierwise.policy.document import canonical, digest, parse
from tierwise.types import Tier


def edited(policy, **changes):
    return copy.deepcopy(dict(policy.document)) | changes


@pytest.fixture(scope="module")
def policy():
    return a_policy()


@pytest.mark.parametrize("tiers", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", SPECS)
def test_a_policy_comes_back_from_its_file_and_decides_the_same(kind, tiers):
    made = a_policy(tiers, SPECS[kind])
    again = policy_from_json(to_json(made))
    assert again == made
    for sample in make_matrix(20, tiers).samples:
        request = {"messages": sample.chat(), "metadata": sample.request_metadata()}
        assert route(again, request) == route(made, request)
        score = evaluator.score(made.document["score"], sample.chat(), sample.request_metadata())
        below = [t for t in made.document["thresholds"] if "lt" in t and score >= t["lt"]]
        assert route(made, request).tier == made.document["tiers"][len(below)]["name"]


def test_it_is_kept_in_the_store_and_found_by_name(store):
    made = store.policies.add(a_policy())
    assert store.policies.get("Support bot") == made
    policy_from_json(store.policies.get(made.id).document)


def test_two_versions_of_one_policy_share_their_slug_and_have_their_own_ids():
    a, b, c = a_policy(), a_policy(), a_policy(spec=SPECS["tree"])
    assert len({a.id, b.id, c.id}) == 3 and all(len(p.id) == 12 for p in (a, b, c))
    assert a.document["id"] == c.document["id"] == "support-bot"
    assert a.version == b.version != c.version, "a version names what decides"


def test_it_says_what_it_was_chosen_on():
    made = make_policy(tuning(make_matrix(60, seed=1)), "x").document
    assert made["provenance"]["run"] == {"id": "r0", "name": "synthetic", "kind": "recorded", "created": "2026-01-01T00:00:00Z"}
    assert made["provenance"]["dataset"]["n"] == 60 and made["provenance"]["grader"] == {"scorer": "exact"}
    said = {
        "status": "certified",
        "epsilon": 0.02,
        "delta": 0.1,
        "method": "exact Tango; the opinion of the automatic grades alone",
        "saving": 0.4,
    }
    assert made["certificate"] == said | {"n": 60, "clusters": 60}
    assert made["expected"]["loss"] == {"value": 0.01, "ci95": [-0.01, 0.03]}
    assert made["expires"] > made["created"] and not made["simulated"]


def test_moved_thresholds_and_added_rules_lose_the_certificate():
    moved = make_policy(tuning(), "x", thresholds=(0.2, math.inf)).document
    assert "certificate" not in moved and "ci95" not in moved["expected"]["loss"]
    assert [t.get("lt") for t in moved["thresholds"]] == [0.2, 2.0, None]
    assert "moved" in moved["notes"][0]
    ruled = a_policy(rules=({"id": "r", "when": {"request_type": ["hard"]}, "tier": "frontier"},)).document
    assert "certificate" not in ruled and "expected" not in ruled


def test_a_threshold_that_is_never_reached_never_sends_up():
    made = make_policy(tuning(spec={"type": "constant", "value": 1.0}, thresholds=(0.5, math.inf)), "x")
    assert route(made, {"prompt": "hello"}).tier == "mid"


def test_a_simulated_ladder_is_called_simulated_whatever_the_run_says():
    matrix = make_matrix(30)
    tiers = (Tier("small", "sim/small"), *matrix.run.tiers[1:])
    made = make_policy(tuning(_with_tiers(matrix, tiers)), "x")
    assert made.document["simulated"] is True
    with pytest.raises(BadInput, match="simulated: must be true"):
        sign(edited(made, simulated=False))


def test_only_names_of_keys_and_known_parameters_leave_the_workspace():
    matrix = make_matrix(30)
    params = {"temperature": 0.2, "extra_headers": {"authorization": "sk-secret"}, "api_key": "sk-secret", "reasoning_effort": "low"}
    tiers = (Tier("small", "openai/a", "https://example.org/v1", "MY_KEY", 1.0, 2.0, params, ("mid", "openai/b")), *matrix.run.tiers[1:])
    made = make_policy(tuning(_with_tiers(matrix, tiers)), "x")
    small = made.document["tiers"][0]
    assert small["model"] == {"litellm_model": "openai/a", "api_base": "https://example.org/v1", "api_key_env": "MY_KEY",
                              "params": {"temperature": 0.2, "reasoning_effort": "low"}}  # fmt: skip
    assert small["fallbacks"] == [{"tier": "mid"}, {"model": {"litellm_model": "openai/b"}}]
    assert "sk-secret" not in to_json(made)
    assert made.document["notes"] == ["Tier small: parameters not carried: api_key, extra_headers."]


def _with_tiers(matrix, tiers):
    from dataclasses import replace

    return replace(matrix, run=replace(matrix.run, tiers=tuple(tiers)))


@pytest.mark.parametrize("thresholds", [(0.5,), (0.1, 0.2, 0.3), (0.5, math.nan)])
def test_thresholds_must_fit_the_tiers(thresholds):
    with pytest.raises(BadInput, match="3 tiers need 2 thresholds"):
        make_policy(tuning(), "x", thresholds=thresholds)


@pytest.mark.parametrize("name", ["", "  ", "two\nlines", "x" * 300])
def test_a_name_is_one_line(name):
    with pytest.raises(BadInput, match="name"):
        make_policy(tuning(), name)


def test_a_changed_copy_is_refused_until_it_is_signed_again(policy):
    changed = edited(policy, rules=[{"id": "all", "when": {"tokens_gte": 0}, "tier": "cheap"}])
    with pytest.raises(BadInput, match="changed after it was saved"):
        policy_from_json(changed)
    signed = policy_from_json(sign(changed))
    assert signed.id != policy.id
    assert route(signed, {"prompt": "hello"}).why == "rule all"


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_no_single_changed_value_keeps_the_digest(policy, data):
    document = copy.deepcopy(dict(policy.document))
    place, key = document, data.draw(st.sampled_from(sorted(document)))
    while isinstance(place[key], dict | list) and place[key]:
        place = place[key]
        key = data.draw(st.sampled_from(sorted(place))) if isinstance(place, dict) else data.draw(st.integers(0, len(place) - 1))
    old = place[key]
    anything = st.one_of(st.text(max_size=5), st.integers(0, 9), st.floats(0, 1), st.booleans(), st.none())
    place[key] = data.draw(anything.filter(lambda v: v != old))
    with pytest.raises(BadInput):
        policy_from_json(document)


def test_the_digest_survives_javascript_and_other_key_orders(policy):
    shuffled = dict(reversed(list(policy.document.items())))
    through_js = json.loads(canonical(shuffled))
    assert digest(through_js) == policy.document["digest"]
    assert policy_from_json(through_js).id == policy.id


BAD = {
    "an unknown field": (lambda d: d.update(tresholds=[]), r"tresholds"),
    "an unknown field deep inside": (lambda d: d["tiers"][1]["model"].update(api_key="sk-1"), r"tiers\[1\]\.model.*api_key"),
    "a wrong kind": (lambda d: d.update(kind="policy"), r"kind"),
    "another version": (lambda d: d.update(schema_version="2.0"), r"schema_version.*1\.1"),
    "one tier": (lambda d: d.update(tiers=d["tiers"][:1]), r"tiers"),
    "twins": (lambda d: d["tiers"][1].update(name="cheap"), r"tiers\[1\]\.name: a second tier called 'cheap'"),
    "thresholds that fall": (lambda d: d["thresholds"][1].update(lt=0.1), r"thresholds\[1\]\.lt: 0\.1 is below"),
    "a threshold on the last tier": (lambda d: d["thresholds"][2].update(lt=1), r"thresholds\[2\]\.lt: the last tier"),
    "a threshold missing": (lambda d: d["thresholds"][0].pop("lt"), r"thresholds\[0\]: lacks lt"),
    "thresholds out of order": (lambda d: d["thresholds"].reverse(), r"thresholds: must name every tier once"),
    "a threshold above all": (lambda d: d["thresholds"][0].update(lt=3), r"thresholds\[0\]\.lt"),
    "a threshold that is text": (lambda d: d["thresholds"][0].update(lt="0.3"), r"thresholds\[0\]\.lt"),
    "a threshold that is no number": (lambda d: d["thresholds"][0].update(lt=math.nan), r"lt: a number that is not finite"),
    "a rule to nowhere": (lambda d: d["rules"].append(rule({"tokens_lt": 5}, "Cheap")), r"rules\[0\]\.tier: there is no tier"),
    "a rule without a condition": (lambda d: d["rules"].append(rule({})), r"rules\[0\]\.when"),
    "a rule that never matches": (lambda d: d["rules"].append(rule({"tokens_lt": 5, "tokens_gte": 5})), r"never matches"),
    "two rules of one id": (lambda d: d["rules"].extend([rule({"tokens_lt": 5})] * 2), r"rules\[1\]\.id"),
    "a default to nowhere": (lambda d: d.update(default_tier="x"), r"default_tier"),
    "a fallback to nowhere": (lambda d: d["tiers"][0].update(fallbacks=[{"tier": "x"}]), r"tiers\[0\]\.fallbacks\[0\]\.tier"),
    "a fallback to itself": (lambda d: d["tiers"][0].update(fallbacks=[{"tier": "cheap"}]), r"its own fallback"),
    "a key in place of its name": (lambda d: d["tiers"][0]["model"].update(api_key_env="sk-proj-1234"), r"api_key_env"),
    "a password in an address": (lambda d: d["tiers"][0]["model"].update(api_base="https://me:secret@example.org"), r"api_base"),
    "a file as an address": (lambda d: d["tiers"][0]["model"].update(api_base="file:///etc/passwd"), r"api_base"),
    "a model that reads the environment": (lambda d: d["tiers"][0]["model"].update(litellm_model="os.environ/SECRET"), r"litellm_model"),
    "a router as a model": (lambda d: d["tiers"][0]["model"].update(litellm_model="auto_router/x"), r"litellm_model"),
    "a header among parameters": (lambda d: d["tiers"][0]["model"].update(params={"extra_headers": "x"}), r"params"),
    "a newline in a name": (lambda d: d["tiers"][0].update(name="cheap\n"), r"tiers\[0\]\.name"),
    "no score type": (lambda d: d.update(score={}), r"score"),
    "an unknown score": (lambda d: d.update(score={"type": "onnx"}), r"score\.type"),
    "a score with more": (lambda d: d.update(score={"type": "hash", "code": "x"}), r"score.*code"),
    "a constant above one": (lambda d: d.update(score={"type": "constant", "value": 2}), r"score\.value"),
    "an unknown feature": (lambda d: d["score"]["terms"].append({"feature": "lenght", "weight": 1}), r"terms\[6\]\.feature: there is no feature"),
    "a bucket without bounds": (lambda d: d["score"]["terms"].append({"feature": "token_bucket", "weight": 1}), r"score\.terms\[6\].*'lo'"),
    "quantiles that fall": (lambda d: d["score"].update(quantiles=[0.5, 0.1]), r"score\.quantiles: must ascend"),
    "no quantiles": (lambda d: d["score"].update(quantiles=[]), r"score\.quantiles"),
    "a tree that never ends": (lambda d: d.update(score=tree(left=[0, -1, 3, -1, -1])), r"score\.tree\.left\[0\]: a child must come after"),
    "a tree of unequal lists": (lambda d: d.update(score=tree(value=[0.5])), r"score\.tree: its lists have different lengths"),
    "a tree of unknown columns": (lambda d: d.update(score=tree(feature=[0, -1, 7, -1, -1])), r"score\.tree\.feature\[2\]: there are only 2"),
    "a leaf above one": (lambda d: d.update(score=tree(value=[0.5, 1.5, 0.6, 0.45, 0.9])), r"score\.tree\.value\[1\]"),
    "means of means of means": (lambda d: d.update(score=nested(6)), r"nest deeper"),
    "shares above one": (lambda d: d["expected"]["share_by_tier"].update(cheap=0.9), r"expected\.share_by_tier: the shares"),
    "an interval upside down": (lambda d: d["expected"]["loss"].update(ci95=[1, 0]), r"expected\.loss\.ci95"),
    "an end before the start": (lambda d: d.update(expires="2001-01-01T00:00:00Z"), r"expires"),
    "a delta of one": (lambda d: d["certificate"].update(delta=1), r"certificate\.delta"),
}  # fmt: skip


def rule(when, tier="cheap"):
    return {"id": "a", "when": when, "tier": tier}


def tree(**changes):
    return {"type": "tree", "columns": COLUMNS, "tree": TREE | changes}


def nested(depth):
    spec = {"type": "hash"}
    for _ in range(depth):
        spec = {"type": "mean", "members": [{"weight": 1, "spec": spec}]}
    return spec


@pytest.mark.parametrize("what", BAD)
def test_a_wrong_document_is_refused_by_its_place(policy, what):
    change, place = BAD[what]
    document = edited(policy)
    change(document)
    with pytest.raises(BadInput, match=place):
        sign(document) if what != "a threshold that is no number" else policy_from_json(document)


@pytest.mark.parametrize(("text", "said"), [
    ("", "not JSON"), ("[]", "one JSON object"), ("{", "line 1"), ('{"a": NaN}', "NaN"), ('{"a": 1, "a": 2}', "'a' twice"), ("[" * 100_000, "JSON"),
    ('{"a": ' + "9" * 5000 + "}", "JSON"), ("{}", "kind"),
])  # fmt: skip
def test_what_is_no_policy_file_is_refused(text, said):
    with pytest.raises(BadInput, match=said):
        policy_from_json(text)


def test_bytes_with_a_mark_are_read_and_other_encodings_are_refused(policy):
    assert policy_from_json(b"\xef\xbb\xbf" + to_json(policy).encode()).id == policy.id
    with pytest.raises(BadInput, match="UTF-8"):
        policy_from_json(to_json(policy).encode("utf-16"))


def test_the_file_is_ascii_with_a_line_for_each_part(policy):
    text = to_json(a_policy(name="Größe ☃"))
    assert text.isascii() and parse(text)["name"] == "Größe ☃"
    assert to_json(policy).count("\n") < 60


def test_a_request_is_a_prompt_or_messages(policy):
    chat = route(policy, {"messages": [{"role": "user", "content": "solve this"}], "temperature": 0})
    assert chat == route(policy, {"prompt": "solve this"})
    assert chat.to_json().keys() == {"tier", "model", "score", "why"}
    assert chat.model == "test/cheap" and 0 <= chat.score <= 1
    parts = [{"type": "text", "text": "solve this"}]
    assert route(policy, {"messages": [{"role": "user", "content": parts}]}).tier == chat.tier


def test_metadata_reaches_rules_and_scores():
    rules = ({"id": "vip", "when": {"metadata": {"customer": ["gold"]}, "tokens_lt": 50}, "tier": "frontier"},)
    made = a_policy(spec=SPECS["table"], rules=rules)
    assert route(made, {"prompt": "hi", "metadata": {"request_type": "easy"}}).tier == "cheap"
    assert route(made, {"prompt": "hi", "metadata": {"request_type": "hard"}}).tier == "frontier"
    found = route(made, {"prompt": "hi", "metadata": {"request_type": "easy", "customer": "gold"}})
    assert (found.tier, found.score, found.why) == ("frontier", None, "rule vip")


def test_a_request_that_says_nothing_goes_to_the_default_tier(policy):
    for request in ({"prompt": " "}, {"messages": [{"role": "system", "content": "Be brief."}]}):
        found = route(policy, request)
        assert (found.tier, found.score) == ("frontier", None)


@pytest.mark.parametrize(("request_", "said"), [
    (5, "JSON object"), ({}, "either messages or prompt"), ({"prompt": "a", "messages": [{"role": "user", "content": "a"}]}, "either"),
    ({"prompt": 5}, "prompt should be text"), ({"messages": []}, "at least one"), ({"messages": "hi"}, "list"), ({"messages": ["hi"]}, r"messages\[0\]"),
    ({"messages": [{"content": "a"}]}, r"messages\[0\]"), ({"messages": [{"role": "user", "content": 5}]}, r"messages\[0\]\.content"),
    ({"messages": [{"role": "user", "content": ["a"]}]}, "part"), ({"prompt": "a", "metadata": []}, "metadata"), ({"prompt": "a", "metdata": {}}, "did you mean metadata"),
    ({"prompt": "a", "request_type": "x"}, "under metadata"),
])  # fmt: skip
def test_a_malformed_request_is_refused(policy, request_, said):
    with pytest.raises(BadInput, match=said):
        route(policy, request_)


def test_lines_are_decided_in_order_and_refused_by_number(policy):
    lines = ['\ufeff{"prompt": "a"}\n', "\n", '{"messages": [{"role": "user", "content": "b"}]}']
    assert [d.tier for d in route_lines(policy, lines)] == ["cheap", "cheap"]
    for line, said in (("{", r"Line 3: not JSON .* column 2"), ('{"prompt": 1}', r"Line 3: prompt"), ("[" * 99999, "Line 3")):
        with pytest.raises(BadInput, match=said):
            list(route_lines(policy, [*lines[:2], line]))


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(), v, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(["messages", "prompt", "metadata", "x"]), values, max_size=3))
@settings(max_examples=200, deadline=None)
def test_any_json_is_decided_or_refused(policy, request_):
    try:  # noqa: SIM105
        assert route(policy, request_).tier in ("cheap", "mid", "frontier")
    except BadInput:
        pass


@given(st.text(), st.dictionaries(st.text(), st.one_of(st.none(), st.booleans(), st.floats(), st.text(), st.lists(st.text())), max_size=4))
@settings(max_examples=100, deadline=None)
def test_every_text_gets_a_tier(policy, text, metadata):
    found = route(policy, {"prompt": text, "metadata": metadata})
    assert found.tier in ("cheap", "mid", "frontier")
    assert found.score is None or 0 <= found.score <= 1


def test_a_cache_is_carried_and_changes_no_decision(tmp_path):
    from tierwise.exporters import export
    from tierwise.policy import with_cache

    plain = a_policy(3, SPECS["mean"])
    semantic = {"similarity_threshold": 0.95, "similarity": "words", "false_rate_upper95": 0.02, "ttl_seconds": 60}
    cached = with_cache(plain, 3600, semantic)
    assert cached.id != plain.id and cached.document["cache"]["exact"] == {"ttl_seconds": 3600}
    assert policy_from_json(to_json(cached)).document == cached.document
    assert route(cached, {"prompt": "solve this step"}) == route(plain, {"prompt": "solve this step"})
    for target, file in (("litellm", "config.yaml"), ("litellm-hook", "config.yaml"), ("portkey", "portkey-config.json")):
        done = export(cached, [], target, tmp_path / target)
        text = (tmp_path / target / file).read_text()
        assert "3600" in text and ("type: local" in text or '"simple"' in text)
        assert any("similar prompts" in n for n in done.notes)
    assert "cache" not in with_cache(cached).document
    with pytest.raises(BadInput, match="ttl_seconds"):
        with_cache(plain, -5)


@pytest.mark.parametrize("target", ["litellm", "litellm-hook"])
def test_a_server_without_a_key_is_not_sent_somebody_elses(tmp_path, target):
    from tierwise.exporters import export

    matrix = make_matrix(30)
    own = Tier("small", "openai/llama", "http://127.0.0.1:11434/v1", input_per_1m=1.0, output_per_1m=2.0)
    made = make_policy(tuning(_with_tiers(matrix, (own, *matrix.run.tiers[1:]))), "x")
    export(made, [], target, tmp_path)
    config = (tmp_path / "config.yaml").read_text()
    assert "api_base: http://127.0.0.1:11434/v1\n    api_key: unused" in config
