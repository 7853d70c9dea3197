"""A policy in use: does its traffic still look the same, do its answers, and what does it take to watch."""

import dataclasses
import json

import numpy as np
import pytest

from tests.conftest import make_matrix
from tests.policies import a_policy
from tierwise.adaptive import drift, mix_drift, plan, read_pairs, standing, with_shadow
from tierwise.adaptive.drift import Check, _holm
from tierwise.adaptive.pairs import Pair
from tierwise.cli import main
from tierwise.errors import BadInput, NotReady
from tierwise.policy import make_policy, policy_from_json, route, to_json
from tierwise.tuning.aims import Aim
from tierwise.tuning.tune import tune


@pytest.fixture(scope="module")
def matrix():
    return make_matrix(1300, tiers=2, seed=1)


@pytest.fixture(scope="module")
def policy(matrix):
    return make_policy(tune(matrix.take(np.arange(400)), Aim(max_loss=0.05), router="logistic"), "in use", thresholds=(0.5,))


def test_traffic_like_the_prompts_is_not_called_drift(policy, matrix):
    """False alarms over fresh draws from the same place: the router knows the prompts it was fitted on, and that must not count."""
    wrong = []
    for seed in range(10):
        rows = np.random.default_rng(seed).permutation(np.arange(400, 1300))[:150]
        wrong.append(bool(drift(policy, matrix.samples[:400], matrix.take(rows).samples).found))
    assert sum(wrong) <= 1


def test_other_traffic_is(policy, matrix):
    now = [s for s in matrix.samples[400:] if s.request_type == "hard"][:200]
    found = drift(policy, matrix.samples[:400], now)
    names = {c.name for c in found.found}
    assert {"mix of request types", "share by tier", "log_tokens"} <= names
    assert found.lines[0].startswith("The traffic has changed")
    assert any("Request type" in line and ("100%" in line or "0% of requests now" in line) for line in found.lines)
    json.dumps(found.to_json())


def test_a_change_that_is_sure_but_small_is_not_drift():
    rng = np.random.default_rng(0)
    then = {"a": 0.5, "b": 0.5}
    counts = {"a": 51_500, "b": 48_500}
    found = mix_drift(then, 100_000, counts)
    assert found.checks[0].p < 1e-6 and not found.found
    assert mix_drift(then, 100_000, {"a": 70_000, "b": 30_000}).found
    assert not mix_drift(then, 40, {"a": int(rng.binomial(40, 0.62)), "b": 15}).found


def test_p_values_hold_for_all_checks_at_once():
    checks = [Check(str(i), 0.0, 0.1, p, "") for i, p in enumerate([0.01, 0.04, 0.03, 0.5])]
    assert [round(c.p, 4) for c in _holm(checks)] == [0.04, 0.09, 0.09, 0.5]


@pytest.mark.parametrize("few", [0, 29])
def test_too_few_to_tell(policy, matrix, few):
    with pytest.raises(NotReady, match="30"):
        drift(policy, matrix.samples[:400], matrix.samples[:few])
    with pytest.raises(NotReady):
        mix_drift({"a": 1.0}, few, {"a": 100})


def test_a_plan_adds_up():
    watched = a_policy(3)  # a third to each tier, $1 per 1,000 at a saving of a half
    found = plan(watched, 30_000, rate=0.05)
    assert found.pairs_a_day == pytest.approx(30_000 * 2 / 3 * 0.05)
    assert found.tolerated == pytest.approx(0.02 / (2 / 3))
    assert found.price_a_day == pytest.approx(found.pairs_a_day * 0.002)
    assert found.price_share == pytest.approx(found.price_a_day / (30_000 * 0.001))
    assert found.false_alarm_days == pytest.approx(1000 / found.pairs_a_day)
    assert [d.days for d in found.delays] == sorted((d.days for d in found.delays), reverse=True)
    assert plan(watched, 30, rate=0.05).pairs_a_day == 10, "at least ten a day"
    assert plan(watched, 6, rate=0.05).pairs_a_day == pytest.approx(4), "and no more than there are"


@pytest.mark.parametrize(
    "wrong", [{"requests_a_day": 0}, {"rate": 0}, {"rate": 1.5}, {"grading_usd": -1}, {"requests_a_day": float("nan")}]
)
def test_a_plan_of_nothing(wrong):
    with pytest.raises(BadInput):
        plan(a_policy(3), **({"requests_a_day": 1000} | wrong))


