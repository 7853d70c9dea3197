"""Runs go on without the page: one run for two starts, cancelled within a second, resumed without paying twice."""

import threading
import time

import pytest

from tests.runs.conftest import keep_prompts
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.runs.queue import RunQueue
from tierwise.runs.stopping import Stop


@pytest.fixture
def queue(store):
    made = RunQueue(store)
    yield made
    made.close()


@pytest.fixture
def planned(store, provider, tier):
    provider.delay_s = 0.05
    return create_run(store, keep_prompts(store, 60), [tier("small"), tier("large")], params={"scorer": "exact", "concurrency": 4})


def test_two_starts_at_once_are_one_run(store, provider, queue, planned):
    threads = [threading.Thread(target=queue.start, args=(planned.id,)) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    queue.wait(planned.id, 60)
    assert store.runs.get(planned.id).status == "done"
    assert len(provider.seen) == 120


def test_progress_is_told_and_the_time_left(queue, planned):
    queue.start(planned.id)
    assert queue.is_running(planned.id)
    seen = []
    while queue.is_running(planned.id):
        seen.append(queue.progress(planned.id))
        time.sleep(0.1)
    assert seen[-1].total == 120 and seen[-1].done > 0
    assert any(p.seconds_left for p in seen)
    end = queue.progress(planned.id)
    assert (end.done, end.failed, end.seconds_left) == (120, 0, None)
    assert end.spent_usd == pytest.approx(120 * 30e-6)


def test_cancel_sends_nothing_more_after_a_second_and_resume_pays_for_the_rest_only(store, provider, queue, planned):
    queue.start(planned.id)
    while queue.progress(planned.id).done < 10:
        time.sleep(0.02)
    queue.cancel(planned.id)
    queue.wait(planned.id, 5)
    run, sent = store.runs.get(planned.id), len(provider.seen)
    assert run.status == "cancelled"
    assert 0 < sent < 120
    time.sleep(0.3)
    assert len(provider.seen) == sent
    assert len(store.grades.frame(planned.id)) == len(store.runs.outcomes(planned.id)), "what came in is graded"
    queue.start(planned.id)
    queue.wait(planned.id, 60)
    assert store.runs.get(planned.id).status == "done"
    assert len(provider.seen) == 120


def test_cancel_does_not_wait_for_a_hanging_call_which_is_counted_at_its_worst(store, provider, queue, tier):
    provider.fault = lambda body, before: "hang"
    planned = create_run(store, keep_prompts(store, 3), [tier()], params={"scorer": "exact", "timeout_s": 30})
    queue.start(planned.id)
    while len(provider.seen) < 3:
        time.sleep(0.02)
    began = time.monotonic()
    queue.cancel(planned.id)
    queue.wait(planned.id, 5)
    assert time.monotonic() - began < 1.5
    assert store.runs.get(planned.id).status == "cancelled"
    assert queue.progress(planned.id).unsettled_usd >= provider.billed_usd > 0


def test_an_interrupted_run_is_ready_to_resume(store, planned):
    store.runs.set_status(planned.id, "running")
    RunQueue(store).close()
    run = store.runs.get(planned.id)
    assert run.status == "stopped" and "Resume" in run.note


def test_shutting_down_lets_calls_come_in(store, provider, planned):
    queue = RunQueue(store)
    queue.start(planned.id)
    while queue.progress(planned.id).done < 5:
        time.sleep(0.02)
    queue.close()
    run = store.runs.get(planned.id)
    assert run.status == "stopped" and "shut down" in run.note
    assert (store.attempts.frame(planned.id)["status"] == "answered").all(), "no call was cut off"
    assert len(provider.seen) == len(store.runs.outcomes(planned.id))


def test_running_what_is_done_calls_nobody(store, provider, planned):
    execute(store, planned.id)
    assert execute(store, planned.id).status == "done"
    assert len(provider.seen) == 120
    assert len(store.grades.frame(planned.id)) == 120


def test_a_store_that_cannot_write_ends_the_run_and_says_so(store, provider, planned, monkeypatch):
    real = store.attempts.commit

    def full(run_id, entries, **shared):
        if len(provider.seen) > 10:
            raise OSError("No space left on device")
        return real(run_id, entries, **shared)

    monkeypatch.setattr(store.attempts, "commit", full)
    with pytest.raises(OSError, match="No space"):
        execute(store, planned.id)
    assert store.runs.get(planned.id).status == "stopped"
    sent = len(provider.seen)
    monkeypatch.setattr(store.attempts, "commit", real)
    assert execute(store, planned.id).status == "done"
    assert len(provider.seen) <= 120 + 4 and sent <= 11 + 4


def test_a_stopped_simulation_goes_on_where_it_was(store, monkeypatch):
    from tierwise.evalsets import load_shipped
    from tierwise.runs import execute as module
    from tierwise.simulation.simulator import ladder

    monkeypatch.setattr(module, "BATCH", 50)
    info = store.evalsets.add(load_shipped("reasoning"))
    run, stop = create_run(store, info.id, ladder()), Stop()
    assert module.execute(store, run.id, stop=stop, on_progress=lambda done, total: done >= 50 and stop.cancel()).status == "cancelled"
    assert len(store.runs.outcomes(run.id)) == 50
    assert module.execute(store, run.id).status == "done"
    assert len(store.runs.outcomes(run.id)) == 3 * info.size == len(store.grades.frame(run.id))
