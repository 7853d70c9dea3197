"""A saved policy shows what it does: a prompt decided, an outage walked through, a gateway asked."""

import pytest

from tests.pages.conftest import App
from tests.runs.provider import Provider
from tierwise.ui import packing, state


@pytest.fixture
def export(filled_app: App) -> App:
    filled_app.open("tune")
    filled_app.click("save")
    policy = state.store().policies.list()[0]
    filled_app.open("export", policy=policy.id)
    return filled_app


def choose(app: App, view: str):
    app.at.segmented_control(key="proof").set_value(view)
    return app.run()


def test_a_prompt_is_decided_with_its_reason(export: App):
    policy = state.store().policies.list()[0]
    export.at.text_area(key=f"try_{policy.id}").set_value("Prove step by step that the sum of two odd numbers is even.")
    at = export.run()
    said = [t.value for t in at.text]
    from tierwise.policy import route

    wanted = route(policy, {"prompt": "Prove step by step that the sum of two odd numbers is even."})
    assert wanted.tier in said and any(wanted.why in t for t in said)
    last = policy.document["thresholds"][-1]["tier"]
    assert any(t.startswith("Thresholds: ") and t.endswith(f"else {last}") for t in said)

    picker = at.selectbox(key=f"pick_{policy.id}")
    picker.set_value(state.store().evalsets.get(state.store().runs.get(policy.run_id).evalset_id).samples[3].id)
    at = export.run()
    picked = packing.samples(policy)[3].chat()[-1]["content"]
    assert at.text_area(key=f"try_{policy.id}").value == picked
    decided = route(policy, {"prompt": picked})
    assert any(decided.why in t.value for t in at.text)


def test_an_outage_is_walked_through(export: App):
    choose(export, "If a provider fails")
    assert export.metric("Still answered").endswith("%")
    assert int(export.metric("Lost").replace(",", "")) >= 0


def test_a_gateway_is_asked_and_what_goes_elsewhere_is_shown(export: App):
    policy = state.store().policies.list()[0]
    with Provider() as gateway:  # answers under the name it is asked for, so no tier can be told
        choose(export, "Check a gateway")
        export.at.text_input(key="gateway_url").set_value(gateway.base)
        export.at.number_input(key="gateway_n").set_value(5)
        next(b for b in export.at.button if b.label == "Ask it").click()
        at = export.run()
        assert len(gateway.seen) == 5
    assert any("do not tell which tier" in t.value for t in at.text)
    assert policy.id


def test_a_gateway_that_is_not_there_is_said(export: App):
    choose(export, "Check a gateway")
    export.at.text_input(key="gateway_url").set_value("http://127.0.0.1:9/v1")
    next(b for b in export.at.button if b.label == "Ask it").click()
    at = export.run()
    assert any("does not answer" in t.value for t in at.text)
