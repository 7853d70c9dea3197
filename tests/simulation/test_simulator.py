"""The offline models: the same answer for the same question everywhere, harder prompts failing more, answers that look like answers."""

import json
import math
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tierwise.errors import BadInput
from tierwise.evalsets import load_shipped
from tierwise.grading.grades import grade_outcomes
from tierwise.settings import ROOT
from tierwise.simulation import simulator
from tierwise.simulation.answers import Dice, right, wrong
from tierwise.simulation.difficulty import read, visible
from tierwise.simulation.simulator import MODELS, described, ladder, simulate
from tierwise.types import Outcome, Sample, Tier

SETS = ("support-mix", "contracts", "extraction", "reasoning", "long-documents")
MIX = load_shipped("support-mix").samples
QUESTION = Sample("q", "How many hours are there in 3 days? Give the number only.", "72", "arithmetic")


def told(outcome: Outcome) -> tuple:
    return tuple(v for k, v in vars(outcome).items() if k != "created_at")


def qualities(samples, seed: int) -> np.ndarray:
    """(prompts, tiers) automatic grades; NaN where unscored."""
    outcomes = [simulate(s, t, seed) for s in samples for t in ladder()]
    grades = grade_outcomes({s.id: s for s in samples}, outcomes)
    return np.array([np.nan if g.value is None else g.value for g in grades]).reshape(len(samples), -1)


def test_the_ladder_rises_in_price_and_ability():
    tiers = ladder()
    assert [t.name for t in tiers] == ["small", "medium", "large"]
    assert [t.model for t in tiers] == list(MODELS)
    assert all(t.simulated for t in tiers)
    for key in ("input_per_1m", "output_per_1m"):
        assert sorted(getattr(t, key) for t in tiers) == [getattr(t, key) for t in tiers]
    assert sorted(m.ability for m in MODELS.values()) == [m.ability for m in MODELS.values()]


def test_the_same_question_gets_the_same_answer():
    for sample in MIX[:30]:
        for tier in ladder():
            assert told(simulate(sample, tier, 5, 1)) == told(simulate(sample, tier, 5, 1))


def test_other_processes_answer_alike():
    code = (
        "from tierwise.evalsets import load_shipped; from tierwise.simulation.simulator import ladder, simulate; import hashlib\n"
        "said = [simulate(s, t, 3, 1).output or '' for s in load_shipped('support-mix').samples for t in ladder()]\n"
        "print(hashlib.sha256('|'.join(said).encode()).hexdigest())"
    )
    digests = {
        subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": s}, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for s in ("1", "2")
    }
    assert len(digests) == 1 and digests.pop().strip()


def test_what_an_answer_depends_on():
    base = [simulate(s, "sim/small", 0).output for s in MIX]
    assert base != [simulate(s, "sim/small", 1).output for s in MIX], "the seed"
    assert base != [simulate(s, "sim/small", 0, repeat=1).output for s in MIX], "the repeat"
    assert base != [simulate(s, "sim/large", 0).output for s in MIX], "the model"
    renamed = [replace(s, id=f"x{i}", cluster="c", weight=2.0) for i, s in enumerate(MIX)]
    assert base == [simulate(s, "sim/small", 0).output for s in renamed], "not the id"
    assert base == [simulate(s, Tier("mine", "sim/small"), 0).output for s in MIX], "nor the tier's name and prices"


def test_repeats_mostly_agree():
    pairs = [(simulate(s, "sim/small", 0).output, simulate(s, "sim/small", 0, 1).output) for s in MIX]
    assert 0.5 < np.mean([a == b for a, b in pairs]) < 1


def test_outcomes_are_whole():
    for sample in MIX:
        for tier in ladder():
            o = simulate(sample, tier, 0)
            assert (o.sample_id, o.tier, o.served_model, o.repeat) == (sample.id, tier.name, tier.model, 0)
            assert o.latency_s > 0
            if o.status == "failed":
                assert o.error and o.output is None and o.cost_usd is None
                continue
            assert o.output.strip() and o.finish_reason == ("length" if o.status == "truncated" else "stop")
            assert o.prompt_tokens == pytest.approx(sum(len(m["content"]) for m in sample.chat()) / 4, abs=1)
            assert o.completion_tokens >= 1
            assert o.cost_usd == pytest.approx((o.prompt_tokens * tier.input_per_1m + o.completion_tokens * tier.output_per_1m) / 1e6)


