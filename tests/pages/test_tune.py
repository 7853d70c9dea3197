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
    kept = next(m for m in tune.at.metric if m.label == "Quality kept")
    assert "pts" in kept.delta and "[" in kept.delta and "held-out" in kept.delta and "n = " in kept.help
    told = next(c.value for c in tune.at.caption if c.value.startswith("Held-out:"))
    assert float(told.split("looks like ")[1].split(" pts")[0].replace("−", "-")) >= -2.0, "as seen it keeps the aim"
    in_words = next(m.value for m in tune.at.markdown if m.value.startswith("**Held-out:**"))
    assert f"loses {kept.delta.split()[0].lstrip('−')} points" in in_words, "the card and the evidence say the same"
    tune.at.slider(key="t2").set_value(1.0)
    tune.run()
    kept = next(m for m in tune.at.metric if m.label == "Quality kept")
    assert "as seen" in kept.delta and told not in [c.value for c in tune.at.caption]
    assert any(c.value.startswith("Moved by hand") for c in tune.at.caption)
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
    tune.at.segmented_control(key="aim").set_value("Budget")
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
    from tierwise.ui import question, readings, state

    run = state.graded_runs()[0]
    promise = readings.tuning(question.of(run)).certificate
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


def solved(**more):
    from tierwise.ui import question, readings, state

    return readings.tuning(question.of(state.graded_runs()[0], **more))


def by_type(app: App):
    columns = {"against top tier", "request type"}
    return next(d.value for d in app.at.dataframe if columns <= set(d.value.columns)).set_index("request type")


def test_a_cascade_is_chosen_tuned_and_saved(tune: App):
    tune.at.segmented_control(key="way").set_value("Cascade")
    at = tune.run()
    assert solved(router="cascade").cascade.calls == ("small", "medium")
    options = at.selectbox(key="cascade").options
    assert options[0] == "Best measured here" and "small and medium, if they agree" in options
    texts = [t.value for t in at.text]
    assert "large at once, from" in texts and "Keep medium's answer, below" in texts
    assert any("every call of the chain counted" in c.value for c in at.caption)
    at.slider(key="t1").set_value(0.0)
    tune.run()
    assert tune.metric("Sent to the top tier") == "100 %" and tune.metric("Quality kept") == "100.0 %"
    top = max(at.slider(key="t1").max, at.slider(key="t2").max)
    at.slider(key="t1").set_value(top)
    at.slider(key="t2").set_value(top)
    tune.run()
    assert tune.metric("Sent to the top tier") == "0 %"
    at.slider(key="t2").set_value(0.0)
    tune.run()
    assert (at.slider(key="t1").value, at.slider(key="t2").value) == (top, 0.0)
    assert tune.metric("Quality kept") == "100.0 %" and tune.metric("Cost per 1,000 requests") > "0"
    tune.click("reset")
    tune.click("save")
    from tierwise.ui import state

    document = state.store().policies.list()[0].document
    assert document["cascade"]["calls"] == ["small", "medium"] and "ci95" in document["expected"]["saving"]


def test_pins_and_floors_hold_and_go_into_the_policy(filled_app: App):
    link = json.dumps({"floors": {"extraction": 0.9}, "pins": {"classification": "large", "nonsense": "nobody"}})
    at = filled_app.open("tune", by_type=link)
    from tierwise.tuning.terms import Terms
    from tierwise.ui import state

    row = by_type(filled_app).loc["classification"]
    assert row["large"] == pytest.approx(100) and row["saving"] == pytest.approx(0)
    assert "1 request type pinned" in filled_app.badges()
    for key in ("t1", "t2"):
        at.slider(key=key).set_value(at.slider(key=key).max)
    filled_app.run()
    assert by_type(filled_app).loc["classification", "large"] == pytest.approx(100) and by_type(filled_app).loc["code", "large"] == 0
    filled_app.click("reset")
    filled_app.click("save")
    document = state.store().policies.list()[0].document
    assert Terms.of_policy(document).pins == (("classification", "large"),)
    assert document["provenance"]["aim"]["min_quality_by_type"] == {"extraction": 0.9}


