"""Each provider and gateway has its ladder and its steps; a test call says what it found; the ladder goes over to Run."""

import pytest

from tests.pages.conftest import App
from tests.runs.provider import Provider
from tierwise.endpoints.presets import ENDPOINTS


@pytest.mark.parametrize("name", list(ENDPOINTS))
def test_every_preset_opens_with_its_steps(empty_app: App, name):
    at = empty_app.open("models", endpoint=name)
    said = [t.value for t in at.text]
    assert all(any(step in t for t in said) for step in ENDPOINTS[name].steps)
    assert empty_app.primary() == ["Use in a run"]


def edited(provider: Provider, rows: int = 2, **cells) -> dict:
    return {"edited_rows": {i: {"endpoint": provider.base, "model": f"openai/model-{i}", "key is in": None, "$ in": 1.0, "$ out": 4.0} | cells for i in range(rows)},
            "added_rows": [], "deleted_rows": []}  # fmt: skip


def test_a_test_call_says_what_works(empty_app: App):
    with Provider() as provider:
        at = empty_app.open("models", endpoint="compatible")
        at.session_state["models_compatible"] = edited(provider)
        empty_app.run()
        empty_app.click("test")
        assert empty_app.badges().count("Works") == 2
        assert len(provider.seen) == 2


def test_a_test_call_says_what_does_not(empty_app: App):
    with Provider(fault=lambda body, before: "404") as provider:
        at = empty_app.open("models", endpoint="compatible")
        at.session_state["models_compatible"] = edited(provider)
        empty_app.run()
        empty_app.click("test")
    assert empty_app.badges().count("Does not work") == 2
    assert any("does not know the model" in t.value for t in empty_app.at.text)


def test_the_ladder_goes_over_to_run_with_its_settings(empty_app: App):
    with Provider() as provider:
        from tierwise.evalsets import load_shipped
        from tierwise.ui import state

        empty_app.open()
        info = state.store().evalsets.add(load_shipped("reasoning"))
        at = empty_app.open("models", endpoint="vllm", set=info.id)
        at.session_state["models_vllm"] = edited(provider, settings='{"temperature": 0, "max_tokens": 8}')
        empty_app.run()
        at = empty_app.click("use")
        assert [h.value for h in at.header] == ["Run"]
        at = empty_app.open("run", set=info.id)
        assert at.segmented_control(key="ladder").value == "vllm"
        assert empty_app.metric("Calls") == "100"
        at = empty_app.click("start")
        run = state.store().runs.list()[0]
        state.run_queue().wait(run.id, 60)
        run = state.store().runs.get(run.id)
    assert run.status == "done" and run.kind == "live" and len(provider.seen) == 100
    assert provider.seen[0].body["max_tokens"] == 8 and provider.seen[0].body["temperature"] == 0
    at = empty_app.open("ledger", run=run.id)
    assert empty_app.metric("Requests") == "100"
    assert empty_app.metric("Paid") == "\\$0.0030"
    assert at.dataframe[0].value["requests"].tolist() == [50, 50]


@pytest.mark.parametrize(("settings", "says"), [("{temperature: 0}", "not JSON"), ("[1]", "write its settings as"), ('{"rpm": "many"}', "rpm should be a number"),
                                                ('{"api_key": "sk-0123456789abcdef"}', "environment variable instead")])  # fmt: skip
def test_settings_that_cannot_be_used_are_refused_in_words(empty_app: App, settings, says):
    at = empty_app.open("models", endpoint="openai")
    at.session_state["models_openai"] = {"edited_rows": {0: {"settings": settings}}, "added_rows": [], "deleted_rows": []}
    at = empty_app.run()
    assert any(says in t.value for t in at.text)
