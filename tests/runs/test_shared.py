"""Several processes on one PostgreSQL: no grade lost, no cell paid twice, budgets held by all together, a dead process's run goes on."""

import subprocess
import sys
import threading
import time

import pytest

from tests.runs import shared
from tests.runs.conftest import keep_prompts
from tierwise.cli import main
from tierwise.endpoints.presets import test_call as call_once
from tierwise.errors import NotReady
from tierwise.runs.plan import create_run
from tierwise.runs.queue import RunQueue
from tierwise.settings import ROOT
from tierwise.store import Store, spending
from tierwise.store.attempts import Intent, Refusal, Settlement
from tierwise.types import Grade, Outcome

CALL_USD = 30e-6
"""What the stand-in bills for an answer."""


@pytest.fixture
def store(on_postgres, store):
    return store


@pytest.fixture
def planned(store, provider, tier):
    provider.delay_s = 0.05

    def plan(n: int = 60, within: str | None = None, **params):
        place = store.within(within)
        return create_run(
            place, keep_prompts(place, n), [tier("small", params={"max_tokens": 8})], params={"scorer": "exact", "concurrency": 4} | params
        )

    return plan


def paid_again(provider) -> int:
    return len(provider.seen) - len({(s.prompt, s.model) for s in provider.seen})


def test_two_replicas_asked_for_one_run_pay_for_it_once_and_both_show_it(store, provider, planned, postgres_url):
    run = planned()
    other = shared.start(shared.LEAD, run.id, url=postgres_url)
    while not provider.seen:
        time.sleep(0.02)
    queue = RunQueue(store)
    assert queue.is_running(run.id) and store.runs.get(run.id).status == "running"
    queue.start(run.id)
    assert shared.said(other) == ["done"]
    queue.wait(run.id)
    queue.close()
    assert len(provider.seen) == 60 == len(store.runs.outcomes(run.id)) == len(store.grades.frame(run.id))
    assert not queue.is_running(run.id)


