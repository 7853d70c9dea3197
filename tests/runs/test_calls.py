"""What a call sends and what is told of it: templates, system prompts, streams, token kinds, reuse."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.conftest import keep_prompts
from tierwise.errors import BadInput
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.runs.prompts import call_key, check_template, fill
from tierwise.runs.reuse import reusable
from tierwise.types import Sample, Tier


def test_a_template_and_a_tiers_own_system_prompt_are_sent(store, provider, started, tier):
    started(tier("plain"), tier("told", system="Be brief."), template="Q: {{input}} ({{request_type}})\nA:")
    bodies = {s.model: s.body["messages"] for s in provider.seen}
    assert bodies["plain-model"] == [{"role": "user", "content": "Q: prompt 0 ()\nA:"}]
    assert bodies["told-model"] == [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Q: prompt 0 ()\nA:"}]


@given(text=st.text(max_size=80), note=st.text(max_size=40))
def test_a_slot_is_filled_once_and_never_read_again(text, note):
    sample = Sample("s", text + "{{input}}", metadata={"note": note})
    assert fill("<{{ input }}|{{metadata.note}}|{{metadata.none}}>", sample) == f"<{text}{{{{input}}}}|{note}|>"


@pytest.mark.parametrize(("template", "says"), [("no slot", "every prompt would be the same"), ("{{input}} {{reference}}", "right answer"), 
                                                ("{{input}} {{__class__}}", "no such slot"), ("{{input}} {{prompt}}", "no such slot")])  # fmt: skip
def test_a_template_that_cannot_be_meant_is_refused(template, says):
    with pytest.raises(BadInput, match=says):
        check_template(template)


@pytest.mark.parametrize("through", ["openai", "custom_openai"])
def test_a_streamed_answer_is_whole_and_tells_when_it_began(store, provider, started, tier, through):
    run = started(tier(through=through), stream=True, timeout_s=5)
    (row,) = store.runs.outcomes(run.id).to_dict("records")
    assert row["output"] == "answer to prompt 0" and row["status"] == "ok"
    assert 0 < row["first_token_s"] < row["latency_s"]
    assert (row["prompt_tokens"], row["completion_tokens"]) == (10, 5)
    assert row["cost_usd"] == pytest.approx(30e-6)


def test_cached_and_thinking_tokens_are_kept_and_priced(store, provider, started, tier):
    provider.fault = lambda body, before: "thinking"
    run = started(tier(cached_input_per_1m=0.1))
    (row,) = store.runs.outcomes(run.id).to_dict("records")
    assert (row["cached_tokens"], row["reasoning_tokens"]) == (6, 3)
    assert row["cost_usd"] == pytest.approx((4 * 1.0 + 6 * 0.1 + 5 * 4.0) / 1e6)


@pytest.mark.parametrize("through", ["openai", "custom_openai"])
def test_how_sure_a_model_was_is_kept_where_it_says_so(store, provider, started, tier, through):
    provider.fault = lambda body, before: "sure"
    run = started(tier(through=through, params={"logprobs": True}))
    (row,) = store.runs.outcomes(run.id).to_dict("records")
    assert row["confidence"] == pytest.approx(0.5), "the geometric mean of 1 and 0.25"
    silent = started(tier(through=through))
    (row,) = store.runs.outcomes(silent.id).to_dict("records")
    assert np.isnan(row["confidence"])


@pytest.mark.parametrize("through", ["openai", "custom_openai"])
def test_a_prompt_that_does_not_fit_is_told_as_such(store, provider, started, tier, through):
    provider.fault = lambda body, before: "too_long"
    run = started(tier(through=through))
    (row,) = store.runs.outcomes(run.id).to_dict("records")
    assert row["status"] == "failed" and "context window" in row["error"]
    assert len(provider.seen) == 1


def test_a_deadline_ends_the_run(store, provider, started, tier):
    provider.delay_s = 0.3
    run = started(tier(), n=40, concurrency=2, deadline_s=1, timeout_s=5)
    assert run.status == "stopped" and "deadline" in run.note
    assert 0 < len(provider.seen) < 40


def test_the_same_calls_are_not_paid_twice_when_so_wished(store, provider, tier):
    evalset_id = keep_prompts(store, 12)
    first = execute(store, create_run(store, evalset_id, [tier("small"), tier("large")], params={"scorer": "exact"}).id)
    cost = store.runs.progress(first.id).spent_usd
    renamed = [dataclasses.replace(tier("small"), name="cheap"), tier("large")]
    again = create_run(store, evalset_id, renamed, params={"scorer": "exact", "reuse": True})
    samples = {s.id: s for s in store.evalsets.get(evalset_id).samples}
    known = reusable(store, again, samples, [(s, t.name, 0) for s in samples for t in again.tiers])
    assert known.hit_rate == 1 and known.saved_usd == pytest.approx(cost)
    assert execute(store, again.id).status == "done"
    assert len(provider.seen) == 24
    seen = store.runs.progress(again.id)
    assert (seen.done, seen.requests, seen.reused, seen.spent_usd) == (24, 0, 24, 0)
    rows = store.runs.outcomes(again.id)
    assert (rows["reused_from"] == first.id).all() and rows["cost_usd"].sum() == pytest.approx(cost)
    assert len(store.grades.frame(again.id)) == 24


def test_repeats_and_changed_parameters_are_called_anew(store, provider, tier):
    evalset_id = keep_prompts(store, 3)
    execute(store, create_run(store, evalset_id, [tier()], params={"scorer": "exact"}).id)
    execute(store, create_run(store, evalset_id, [tier()], params={"scorer": "exact", "reuse": True, "repeats": 2}).id)
    assert len(provider.seen) == 6
    execute(store, create_run(store, evalset_id, [tier(params={"temperature": 1})], params={"scorer": "exact", "reuse": True}).id)
    assert len(provider.seen) == 9


def test_a_failed_answer_is_not_reused(store, provider, tier):
    evalset_id = keep_prompts(store, 1)
    provider.fault = lambda body, before: "400" if before < 1 else None
    execute(store, create_run(store, evalset_id, [tier()], params={"scorer": "exact"}).id)
    execute(store, create_run(store, evalset_id, [tier()], params={"scorer": "exact", "reuse": True}).id)
    assert len(provider.seen) == 2


def test_what_does_not_decide_the_answer_is_not_in_the_key():
    chat = [{"role": "user", "content": "hi"}]
    base = Tier("a", "openai/m", "http://x/v1")
    key = call_key(chat, base, 10)
    assert key == call_key(chat, dataclasses.replace(base, name="b", input_per_1m=1.0, output_per_1m=2.0, api_key_env="K", rpm=5), 10)
    for other in (dataclasses.replace(base, model="openai/n"), dataclasses.replace(base, api_base="http://y/v1"),
                  dataclasses.replace(base, params={"seed": 1})):  # fmt: skip
        assert call_key(chat, other, 10) != key
    assert call_key(chat, base, 11) != key and call_key([*chat, *chat], base, 10) != key


def test_the_days_cap_holds_over_all_runs(store, provider, started, tier, monkeypatch):
    monkeypatch.setenv("TIERWISE_DAILY_CAP_USD", "0.0003")
    small = tier(params={"max_tokens": 10})
    first = started(small, n=5)
    second = started(small, n=6, concurrency=3)
    assert second.status == "stopped" and "day's cap of $0.0003" in second.note, (first.status, second.note)
    assert provider.billed_usd <= 0.0003
    monkeypatch.setenv("TIERWISE_DAILY_CAP_USD", "1")
    assert execute(store, second.id).status == "done"


def test_a_cap_that_is_no_sum_is_refused(store, provider, started, tier, monkeypatch):
    monkeypatch.setenv("TIERWISE_DAILY_CAP_USD", "lots")
    with pytest.raises(BadInput, match="TIERWISE_DAILY_CAP_USD"):
        started(tier())
    assert provider.seen == []


def test_answers_under_another_name_can_be_left_out(store, provider, started, tier):
    from tierwise.grading.grades import matrix

    provider.fault = lambda body, before: "other_model" if body["messages"][-1]["content"] in ("prompt 0", "prompt 1") else None
    run = started(tier(), n=5)
    assert matrix(store, run.id).quality[:, 0].tolist() == [1.0] * 5
    kept = matrix(store, run.id, as_asked=True).quality[:, 0]
    assert [q != q for q in kept] == [True, True, False, False, False]


@pytest.mark.parametrize(("model", "served", "same"), [("gpt-4o", "gpt-4o-2024-08-06", True), ("openai/gpt-4o", "gpt-4o", True), ("openrouter/meta/x", "meta/x", True),
                                                       ("openai/small", "large", False), ("litellm_proxy/small", "gpt-4o-mini", False), ("openai/m", None, True)])  # fmt: skip
def test_who_served_is_told_by_name(model, served, same):
    assert Tier("t", model).served_by(served) is same
