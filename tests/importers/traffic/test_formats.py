"""Every registered format reads its own log and nobody else's."""

import json

import numpy as np
import pytest

from tests.importers.traffic.logs import (
    CHAT,
    LOGS,
    activity,
    as_csv,
    as_jsonl,
    helicone,
    langfuse,
    openrouter,
    otlp,
    payload,
    plain,
    portkey,
    span,
    spend,
)
from tierwise.endpoints.prices import cost_usd, price
from tierwise.errors import BadInput, NotFound
from tierwise.importers.traffic import FORMATS, read_traffic
from tierwise.traffic import profile, sample

FILES = [(name, filename, data) for name, files in LOGS.items() for filename, data in files]
IDS = [f"{name}-{filename}" for name, filename, _ in FILES]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_log_here(name):
    assert LOGS[name]


@pytest.mark.parametrize(("name", "filename", "data"), FILES, ids=IDS)
def test_a_log_is_never_taken_for_another(name, filename, data):
    log = read_traffic(data, filename)
    assert log.format == name
    assert FORMATS[name].title in log.why


@pytest.mark.parametrize(("name", "filename", "data"), FILES, ids=IDS)
def test_the_calls_are_what_the_log_says(name, filename, data):
    log = read_traffic(data, filename, cost_unit="cents" if name == "portkey" else None)
    calls = log.calls[log.calls["status"] == "ok"]
    assert list(calls["model"]) == ["gpt-4o", "gpt-4o"]
    assert list(calls["prompt_tokens"]) == [100, 100]
    assert list(calls["completion_tokens"]) == [20, 20]
    assert (calls["time"].max() - calls["time"].min()).days == 1
    assert calls["time"].dt.year.eq(2026).all()
    if name != "opentelemetry":
        assert list(calls["cost_usd"]) == pytest.approx([0.002, 0.002])
        assert set(calls["priced"]) == {"given"}
    if name not in ("openrouter-api",):
        assert list(calls["latency_s"]) == pytest.approx([1.5, 1.5])
        assert (log.calls["status"] == "failed").sum() == 1
    if name not in ("helicone", "portkey"):
        assert list(calls["cached_tokens"]) == [40, 40]
    if name not in ("openrouter", "openrouter-api"):
        assert list(calls["request_type"]) == ["billing", "billing"]
        assert "Where is my invoice?" in json.dumps(list(calls["prompt"]))
    assert sum(s.rows for s in log.skipped) == 1
    assert "row " in log.skipped[0].first


@pytest.mark.parametrize("name", FORMATS)
def test_a_named_format_refuses_another_log_in_words(name):
    other = "plain" if name != "plain" else "portkey"
    filename, data = LOGS[other][0]
    with pytest.raises(BadInput, match=r"log\.\w+: .* has .*which this file has not\. Columns: "):
        read_traffic(data, filename, format=name)


def test_a_named_format_is_used():
    filename, data = LOGS["helicone"][0]
    assert read_traffic(data, filename, format="plain").format == "plain"


def test_unknown_names_and_columns_are_refused_in_words():
    with pytest.raises(NotFound, match=r"traffic format called 'langfus'.*Did you mean langfuse"):
        read_traffic(LOGS["plain"][0][1], "log.csv", format="langfus")
    with pytest.raises(BadInput, match=r"fit no traffic log.*Closest is a plain table, which also has 'completion_tokens'"):
        read_traffic(b"model,prompt_tokens\r\na,1\r\n", "log.csv")
    with pytest.raises(BadInput, match=r"log\.pdf: Tierwise reads"):
        read_traffic(b"x", "log.pdf")
    with pytest.raises(BadInput, match="unit of costs 'euro'"):
        read_traffic(b"x", "log.csv", cost_unit="euro")


def test_columns_that_fit_two_formats_alike_are_asked_about(monkeypatch):
    from tierwise.importers.traffic import form

    twin = type("Twin", (FORMATS["portkey"],), {"title": "Twin"})
    monkeypatch.setitem(form.FORMATS._entries, "twin", twin)
    with pytest.raises(BadInput, match=r"fit Portkey export \(portkey\) and Twin \(twin\) alike"):
        read_traffic(*reversed(LOGS["portkey"][0]))


def test_a_log_of_nothing_usable_says_why():
    with pytest.raises(BadInput, match=r"no row can be used.*1 row not counted: no model is named \(first: row 1 \(line 2\)\)"):
        read_traffic(as_csv([plain(1, model="")]), "log.csv")


