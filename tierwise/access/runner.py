"""The queue of runs as one person may use it."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from tierwise import settings
from tierwise.access.view import View
from tierwise.errors import NotReady

EVERY_S = 5.0
"""Seconds between two starts of one person."""

_starting = threading.RLock()
_started: dict[tuple[str, str], list[tuple[str, float]]] = {}
"""Runs by workspace and person, with when they were started."""


def _ago(at: float) -> float:
    return time.monotonic() - at


if TYPE_CHECKING:
    from tierwise.runs.queue import RunProgress, RunQueue


class Runner:
    """Quacks as a `RunQueue`."""

    def __init__(self, view: View, queue: RunQueue) -> None:
        self._view, self._queue = view, queue

    def start(self, run_id: str) -> None:
        """Start or resume a run of the project; what it spends counts towards this person's caps."""
        self._view.require("run")
        self._view.owns("run", run_id)
        if self._queue.is_running(run_id):
            return
        with _starting:
            self.check_start()
            self._queue.start(run_id, self._view)
            if self._view.person.id:
                _started[self._who].append((run_id, time.monotonic()))

    def check_start(self) -> None:
        """Raises NotReady where this person has just started a run, or has as many going on as one may; nobody counts at the machine."""
        self._view.require("run")
        if not self._view.person.id:
            return
        mine = _started[self._who] = [(i, at) for i, at in _started.get(self._who, []) if self._queue.is_running(i) or _ago(at) < EVERY_S]
        if any(_ago(at) < EVERY_S for _, at in mine):
            raise NotReady(f"You have just started a run. Wait {EVERY_S:g} seconds before the next; nothing was started.")
        most = settings.person_runs_at_once()
        if len(mine) >= most:
            raise NotReady(f"{most} of your runs are going on, as many as one person may have at a time. Wait for one, or cancel it.")

    @property
    def _who(self) -> tuple[str, str]:
        return str(self._view.path), self._view.person.id

    def cancel(self, run_id: str) -> None:
        """Stop a run of the project, whoever started it."""
        self._view.require("run")
        self._view.owns("run", run_id)
        if self._queue.is_running(run_id):
            self._view.note("stopped", "run", run_id, self._view.runs.get(run_id).name)
        self._queue.cancel(run_id)

    def is_running(self, run_id: str) -> bool:
        self._see(run_id)
        return self._queue.is_running(run_id)

    def progress(self, run_id: str) -> RunProgress:
        self._see(run_id)
        return self._queue.progress(run_id)

    def wait(self, run_id: str, timeout_s: float | None = None) -> None:
        self._see(run_id)
        self._queue.wait(run_id, timeout_s)

    def _see(self, run_id: str) -> None:
        self._view.require("read")
        self._view.owns("run", run_id)
