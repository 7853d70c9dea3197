"""Group commit: a caller goes on when its entry is on disk, and what arrives meanwhile shares the next transaction."""

import asyncio
from collections.abc import Callable

from tierwise.store import Store
from tierwise.store.attempts import Intent, Refusal, Settlement
from tierwise.types import Grade


class Journal:
    """The ledger of one run, written from the event loop without blocking it. An fsync a call would allow 300 calls a second at best."""

    def __init__(self, store: Store, run_id: str, owner: str | None = None, caps: Callable[[], dict[str, float]] = dict) -> None:
        """`owner` and `caps` as in `Attempts.commit`, for a store that several processes write."""
        self._store, self._run_id, self._owner, self._caps = store, run_id, owner, caps
        self._waiting: list[tuple[Intent | Settlement | Grade, asyncio.Future]] = []
        self._writer: asyncio.Task | None = None

    async def intend(self, intent: Intent) -> int | Refusal:
        """Commit that a request is about to be sent; its attempt id, or why it must not be sent."""
        return await self._put(intent)

    async def settle(self, settlement: Settlement) -> None:
        """Commit how it ended, with its outcome."""
        await self._put(settlement)

    async def grade(self, grade: Grade) -> None:
        """Commit a grade."""
        await self._put(grade)

    async def _put(self, entry: Intent | Settlement | Grade) -> int | Refusal | None:
        kept: asyncio.Future = asyncio.get_running_loop().create_future()
        self._waiting.append((entry, kept))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        return await kept

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                shared = {"owner": self._owner, "caps": self._caps(), "person_id": self._store.spender} if self._store.shared else {}
                results = await asyncio.to_thread(self._store.attempts.commit, self._run_id, [entry for entry, _ in batch], **shared)
            except Exception as error:
                for _, kept in batch:
                    if not kept.done():
                        kept.set_exception(error)
                continue
            for (_, kept), result in zip(batch, results, strict=True):
                if not kept.done():
                    kept.set_result(result)

    async def close(self) -> None:
        """Wait until everything handed in is on disk."""
        while self._writer is not None and not self._writer.done():
            await asyncio.wait({self._writer})
