"""Traffic: the prompt set's own mix until a log comes in; then what is asked, what it costs, and a month of it."""

import json

import pytest

from tests.pages.conftest import App, app_query
from tests.pages.test_hostile import MARK, PAYLOAD, drawn_unsafely
from tierwise.ui import state

KINDS = ("classification", "extraction", "reasoning", "refund")


def log(n: int = 400, prompts: bool = True) -> bytes:
    rows = ["time,model,team_task,prompt,prompt_tokens,completion_tokens,cost,latency_ms"]
    for i in range(n):
        kind = KINDS[min(i % 10 // 3, 3)]
        prompt = f"{kind} number {i % 300}" if prompts else ""
        rows.append(f"2026-09-{1 + i % 14:02d}T10:{i % 60:02d}:00Z,{'gpt-4o' if i % 3 else 'gpt-4o-mini'},{kind},{prompt},{100 + i},20,"
                    f"{0.001 * (1 + (i % 40 == 0) * 30)},{800 + i}")  # fmt: skip
    return "\n".join(rows).encode()


def give(app: App, name: str, data: bytes) -> None:
    app.at.file_uploader(key="traffic_file").upload(name, data, "text/csv")
    app.run()


@pytest.fixture
def upload(empty_app: App) -> App:
    empty_app.open("traffic", source="Upload a log")
    return empty_app


def test_without_traffic_it_offers_one_way_and_the_story(empty_app: App):
    at = empty_app.open("traffic")
    assert empty_app.primary() == ["Upload a log"]
    assert any("own mix" in s.value for s in at.subheader)
    assert any("not a promise" in c.value for c in at.caption)
    at = empty_app.click("empty")
    assert at.file_uploader(key="traffic_file") is not None


def test_a_log_says_what_it_was_read_as_and_is_kept(upload: App):
    give(upload, "two weeks.csv", log())
    assert any("a plain table" in t.value for t in upload.at.text)
    assert upload.primary() == ["Keep this profile"]
    upload.at.selectbox(key=next(s.key for s in upload.at.selectbox if s.label == "Kind of request")).set_value("team_task")
    upload.run()
    assert set(upload.at.dataframe[0].value["request type"]) == set(KINDS)
    at = upload.click("traffic_save")
    assert upload.metric("Requests a month").replace(",", "").isdigit()
    assert upload.metric("Dearest 5% of requests").endswith("%")
    profile = state.store().traffic.list()[0]
    assert app_query(at, "profile") == profile.id
    assert len(state.store().traffic.prompts(profile.id)) == 0
    assert len(upload.primary()) == 1
    assert len(at.get("vega_lite_chart")) == 1


def test_kept_prompts_become_a_prompt_set(upload: App):
    give(upload, "log.csv", log())
    upload.at.selectbox(key=next(s.key for s in upload.at.selectbox if s.label == "Kind of request")).set_value("team_task")
    upload.at.checkbox(key=next(c.key for c in upload.at.checkbox)).check()
    upload.run()
    upload.click("traffic_save")
    assert upload.primary() == ["Make a prompt set from it"]
    at = upload.click("draw")
    assert [h.value for h in at.header] == ["Run"]
    info = state.store().evalsets.list()[0]
    assert set(info.request_types) == set(KINDS)
    assert info.size == 200


def test_a_file_of_no_known_format_is_refused_in_words(upload: App):
    give(upload, "log.csv", b"when,what\r\n1,2\r\n")
    assert upload.primary() == []
    assert "That did not work" in upload.badges()
    assert any("fit no traffic log" in t.value for t in upload.at.text)


def test_counts_can_be_typed(empty_app: App):
    empty_app.open("traffic", source="Type in counts")
    assert empty_app.primary() == ["Use these counts"]
    at = empty_app.click("traffic_use")
    assert empty_app.metric("Requests a month") == "10,000"
    assert state.store().traffic.list()[0].mix == {"extraction": 0.5, "reasoning": 0.5}
    assert not at.exception


def test_a_month_under_a_saved_policy(app: App):
    app.open("tune")
    app.click("save")
    from tierwise.traffic import profile_of_counts

    kept = state.store().traffic.add(profile_of_counts({"classification": 60_000, "reasoning": 30_000, "nowhere": 10_000}))
    at = app.open("traffic", profile=kept.id)
    assert app.metric("Quality").endswith("pts")
    below = next(m.delta for m in at.metric if m.label == "Saved a month")
    low, high = (float(x.strip("\\$[]").replace(",", "")) for x in below.split(", \\$"))
    saved = float(app.metric("Saved a month").strip("\\$").replace(",", ""))
    assert low < saved < high
    assert "Simulated" in app.badges()
    assert any("nowhere" in t.value for t in at.text)
    assert len(app.primary()) == 1

    volume, first = f"month_volume_{kept.id}", state.store().policies.list()[0].id
    link = {"profile": kept.id, "policy": first, volume: "5000", "month_overhead": "0.25"}
    linked = App()
    at = linked.open("traffic", **link)
    assert at.number_input(key=volume).value == 5000 and at.number_input(key="month_overhead").value == 0.25
    assert at.selectbox(key="policy_choice").value == first
    assert linked.metric("Then paid") != app.metric("Then paid"), "a link reopens its own month"


def test_a_hostile_log_is_drawn_as_text(upload: App):
    rows = [{"time": f"2026-09-{1 + i % 9:02d}", "model": f"{PAYLOAD}m", "request_type": f"{PAYLOAD}{i % 2}", "prompt": f"{PAYLOAD}{i}",
             "prompt_tokens": 5, "completion_tokens": 5, f"{PAYLOAD}k": f"{PAYLOAD[:20]}{i % 3}"} for i in range(60)]  # fmt: skip
    data = "\n".join(map(json.dumps, rows)).encode()
    upload.at.file_uploader(key="traffic_file").upload("log.jsonl", data, "application/jsonl")
    assert drawn_unsafely(upload.run()) == []
    upload.at.checkbox(key=next(c.key for c in upload.at.checkbox)).check()
    upload.run()
    at = upload.click("traffic_save")
    assert drawn_unsafely(at) == []
    assert any(MARK in value for value in at.dataframe[0].value["request type"])


def test_a_cache_is_replayed_on_a_run(filled_app: App):
    filled_app.open("traffic", source="Caching")
    assert filled_app.metric("Exact cache").endswith("%")
    assert filled_app.primary() == ["Tune"]
    table = filled_app.at.dataframe[-1].value
    assert table["hits"].is_monotonic_increasing
    tier = next(s for s in filled_app.at.selectbox if s.label == "Answers of")
    at = App().open("traffic", source="Caching", cache_tolerated="20", **{tier.key: tier.options[0]})
    assert at.selectbox(key=tier.key).value == tier.options[0] != tier.value and at.number_input(key="cache_tolerated").value == 20.0
