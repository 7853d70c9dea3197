"""Profiles of logs: what is counted, what is not, and the month they stand for."""

from datetime import datetime

import numpy as np
import pytest

from tests.importers.traffic.logs import LOGS, activity, as_csv, as_jsonl, plain
from tierwise.errors import BadInput, NotFound
from tierwise.importers.traffic import read_traffic
from tierwise.store import Store
from tierwise.traffic import MONTH_DAYS, TrafficProfile, profile, profile_of_counts


def rows(n: int = 400, days: int = 14) -> list[dict]:
    rng = np.random.default_rng(0)
    return [
        plain(
            1,
            time=f"2026-09-{1 + i * days // n:02d}T{i % 24:02d}:30:00Z",
            model="gpt-4o" if i % 4 else "gpt-4o-mini",
            request_type="billing" if i % 10 < 4 else "faq",
            prompt=f"question {i % 300}",
            prompt_tokens=int(rng.integers(10, 900)),
            cost=0.05 if i % 25 == 0 else 0.001,
        )
        for i in range(n)
    ]


@pytest.fixture
def found() -> TrafficProfile:
    return profile(read_traffic(as_csv(rows()), "log.csv"), "two weeks")


def test_shares_add_up_and_cells_are_parts_of_their_types(found):
    assert found.mix == pytest.approx({"faq": 0.6, "billing": 0.4})
    assert sum(u.share for u in found.cells()) == pytest.approx(1)
    for part in found.types():
        inside = [u for u in found.cells() if u.request_type == part.request_type]
        assert sum(u.requests for u in inside) == part.requests
        assert sum(u.cost_usd for u in inside) == pytest.approx(part.cost_usd)


def test_percentiles_and_dollars_are_those_of_the_calls(found):
    calls = read_traffic(as_csv(rows()), "log.csv").calls
    assert found.total.prompt_tokens_p95 == pytest.approx(np.quantile(calls["prompt_tokens"], 0.95))
    assert found.total.cost_usd == pytest.approx(calls["cost_usd"].sum())


def test_a_month_is_the_pace_of_the_log(found):
    assert found.per_month == pytest.approx(400 / 14 * MONTH_DAYS, rel=0.1)
    assert found.cost_per_month == pytest.approx(found.total.cost_usd / 400 * found.per_month)


def test_the_long_tail_is_the_dearest_twentieth(found):
    costs = np.sort([float(r["cost"]) for r in rows()])[::-1]
    assert found.tail.requests == 0.05
    assert found.tail.cost == pytest.approx(costs[:20].sum() / costs.sum())
    assert sum(found.tail.types.values()) == pytest.approx(1)


def test_repeats_are_the_requests_that_came_before(found):
    total = sum(u.share * found.repeats[u.request_type] for u in found.types())
    assert total == pytest.approx(1 - len({(r["model"], r["prompt"]) for r in rows()}) / 400)


def test_failed_calls_are_counted_and_in_no_figure():
    found = profile(read_traffic(LOGS["plain"][0][1], "log.csv"), "p")
    assert (found.requests, found.failed) == (2, 1)
    assert any("no model is named" in n for n in found.notices)
    with pytest.raises(BadInput, match="all 1 calls in it failed"):
        profile(read_traffic(as_csv([plain(1, status="failed")]), "log.csv"), "p")


def test_a_short_log_and_one_without_times_say_so():
    short = profile(read_traffic(as_csv([plain(1), plain(2)]), "log.csv"), "p")
    assert any("no weekly rhythm" in n for n in short.notices)
    timeless = profile(read_traffic(as_csv([{k: v for k, v in plain(1).items() if k != "time"}] * 3), "log.csv"), "p")
    assert timeless.per_month is None and timeless.cost_per_month is None


def test_days_of_a_model_count_all_their_requests():
    found = profile(read_traffic(as_jsonl([activity(i) for i in range(1, 8)]), "log.jsonl"), "p")
    assert (found.requests, found.days) == (70, 7)
    assert found.total.cost_usd == pytest.approx(0.14)
    assert found.tail is None and found.total.prompt_tokens_p95 is None


def test_typed_counts_are_requests_a_month():
    found = profile_of_counts({"billing": 3000, "faq": 1000, "none": 0})
    assert found.per_month == 4000 and found.mix == {"billing": 0.75, "faq": 0.25}
    for counts, words in (({}, "no requests"), ({"a": -1}, "a: -1 requests"), ({" ": 5}, "no type"), ({"a": float("nan")}, "a: nan")):
        with pytest.raises(BadInput, match=words):
            profile_of_counts(counts)


def test_profiles_come_back_as_they_were_kept(store: Store, found):
    log = read_traffic(as_csv(rows()), "log.csv")
    store.traffic.add(found)
    assert store.traffic.get(found.id) == found == store.traffic.get("two weeks")
    assert len(store.traffic.prompts(found.id)) == 0
    again = store.traffic.add(profile(log, "two weeks"), log.calls)
    assert [p.id for p in store.traffic.list()] == [again.id, found.id]
    kept = store.traffic.prompts(again.id)
    assert (store.traffic.kept(found.id), store.traffic.kept(again.id)) == (0, 400)
    assert list(kept["prompt"]) == [r["prompt"] for r in rows()]
    with pytest.raises(NotFound, match=r"called 'x'. Profiles: two weeks"):
        store.traffic.get("x")


def test_no_prompt_is_in_a_profile(found):
    import json

    assert "question" not in json.dumps(found.to_json())
    assert isinstance(TrafficProfile.from_json(json.loads(json.dumps(found.to_json()))).first, datetime)
