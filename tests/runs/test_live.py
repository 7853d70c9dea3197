"""One request for each attempt on the ledger, whatever goes wrong; retries by status; budgets that hold."""

import json

import pytest

from tests.runs.conftest import DIRECT, LITELLM, keep_prompts
from tests.runs.provider import Provider
from tierwise.errors import BadInput
from tierwise.grading.grades import matrix
from tierwise.runs import calls
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run, worst_case_usd
from tierwise.store import Store
from tierwise.types import Sample

BILL = 30e-6
"""What the stand-in charges for an answer."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(calls, "FIRST_WAIT_S", 0.02)


def only(store: Store, run) -> dict:
    (row,) = store.runs.outcomes(run.id).to_dict("records")
    return row


def test_an_answer_is_kept_with_its_price_and_what_served(store, provider, started, tier):
    run = started(tier())
    row = only(store, run)
    assert run.status == "done"
    assert (row["status"], row["output"], row["prompt_tokens"], row["completion_tokens"]) == ("ok", "answer to prompt 0", 10, 5)
    assert row["cost_usd"] == pytest.approx(BILL) == pytest.approx(provider.billed_usd)
    assert row["served_model"] == "small-model"
    assert matrix(store, run.id).quality.tolist() == [[1.0]]
    (ledger,) = store.attempts.frame(run.id).to_dict("records")
    assert provider.seen[0].request_id == f"tierwise-{run.id}-{ledger['id']}"


RETRIED = {"429": "refused", "500": "refused", "503": "refused", "hang": "unknown", "drop": "unknown", "broken_json": "unknown"}
NOT_RETRIED = ("400", "404")
BOTH = pytest.mark.parametrize("through", [DIRECT, LITELLM])


@BOTH
@pytest.mark.parametrize("fault", RETRIED)
def test_each_attempt_is_one_request_and_what_passes_is_tried_again(store, provider, started, tier, fault, through):
    provider.fault = lambda body, before: fault if before < 1 else None
    run = started(tier(through=through))
    ledger = store.attempts.frame(run.id)
    assert ledger["status"].tolist() == [RETRIED[fault], "answered"]
    assert [s.request_id for s in provider.seen] == [f"tierwise-{run.id}-{i}" for i in ledger["id"]]
    assert only(store, run)["status"] == "ok"
    assert ledger["counted_usd"].sum() >= provider.billed_usd - 1e-12


@pytest.mark.parametrize("fault", RETRIED)
def test_what_does_not_pass_fails_after_five_attempts(store, provider, started, tier, fault):
    provider.fault = lambda body, before: fault
    run = started(tier(), timeout_s=0.2)
    assert len(provider.seen) == len(store.attempts.frame(run.id)) == calls.MOST_ATTEMPTS
    row = only(store, run)
    assert run.status == "done" and row["status"] == "failed" and "after 5 attempts" in row["error"]


@BOTH
@pytest.mark.parametrize("fault", NOT_RETRIED)
def test_what_will_not_change_is_not_tried_again(store, provider, started, tier, fault, through):
    provider.fault = lambda body, before: fault
    run = started(tier(through=through))
    assert len(provider.seen) == 1
    assert only(store, run)["status"] == "failed" and fault in only(store, run)["error"]


def test_a_refused_port_is_not_billed(store, started, tier):
    run = started(tier(api_base="http://127.0.0.1:9/v1"))
    ledger = store.attempts.frame(run.id)
    assert len(ledger) == 5 and ledger["counted_usd"].sum() == 0
    assert "no connection" in only(store, run)["error"]


@pytest.mark.parametrize("fault", ["401", "403"])
def test_a_refused_key_ends_the_run_and_the_cells_stay_open(store, provider, started, tier, fault, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-canary-0123456789abcdef")
    provider.fault = lambda body, before: fault
    run = started(tier(api_key_env="MY_KEY"), n=40, concurrency=2)
    assert run.status == "stopped" and "MY_KEY" in run.note and fault in run.note
    assert len(provider.seen) <= 3 * 2
    assert len(store.runs.outcomes(run.id)) == 0
    kept = json.dumps([run.note, store.attempts.frame(run.id)["error"].tolist()])
    assert "canary" not in kept
    provider.fault = lambda body, before: None
    again = execute(store, run.id)
    assert again.status == "done" and len(store.runs.outcomes(run.id)) == 40


@BOTH
@pytest.mark.parametrize(("fault", "status", "says"), [
    ("no_choices", "empty", "no answer"), ("null_content", "empty", "empty"), ("cut_off", "truncated", None), ("huge", "failed", "longer than"),
    ("no_usage", "ok", "no token counts")])  # fmt: skip
def test_an_odd_reply_has_a_status_of_its_own(store, provider, started, tier, fault, status, says, through):
    provider.fault = lambda body, before: fault
    run = started(tier(through=through), timeout_s=20)
    row = only(store, run)
    assert row["status"] == status
    assert (says or "") in (row["error"] or "")
    assert len(provider.seen) == 1
    assert row["cost_usd"] != 0
    assert store.attempts.frame(run.id)["counted_usd"].sum() >= BILL
    if status in ("empty", "failed"):
        assert store.grades.frame(run.id)["value"].isna().all()


def test_a_reported_cost_is_preferred(store, provider, started, tier):
    provider.fault = lambda body, before: "own_cost"
    assert only(store, started(tier()))["cost_usd"] == pytest.approx(0.0123)


def test_another_model_that_served_is_told(store, provider, started, tier):
    provider.fault = lambda body, before: "other_model"
    assert only(store, started(tier()))["served_model"] == "somebody-else"


def test_without_faults_ledger_and_provider_agree_to_the_cent(store, provider, started, tier):
    run = started(tier("small"), tier("large"), n=30, repeats=2)
    ledger = store.attempts.frame(run.id)
    assert ledger[ledger["status"] != "answered"]["error"].tolist() == []
    assert len(ledger) == len(provider.seen) == 120 == len(store.runs.outcomes(run.id))
    assert ledger["cost_usd"].sum() == pytest.approx(provider.billed_usd)
    assert {s.request_id for s in provider.seen} == {f"tierwise-{run.id}-{i}" for i in ledger["id"]}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_what_is_billed_never_passes_the_budget_and_a_higher_one_goes_on(store, provider, started, tier, share):
    provider.delay_s = 0.01
    worst = worst_case_usd(Sample("s", "prompt 10").chat(), tier(params={"max_tokens": 20}))
    cap = share * 60 * worst
    run = started(tier(params={"max_tokens": 20}), n=60, concurrency=16, budget_usd=cap)
    assert provider.billed_usd <= cap
    if run.status != "done":
        assert run.status == "stopped" and "budget" in run.note
        assert cap - provider.billed_usd <= worst + 1e-9, "money was left that the next call could have used"
        assert execute(store, run.id, budget_usd=1.0).status == "done"
    assert len(provider.seen) == 60


def test_calls_at_once_shrink_at_429_and_the_wait_it_asks_for_is_kept(store, provider, started, tier):
    provider.delay_s = 0.02
    provider.fault = lambda body, before: "429" if before < 1 and body["messages"][-1]["content"] in ("prompt 0", "prompt 1") else None
    run = started(tier(), n=30, concurrency=8)
    assert run.status == "done"
    assert provider.most_inside <= 8
    refused = [s for s in provider.seen if s.prompt == "prompt 0"]
    assert refused[1].at - refused[0].at >= 0.3


def test_a_dead_endpoint_ends_the_run(store, provider, started, tier):
    provider.fault = lambda body, before: "500"
    run = started(tier(), n=50)
    assert run.status == "stopped" and "in a row failed" in run.note
    assert len(provider.seen) < 60


def test_parameters_go_to_the_provider_and_a_limit_always_does(store, provider, started, tier):
    started(tier(params={"temperature": 0.25}))
    assert provider.seen[0].body["temperature"] == 0.25
    assert provider.seen[0].body["max_tokens"] == 2048


def test_another_providers_key_is_not_sent_to_a_server_of_ones_own(store, provider, started, tier, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-someone-elses-key-000000")
    started(tier())
    assert "someone" not in provider.seen[0].headers["authorization"]


def test_a_missing_key_is_found_before_the_first_call(store, provider, tier, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)
    with pytest.raises(BadInput, match="MY_KEY"):
        create_run(store, keep_prompts(store, 2), [tier(api_key_env="MY_KEY")])
    assert store.runs.list() == [] and provider.seen == []


def test_a_budget_needs_prices(store, tier):
    with pytest.raises(BadInput, match="no price: small"):
        create_run(store, keep_prompts(store, 2), [tier(input_per_1m=None, output_per_1m=None)], params={"budget_usd": 1.0})


def test_an_unpriced_tier_runs_and_costs_are_unknown_not_nothing(store, provider, started, tier):
    run = started(tier(input_per_1m=None, output_per_1m=None))
    assert only(store, run)["cost_usd"] != only(store, run)["cost_usd"]  # NaN
    assert store.runs.progress(run.id).unpriced == 1


def test_a_provider_that_comes_back_is_asked_only_for_what_is_open(store: Store, tier):
    with Provider(fault=lambda body, before: "500" if body["messages"][-1]["content"] > "prompt 3" else None) as ill:
        planned = create_run(store, keep_prompts(store, 6), [tier(api_base=ill.base)], params={"scorer": "exact"})
        execute(store, planned.id)
    assert len(store.runs.outcomes(planned.id)) == 6  # failed ones are answers too: sending them again is a wish of its own
