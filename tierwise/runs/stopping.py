"""The wish that a run ends early, made on any thread and seen on the event loop."""

import asyncio
import threading

from tierwise.runs import background

CANCEL_GRACE_S = 0.8
DRAIN_GRACE_S = 8.0


class Stop:
    """Made once a run. The first reason counts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[asyncio.Event] = []
        self.status: str | None = None
        """What the run becomes: cancelled or stopped; None while it may go on."""
        self.note = ""
        self.grace_s = DRAIN_GRACE_S
        """How long calls under way are waited for."""

    def set(self, status: str, note: str = "", grace_s: float = DRAIN_GRACE_S) -> None:
        with self._lock:
            if self.status is None:
                self.status, self.note, self.grace_s = status, note, grace_s
            else:
                self.grace_s = min(self.grace_s, grace_s)
            waiting = list(self._waiting)
        for event in waiting:
            background.loop().call_soon_threadsafe(event.set)

    def cancel(self) -> None:
        """The user's wish: nothing more is sent, and calls under way get less than a second."""
        self.set("cancelled", "Cancelled. Resume goes on with what has no answer yet.", CANCEL_GRACE_S)

    def drain(self) -> None:
        """The process is about to end."""
        self.set("stopped", "Tierwise was shut down during the run. Resume goes on with what has no answer yet.")

    def __bool__(self) -> bool:
        return self.status is not None

    async def wait(self) -> None:
        """Until the wish is made; on the event loop."""
        event = asyncio.Event()
        with self._lock:
            self._waiting.append(event)
            if self.status is not None:
                event.set()
        await event.wait()
