"""What each judge call costs and leaves behind; budgets, stopping and going on; pairs and panels."""

import json
import threading

import pytest

from tests.judging.judges import data_of, scripted
from tests.runs.conftest import keep_prompts
from tests.runs.provider import IN_PRICE, OUT_PRICE
from tierwise.errors import BadInput, NotReady
from tierwise.grading.grades import apply_scorer, matrix
from tierwise.judging import check_judges, estimate_ahead, estimate_grading, family, own_family
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.runs.stopping import Stop
from tierwise.scorers import SCORERS, scorer_ref
from tierwise.types import Tier

BILL = 30e-6
WELL = scripted({"explanation": "well", "score": 0.5})


def test_each_request_is_on_the_ledger_apart_from_the_answers(store, provider, recorded_run, judge):
    provider.reply = WELL
    run = recorded_run("yes", "no")
    judge(run)
    ledger, seen = store.attempts.frame(run.id), store.runs.progress(run.id)
    assert ledger["purpose"].tolist() == ["grade"] * 4 and set(ledger["model"]) == {"openai/judge-model"}
    assert {s.request_id for s in provider.seen} == {f"tierwise-{run.id}-{i}" for i in ledger["id"]}
    assert seen.grading_usd == pytest.approx(provider.billed_usd) == pytest.approx(4 * BILL) and seen.grading_requests == 4
    assert seen.spent_usd == pytest.approx(0.004), "what the answers cost is another sum"


def test_a_grade_tells_who_judged_and_by_which_words(store, provider, recorded_run, judge):
    provider.reply = WELL
    provider.fault = lambda body, before: "other_model"
    run = recorded_run("yes")
    judge(run, rubric="Is it short? " * 20)
    grade = store.grades.frame(run.id).iloc[0]
    told = json.loads(grade["provenance"])
    assert told["models"] == ["openai/judge-model"] and told["served"] == ["somebody-else"] and told["prompt"] == "judge 1"
    assert set(told["attempts"]) <= set(store.attempts.frame(run.id)["id"])
    assert len(grade["scorer"]) < 250 and "Is it short?" in grade["scorer"]
    name, options = store.grades.scoring(run.id, grade["scorer"])
    assert name == "llm_judge" and options["rubric"] == "Is it short? " * 20, "the rubric is kept in full"
    assert "Is it short?" in provider.seen[0].body["messages"][0]["content"]


def test_what_changes_no_grade_does_not_change_its_name():
    plain = scorer_ref("llm_judge", {"model": "m"})
    assert plain == 'llm_judge(model="m")'
    assert plain == scorer_ref("llm_judge", {"model": "m", "api_key_env": "K", "input_per_1m": 3, "concurrency": 2})
    assert plain != scorer_ref("llm_judge", {"model": "m", "rubric": "other"})


def test_a_second_go_asks_only_about_what_is_open(store, provider, recorded_run, judge):
    provider.reply = lambda body: "no verdict" if data_of(body)["request"][0]["content"] == "question 1" else WELL(body)
    run = recorded_run("yes", "no", None, "  ")
    first = judge(run)
    assert (first.graded, first.unscored, first.skipped, first.open) == (2, 6, 0, 0)
    assert len(provider.seen) == 4
    again = judge(run)
    assert (again.graded, again.unscored, again.skipped) == (0, 0, 8) and len(provider.seen) == 4
    provider.reply = WELL
    retried = judge(run, retry_unscored=True)
    assert (retried.graded, retried.unscored, retried.skipped) == (2, 4, 2) and len(provider.seen) == 6
    assert matrix(store, run.id, "llm_judge").quality.tolist()[:2] == [[0.5, 0.5], [0.5, 0.5]]


@pytest.mark.parametrize("fault", ["429", "500", "hang", "broken_json"])
def test_a_call_that_fails_is_sent_again_and_each_time_is_on_the_ledger(store, provider, recorded_run, judge, fault):
    provider.reply = WELL
    provider.fault = lambda body, before: fault if len(provider.seen) == 1 else None
    run = recorded_run("yes", timeout_s=0.4)
    assert judge(run, concurrency=1).graded == 2
    ledger = store.attempts.frame(run.id)
    assert len(ledger) == len(provider.seen) == 3
    assert ledger["counted_usd"].sum() >= provider.billed_usd - 1e-12


