"""Bar 46, in short: run after run in one process, and memory, threads and descriptors stay where they were. `benchmarks/load.py --soak` is the long form."""

import os
import sys

import pytest

from tests.runs.conftest import keep_prompts
from tests.runs.provider import Provider
from tests.server.session import process_figures
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.store import Store
from tierwise.types import Tier

CALLS = 150


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_runs_leave_nothing_behind():
    told = []
    with Store() as store, Provider() as provider:
        provider.fault = lambda body, before: "500" if "7" in body["messages"][-1]["content"] and not before else None
        evalset_id = keep_prompts(store, CALLS)
        tier = Tier("t", "openai/m", provider.base, None, 1.0, 4.0)
        for _ in range(5):
            run = create_run(store, evalset_id, [tier], params={"scorer": "exact", "concurrency": 16})
            assert execute(store, run.id).status == "done"
            told.append(process_figures(os.getpid()))
        assert len(provider.seen) >= 5 * CALLS
    warm, end = told[1], told[-1]
    assert end["threads"] <= warm["threads"] + 2
    assert end["descriptors"] <= warm["descriptors"] + 8
    assert end["rss_mib"] - warm["rss_mib"] < 25