def test_a_tier_is_charged_its_own_prices():
    assert simulate(QUESTION, Tier("a", "sim/large")).cost_usd is None, "unpriced is not free"
    assert simulate(QUESTION, Tier("a", "sim/large", input_per_1m=0, output_per_1m=0)).cost_usd == 0
    once, twice = (simulate(QUESTION, Tier("a", "sim/large", input_per_1m=p, output_per_1m=p)).cost_usd for p in (1, 2))
    assert twice == pytest.approx(2 * once)
    assert simulate(QUESTION, "sim/large").cost_usd == simulate(QUESTION, ladder()[-1]).cost_usd


def test_an_unknown_model_is_refused_with_those_there_are():
    with pytest.raises(BadInput, match=r"sim/huge.*sim/small, sim/medium, sim/large"):
        simulate(QUESTION, Tier("a", "sim/huge"))


def test_failures_and_cut_offs_are_there_and_rare():
    counts = Counter(simulate(s, t, seed).status for s in MIX for t in ladder() for seed in range(12))
    total = counts.total()
    assert 0 < counts["failed"] < 0.006 * total
    assert 0.002 * total < counts["truncated"] < 0.012 * total
    assert counts["failed"] + counts["truncated"] + counts["ok"] == total


@pytest.mark.parametrize("seed", [0, 20, 21])
def test_quality_on_the_demonstration_set(seed):
    small, medium, large = np.nanmean(qualities(MIX, seed), 0)
    assert 0.66 < small < 0.79 and 0.78 < medium < 0.90 and 0.90 < large < 0.985


@pytest.mark.parametrize("name", SETS)
def test_dearer_models_are_better_on_every_set(name):
    small, medium, large = np.mean([np.nanmean(qualities(load_shipped(name).samples, seed), 0) for seed in range(4)], 0)
    assert small <= medium + 0.04 and medium <= large + 0.04


def test_what_the_large_one_fails_the_small_one_mostly_fails_too_but_not_always():
    small, _, large = (np.concatenate([qualities(MIX, seed) for seed in range(8)]) < 0.5).T
    both, only_large, only_small = (small & large).sum(), (~small & large).sum(), (small & ~large).sum()
    assert both > only_large > 0
    assert only_small > 5 * only_large


def test_difficulty_differs_within_a_kind_and_is_only_partly_visible():
    classified = [s for s in MIX if s.request_type == "classification"]
    assert np.std([visible(s, read(s.chat())) for s in classified]) > 0.4
    seen = np.repeat([visible(s, read(s.chat())) for s in MIX], 8)
    grades = np.stack([qualities(MIX, seed)[:, 0] for seed in range(8)], 1).ravel()
    known = np.isfinite(grades)
    assert -0.9 < np.corrcoef(seen[known], grades[known])[0, 1] < -0.4


def test_length_alone_is_not_hard():
    long = [visible(replace(s, request_type=None), read(s.chat())) for s in load_shipped("long-documents").samples]
    short = [visible(replace(s, request_type=None), read(s.chat())) for s in load_shipped("reasoning").samples]
    assert np.mean(long) < np.mean(short)


@pytest.mark.parametrize("name", SETS)
def test_right_answers_are_right_and_wrong_ones_are_wrong(name):
    samples = load_shipped(name).samples
    cells = [(s, read(s.chat()).task, k) for s in samples for k in range(8)]
    for write, holds in ((right, lambda v: v >= 0.8), (wrong, lambda v: v < 0.65)):
        outcomes = [Outcome(s.id, "t", k, output=write(s, task, Dice(k))) for s, task, k in cells]
        for outcome, grade in zip(outcomes, grade_outcomes({s.id: s for s in samples}, outcomes), strict=True):
            assert grade.value is not None and holds(grade.value), (write.__name__, outcome.sample_id, outcome.output)


def test_without_a_scorer_named_the_answer_suits_the_shape_of_the_reference():
    for s in MIX:
        own = replace(s, metadata={}, request_type=None)
        answers = [right(own, own.input, Dice(k)) for k in range(4)]
        graded = grade_outcomes({own.id: own}, [Outcome(own.id, "t", k, output=a) for k, a in enumerate(answers)])
        assert all(g.value >= 0.8 for g in graded), (s.reference, answers)


def test_wrong_labels_come_from_the_prompt():
    sample = Sample("a", "Which team? Answer with one label: billing, delivery, technical.\n\nMy parcel is late.", "delivery")
    said = Counter(wrong(sample, sample.input, Dice(k)) for k in range(200))
    assert said["billing"] > 50 and said["technical"] > 50 and "delivery" not in said


