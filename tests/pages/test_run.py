"""The estimate stands before the button; the run goes on without the page; finished, it leads to Tune."""

import time

import pytest

from tests.pages.conftest import App, app_query


@pytest.fixture
def ready(app: App) -> App:
    from tierwise.evalsets import load_shipped
    from tierwise.ui import state

    app.open()
    info = state.store().evalsets.add(load_shipped("reasoning"))
    app.open("run", set=info.id)
    return app


def test_the_price_is_known_before_the_start(ready: App):
    assert ready.metric("Calls").replace(",", "").isdigit()
    assert ready.metric("Cost") == "$0"
    assert ready.primary() == ["Start the run"]


def test_a_run_ends_at_tune(ready: App):
    from tierwise.ui import state

    at = ready.click("start")
    run_id = app_query(at, "run")
    for _ in range(100):
        if not state.run_queue().is_running(run_id):
            break
        time.sleep(0.1)
    at = ready.run()
    assert state.store().runs.get(run_id).status == "done"
    assert ready.primary() == ["Tune"]
    ready.click("to_tune")
    assert [h.value for h in ready.at.header] == ["Tune"]


def test_a_live_ladder_asks_for_its_key_and_a_price(ready: App, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    ready.at.segmented_control(key="ladder").set_value("openai")
    at = ready.run()
    assert "Key missing" in ready.badges()
    assert any("OPENAI_API_KEY" in t.value for t in at.text)
    assert ready.metric("Cost").startswith("about $")


def test_two_tiers_of_one_name_are_refused_in_words(ready: App):
    ready.at.session_state["tiers_simulated"] = {"edited_rows": {1: {"tier": "small"}}, "added_rows": [], "deleted_rows": []}
    at = ready.run()
    assert any("called 'small'" in t.value for t in at.text)
    assert ready.primary() == []


def test_failed_calls_are_sent_again_and_nothing_else(app: App):
    from tests.runs.provider import IN_PRICE, OUT_PRICE, Provider
    from tierwise.runs.plan import create_run
    from tierwise.types import EvalSet, Sample, Tier
    from tierwise.ui import state

    app.open()
    samples = tuple(Sample(f"s{i}", f"prompt {i}", f"answer to prompt {i}") for i in range(8))
    evalset = state.store().evalsets.add(EvalSet("again0000000", "again", "again", samples))
    with Provider(fault=lambda body, before: "400" if before < 1 and body["messages"][-1]["content"] == "prompt 3" else None) as provider:
        tier = Tier("small", "openai/small-model", provider.base, input_per_1m=IN_PRICE, output_per_1m=OUT_PRICE)
        first = create_run(state.store(), evalset.id, [tier], params={"scorer": "exact"})
        state.run_queue().start(first.id)
        state.run_queue().wait(first.id, 60)
        app.open("run", run=first.id)
        app.click("again")
        second = state.store().runs.list()[0]
        state.run_queue().wait(second.id, 60)
        assert len(provider.seen) == 9
    assert second.id != first.id and state.store().runs.progress(second.id).failed == 0
    assert state.store().runs.progress(second.id).reused == 7


def test_a_link_to_a_run_opens_with_its_prompts(ready: App):
    from tierwise.runs.plan import create_run
    from tierwise.simulation.simulator import ladder
    from tierwise.ui import state

    evalset_id = app_query(ready.at, "set")
    run = create_run(state.store(), evalset_id, ladder())
    state.run_queue().start(run.id)
    state.run_queue().wait(run.id, 60)
    fresh = App()
    at = fresh.open("run", run=run.id)
    assert at.selectbox(key="set_choice").value == evalset_id
    assert fresh.primary() == ["Tune"]
