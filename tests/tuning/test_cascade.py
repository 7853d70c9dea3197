"""Cascades: their arithmetic against a loop over prompts, what agreement means, and tuning with them."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from tests.conftest import make_matrix, recorded_matrix
from tierwise.errors import BadInput, NotFound, NotReady
from tierwise.tuning.aims import Aim
from tierwise.tuning.answers import Answers, agree, agreement, answers_of, said
from tierwise.tuning.cascade import Cascade, calls, confidences, decide, fit, possible, replay
from tierwise.tuning.cascade_frontier import cascade_frontier
from tierwise.tuning.terms import Terms
from tierwise.tuning.tune import CascadeTuning, tune
from tierwise.types import OutcomeMatrix


def answered(n: int = 240, seed: int = 4, repeats: int = 1) -> tuple[OutcomeMatrix, Answers]:
    """Right answers are all the same word, wrong ones mostly differ."""
    m, rng = make_matrix(n, seed=seed), np.random.default_rng(seed)
    outputs = np.full((n, 3, repeats), None, dtype=object)
    for i, k, r in np.ndindex(outputs.shape):
        outputs[i, k, r] = "The answer is yes." if m.quality[i, k] else f"The answer is no {rng.integers(3)}."
    return m, Answers(outputs)


@pytest.fixture(scope="module")
def tuned():
    m, answers = answered()
    return tune(m, Aim(max_loss=0.03), router="cascade", answers=answers)


@pytest.mark.parametrize(
    ("a", "b", "prompt", "same"),
    [
        ('```json\n{"reasoning": "x", "answer": "540"}\n```', 'so {"answer": 540.0, "reasoning": "y"}', "", True),
        ('{"answer": "5"}', '{"answer": "6"}', "", False),
        ('{"reasoning": "\\(x\\)", "answer": "7"}', "#### 7", "", True),
        ("The answer is 1,000", "#### 1000", "", True),
        ("We get 12, so 30.", "First 4. Then 30", "How many are there?", True),
        ("We get 12, so 30.", "First 4. Then 30", "Tell me about it", False),
        ("I take (B)", "Answer: B", "Which?\nA. red\nB. blue", True),
        ("I take (B)", "Answer: A", "Which?\nA. red\nB. blue", False),
        ("'abc'", '"abc"', "", True),
        ("Paris.", "paris", "", True),
        ("", "", "", False),
        (None, "x", "", False),
        ('{"a": 1, "reason": "p"}', '{"reason": "q", "a": 1}', "", True),
        ("12", "12 apples", "", False),
        ("", "''", "", False),
        ("-5", "5", "", False),
    ],
)
def test_two_answers_agree_when_they_come_to_the_same(a, b, prompt, same):
    assert agree(said(a, prompt), said(b, prompt)) is same
    assert agree(said(b, prompt), said(a, prompt)) is same


def test_the_way_of_comparing_can_be_fixed():
    assert agree(said("I say 5 of 10", "", "number"), said("10", "", "number"))
    assert said("no letter here", "", "choice") is None
    assert not agree(said("[1, 2]", "", "json"), said("[2, 1]", "", "json"))
    assert agree(said("A  b!", "", "text"), said("b", "", "text"))
    assert agreement([said("1"), said("1"), said("2")]) == 0.5
    assert agreement([said("1")]) == 1 and agreement([None, None]) == 0


@pytest.mark.parametrize("repeats", [1, 3])
def test_every_call_is_paid_and_served_as_a_loop_over_prompts_says(repeats):
    m, answers = answered(repeats=repeats)
    rules = {c.name: c for c in possible(m, answers)}
    wanted = {"cascade:cheap+mid"} | ({"cascade:cheapx3", "cascade:midx3"} if repeats == 3 else set())
    assert set(rules) == wanted
    for rule in rules.values():
        sim = replay(rule, m, answers)
        keep = m.tiers.index(rule.keep)
        for i in range(0, len(m), 17):
            if rule.sign == "agreement":
                alike = float(answers.outputs[i, 0, 0] == answers.outputs[i, 1, 0])
                first = m.cost[i, 0] + m.cost[i, 1]
            else:
                texts = answers.outputs[i, keep]
                alike, first = np.mean([texts[0] == t for t in texts[1:]]), 3 * m.cost[i, keep]
            assert sim.doubt[i] == pytest.approx(1 - alike)
            assert sim.cost[i] == pytest.approx([first, first + m.cost[i, 2], m.cost[i, 2]])
            assert sim.quality[i].tolist() == [m.quality[i, keep], m.quality[i, 2], m.quality[i, 2]]
        assert sim.latency[0].tolist() == [len(rule.paid), len(rule.paid) + 1, 1]
    assert calls(0, rules["cascade:cheap+mid"]) == ["cheap", "mid"]
    assert calls(1, rules["cascade:cheap+mid"]) == ["cheap", "mid", "frontier"]
    assert calls(2, rules["cascade:cheap+mid"]) == ["frontier"]


def test_a_confidence_in_the_metadata_is_a_sign():
    from dataclasses import replace

    m, _ = answered(60)
    samples = tuple(replace(s, metadata={"confidence_mid": str(q)}) for s, q in zip(m.samples, m.quality[:, 1], strict=True))
    m = replace(m, samples=samples)
    (rule,) = possible(m, None, confidences(m))
    assert rule.name == "cascade:mid?" and rule.paid == ("mid",)
    assert replay(rule, m, None, confidences(m)).doubt == pytest.approx(1 - m.quality[:, 1])
    with pytest.raises(NotReady, match="no confidence"):
        replay(rule, m)


def test_a_cascade_that_cannot_be_is_refused():
    m, answers = answered(30)
    with pytest.raises(BadInput, match="two models"):
        Cascade(("cheap",), "frontier")
    with pytest.raises(BadInput, match="once"):
        Cascade(("cheap", "frontier"), "frontier")
    with pytest.raises(BadInput, match="no tier 'big'"):
        replay(Cascade(("cheap", "big"), "frontier"), m, answers)
    with pytest.raises(NotReady, match="answers"):
        replay(Cascade(("cheap", "mid"), "frontier"), m)
    with pytest.raises(NotReady, match="No cascade can be tried"):
        tune(m, router="cascade")
    with pytest.raises(NotFound, match="cascade:cheap"):
        tune(m, router="cascade:a+b", answers=answers)


def test_no_fold_weighs_its_own_sign():
    m, answers = answered()
    sim, fold = replay(possible(m, answers)[0], m, answers), np.arange(len(m)) % 5
    before = np.random.default_rng(0).random(len(m))
    quality = sim.quality.copy()
    quality[fold == 2] = 1 - quality[fold == 2]
    from dataclasses import replace

    a, b = fit(sim, before, fold, m.weights), fit(replace(sim, quality=quality), before, fold, m.weights)
    assert (a.raw_after[fold == 2] == b.raw_after[fold == 2]).all()
    assert (a.raw_after != b.raw_after).any() and 0 < a.weight <= 1


def test_the_frontier_of_a_cascade_is_what_its_thresholds_do():
    m, answers = answered()
    sim = replay(possible(m, answers)[0], m, answers)
    fitted = fit(sim, np.random.default_rng(0).random(len(m)), np.arange(len(m)) % 5, m.weights)
    frontier, rows = cascade_frontier(fitted, m, Terms()), np.arange(len(m))
    p = frontier.points
    assert p.saving[-1] == pytest.approx(0) and p.loss[-1] == pytest.approx(0)
    for i in range(0, len(p), 97):
        action = decide(fitted.scores, p.thresholds[i])
        assert p.quality[i] == pytest.approx(sim.quality[rows, action].mean())
        assert p.cost_per_1k[i] == pytest.approx(1000 * sim.cost[rows, action].mean())
        point = frontier.at(p.thresholds[i])
        assert point.share_by_tier == pytest.approx(tuple(p.share_by_tier[i])) and sum(point.share_by_tier) == pytest.approx(1)
    steps = frontier.steps(50)
    assert steps["cost_per_1k"].is_monotonic_increasing and steps["quality"].is_monotonic_increasing
    with pytest.raises(BadInput, match="two thresholds"):
        frontier.at([0.5])


def test_tuning_with_a_cascade(tuned):
    assert isinstance(tuned, CascadeTuning) and tuned.router == "cascade:cheap+mid"
    data = json.loads(json.dumps(tuned.to_json(), allow_nan=False))
    keys = "run router tiers n chosen heldout certificate metrics baselines candidates verdict warnings policy"
    assert list(data) == keys.split()
    assert data["tiers"] == ["cheap", "mid", "frontier"] and sum(data["chosen"]["share_by_tier"].values()) == pytest.approx(1)
    held, rows = tuned.heldout, np.arange(tuned.n)
    action = tuned.choice(tuned.chosen.thresholds)
    assert tuned.chosen.quality == pytest.approx(tuned.actions.quality[rows, action].mean())
    assert held.loss_ci95[0] < held.loss < held.loss_ci95[1] and held.saving > 0
    assert tuned.by_request_type(tuned.chosen.thresholds)["n"].sum() == tuned.n
    assert len(tuned.flips((0.0, 0.0), tuned.chosen.thresholds)) == (action != 2).sum()
    assert tuned.latency((0.0, 0.0)) == (1.0, 1.0) and tuned.latency((math.inf, 0.0)) == (3.0, 3.0)
    assert {"cost", "quality", "low", "high"} <= set(tuned.band)
    assert "agree" in tuned.explain()[0]


def test_auto_measures_cascades_and_keeps_a_router():
    m, answers = answered()
    found = tune(m, Aim(max_loss=0.03), answers=answers)
    assert [c.router for c in found.candidates][-1] == "cascade:cheap+mid" and len(found.candidates) == 7
    assert not isinstance(found, CascadeTuning)


@pytest.mark.parametrize("router", ["cascade", "logistic"])
def test_strict_mode_judges_on_the_other_half(router):
    m, answers = answered(400)
    found = tune(m, Aim(max_loss=0.05), router=router, answers=answers, mode="strict")
    assert 150 < found.n < 250 and "strict split" in found.heldout.method and "strict split" in found.certificate.method
    other = {s.id for s in m.samples} - {s.id for s in found.matrix.samples}
    assert len(other) == 400 - found.n
    rows, action = np.arange(found.n), found.choice(found.chosen.thresholds)
    assert found.heldout.quality == pytest.approx(found.actions.quality[rows, action].mean())
    assert found.heldout.loss == pytest.approx(found.chosen.loss)
    with pytest.raises(BadInput, match="mode"):
        tune(m, mode="bold")
    with pytest.raises(BadInput, match="judged strictly"):
        tune(m, router="oracle", mode="strict")


def test_answers_come_from_the_store(store, demo):
    from tierwise.grading.grades import matrix

    m = matrix(store, demo.id)
    answers = answers_of(store.runs.outcomes(demo.id), m)
    assert answers.outputs.shape[:2] == m.quality.shape
    frame = store.runs.outcomes(demo.id)
    row = frame[frame["output"].notna()].iloc[5]
    at = [s.id for s in m.samples].index(row["sample_id"]), m.tiers.index(row["tier"]), row["repeat"]
    assert answers.outputs[at] == row["output"]
    with pytest.raises(NotReady, match="not kept"):
        answers_of(frame.assign(output=None), m)


def test_recorded_agreement_is_worth_what_was_published(recorded):
    """gpt-4o-mini and gemini-1.5-flash agree: keep it; else gpt-4o. Published: cost -38.8 %, quality +0.3 points, 32 % escalated."""
    models = ["gemini-1.5-flash", "gpt-4o-mini-2024-07-18", "gpt-4o-2024-08-06"]
    m = recorded_matrix(recorded / "zeroeval.parquet", models, 2840)
    frame = pd.read_parquet(recorded / "zeroeval.parquet", columns=["sample_id", "model", "output"])
    outputs = frame[frame["model"].isin(models)].pivot(index="sample_id", columns="model", values="output")[models]
    answers = Answers(outputs.loc[[s.id for s in m.samples]].to_numpy(object)[:, :, None])
    sim = replay(possible(m, answers)[0], m, answers)
    kept = sim.doubt == 0
    cost = np.where(kept, sim.cost[:, 0], sim.cost[:, 1]).mean() / sim.cost[:, 2].mean()
    assert (1 - kept.mean(), cost - 1) == pytest.approx((0.32, -0.388), abs=0.01)
    assert np.where(kept, sim.quality[:, 0], sim.quality[:, 1]).mean() - sim.quality[:, 2].mean() == pytest.approx(0.002, abs=0.002)
    rows = np.random.default_rng(0).permutation(2840)[:900]
    found = tune(m.take(rows), Aim(max_loss=0.01), router="cascade", answers=answers.take(rows))
    assert found.heldout.saving > 0.35 and found.heldout.loss < 0.02 and found.certificate.status == "certified"


def test_a_confidence_that_came_with_the_answers_is_a_sign():
    from dataclasses import replace

    m = make_matrix(240, seed=4)
    rng = np.random.default_rng(0)
    sure = np.clip(m.quality * 0.6 + 0.2 + rng.normal(0, 0.1, m.quality.shape), 0, 1)
    m = replace(m, confidence=sure)
    rules = possible(m, None, confidences(m))
    assert [r.name for r in rules] == ["cascade:cheap?", "cascade:mid?"]
    done = tune(m, Aim(max_loss=0.03), router="cascade:mid?")
    assert done.heldout.saving > 0.2, "it knows which answers are right"
    part = done.matrix.take(np.arange(10))
    assert np.array_equal(part.confidence, sure[:10])
    narrow = tune(m, Aim(max_loss=0.03), router="cascade", tiers=["cheap", "frontier"])
    assert narrow.router == "cascade:cheap?", "columns of confidence go with their tiers"
    with pytest.raises(NotReady, match="No cascade"):
        tune(replace(m, confidence=np.full_like(sure, np.nan)), Aim(max_loss=0.03), router="cascade")
