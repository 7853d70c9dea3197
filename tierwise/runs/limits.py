"""How fast one endpoint may be asked: calls at once, requests a minute, tokens a minute. What is over a limit waits its turn."""

import asyncio
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tierwise.store.claims import Claims

MINUTE = 60.0


class Window:
    """At most `limit` units in any 60 seconds. Exact, unlike a leaky bucket, which lets a burst through at the start of each minute."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._taken: deque[tuple[float, float]] = deque()
        self._sum = 0.0

    def wait_s(self, amount: float, at: float) -> float:
        """Seconds until `amount` fits; an amount above the limit itself fits when the window is empty."""
        while self._taken and self._taken[0][0] <= at - MINUTE:
            self._sum -= self._taken.popleft()[1]
        need, freed = self._sum + min(amount, self.limit) - self.limit, 0.0
        if need <= 1e-9:
            return 0.0
        for taken_at, taken in self._taken:
            freed += taken
            if freed >= need - 1e-9:
                return taken_at + MINUTE - at
        return MINUTE

    def take(self, amount: float, at: float) -> None:
        self._taken.append((at, min(amount, self.limit)))
        self._sum += min(amount, self.limit)


class Gate:
    """The way to one endpoint, shared by its workers. Calls at once halve when it says 429 and grow again by one a round."""

    def __init__(self, most: int, rpm: float | None = None, tpm: float | None = None) -> None:
        self.most = most
        self.limit = float(most)
        self.inside = 0
        self._changed = asyncio.Condition()
        self._open_at = 0.0
        self._shrunk_at = 0.0
        self._windows = [(Window(limit), tokens) for limit, tokens in ((rpm, False), (tpm, True)) if limit]

    async def enter(self, tokens: float = 0.0) -> None:
        """Wait for a place."""
        async with self._changed:
            while True:
                if self.inside >= max(1, int(self.limit)):
                    await self._changed.wait()
                    continue
                at = time.monotonic()
                waits = [w.wait_s(tokens if counts_tokens else 1, at) for w, counts_tokens in self._windows]
                wait = max(self._open_at - at, *waits, 0.0) if waits else max(self._open_at - at, 0.0)
                if wait <= 0:
                    for window, counts_tokens in self._windows:
                        window.take(tokens if counts_tokens else 1, at)
                    self.inside += 1
                    return
                self._changed.release()
                try:
                    await asyncio.sleep(min(wait, 1.0))
                finally:
                    await self._changed.acquire()

    async def leave(self, ok: bool) -> None:
        """Give the place back; an answered call lets the limit grow."""
        async with self._changed:
            self.inside -= 1
            if ok:
                self.limit = min(self.most, self.limit + 1 / max(self.limit, 1.0))
            self._changed.notify_all()

    def slow_down(self, wait_s: float) -> None:
        """The endpoint said 429: nobody enters for `wait_s`, and half as many after that. Replies to calls of one moment count once."""
        at = time.monotonic()
        if at > self._shrunk_at + 1.0:
            self.limit, self._shrunk_at = max(1.0, self.limit / 2), at
        self._open_at = max(self._open_at, at + wait_s)


class SharedGate(Gate):
    """A gate whose limits count what every process that shares the store sends; 429s slow down each process by itself."""

    def __init__(
        self, here: int, most: int, rpm: float | None, tpm: float | None, claims: "Claims", owner: str, lane: str, group: str
    ) -> None:
        """`here`: calls at once in this process; `lane`: the endpoint, whose minute all runs share; `group`: the run, of `most` at once."""
        super().__init__(here)
        self._claims, self._owner, self._lane, self._group, self._limits = claims, owner, lane, group, (most, rpm, tpm)
        self._passes: list[str] = []

    async def enter(self, tokens: float = 0.0) -> None:
        await super().enter(tokens)
        try:
            while True:
                taken, wait = await asyncio.to_thread(self._claims.enter, self._owner, self._lane, self._group, tokens, *self._limits)
                if taken:
                    self._passes.append(taken)
                    return
                await asyncio.sleep(min(wait, 1.0))
        except BaseException:
            await super().leave(False)
            raise

    async def leave(self, ok: bool) -> None:
        try:
            await asyncio.to_thread(self._claims.leave_lane, self._passes.pop())  # any of ours: they are alike
        finally:
            await super().leave(ok)