def test_watching_is_written_into_the_policy_and_decides_nothing():
    before = a_policy(3)
    after = with_shadow(before, rate=0.1)
    assert after.document["shadow"]["rate"] == 0.1
    assert after.version == before.version
    assert policy_from_json(to_json(after)).document == after.document
    for text in ("short", "a much longer question about a contract " * 30):
        assert route(after, {"prompt": text}) == route(before, {"prompt": text})
    with pytest.raises(BadInput, match="shadow"):
        with_shadow(before, rate=0.0)


def pairs(*losses):
    return [Pair(x) for x in losses]


def test_standings(policy, matrix):
    calm = drift(policy, matrix.samples[:400], matrix.samples[400:700])
    moved = drift(policy, matrix.samples[:400], [s for s in matrix.samples[400:] if s.request_type == "hard"][:100])
    assert standing(policy).word == "look"
    assert standing(policy, pairs(*[0.0] * 50), calm).word == "holds"
    assert standing(policy, (), moved).word == "look"
    rang = standing(policy, pairs(*[0.0] * 50, *[1.0] * 40), calm)
    assert rang.word == "tune again" and rang.alarm.ringing
    assert 45 <= rang.alarm.change_at <= 55
    assert rang.loss == pytest.approx(40 / 90) and rang.loss_ci95[0] < rang.loss < rang.loss_ci95[1]
    old = dataclasses.replace(policy, document=policy.document | {"expires": "2020-01-01T00:00:00Z"})
    assert standing(old, pairs(*[0.0] * 50)).word == "look"


def test_pairs_come_in_the_order_of_time():
    data = b"time,served,frontier,type\n2026-02-01,1,1,a\n2026-01-01,0,1,b\n2026-03-01,0.5,,a\n2026-03-02,75%,1,a\n".replace(
        b"75%", b"0.75"
    )
    found = read_pairs(data, "pairs.csv")
    assert [p.loss for p in found] == [1.0, 0.0, 0.25]
    assert [p.request_type for p in found] == ["b", "a", "a"]
    assert [p.loss for p in read_pairs(b'{"loss": -0.5}\n{"loss": 1}\n', "p.jsonl")] == [-0.5, 1.0]


@pytest.mark.parametrize(("data", "match"), [
    (b"a,b\n1,2\n", "needs the columns served and frontier"), (b"served,frontier\n1,x\n", "row 1.*frontier"),
    (b"served,frontier\n1,\n", "no pair"), (b"loss\n2\n", "row 1.*loss"), (b"served,frontier,time\n1,1,2026-01-01\n1,1,soon\n", "row 2.*time"),
    (b"served,frontier\n1,5\n", "row 1")])  # fmt: skip
def test_a_file_that_is_no_list_of_pairs(data, match):
    with pytest.raises(BadInput, match=match):
        read_pairs(data, "pairs.csv")


def test_the_commands(demo, store, tmp_path, capsys):
    from tierwise.grading.grades import matrix as graded

    tuned = tune(graded(store, demo.id), Aim(max_loss=0.05), router="table")
    store.policies.add(make_policy(tuned, "demo policy"))
    store.close()
    assert main(["shadow", "demo policy", "--requests-a-day", "20000", "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["pairs_a_day"] > 0 and told["delays"]
    file = tmp_path / "pairs.csv"
    file.write_text("served,frontier\n" + "1,1\n" * 60)
    assert main(["drift", "demo policy", "--pairs", str(file), "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["standing"] == "holds" and told["alarm"]["pairs"] == 60
    assert (
        main(["adapt", demo.id, "--runs", "2", "--change", f"{demo.tiers[0].name}=-0.3@0.4", "--requests-a-day", "5000", "--json", "-"])
        == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert told["simulated"] and told["change"]["at"] == 0.4 and len(told["policies"]) > 5
    assert told["watching"]["requests_a_day"] == 5000 and told["watching"]["pairs_a_day"] > 0
    assert main(["adapt", demo.id, "--change", "nonsense"]) == 2
    assert "TIER=QUALITY" in capsys.readouterr().err
