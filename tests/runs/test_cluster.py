"""A run on a real Dask cluster of several processes: its workers help, one is killed, nothing is lost or paid twice but what was under way."""

import os
import signal
import threading
import time

import pytest

from tests.runs.conftest import keep_prompts
from tierwise.errors import BadInput
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run

PROMPTS, AT_ONCE = 200, 4


@pytest.fixture
def store(on_postgres, store):
    return store


def test_workers_help_and_a_killed_one_loses_nothing(store, provider, tier, monkeypatch):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed (requirements-team.txt)")
    provider.delay_s = 0.15
    run = create_run(store, keep_prompts(store, PROMPTS), [tier()], params={"scorer": "exact", "concurrency": AT_ONCE})
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as cluster:
        monkeypatch.setenv("TIERWISE_DASK", cluster.scheduler_address)
        going = threading.Thread(target=execute, args=(store, run.id))
        going.start()
        with distributed.Client(cluster, set_as_default=False) as client:
            deadline = time.monotonic() + 60
            while not any(client.processing().values()) or len(provider.seen) < 40:
                assert time.monotonic() < deadline and going.is_alive()
                time.sleep(0.05)
            (victim, *_) = client.run(os.getpid).values()
            # ended by the system, not by Dask: nothing is handed over
        os.kill(victim, signal.SIGKILL)
        going.join(120)
    assert store.runs.get(run.id).status == "done"
    outcomes = store.runs.outcomes(run.id)
    assert len(outcomes) == PROMPTS and (outcomes["status"] == "ok").all()
    assert len(provider.seen) - PROMPTS <= AT_ONCE, "at most the calls under way at the kill"
    assert provider.most_inside <= AT_ONCE + AT_ONCE, "what the dead one had under way is given up when its lease ends"
    assert {s.request_id for s in provider.seen} <= {f"tierwise-{run.id}-{i}" for i in store.attempts.frame(run.id)["id"]}


def test_a_cluster_that_is_not_there_is_told(store, provider, tier, monkeypatch):
    run = create_run(store, keep_prompts(store, 1), [tier()], params={"scorer": "exact"})
    monkeypatch.setenv("TIERWISE_DASK", "tcp://127.0.0.1:9")
    monkeypatch.setattr("tierwise.runs.cluster.ANSWER_S", 0.5)
    with pytest.raises(BadInput, match="does not answer"):
        execute(store, run.id)
    assert store.runs.get(run.id).status == "stopped" and not provider.seen
