"""The queue of runs as one person may use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tierwise.access.view import View

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
        self._queue.start(run_id, self._view)

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
