"""Watching a saved policy from the Export screen."""

from tests.pages.conftest import App


def test_a_plan_for_shadow_sampling_and_its_place_in_the_policy(filled_app: App):
    filled_app.open("tune")
    filled_app.click("save")
    filled_app.open("export")
    before = filled_app.metric("Pairs a day")
    assert filled_app.metric("Between false alarms").startswith("≥")
    filled_app.at.number_input(key="watch_volume").set_value(100_000)
    filled_app.run()
    assert float(filled_app.metric("Pairs a day").replace(",", "")) > 5 * float(before.replace(",", ""))
    filled_app.click("watch_save")
    assert '"shadow"' in " ".join(j.value for j in filled_app.at.json)


def test_the_traffic_is_compared_with_the_prompts_tuned_on(filled_app: App):
    filled_app.open("tune")
    filled_app.click("save")
    filled_app.open("export")
    filled_app.at.session_state["watch"] = "Traffic"
    filled_app.run()
    filled_app.click("drift_go")
    assert "It holds" in filled_app.badges() or "Look at it" in filled_app.badges()
