"""The Run screen with a scorer that asks models: its card, its price, its own family."""

import json
import threading
import time

import pytest

from tests.judging.judges import scripted
from tests.pages.conftest import App, app_query
from tests.runs.provider import Provider
from tierwise.scorers import SCORERS, ragas


@pytest.fixture
def ready(app: App) -> App:
    from tierwise.evalsets import load_shipped
    from tierwise.ui import state

    app.open()
    app.open("run", set=state.store().evalsets.add(load_shipped("reasoning")).id)
    return app


def choose(app: App, scorer: str, **options: object):
    app.at.selectbox(key="scorer").set_value(scorer)
    at = app.run()
    for name, value in options.items():
        kind = at.number_input if isinstance(value, float) else at.text_area if name == "rubric" else at.text_input
        kind(key=f"option_{scorer}_{name}").set_value(value)
    return app.run()


def told(at) -> str:
    return "\n".join(x.value for x in (*at.caption, *at.text)).replace("\\$", "$")


def test_every_scorer_shows_what_it_needs_and_costs(ready: App):
    for name in ("exact", "semantic", "judge_panel", "ragas_faithfulness"):
        assert SCORERS[name].needs in told(choose(ready, name))


def test_a_judge_without_a_model_asks_for_one_and_a_named_one_has_a_price(ready: App):
    assert "Say which model judges" in told(choose(ready, "llm_judge"))
    shown = told(choose(ready, "llm_judge", model="openai/judge", input_per_1m=1.0, output_per_1m=4.0))
    assert "calls to a judge, about $" in shown


def test_ragas_that_cannot_be_used_says_why(ready: App, monkeypatch):
    monkeypatch.setattr(ragas, "_broken", ["ragas could not be loaded (ImportError: no)."])
    assert "This scorer is off: ragas could not be loaded" in told(choose(ready, "ragas_rouge"))


def test_a_run_is_graded_by_its_judge_and_tells_what_that_cost(ready: App):
    from tierwise.ui import state

    with Provider(reply=scripted({"explanation": "", "score": 0.5})) as judge:
        options = {"model": "openai/judge", "api_base": judge.base, "input_per_1m": 1.0, "output_per_1m": 4.0, "rubric": "Is it short?"}
        choose(ready, "llm_judge", **options)
        run_id = app_query(ready.click("start"), "run")
        for _ in range(300):
            if not state.run_queue().is_running(run_id):
                break
            time.sleep(0.1)
        at = ready.run()
        assert state.store().runs.get(run_id).status == "done" and "Grading cost $" in told(at)
        assert "Is it short?" in judge.seen[0].body["messages"][0]["content"]
        assert state.store().runs.progress(run_id).grading_usd == pytest.approx(judge.billed_usd)


def test_the_card_tells_how_many_answers_are_graded_while_a_judge_works(ready: App):
    from tierwise.ui import state

    first, gate = iter(range(10)), threading.Event()

    def slow(body: dict) -> str:
        if next(first, None) is None:
            gate.wait(20)
        return json.dumps({"explanation": "", "score": 0.5})

    def bars(at) -> list[str]:
        return [bar.proto.text for bar in at.get("progress")]

    with Provider(reply=slow) as judge:
        choose(ready, "llm_judge", model="openai/judge", api_base=judge.base, input_per_1m=1.0, output_per_1m=4.0)
        run_id = app_query(ready.click("start"), "run")
        queue = state.run_queue()
        for _ in range(150):
            if (queue.progress(run_id).graded or 0) >= 10:
                break
            time.sleep(0.1)
        p = queue.progress(run_id)
        assert p.graded == 10 and p.done == p.total
        at = ready.run()
        gate.set()
        queue.wait(run_id, 60)
        assert f"{p.graded:,} of {p.total:,} answers graded" in bars(at)
        assert bars(at)[0].startswith(f"{p.total:,} of {p.total:,} answers")
        assert not any("graded" in text for text in bars(ready.run())) and queue.progress(run_id).graded is None
