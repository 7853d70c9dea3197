"""Runs in the background of one process: started once, watched from anywhere, going on when the page that started them is gone."""

import atexit
import logging
import threading
import time
from dataclasses import dataclass

from tierwise.errors import TierwiseError
from tierwise.grading.counting import AUTOMATIC
from tierwise.runs.execute import execute
from tierwise.runs.lease import Elsewhere, lead
from tierwise.runs.room import check_room
from tierwise.runs.stopping import Stop
from tierwise.scorers import scorer_ref
from tierwise.store import Store
from tierwise.types import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunProgress:
    """What the card of a run shows."""

    done: int
    total: int
    failed: int
    spent_usd: float
    unsettled_usd: float
    """Requests whose cost is not known, at the most they can have cost."""
    seconds_left: float | None
    """None while nothing tells yet."""
    grading_usd: float = 0.0
    """What models that grade were paid, besides `spent_usd`."""
    graded: int | None = None
    """Grades by the run's scorer, once all answers are there and the run is not done; None otherwise."""


@dataclass
class _Going:
    thread: threading.Thread
    stop: Stop
    began: float
    done_before: int


class RunQueue:
    """Keyed by run id: a second start of a run that goes on is the same run, never a second payment."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._going: dict[str, _Going] = {}
        self._totals: dict[str, int] = {}
        for run in store.runs.list():
            self._elsewhere(run)
        atexit.register(self.close)

    def start(self, run_id: str, as_seen: Store | None = None) -> None:
        """Start or resume a run; nothing happens where it is going on.

        Args:
            as_seen: the store as whoever starts it may use it, so that what is spent counts as theirs; the queue's own without it.

        Raises:
            StoreFull: too little room on the disk.
        """
        check_room(self._store)
        with self._lock:
            if run_id in self._going or self._elsewhere(self._store.runs.get(run_id)):
                return
            stop = Stop()
            thread = threading.Thread(target=self._run, args=(run_id, stop, as_seen or self._store), name=f"run-{run_id}", daemon=True)
            self._going[run_id] = _Going(thread, stop, time.monotonic(), self._store.runs.progress(run_id).done)
            if not self._store.shared:  # there, it is said once the run is claimed
                self._store.runs.set_status(run_id, "running")
            thread.start()

    def is_running(self, run_id: str) -> bool:
        """Here, or in another process that shares the store."""
        with self._lock:
            if run_id in self._going:
                return True
        return self._store.shared and self._elsewhere(self._store.runs.get(run_id))

    def _elsewhere(self, run: Run) -> bool:
        """Whether another process runs it. A run whose process has ended is made ready to resume."""
        if run.status != "running" or run.id in self._going:
            return False
        if self._store.shared and self._store.claims.held(lead(run.id)) is not None:
            return True
        if self._store.runs.get(run.id).status == "running":  # asked again: it may have ended between the two questions
            self._store.runs.set_status(run.id, "stopped", "Tierwise ended during the run. Resume goes on with what has no answer yet.")
        return False

    def cancel(self, run_id: str) -> None:
        """Nothing more is sent; calls under way get less than a second. Outcomes so far stay."""
        with self._lock:
            going = self._going.get(run_id)
        if going:
            going.stop.cancel()
        elif self._store.shared and self._elsewhere(self._store.runs.get(run_id)):  # whoever runs it looks at its state
            wish = Stop()
            wish.cancel()
            self._store.runs.set_status(run_id, wish.status, wish.note)

    def progress(self, run_id: str) -> RunProgress:
        so_far, total = self._store.runs.progress(run_id), self._total(run_id)
        with self._lock:
            going = self._going.get(run_id)
        left = None
        if going and (new := so_far.done - going.done_before) > 0:
            left = (total - so_far.done) * (time.monotonic() - going.began) / new
        graded = self._graded(run_id) if so_far.done >= total else None
        return RunProgress(so_far.done, total, so_far.failed, so_far.spent_usd, so_far.unsettled_usd, left, so_far.grading_usd, graded)

    def _graded(self, run_id: str) -> int | None:
        run = self._store.runs.get(run_id)
        if run.status == "done" or "scorer" not in run.params:
            return None
        return self._store.grades.graded(run_id, scorer_ref(run.params["scorer"], run.params.get("scorer_options")), AUTOMATIC)

    def wait(self, run_id: str, timeout_s: float | None = None) -> None:
        """Until the run is over."""
        with self._lock:
            going = self._going.get(run_id)
        if going:
            going.thread.join(timeout_s)

    def close(self) -> None:
        """Let calls under way come in, for ten seconds at most, and leave every run ready to resume."""
        with self._lock:
            going = list(self._going.values())
        for one in going:
            one.stop.drain()
        deadline = time.monotonic() + 10
        for one in going:
            one.thread.join(max(0.0, deadline - time.monotonic()))
        atexit.unregister(self.close)

    def _run(self, run_id: str, stop: Stop, store: Store) -> None:
        try:
            execute(store, run_id, stop=stop)
        except Elsewhere as error:
            log.info("run %s was not started: %s", run_id, error)
        except TierwiseError as error:  # `execute` leaves its words with the run
            log.warning("run %s stopped: %s", run_id, error)
            self._store.runs.set_status(run_id, "stopped", str(error))
        except Exception:
            log.exception("run %s ended with an error", run_id)
        finally:
            with self._lock:
                del self._going[run_id]

    def _total(self, run_id: str) -> int:
        if run_id not in self._totals:
            run = self._store.runs.get(run_id)
            size = self._store.evalsets.info(run.evalset_id).size
            self._totals[run_id] = size * len(run.tiers) * int(run.params.get("repeats", 1))
        return self._totals[run_id]
