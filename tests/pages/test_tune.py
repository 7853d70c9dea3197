"""Tune opens solved, its numbers follow its sliders, and its way on is a policy."""

import json

import pytest

from tests.pages.conftest import App


@pytest.fixture
def tune(filled_app: App) -> App:
    filled_app.open("tune")
    return filled_app


def test_it_opens_solved_for_the_default_aim(tune: App):
    assert tune.at.button(key="reset").disabled
    below = next(m for m in tune.at.metric if m.label == "Quality kept").delta
    assert "pts" in below and "n = " in below and "[" in below
    assert float(below.split(" pts")[0].replace("−", "-")) >= -2.0
    assert {m.label for m in tune.at.metric} == {"Quality kept", "Cost per 1,000 requests", "Saved a month", "Sent to the top tier"}
    assert any("Held-out" in m.value for m in tune.at.markdown)
    assert any("Certificate" in m.value for m in tune.at.markdown)


def test_a_slider_moves_the_numbers_and_comes_back(tune: App):
    before = tune.metric("Cost per 1,000 requests")
    boundaries = len(tune.at.slider)
    for i in range(boundaries):
        tune.at.slider(key=f"t{i + 1}").set_value(0.0)
    tune.run()
    assert tune.metric("Quality kept") == "100.0 %"
    assert tune.metric("Sent to the top tier") == "100 %"
    tune.click("reset")
    assert tune.metric("Cost per 1,000 requests") == before


def test_sliders_stay_in_order(tune: App):
    tune.at.slider(key="t1").set_value(1.0)
    at = tune.run()
    assert at.slider(key="t2").value >= at.slider(key="t1").value


def test_another_aim_is_another_point(tune: App):
    before = tune.metric("Cost per 1,000 requests")
    tune.at.number_input(key="points").set_value(30.0)
    tune.run()
    assert tune.metric("Cost per 1,000 requests") != before
    assert tune.at.button(key="reset").disabled


def test_best_under_a_price(tune: App):
    tune.at.segmented_control(key="aim").set_value("Spend at most")
    at = tune.run()
    dollars = at.number_input(key="dollars").value
    assert float(tune.metric("Cost per 1,000 requests").replace("\\$", "")) <= dollars * 1.01


def test_a_link_reopens_its_thresholds(filled_app: App):
    at = filled_app.open("tune", t1="0.25", t2="0.75")
    assert (at.slider(key="t1").value, at.slider(key="t2").value) == (0.25, 0.75)


def test_the_monthly_saving_follows_the_volume(tune: App):
    tune.at.number_input(key="volume").set_value(0)
    tune.run()
    assert tune.metric("Saved a month") == "\\$0"


def test_reading_a_prompt_opens_its_answers(tune: App):
    frame = tune.at.dataframe[-1].value
    assert list(frame["change"]) == sorted(frame["change"])
    matrix_ids = tune.at.session_state["offered"]
    assert matrix_ids
    from tierwise.ui import readings, state

    run = state.graded_runs()[0]
    tune.at.session_state["flips_open"] = readings.matrix(run).samples[0].id
    at = tune.run()
    shown = " ".join(c.value for c in at.code)
    assert readings.matrix(run).samples[0].reference in shown


def test_a_click_on_the_chart_moves_the_sliders(tune: App):
    offered = tune.at.session_state["offered"]
    from tierwise.ui import solver

    wanted = offered[len(offered) // 2]
    chart = tune.at.get("vega_lite_chart")[0].proto
    assert json.loads(chart.spec)["params"][-1]["name"] == "pick"
    assert solver.CHART == "frontier" and len(wanted) == len(tune.at.slider)


def test_saving_leads_to_the_file(tune: App):
    tune.click("save")
    assert [h.value for h in tune.at.header] == ["Export"]
    assert tune.primary() == ["Download"]
    assert "Simulated" in tune.badges()
    assert "100 %" in tune.badges()


def test_the_certified_point_is_saved_with_its_promise(tune: App):
    from tierwise.ui import readings, state

    run = state.graded_runs()[0]
    promise = readings.tuning(run.id, state.store().runs.version(run.id), "auto", ("max_loss", 0.02)).certificate
    if promise.status != "certified":
        pytest.skip("nothing is certified on the working example")
    tune.click("certified")
    assert tune.at.button(key="certified").disabled and not tune.at.button(key="reset").disabled
    tune.click("save")
    newest = state.store().policies.list()[0]
    assert newest.document["certificate"]["status"] == "certified"
    assert "Certified" in {m.value for m in tune.at.metric if m.label == "Guarantee"}


def test_rules_can_be_edited_and_count(tune: App):
    tune.at.selectbox(key="router").set_value("rules")
    tune.run()
    learned = "\n".join(t.value for t in tune.at.text)
    assert "proof or reasoning: score" in learned
    tune.at.session_state["rules_table"] = {"edited_rows": {0: {"rule": "all of it", "keywords": "the, a", "request types": "code, reasoning"}},
                                            "added_rows": [], "deleted_rows": [1, 2, 3, 4, 5, 6]}  # fmt: skip
    tune.run()
    learned = "\n".join(t.value for t in tune.at.text)
    assert "all of it: score" in learned and "very short" not in learned


def test_a_rule_that_can_never_fit_is_refused_in_words(tune: App):
    tune.at.selectbox(key="router").set_value("rules")
    tune.run()
    tune.at.session_state["rules_table"] = {
        "edited_rows": {5: {"tokens from": 50, "tokens below": 20}},
        "added_rows": [],
        "deleted_rows": [],
    }
    at = tune.run()
    assert any("'very long' can never fit" in t.value for t in at.text)