def test_value_latency_and_the_routers_own_cost_are_aims_and_figures(tune: App):
    before = tune.metric("Cost per 1,000 requests")
    tune.at.segmented_control(key="aim").set_value("Value")
    tune.run()
    tune.at.number_input(key="wrong").set_value(0.0)
    tune.run()
    assert tune.metric("Sent to the top tier") == "0 %"
    tune.at.number_input(key="wrong").set_value(100.0)
    tune.run()
    assert tune.metric("Sent to the top tier") != "0 %"
    tune.at.segmented_control(key="aim").set_value("Loss")
    tune.at.number_input(key="router_usd").set_value(0.05)
    tune.at.number_input(key="router_ms").set_value(500.0)
    tune.run()
    assert tune.metric("Cost per 1,000 requests") != before
    tune.at.number_input(key="p95").set_value(0.001)
    at = tune.run()
    assert any("latency" in t.value for t in at.text)


def test_figures_are_weighed_by_a_traffic_log_and_the_policy_says_so(app: App):
    from tierwise.traffic import profile_of_counts
    from tierwise.ui import state

    kept = profile_of_counts({"contract_qa": 9000, "classification": 500, "poetry": 500}, "night shift")
    state.store().traffic.add(kept)
    app.open("tune")
    before = app.metric("Cost per 1,000 requests")
    app.at.selectbox(key="traffic").set_value(kept.id)
    at = app.run()
    assert app.metric("Cost per 1,000 requests") != before
    assert at.number_input(key="volume").value == 10_000
    told = " ".join([*(t.value for t in at.text), *(c.value for c in at.code)])
    assert "night shift" in told and "count as" in told and "5% of its requests are of types without a prompt" in told
    assert any("A month of this traffic" in m.value for m in at.markdown)
    app.click("save")
    traffic = state.store().policies.list()[0].document["provenance"]["traffic"]
    assert traffic["name"] == "night shift" and traffic["unmatched_share"] == pytest.approx(0.05)


def test_next_steps_do_what_they_say(tune: App):
    at = tune.at
    assert any(m.value == "**What would make it better**" for m in at.markdown)
    tune.click("step_ladders")
    tune.click("step_ladder")
    assert len(at.session_state["ladder"]) == 2 and len(at.slider) == 1
    tune.click("step_all_tiers")
    assert len(at.slider) == 2
    tune.click("step_people")
    assert [h.value for h in at.header] == ["Grade"]


def test_what_can_be_promised_is_told_by_loss(tune: App):
    frame = next(d.value for d in tune.at.dataframe if "can be promised" in d.value.columns)
    assert list(frame["loss of at most"]) == ["1 point", "2 points", "3 points", "5 points"]
    promise = solved().certificate
    assert frame["can be promised"][1] == (f"saving {promise.saving:.0%}" if promise.status == "certified" else "nothing yet")


def test_groups_of_prompts_are_told(tune: App):
    tuning = solved()
    assert any(f"n = {tuning.n:,} in {tuning.certificate.units:,} groups" in m.value for m in tune.at.markdown)
    folds, clusters = tuning.scored.crossed.fold, tuning.matrix.clusters
    assert all(len(set(folds[clusters == c])) == 1 for c in set(clusters))


def test_of_a_very_large_set_some_prompts_are_read_first_and_all_of_them_on_demand(app: App, monkeypatch):
    from tierwise.tuning import drawn

    monkeypatch.setattr(drawn, "MOST", 60)
    app.open("tune", router="table")

    def told() -> tuple[str, bool]:
        held = next(m.value for m in app.at.markdown if "Held-out" in m.value)
        return held.partition("n = ")[2].partition(",")[0].split()[0], any("drawn at random" in t.value for t in app.at.text)

    assert told() == ("60", True)
    app.at.toggle(key="whole").set_value(True)
    app.run()
    assert int(told()[0]) > 150 and not told()[1]