def test_broken_rows_are_counted_and_the_rest_is_read():
    data = as_csv([plain(i) for i in range(1, 6)]) + b"2026,just,three\r\n"
    log = read_traffic(data, "log.csv")
    assert len(log) == 5
    assert [(s.reason, s.rows) for s in log.skipped] == [("the row is broken", 1)]
    assert "line 7" in log.skipped[0].first


def test_unreadable_numbers_name_their_column_and_first_place():
    log = read_traffic(as_csv([plain(1), plain(2, prompt_tokens="1,5"), plain(3, prompt_tokens=-4)]), "log.csv")
    assert [(s.reason, s.rows) for s in log.skipped] == [("prompt_tokens cannot be read", 2)]
    assert "row 2 (line 3)" in log.skipped[0].first and "1,5" in log.skipped[0].first


def test_unreadable_times_are_told_and_still_counted():
    log = read_traffic(as_csv([plain(1), plain(2, time="09/13/2026")]), "log.csv")
    assert len(log) == 2 and log.calls["time"].isna().sum() == 1
    assert any("'09/13/2026'" in n for n in log.notices)


@pytest.mark.parametrize(
    "written", ["2026-09-01T10:00:00Z", "2026-09-01 12:00:00+02:00", 1788256800, 1788256800000, "1788256800.0", 1788256800 * 10**9]
)
def test_times_are_read_however_they_are_written(written):
    log = read_traffic(as_jsonl([plain(1, time=written)]), "log.jsonl")
    assert log.calls["time"][0].isoformat() == "2026-09-01T10:00:00"


@pytest.mark.parametrize(("latencies", "seconds"), [([900, 1500, 4000], [0.9, 1.5, 4.0]), ([0.9, 1.5, 40], [0.9, 1.5, 40.0])])
def test_the_unit_of_latencies_is_told_by_their_size_and_said(latencies, seconds):
    log = read_traffic(as_csv([plain(1, latency=x) for x in latencies]), "log.csv")
    assert list(log.calls["latency_s"]) == pytest.approx(seconds)
    assert any("the file does not say" in n for n in log.notices)


def test_portkey_costs_do_not_count_until_their_unit_is_said():
    filename, data = LOGS["portkey"][0]
    log = read_traffic(data, filename)
    assert log.cost_unit_open and any("dollars or cents" in n for n in log.notices)
    assert set(log.calls[log.calls["status"] == "ok"]["priced"]) == {"ours"}
    assert log.calls["cost_usd"][0] == pytest.approx(cost_usd(100, 20, price("gpt-4o")))
    said = read_traffic(data, filename, cost_unit="usd")
    assert not said.cost_unit_open and said.calls["cost_usd"][0] == 0.2


def test_what_has_no_cost_is_priced_by_us_or_unknown_and_never_free():
    rows = [plain(1, cost="", cached_tokens=""), plain(2, cost="", model="our-own-llama"), plain(3, cost="", model="azure/gpt-4o")]
    calls = read_traffic(as_csv(rows), "log.csv").calls
    assert list(calls["priced"]) == ["ours", "unknown", "unknown"]
    assert calls["cost_usd"][0] == pytest.approx(cost_usd(100, 20, price("gpt-4o")))
    assert np.isnan(calls["cost_usd"][1])


def test_spans_are_priced_by_the_provider_that_served_them():
    rows = [span(1), span(2, {"gen_ai.provider.name": "azure.ai.openai"})]
    assert list(read_traffic(as_jsonl(rows), "log.jsonl").calls["priced"]) == ["ours", "unknown"]


def test_calls_recorded_at_nothing_are_told():
    log = read_traffic(as_csv([spend(1), spend(2, spend=0, model="our-own-llama")]), "log.csv")
    assert any("recorded at $0" in n for n in log.notices)
    hit = read_traffic(as_csv([spend(1), spend(2, spend=0, cache_hit="True")]), "log.csv")
    assert list(hit.calls["cache_hit"]) == [False, True] and hit.calls["cost_usd"][1] == 0


def test_what_a_tool_has_cut_off_or_hidden_is_no_prompt():
    cut = [{"role": "user", "content": "a... (litellm_truncated 900 chars)"}]
    log = read_traffic(as_csv([spend(1), spend(2, messages="{}"), spend(3, messages=cut)]), "log.csv")
    assert list(log.calls["prompt"].notna()) == [True, False, False]


