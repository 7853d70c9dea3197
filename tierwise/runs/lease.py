"""This process's part in work that several processes may do: who leads a run, and a lease that ends when the process does.

A store of one process has none of this: nobody else can be at work.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tierwise.errors import NotReady
from tierwise.runs.stopping import CANCEL_GRACE_S, Stop
from tierwise.store import Store
from tierwise.types import Run

LEASE_S = 20.0
"""A process that has not been heard of for so long has lost its work to others."""
LOOK_S = 0.5
"""How often a run's state is looked at for a wish made in another process."""

log = logging.getLogger(__name__)
_held: dict[str, "Lease"] = {}


class Elsewhere(NotReady):
    """Another process does this work."""


def lead(run_id: str) -> str:
    """The claim of whoever runs a run: it sets its state and grades."""
    return f"run {run_id}"


class Lease:
    """One owner, renewed by a thread of its own. When it is lost, or the run's state changes elsewhere, the stop is set."""

    def __init__(self, store: Store, run_id: str, stop: Stop) -> None:
        self._store, self._run_id, self._stop = store, run_id, stop
        self.owner = store.claims.join(LEASE_S)
        self.lost = False
        self._ended = threading.Event()
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._live, name=f"lease-{run_id}", daemon=True)

    def start(self) -> None:
        """Live, and look out for wishes."""
        self._thread.start()

    def lose(self) -> None:
        """Others may do this work now: nothing more is sent, and the run's state is theirs."""
        self.lost = True
        self._stop.set("stopped", "Another copy of Tierwise went on with this run.", CANCEL_GRACE_S)

    def end(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self._store.claims.leave(self.owner)
        except Exception:
            log.warning("the claims on run %s were not given back; they end in %g s", self._run_id, LEASE_S)

    def _live(self) -> None:
        renewed = time.monotonic()
        while not self._ended.wait(LOOK_S):
            try:
                if time.monotonic() - renewed >= LEASE_S / 4:
                    if not self._store.claims.renew(self.owner, LEASE_S):
                        return self.lose()
                    renewed = time.monotonic()
                run = self._store.runs.get(self._run_id)
                if run.status != "running" and not self._stop:
                    self._stop.set(run.status, run.note, CANCEL_GRACE_S if run.status == "cancelled" else self._stop.grace_s)
                self._heard = time.monotonic()
            except Exception as error:
                log.warning("run %s: the shared database did not answer: %s", self._run_id, error)
                if time.monotonic() - self._heard > LEASE_S:
                    return self.lose()


@contextmanager
def working(store: Store, run_id: str, stop: Stop) -> Iterator[Lease | None]:
    """Take part in a run; None in a store of one process."""
    if not store.shared:
        yield None
        return
    lease = Lease(store, run_id, stop)
    _held[run_id] = lease
    try:
        yield lease
    finally:
        del _held[run_id]
        lease.end()


@contextmanager
def leading(store: Store, run: Run, stop: Stop) -> Iterator[Lease | None]:
    """Take part in a run as the one that leads it.

    Raises:
        Elsewhere: another process leads it.
    """
    with working(store, run.id, stop) as lease:
        if lease is not None and not store.claims.take(lease.owner, [lead(run.id)], store.spender):
            raise Elsewhere(f"{run.name} is running in another copy of Tierwise.")
        yield lease


def of_run(run_id: str) -> Lease | None:
    """What this process holds of a run, for whoever writes to its ledger."""
    return _held.get(run_id)


@contextmanager
def alone(store: Store, name: str, busy: str) -> Iterator[None]:
    """Do something that no other process may do at once, outside of a run; `busy` says so where one does.

    Raises:
        Elsewhere: it is done in another process.
    """
    if not store.shared:
        yield
        return
    owner, ended = store.claims.join(LEASE_S), threading.Event()

    def live() -> None:
        while not ended.wait(LEASE_S / 4):
            store.claims.renew(owner, LEASE_S)

    try:
        if not store.claims.take(owner, [name]):
            raise Elsewhere(busy)
        threading.Thread(target=live, name=f"lease-{name}", daemon=True).start()
        yield
    finally:
        ended.set()
        store.claims.leave(owner)
