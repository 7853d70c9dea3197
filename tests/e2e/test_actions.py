"""A paid run and six things people do meanwhile: none of them stops it, starts a second one or pays a call twice."""

import os
import threading

import pytest

from tests.e2e.conftest import Server
from tests.runs.provider import Provider
from tierwise.runs.plan import create_run
from tierwise.store import Store
from tierwise.types import EvalSet, Sample, Tier

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not os.environ.get("TIERWISE_KILLS"), reason="takes a minute; set TIERWISE_KILLS=1"),
]
CELLS, HELD = 60, 30
"""Requests, and after how many of them the provider waits until everything was tried."""


def test_six_actions_neither_stop_a_run_nor_pay_twice(chromium, visit, tmp_path):
    tried = threading.Event()
    with Provider(delay_s=0.02) as provider:
        provider.fault = lambda body, before: tried.wait(240) and None if len(provider.seen) > HELD else None
        with Store(tmp_path / "tierwise.duckdb") as store:
            samples = tuple(Sample(f"s{i}", f"prompt {i}", f"answer to prompt {i}") for i in range(CELLS))
            store.evalsets.add(EvalSet("e", "actions", "d", samples))
            tier = Tier("small", "openai/small-model", provider.base, input_per_1m=1.0, output_per_1m=4.0)
            run = create_run(store, "e", [tier], params={"scorer": "exact", "concurrency": 4, "timeout_s": 300.0})
        server = Server(tmp_path)
        try:
            link = f"/run?set=e&run={run.id}"
            one, two = (visit(link, at=server) for _ in range(2))  # two people on the same run
            for v in (one, two):
                v.page.get_by_role("button", name="Resume").wait_for()
            one.page.get_by_role("button", name="Resume").dblclick()  # 1: a double click
            two.page.get_by_role("button", name="Resume").click()  # 2: another person starts it at the same time
            one.page.get_by_role("button", name="Cancel").wait_for()
            one.page.get_by_text("More settings").click()  # 3: another widget
            one.page.reload()  # 4: a reload
            one.page.get_by_text(f"of {CELLS} answers").wait_for()
            assert 0 < len(provider.seen) < CELLS, "the run is still on its way"
            three = visit(link, at=server)  # 5: a second tab
            three.page.get_by_text(f"of {CELLS} answers").wait_for()
            one.page.close()  # 6: tabs are closed
            two.page.close()
            tried.set()
            three.page.get_by_role("button", name="Compare tiers").wait_for()
        finally:
            tried.set()
            server.stop()
        assert len(provider.seen) == CELLS and len({s.prompt for s in provider.seen}) == CELLS
        with Store(tmp_path / "tierwise.duckdb") as store:
            assert store.runs.progress(run.id).done == CELLS and len(store.attempts.frame(run.id)) == CELLS
            assert [r.id for r in store.runs.list() if not r.params.get("demo")] == [run.id]
