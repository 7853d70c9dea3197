"""Watching a saved policy from the Export screen."""

import json

import pytest

from tests.pages.conftest import App
from tests.policies import SPECS, a_policy
from tierwise.importers.recorded import import_results
from tierwise.ui import who


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


def test_learning_policies_are_replayed_once_and_read_at_any_volume(filled_app: App, monkeypatch):
    calls = []
    from tierwise.adaptive import replay

    monkeypatch.setattr("tierwise.adaptive.replay", lambda *a, **k: calls.append(k) or replay(*a, **k))
    filled_app.open("tune")
    filled_app.click("save")
    filled_app.open("export")
    filled_app.at.session_state["watch"] = "Learning policies"
    filled_app.run()
    assert not calls, "nothing is replayed before it is asked for"
    filled_app.click("replay_go")
    table = next(d.value for d in filled_app.at.dataframe if "explores" in d.value)
    assert list(table["line"]) == list("ABCDEFG") and table["policy"][0] == "Static"
    assert len(filled_app.at.get("vega_lite_chart")) == 1
    pairs, drop = filled_app.metric("Pairs a day"), filled_app.metric("Drop seen after")
    filled_app.at.number_input(key="watch_volume").set_value(1_000_000)
    filled_app.run()
    assert float(filled_app.metric("Pairs a day").replace(",", "")) > 50 * float(pairs.replace(",", ""))
    assert filled_app.metric("Drop seen after") != drop
    assert len(calls) == 1, "a redraw reads what is kept"
    assert calls[0]["change"].quality == -0.25 and calls[0]["most"] == 3000

    filled_app.at.selectbox(key="replay_tier").set_value("")
    filled_app.at.multiselect(key="replay_policies").set_value(["greedy:cold:forget"])
    filled_app.at.number_input(key="replay_budget").set_value(60.0)
    filled_app.run()
    assert len(calls) == 1 and any("settings have changed" in c.value for c in filled_app.at.caption)
    filled_app.click("replay_go")
    kind, start, options = calls[1]["policies"][0]
    assert (kind, start) == ("greedy", "cold") and options["forget"] ** 350 == pytest.approx(0.5)
    assert calls[1]["change"] is None and calls[1]["budget"] == 0.6
    assert "Drop seen after" not in [m.label for m in filled_app.at.metric]


def test_a_policy_that_cannot_be_watched_can_still_be_taken_away(filled_app: App):
    """Its plan is refused in its own box; the files beside it stand."""
    filled_app.open("tune")
    filled_app.at.number_input(key="points").set_value(0.0)
    filled_app.run()
    for key in ("t1", "t2"):
        filled_app.at.slider(key=key).set_value(0.0)
    filled_app.run()
    filled_app.click("save")
    filled_app.open("export")
    assert "Not ready yet" in filled_app.badges()
    assert "Download" in [b.label for b in filled_app.buttons()]


def test_pairs_that_were_graded_as_a_run_are_read_and_a_policy_from_elsewhere_is_not_replayed(empty_app: App):
    rows = [{"sample_id": str(i), "prompt": f"p{i}", "time": f"2026-11-{1 + i % 20:02d}", "served_output": "a", "frontier_output": "b",
             "served_score": 0, "frontier_score": 1} for i in range(60)]  # fmt: skip
    who.whole().policies.add(a_policy(3, SPECS["table"]))
    run = import_results(who.whole(), "\n".join(map(json.dumps, rows)).encode(), "pairs.jsonl", "pairs", ["served", "frontier"])
    empty_app.at.session_state["watch"] = "Shadow pairs"
    empty_app.open("export")
    next(s for s in empty_app.at.selectbox if s.label == "Graded run of pairs").set_value(run.id)
    empty_app.run()
    assert "Tune again" in empty_app.badges() and any("over 60 pairs" in t.value for t in empty_app.at.text)
    empty_app.at.session_state["watch"] = "Learning policies"
    empty_app.run()
    assert any("not in this workspace" in c.value for c in empty_app.at.caption)
