"""A cascade as a policy: its form, its replay, what is refused, and that only the policy file carries it."""

import json

import numpy as np
import pytest

from tests.tuning.test_cascade import answered
from tierwise.errors import BadInput, NotReady
from tierwise.exporters import EXPORTERS, export
from tierwise.policy import evaluate, make_policy, policy_from_json, route, route_again, sign, to_json
from tierwise.tuning.aims import Aim
from tierwise.tuning.tune import tune


@pytest.fixture(scope="module")
def made():
    m, answers = answered()
    tuned = tune(m, Aim(max_loss=0.03), router="cascade", answers=answers)
    return m, answers, tuned, make_policy(tuned, "two first")


def test_the_document_comes_back_as_it_was(made):
    _, _, tuned, policy = made
    again = policy_from_json(to_json(policy))
    part = again.document["cascade"]
    assert part["calls"] == ["cheap", "mid"] and (part["keep"], part["escalate_to"]) == ("mid", "frontier")
    assert again.document["thresholds"][0] == {"tier": "cheap", "lt": 0}
    assert part["lt"] == pytest.approx(min(tuned.chosen.thresholds[1], 2.0))
    assert sum(again.document["expected"]["share_by_tier"].values()) == pytest.approx(1)


def test_replay_pays_every_call_in_order(made):
    m, answers, tuned, policy = made
    done = evaluate(policy, m, answers=answers)
    assert done.loss == pytest.approx(tuned.chosen.loss, abs=0.03) and done.saving == pytest.approx(tuned.chosen.saving, abs=0.08)
    place, total, quality = {f"test/{t}": k for k, t in enumerate(m.tiers)}, 0.0, 0.0
    for i, d in enumerate(done.decisions):
        assert d["calls"] in (["test/frontier"], ["test/cheap", "test/mid"], ["test/cheap", "test/mid", "test/frontier"])
        assert d["served"] == (d["calls"][-1])
        total += sum(m.cost[i, place[c]] for c in d["calls"])
        quality += m.quality[i, place[d["served"]]]
    assert done.cost_per_1k_usd == pytest.approx(1000 * total / len(m)) and done.quality == pytest.approx(quality / len(m))
    assert len({tuple(d["calls"]) for d in done.decisions}) > 1
    with pytest.raises(NotReady, match="answers"):
        evaluate(policy, m)


def test_a_request_is_told_the_first_call_and_then_whose_answer_to_serve(made):
    m, answers, tuned, _ = made
    policy = make_policy(tuned, "moved", (0.9, 0.5))
    done = evaluate(policy, m, answers=answers)
    seen = set()
    for i in range(len(m)):
        request = {"messages": m.samples[i].chat(), "metadata": m.samples[i].request_metadata()}
        first, replayed = route(policy, request), done.decisions[i]
        if len(replayed["calls"]) == 1:
            assert first.tier == "frontier"
            continue
        assert first.tier == "cheap" and "ask cheap and mid first" in first.why
        second = route_again(policy, request, answers.outputs[i, :2, 0].tolist())
        assert second.model == replayed["served"] and second.score == pytest.approx(replayed["score"])
        seen.add(second.tier)
    assert seen == {"mid", "frontier"}
    with pytest.raises(BadInput, match="2 calls first"):
        route_again(policy, {"prompt": "x"}, ["a"])


def test_a_rule_is_obeyed_without_a_cascade(made):
    m, answers, tuned, _ = made
    rule = {"id": "short", "when": {"request_type": ["easy"]}, "tier": "mid"}
    policy = make_policy(tuned, "with a rule", rules=[rule])
    done = evaluate(policy, m, answers=answers)
    easy = [d for d, s in zip(done.decisions, m.samples, strict=True) if s.request_type == "easy"]
    assert easy and all(d["calls"] == ["test/mid"] for d in easy)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"keep": "cheap"}, "must be the tier asked last"),
        ({"escalate_to": "mid"}, "must be the last tier"),
        ({"calls": ["cheap", "big"]}, "no tier called 'big'"),
        ({"sign": "repeats"}, "does not go with"),
        ({"calls": ["cheap", "cheap", "mid"]}, "equally often"),
        ({"compare_as": "vibes"}, "vibes"),
        ({"more": 1}, "more"),
    ],
)
def test_a_cascade_that_makes_no_sense_is_refused(made, change, words):
    document = json.loads(to_json(made[3]))
    document["cascade"] |= change
    with pytest.raises(BadInput, match=words):
        sign(document)


def test_a_tier_cannot_slip_past_the_cascade(made):
    document = json.loads(to_json(made[3]))
    document["thresholds"][0]["lt"] = 0.2
    with pytest.raises(BadInput, match="without its answer"):
        sign(document)


def test_only_the_policy_file_takes_it(made, tmp_path):
    m, _, _, policy = made
    for target in EXPORTERS:
        if target == "policy-json":
            done = export(policy, m.samples, target, tmp_path / target)
            assert done.agreement == 1
            continue
        with pytest.raises(BadInput, match="cannot hold a cascade"):
            export(policy, m.samples, target, tmp_path / target)
        assert not (tmp_path / target).exists()


def test_a_router_that_cannot_leave_makes_no_policy(made):
    with pytest.raises(BadInput, match="cannot leave"):
        make_policy(tune(made[0], router="oracle"), "x")


def test_thresholds_of_a_cascade_are_two(made):
    tuned = made[2]
    assert make_policy(tuned, "moved", (0.9, 0.5)).document["cascade"]["lt"] == 0.5
    with pytest.raises(BadInput, match="2 thresholds"):
        make_policy(tuned, "x", (0.5,))
    assert np.isfinite(tuned.point((0.9, 0.5)).saving)
