"""Doing cells of a run that another process leads: what a `tierwise worker` and a worker of a Dask cluster do alike."""

import logging
import time

from tierwise.endpoints.models import check_keys
from tierwise.endpoints.tiers import check_reach
from tierwise.errors import BadInput, TierwiseError
from tierwise.runs import background, lease
from tierwise.runs.budget import of_person, of_run, of_today
from tierwise.runs.execute import all_cells
from tierwise.runs.live import LiveRun
from tierwise.runs.stopping import Stop
from tierwise.store import Store

LOOK_S = 1.0

log = logging.getLogger(__name__)


def help_with(store: Store, run_id: str, stop: Stop | None = None) -> int:
    """Answer open cells of a running live run until none is left or it stops; how many this process answered.

    Raises:
        BadInput: the store is this process's own, so nobody else can be at work.
        TierwiseError: a key is missing here.
    """
    store.require("run")
    if not store.shared:
        raise BadInput("Only a run in a shared database can be helped with: set TIERWISE_DATABASE_URL.")
    run, stop = store.runs.get(run_id), Stop() if stop is None else stop
    spender = store.claims.held(lease.lead(run_id))
    if run.status != "running" or run.simulated or spender is None or lease.of_run(run_id) is not None:
        return 0
    store = store.within(store.project)
    store.spender = spender  # the money is of whoever started it
    for tier in run.tiers:
        check_reach(f"Tier {tier.name!r}", tier)
    check_keys(run.tiers)
    samples = {s.id: s for s in store.evalsets.get(run.evalset_id).samples}
    done = store.runs.done_cells(run.id)
    kept: list[object] = []
    with lease.working(store, run.id, stop) as held:
        held.start()
        budgets = (of_run(store, run.id, run.params.get("budget_usd")), of_today(store), *of_person(store))
        live = LiveRun(store, run, samples, stop, budgets, kept.append)
        background.submit(live.work([c for c in all_cells(run, list(samples.values())) if c not in done])).result()
    return len(kept)


class Worker:
    """Helps with every live run that goes on in the shared store, one after another, until it is ended."""

    def __init__(self, store: Store) -> None:
        self._store, self._over, self._now = store, False, Stop()

    def serve(self) -> None:
        while not self._over:
            for run in self._store.runs.list():
                if run.status == "running" and not run.simulated:
                    self._help(run.id)
            time.sleep(LOOK_S)

    def end(self) -> None:
        """Calls under way come in; their cells are kept."""
        self._over = True
        self._now.drain()

    def _help(self, run_id: str) -> None:
        self._now = Stop()
        if self._over:
            return
        try:
            log.info("answered %d cells of run %s", help_with(self._store, run_id, self._now), run_id)
        except TierwiseError as error:
            log.warning("run %s: %s", run_id, error)
