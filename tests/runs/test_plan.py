"""What a run will cost is said before it starts, and what is wrong with it too."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.runs.conftest import keep_prompts
from tierwise.errors import BadInput, NotFound
from tierwise.evalsets import load_shipped
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run, estimate, most_prompt_tokens, prompt_tokens, worst_case_usd
from tierwise.simulation.simulator import ladder
from tierwise.types import EvalSet, Sample, Tier

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=200)


@pytest.mark.parametrize("name", ["support-mix", "contracts", "reasoning", "extraction", "long-documents"])
def test_what_it_costs_lies_in_the_range_that_was_told(store, name):
    evalset = load_shipped(name)
    told = estimate(evalset, ladder())
    store.evalsets.add(evalset)
    run = execute(store, create_run(store, evalset.id, ladder()).id)
    spent = store.runs.outcomes(run.id)["cost_usd"].sum()
    assert told.low_usd <= spent <= told.high_usd
    assert told.low_usd < told.usd < told.high_usd
    assert told.usd == pytest.approx(spent, rel=0.6)
    assert told.calls == 3 * len(evalset.samples) and told.simulated and told.minutes == 0


@given(text=TEXT)
def test_a_guess_of_tokens_is_below_the_most_there_can_be(text):
    sample = Sample("a", text)
    assert 0 < prompt_tokens(sample) <= most_prompt_tokens(sample.chat())


def test_only_what_is_open_is_in_the_estimate():
    evalset = EvalSet("e", "e", "d", tuple(Sample(f"s{i}", "hello") for i in range(10)))
    tiers = (Tier("a", "openai/x", input_per_1m=1, output_per_1m=1), Tier("b", "openai/y", input_per_1m=2, output_per_1m=2))
    whole = estimate(evalset, tiers, repeats=2)
    rest = estimate(evalset, tiers, repeats=2, done={(f"s{i}", "a", r) for i in range(10) for r in range(2)})
    assert (whole.calls, rest.calls) == (40, 20)
    assert rest.usd == pytest.approx(whole.usd * 2 / 3)


def test_an_unpriced_tier_is_named_and_not_free():
    evalset = EvalSet("e", "e", "d", (Sample("s", "hello"),))
    told = estimate(evalset, (Tier("a", "openai/nobody-knows", api_base="http://127.0.0.1:1/v1"),))
    assert told.unpriced == ("a",)
    assert "a unpriced" in told.text()
    assert worst_case_usd(evalset.samples[0].chat(), Tier("a", "openai/nobody-knows")) is None


def test_prices_of_the_day_are_kept_with_the_run(store, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0000000000")
    run = create_run(store, keep_prompts(store, 2), [Tier("large", "gpt-4o")])
    assert (run.tiers[0].input_per_1m, run.tiers[0].output_per_1m) == (2.5, 10.0)
    assert run.params["prices"]["large"]["as_of"]
    assert store.runs.get(run.id) == run


@pytest.mark.parametrize(("tiers", "params", "says"), [
    ([], {}, "tier"),
    ([Tier("a", "sim/small"), Tier("b", "openai/x", api_base="http://127.0.0.1:1/v1")], {}, "one ladder"),
    ([Tier("a", "sim/small"), Tier("a", "sim/large")], {}, "'a'"),
    ([Tier("a", "sim/small")], {"repeats": 0}, "repeats"),
    ([Tier("a", "sim/small")], {"concurrency": "many"}, "concurrency"),
    ([Tier("a", "sim/small")], {"scorer": "numeric", "scorer_options": {"tolerance": "wide"}}, "tolerance"),
])  # fmt: skip
def test_what_cannot_run_is_refused_before_it_is_kept(store, tiers, params, says):
    with pytest.raises(BadInput, match=says):
        create_run(store, keep_prompts(store, 2), tiers, params=params)
    assert store.runs.list() == []


def test_a_scorer_that_is_not_there_is_named(store):
    with pytest.raises(NotFound, match="numeric"):
        create_run(store, keep_prompts(store, 2), ladder(), params={"scorer": "numerc"})


def test_the_larger_of_two_limits_counts():
    from tierwise.runs.plan import max_tokens

    assert max_tokens(Tier("t", "openai/m")) == 2048
    assert max_tokens(Tier("t", "openai/m", params={"max_completion_tokens": 50})) == 50
    assert max_tokens(Tier("t", "openai/m", params={"max_tokens": 100, "max_completion_tokens": 5000})) == 5000