def test_a_judge_that_refuses_leaves_the_answer_unscored_with_its_words(store, provider, recorded_run, judge):
    provider.fault = lambda body, before: "400"
    run = recorded_run("yes")
    assert judge(run).unscored == 2
    assert store.grades.frame(run.id)["reason"].str.contains("HTTP 400").all()


@pytest.mark.parametrize("fault", ["null_content", "no_choices", "cut_off"])
def test_an_odd_reply_is_unscored(store, provider, recorded_run, judge, fault):
    provider.fault = lambda body, before: fault
    run = recorded_run("yes")
    assert judge(run).unscored == 2 and store.grades.frame(run.id)["value"].isna().all()


def test_a_refused_key_stops_and_the_answers_stay_open(store, provider, recorded_run, judge, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-canary-0123456789abcdef")
    provider.fault = lambda body, before: "401"
    run = recorded_run(*["yes"] * 10)
    count = judge(run, api_key_env="JUDGE_KEY", concurrency=2)
    assert count.open == 20 and "JUDGE_KEY" in count.note and len(provider.seen) <= 6
    assert len(store.grades.frame(run.id)) == 0
    assert "canary" not in json.dumps([count.note, store.attempts.frame(run.id)["error"].tolist()])
    provider.fault, provider.reply = (lambda body, before: None), WELL
    assert judge(run, api_key_env="JUDGE_KEY").graded == 20


def test_the_budget_counts_answers_and_grades_together(store, provider, recorded_run, judge):
    provider.reply = WELL
    run = recorded_run(*["yes"] * 120)
    cap = 0.24 + 0.006
    count = judge(run, budget_usd=cap, max_tokens=100)
    assert count.open > 0 and "budget" in count.note
    assert count.graded and 0.24 + provider.billed_usd <= cap
    ended = judge(run, budget_usd=10.0, max_tokens=100)
    assert ended.graded + count.graded == 240 == len(provider.seen)


def test_the_days_cap_holds_for_judges(store, provider, recorded_run, judge, monkeypatch):
    monkeypatch.setenv("TIERWISE_DAILY_CAP_USD", "0.005")
    provider.reply = WELL
    run = recorded_run(*["yes"] * 20)
    count = judge(run)
    assert count.open > 0 and "day's cap" in count.note and provider.billed_usd <= 0.005


def test_cancelled_it_stops_and_goes_on_later(store, provider, recorded_run, judge):
    provider.reply, provider.delay_s = WELL, 0.05
    run, stop = recorded_run(*["yes"] * 50), Stop()
    threading.Timer(0.6, stop.cancel).start()
    count = judge(run, stop=stop, concurrency=4)
    assert 0 < count.graded < 100 and count.open == 100 - count.graded
    provider.delay_s = 0
    assert judge(run).graded == count.open
    assert len(store.grades.frame(run.id)) == 100
    assert len(provider.seen) <= 104, "at most the calls under way were sent again"


def test_two_at_once_are_refused_and_not_paid_twice(store, provider, recorded_run, judge):
    provider.reply, provider.delay_s = WELL, 0.1
    run = recorded_run(*["yes"] * 5)
    going = threading.Thread(target=judge, args=(run,))
    going.start()
    while not provider.seen:
        pass
    with pytest.raises(NotReady, match="already"):
        judge(run)
    going.join()
    assert len(provider.seen) == 10


@pytest.mark.parametrize(("options", "says"), [
    ({"model": ""}, "which model judges"), ({"model": "sim/large"}, "cannot grade"),
    ({"model": "openai/x", "api_base": None}, "No key in OPENAI"),
    ({"rubric": "  "}, "rubric"), ({"levels": "good"}, "levels"), ({"levels": "a=2,b=0"}, "levels"), ({"levels": "a=1"}, "two levels"),
    ({"model": "sk-0123456789abcdefghij"}, "looks like a key"), ({"colour": "red"}, "no option"), ({"max_tokens": "many"}, "whole number"),
    ({"input_per_1m": None, "output_per_1m": None, "budget_usd": 1.0}, "no price")])  # fmt: skip
def test_what_cannot_be_asked_is_told_before_anything_is_sent(store, provider, recorded_run, judge, monkeypatch, options, says):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(BadInput, match=says):
        judge(recorded_run("yes"), **options)
    assert provider.seen == []
    with store._connection.read() as cursor:
        assert cursor.execute("SELECT count(*) FROM scorings").fetchone() == (0,), "what was refused may hold a key, and is not kept"


def test_a_live_run_is_judged_after_its_answers_and_resumes_its_grading(store, provider, monkeypatch):
    base = {"api_base": provider.base, "input_per_1m": IN_PRICE, "output_per_1m": OUT_PRICE}
    provider.reply = lambda body: json.dumps({"explanation": "", "score": 1}) if body["model"] == "judge" else "an answer"
    options = {"model": "openai/judge", **base}
    params = {"scorer": "llm_judge", "scorer_options": options}
    planned = create_run(store, keep_prompts(store, 5), [Tier("small", "openai/small", **base)], params=params)
    provider.fault = lambda body, before: "401" if body["model"] == "judge" else None
    run = execute(store, planned.id)
    assert run.status == "stopped" and "key was refused" in run.note and len(store.runs.outcomes(run.id)) == 5
    provider.fault = lambda body, before: None
    assert execute(store, planned.id).status == "done"
    assert matrix(store, planned.id).quality.tolist() == [[1.0]] * 5
    seen = store.runs.progress(planned.id)
    assert seen.spent_usd == pytest.approx(5 * BILL) and seen.grading_usd == pytest.approx(5 * BILL)


def test_pairs_are_shown_in_both_orders_and_an_order_that_decides_is_a_tie(store, provider, recorded_run, judge):
    def longer(body):
        data = data_of(body)
        return {"explanation": "", "better": "first" if len(data["first"]) > len(data["second"]) else "second"}

    provider.reply = lambda body: json.dumps(longer(body))
    run = recorded_run(("a long answer", "short"), ("short", "a long answer"), ("the same", "the same"), ("alone", None))
    assert judge(run, "pairwise_judge").unscored == 2
    assert len(provider.seen) == 4, "two for each pair that differs, none for the tier compared with"
    found = matrix(store, run.id, "pairwise_judge")
    assert found.quality[:3].tolist() == [[1.0, 0.5], [0.0, 0.5], [0.5, 0.5]]
    provider.reply = scripted({"explanation": "it came first", "better": "first"})
    judge(run, "pairwise_judge", rubric="other")
    assert matrix(store, run.id, 'pairwise_judge(model="openai/judge-model", api_base=' + json.dumps(provider.base) + ', rubric="other")'
                  ).quality[:3].tolist() == [[0.5, 0.5]] * 3  # fmt: skip
    assert store.grades.frame(run.id)["explanation"].str.contains("better when shown first, worse when shown second").sum() == 2


@pytest.mark.parametrize(("rule", "values"), [("mean", [0.4, 0.6]), ("majority", [0.0, 1.0])])
def test_a_panel_keeps_each_verdict_and_makes_one_of_them(store, provider, recorded_run, judge, rule, values):
    def reply(body):
        right = data_of(body)["answer"] == "yes"
        given = {"strict": (0.0, 0.4), "fair": (0.2, 0.6), "kind": (1.0, 0.8)}[body["model"]][right]
        return json.dumps({"explanation": "", "score": given})

    provider.reply = reply
    run = recorded_run("no", "yes")
    names = ["openai/strict", "openai/fair", "openai/kind"]
    count = judge(run, "judge_panel", model=None, models=", ".join(names), rule=rule)
    assert (count.graded, len(provider.seen)) == (4, 12)
    assert matrix(store, run.id, "judge_panel").quality[:, 0] == pytest.approx(values)
    grades = store.grades.frame(run.id)
    assert grades["scorer"].str.startswith("llm_judge(").sum() == 12, "each judge's own grades stay"
    judge(run, "llm_judge", model=names[0])
    assert len(provider.seen) == 12, "and count for the judge alone"


def test_a_panel_that_mostly_said_nothing_says_nothing(store, provider, recorded_run, judge):
    provider.reply = lambda body: json.dumps({"explanation": "", "score": 1}) if body["model"] == "a" else "no idea"
    run = recorded_run("no")
    assert judge(run, "judge_panel", model=None, models="openai/a,openai/b").unscored == 2
    assert store.grades.frame(run.id).query("scorer.str.startswith('judge_panel')")["reason"].str.contains("1 of 2 judges").all()


@pytest.mark.parametrize(("model", "maker"), [
    ("gpt-5", "openai"), ("openrouter/openai/gpt-4o", "openai"), ("azure/gpt-4o-mini", "openai"), ("o3-mini", "openai"),
    ("claude-opus-4", "anthropic"), ("bedrock/anthropic.claude-3-haiku", "anthropic"), ("vertex_ai/gemini-2.5-pro", "google"),
    ("openrouter/meta-llama/llama-3-70b", "meta"), ("together_ai/Qwen/Qwen2.5-72B", "alibaba"),
    ("mistral/open-mixtral-8x7b", "mistral"), ("ft:gpt-4o:acme", "openai"), ("openai/house", "openai"),
    ("hosted_vllm/our-own", "our-own")])  # fmt: skip
def test_families_go_by_the_maker_and_not_by_who_serves(model, maker):
    assert family(model) == maker


def test_a_judge_of_the_same_family_is_called_out():
    tiers = [Tier("small", "openai/gpt-5-mini"), Tier("large", "anthropic/claude-opus-4")]
    assert "small" in own_family([Tier("judge", "azure/gpt-5")], tiers)
    assert own_family([Tier("judge", "gemini/gemini-2.5-pro")], tiers) is None


def test_the_estimate_counts_what_is_open_and_holds_what_is_paid(store, provider, recorded_run, judge):
    provider.reply = WELL
    run = recorded_run("yes", None, "no")
    options = {"model": "openai/judge-model", "api_base": provider.base, "input_per_1m": 1.0, "output_per_1m": 4.0}
    scorer = SCORERS["llm_judge"]
    before = estimate_grading(store, run, scorer, options)
    assert before.calls == 4 and before.low_usd < before.usd < before.high_usd
    judge(run)
    assert estimate_grading(store, run, scorer, options).calls == 0
    evalset = store.evalsets.get(run.evalset_id)
    assert estimate_ahead(evalset, run.tiers, 2, scorer, options).calls == 12
    panel = {"models": "openai/a,openai/b", "api_base": provider.base}
    assert estimate_grading(store, run, SCORERS["judge_panel"], panel).calls == 8
    assert estimate_grading(store, run, SCORERS["judge_panel"], panel).unpriced == ("openai/a", "openai/b")
    with pytest.raises(BadInput, match="at least two"):
        check_judges(SCORERS["judge_panel"], {"models": "openai/a"})


def test_the_ledger_that_cannot_be_written_ends_everything(store, provider, recorded_run, judge, monkeypatch):
    provider.reply = WELL
    run = recorded_run(*["yes"] * 20)
    monkeypatch.setattr(store.attempts, "commit", lambda *_, **__: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        judge(run)
    assert provider.seen == []


def test_an_answer_by_itself_cannot_be_judged(store, recorded_run):
    run = recorded_run("yes")
    assert apply_scorer(store, run.id, "exact").graded == 2
    sample = store.evalsets.get(run.evalset_id).samples[0]
    assert SCORERS["llm_judge"]("yes", sample).value is None


def test_half_a_surrogate_pair_from_a_model_is_kept_as_text(store, provider, recorded_run, judge):
    provider.reply = lambda body: '{"explanation": "\\ud800 well", "score": 1}'
    run = recorded_run("yes")
    assert judge(run).graded == 2 and store.grades.frame(run.id)["explanation"].tolist() == ["? well"] * 2
    provider.reply = lambda body: "an answer \ud800"
    made = create_run(store, keep_prompts(store, 2), [Tier("small", "openai/small", provider.base)], params={"scorer": "exact"})
    assert execute(store, made.id).status == "done"
    assert store.runs.outcomes(made.id)["output"].tolist() == ["an answer ?"] * 2