def test_wrong_json_is_mostly_json_with_one_field_wrong():
    sample = Sample("a", "Reply with JSON.", '{"name": "Ada Moss", "amount": 12.5, "paid": true}')
    read_ = []
    for k in range(100):
        try:
            read_.append(json.loads(wrong(sample, sample.input, Dice(k))))
        except ValueError:
            continue
    assert len(read_) > 80 and all(isinstance(v, dict) and v != json.loads(sample.reference) for v in read_)


def test_prompts_without_a_reference_are_answered():
    unfinished = Sample("b", "", messages=({"role": "assistant", "content": "Hi"},))
    for seed in range(30):
        for sample in (Sample("a", "Tell me about my parcel."), unfinished, Sample("c", "?")):
            outcome = simulate(sample, "sim/small", seed)
            assert outcome.status == "failed" or outcome.output.strip()


@pytest.mark.parametrize("reference", [
    "NA", "null", "007", "0", "-5", "1e400", "9" * 400, "12345678901234567890", "1,234.50", "[1, NaN]", '{"a": Infinity}', "½", "1e-07",
    "[" * 3000 + "]" * 3000, '{"a": {"b": []}}', "[]", "{}", '""', "שלום עולם", "\ud800", "a" * 100_000, "word " * 20_000, "???",
    "(A) Paris", "2026-12-31", "23:59", "0.05",
], ids=lambda r: ascii(r[:12]))  # fmt: skip
@pytest.mark.parametrize("scorer", [None, "json", "numeric", "multiple_choice", "exact", "rouge_l", "no such scorer"])
def test_no_reference_is_too_odd(reference, scorer):
    sample = Sample("a", "What is it? A. this, B. that", reference, metadata={"scorer": scorer} if scorer else {})
    for k in range(12):
        assert isinstance(right(sample, sample.input, Dice(k)), str)
        assert wrong(sample, sample.input, Dice(k)).strip()
        simulate(sample, "sim/medium", k)


def test_thousands_a_second():
    simulate(MIX[0], "sim/small")
    began = time.perf_counter()
    for seed in range(4):
        for sample in MIX:
            for tier in ladder():
                simulate(sample, tier, seed)
    assert 4 * 3 * len(MIX) / (time.perf_counter() - began) > 2_000, "about 15,000 on a quiet machine"


def test_nothing_beyond_this_file_and_the_run_asks_whether_a_run_is_simulated_to_grade_or_tune():
    for module in (
        "grading/grades",
        "tuning/tune",
        "tuning/frontier",
        "tuning/heldout",
        "tuning/certificate",
        "statistics/certify",
        "grading/summary",
    ):
        assert "simulat" not in (ROOT / "tierwise" / f"{module}.py").read_text(encoding="utf-8")


def test_litellm_gives_the_same_outcomes():
    simulator.register()
    simulator.register()
    import litellm

    for sample in MIX[:8]:
        for tier in ladder():
            expected = simulate(sample, tier, 3, 1)
            if expected.status == "failed":
                continue
            reply = litellm.completion(model=tier.model, messages=sample.chat(), max_retries=0, **described(sample, 3, 1))
            choice = reply.choices[0]
            assert (choice.message.content, choice.finish_reason, reply.model) == (expected.output, expected.finish_reason, tier.model)
            assert (reply.usage.prompt_tokens, reply.usage.completion_tokens) == (expected.prompt_tokens, expected.completion_tokens)
    assert litellm.completion(model="sim/large", messages=[{"role": "user", "content": "Hello"}]).choices[0].message.content
    failing = next((s, seed) for seed in range(100) for s in MIX if simulate(s, "sim/small", seed).status == "failed")
    with pytest.raises(litellm.ServiceUnavailableError, match="overloaded"):
        litellm.completion(model="sim/small", messages=failing[0].chat(), max_retries=0, **described(*failing))
    with pytest.raises(litellm.NotFoundError, match="sim/small, sim/medium"):
        litellm.completion(model="sim/huge", messages=[{"role": "user", "content": "Hello"}], max_retries=0)
    assert sum(p["provider"] == "sim" for p in litellm.custom_provider_map) == 1


def test_latency_grows_with_the_model():
    middle = [np.median([simulate(s, t, 0).latency_s for s in MIX]) for t in ladder()]
    assert middle == sorted(middle) and math.isfinite(middle[-1])