@pytest.mark.parametrize(
    ("rows", "key"),
    [
        ([spend(1), spend(2)], "desk"),
        ([payload(1), payload(2)], "request_type"),
        ([langfuse(1), langfuse(2)], "traceTags"),
        ([helicone(1), helicone(2)], "request_type"),
        ([portkey(1), portkey(2)], "request_type"),
    ],
)
def test_metadata_can_be_the_request_type(rows, key):
    log = read_traffic(as_jsonl(rows), "log.jsonl", type_key=key)
    assert log.calls["request_type"].notna().all() and log.type_key == key


def test_keys_that_could_be_the_type_are_offered():
    log = read_traffic(as_csv([openrouter(i) for i in range(1, 7)]), "log.csv")
    assert [k.name for k in log.type_keys()] == ["app_name"]
    with pytest.raises(BadInput, match=r"No call has the key 'app'. Keys: 'app_name'"):
        log.typed_by("app")


def test_a_key_of_many_values_is_no_kind_of_request():
    rows = [plain(1, order=f"n{i}") for i in range(60)]
    with pytest.raises(BadInput, match="'order' has 60 different values"):
        read_traffic(as_csv(rows), "log.csv", type_key="order")
    with pytest.raises(BadInput, match="column of request types has 60"):
        read_traffic(as_csv([plain(1, request_type=f"n{i}") for i in range(60)]), "log.csv")


def test_spans_inside_agents_are_not_counted_twice():
    log = read_traffic(
        otlp([span(1), span(1, {"gen_ai.operation.name": "invoke_agent"}), span(1, {"gen_ai.operation.name": "execute_tool"})]), "log.json"
    )
    assert len(log) == 1 and log.skipped[0].rows == 2
    assert log.calls["prompt"][0] == CHAT


def test_the_names_before_the_present_conventions_are_read():
    old = {
        "gen_ai.system": "openai",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.prompt_tokens": 7,
        "gen_ai.usage.completion_tokens": 3,
    }
    log = read_traffic(as_jsonl([{"start_time": "2026-09-01T10:00:00Z", "attributes": old}]), "log.jsonl")
    assert (log.calls["prompt_tokens"][0], log.calls["completion_tokens"][0]) == (7, 3)


def test_flat_spans_are_read():
    row = {
        "start_time": "2026-09-01T10:00:00Z",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.output_tokens": 3,
    }
    assert read_traffic(as_csv([row]), "log.csv").format == "opentelemetry"


def test_a_large_log_takes_seconds():
    import time

    rows = as_csv([spend(1 + i % 9, request_id=f"r{i}") for i in range(10_000)])
    start = time.process_time()
    assert len(read_traffic(rows, "log.csv")) == 10_000
    assert time.process_time() - start < 2.5


STRANGE = [
    None,
    "",
    "x",
    [],
    {},
    [1],
    {"a": 1},
    [{"b": None}],
    "[1]",
    '{"a": [',
    True,
    -1,
    1e300,
    10**400,
    "NaN",
    "1e999",
    ["a", {}],
    {"total": "x"},
    "é" * 99,
]


@pytest.mark.parametrize("name", FORMATS)
def test_no_cell_however_strange_is_a_bug(name):
    made = {
        "litellm-spend": spend,
        "litellm-payload": payload,
        "openrouter": openrouter,
        "openrouter-api": activity,
        "langfuse": langfuse,
        "helicone": helicone,
        "portkey": portkey,
        "opentelemetry": span,
        "plain": plain,
    }[name]
    good = made(1)
    rows = [good | {column: value} for column in good for value in STRANGE]
    if name == "opentelemetry":
        rows += [span(1, {key: value}) for key in good["attributes"] for value in STRANGE]
    rows = [row for row in rows if json.dumps(row)]
    log = read_traffic(as_jsonl([good, *(r for r in rows if _json(r))]), "log.jsonl")
    assert log.format == name and len(log) + sum(s.rows for s in log.skipped) >= len([r for r in rows if _json(r)])
    for found in (profile(log, "p"), *(profile(log.typed_by(k.name), "p") for k in log.type_keys())):
        assert found.total.cost_usd >= 0
    if log.calls["prompt"].notna().any():
        assert sample(log.calls, 5).evalset.samples


def _json(row: dict) -> bool:
    """Whether the file reader would take it: a JSON number has an end."""
    return "0" * 310 not in json.dumps(row)