def test_helpers_share_the_cells_of_a_run(store, provider, planned, postgres_url):
    run = planned(80)
    worker = subprocess.Popen([sys.executable, "-m", "tierwise", "worker"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    try:
        assert "Helping" in worker.stderr.readline()
        leader = shared.start(shared.LEAD, run.id, url=postgres_url, TIERWISE_AT_ONCE="1")
        assert shared.said(leader) == ["done"]
        assert len(provider.seen) == 80 == len(store.runs.outcomes(run.id))
        assert 1 < provider.most_inside <= 4, "the leader does one at a time, so the worker helped; calls at once are counted over both"
        worker.terminate()
        assert worker.wait(30) == 0
    finally:
        worker.kill()


def test_a_worker_needs_a_shared_store(capsys):
    assert main(["worker"]) == 2
    assert "TIERWISE_DATABASE_URL" in capsys.readouterr().err


def test_a_killed_replica_s_run_is_ready_for_another_when_its_lease_ends(store, provider, planned, postgres_url):
    run = planned(80)
    helper = shared.start(shared.HELP, run.id, url=postgres_url)
    leader = shared.start(shared.LEAD, run.id, url=postgres_url)
    while len(provider.seen) < 20:
        time.sleep(0.02)
    leader.kill()
    helper.kill()
    leader.wait(), helper.wait()
    queue = RunQueue(store)
    assert queue.is_running(run.id), "until the lease ends it counts as running"
    deadline = time.monotonic() + 20
    while queue.is_running(run.id):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert store.runs.get(run.id).status == "stopped"
    queue.start(run.id)
    queue.wait(run.id, 60)
    queue.close()
    assert store.runs.get(run.id).status == "done"
    outcomes = store.runs.outcomes(run.id)
    assert len(outcomes) == 80 and (outcomes["status"] == "ok").all()
    assert paid_again(provider) <= 4, "at most the calls under way at the kill"
    ledger = {f"tierwise-{run.id}-{i}" for i in store.attempts.frame(run.id)["id"]}
    assert {s.request_id for s in provider.seen} <= ledger
    assert store.runs.progress(run.id).counted_usd >= provider.billed_usd - 1e-9


def test_cancelled_in_one_replica_it_stops_in_the_other(store, provider, planned, postgres_url):
    run = planned(400)
    other = shared.start(shared.LEAD, run.id, url=postgres_url)
    while len(provider.seen) < 8:
        time.sleep(0.02)
    queue = RunQueue(store)
    queue.cancel(run.id)
    assert shared.said(other) == ["cancelled"]
    queue.close()
    assert len(provider.seen) < 400 and len(store.runs.outcomes(run.id)) >= 8


@pytest.mark.parametrize("kind", ["run", "day", "person"])
def test_a_budget_is_held_by_all_together(store, provider, planned, postgres_url, kind):
    cap = 45 * CALL_USD
    if kind == "person":  # in two projects, started in two copies of the app
        store.people.invite("ana@example.org")
        runs = [planned(n, within=store.people.add_project(f"of {n}").id) for n in (60, 61)]
        ana = {"STARTED_BY": "ana@example.org", "TIERWISE_PERSON_DAILY_CAP_USD": str(cap)}
        one, two = (shared.start(shared.LEAD, r.id, url=postgres_url, **ana) for r in runs)
    elif kind == "run":
        run = planned(100, budget_usd=cap)
        one, two = (shared.start(s, run.id, url=postgres_url) for s in (shared.HELP, shared.LEAD))
    else:
        runs = [planned(n) for n in (60, 61)]
        one, two = (shared.start(shared.LEAD, r.id, url=postgres_url, TIERWISE_DAILY_CAP_USD=str(cap)) for r in runs)
    ended = shared.said(two)
    shared.said(one)
    assert ended == ["stopped"]
    assert 30 * CALL_USD < provider.billed_usd <= cap
    with store._connection.read() as cursor:
        rows = dict(cursor.execute("SELECT name, counted_usd FROM spendings").fetchall())
    counted = sum(store.runs.progress(r.id).counted_usd for r in store.runs.list())
    assert list(rows.values()) == [pytest.approx(counted)] * len(rows) and rows, "the row moves with the ledger"


def test_a_test_call_holds_the_cap_even_if_both_copies_had_seen_room(store, provider, tier, monkeypatch):
    monkeypatch.setenv("TIERWISE_DAILY_CAP_USD", "0.002")
    monkeypatch.setattr(type(store.attempts), "counted_on", lambda *_: 0.0)
    with pytest.raises(NotReady, match=r"a cap for the day of \$0\.002"):
        for _ in range(80):
            assert call_once(store, tier()).ok
    assert 0 < len(provider.seen) < 80 and provider.billed_usd <= 0.002


def test_grades_of_two_processes_are_all_kept(store, planned):
    run = planned(40)
    with Store() as second:

        def grade(own: Store, author: str) -> None:
            for i in range(40):
                own.grades.add(run.id, [Grade(f"s{i}", "small", 1.0, "manual", author=author)])

        threads = [threading.Thread(target=grade, args=(own, name)) for own, name in ((store, "ann"), (second, "bob"))]
        [t.start() for t in threads]
        [t.join() for t in threads]
    assert store.grades.frame(run.id).groupby("author").size().to_dict() == {"ann": 40, "bob": 40}


def test_whoever_lost_the_lease_sends_nothing_and_keeps_what_was_paid(store, planned):
    run = planned(2)
    first, second = store.claims.join(0.0), store.claims.join(30)
    assert store.claims.take(second, ["x"]) == ["x"], "and the first, whose lease is over, is given up"
    cells = [("s0", "small", 0), ("s1", "small", 0)]
    sent = store.attempts.commit(run.id, [Intent(c, 0.5) for c in cells], owner=second)
    assert store.attempts.commit(run.id, [Intent(cells[0], 0.5)], owner=first) == [Refusal("", lost=True)]
    for attempt, text in zip(sent, ("mine", "late"), strict=True):
        outcome = Outcome(*cells[0], output=text)
        store.attempts.commit(run.id, [Settlement(attempt, "answered", 0.1, outcome=outcome)], owner=first)
    assert store.runs.outcomes(run.id)["output"].tolist() == ["mine"]
    assert store.runs.progress(run.id).spent_usd == pytest.approx(0.2)
    assert not store.claims.renew(first, 30) and store.claims.take(first, ["y"]) == []


def test_a_cap_admits_in_order_and_refuses_what_does_not_fit(store, planned):
    run = planned(2)
    caps = {spending.of_run(run.id): 1.0}
    given = store.attempts.commit(run.id, [Intent(("s0", "small", k), 0.4) for k in range(3)], caps=caps)
    assert [isinstance(g, int) for g in given] == [True, True, False] and given[2] == Refusal(spending.of_run(run.id))
    store.attempts.commit(run.id, [Settlement(given[0], "refused", 0.0), Settlement(given[1], "answered", 0.1)])
    (again,) = store.attempts.commit(run.id, [Intent(("s0", "small", 3), 0.9)], caps=caps)
    assert isinstance(again, int)


def test_a_minute_s_limits_count_every_process(store):
    one, two = store.claims.join(30), store.claims.join(30)
    lane = {"lane": "endpoint", "group": "r", "tokens": 10, "most": 3, "rpm": 4, "tpm": None}
    passes = [store.claims.enter(owner, **lane)[0] for owner in (one, two, one)]
    assert all(passes) and store.claims.enter(two, **lane)[0] == "", "three at once"
    for taken in passes:
        store.claims.leave_lane(taken)
    assert store.claims.enter(two, **lane)[0]
    refused, wait = store.claims.enter(one, **lane)
    assert refused == "" and 50 < wait <= 60, "four a minute"
    assert store.claims.enter(one, "other", "r", 10, 3, None, 25)[0] and store.claims.enter(two, "other", "r", 10, 3, None, 25)[0]
    assert store.claims.enter(one, "other", "r", 10, 3, None, 25)[0] == "", "tokens a minute"
