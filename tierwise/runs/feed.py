"""Which cell a worker does next: the next one of the list, or, where several processes share a run, the next that this one could claim."""

import asyncio
from collections import deque
from collections.abc import Sequence

from tierwise.runs.lease import Lease
from tierwise.runs.stopping import Stop
from tierwise.store import Store
from tierwise.store.runs import Cell

LOOK_AGAIN_S = 0.5


class Feed:
    """The open cells of one endpoint, handed out one by one on the event loop."""

    def __init__(self, store: Store, run_id: str, cells: Sequence[Cell], lease: Lease | None, stop: Stop, at_once: int) -> None:
        """`at_once`: how many cells are claimed in one go; what one process holds, others do not start."""
        self._store, self._run_id, self._lease, self._stop, self._at_once = store, run_id, lease, stop, at_once
        self._left, self._mine, self._ended = deque(cells), deque[Cell](), deque[Cell]()
        self._turn = asyncio.Lock()

    async def next(self) -> Cell | None:
        """None when there is nothing left to do here or elsewhere, or the run stops."""
        if self._lease is None:
            return self._left.popleft() if self._left and not self._stop else None
        async with self._turn:
            while not self._mine and self._left and not self._stop:
                await self._claim()
            return self._mine.popleft() if self._mine and not self._stop else None

    def end(self, cell: Cell) -> None:
        """The cell has an outcome."""
        if self._lease is not None:
            self._ended.append(cell)

    async def _claim(self) -> None:
        """Claim some of what is left. Cells that others have come again at the end of the line: their process may die."""
        batch = [self._left.popleft() for _ in range(min(self._at_once, len(self._left)))]
        taken = await asyncio.to_thread(self._take, batch)
        if not taken:
            self._left.extend(await asyncio.to_thread(self._still_open, batch))
            if len(self._left) <= self._at_once:
                await asyncio.sleep(LOOK_AGAIN_S)  # the last ones are under way elsewhere
            return
        still = set(await asyncio.to_thread(self._still_open, batch))
        self._mine.extend(c for c in batch if c in still and c in taken)
        self._ended.extend(taken - still)
        self._left.extend(c for c in batch if c in still and c not in taken)

    def _take(self, batch: Sequence[Cell]) -> set[Cell]:
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        if ended:
            self._store.claims.release(self._lease.owner, [self._name(c) for c in ended])
        taken = set(self._store.claims.take(self._lease.owner, [self._name(c) for c in batch]))
        return {c for c in batch if self._name(c) in taken}

    def _still_open(self, batch: Sequence[Cell]) -> list[Cell]:
        """Looked at after claiming: what was claimed just after another process ended it has an outcome."""
        done = self._store.runs.done_cells(self._run_id, [c[0] for c in batch])
        return [c for c in batch if c not in done]

    def _name(self, cell: Cell) -> str:
        return f"cell {self._run_id} {cell[2]} {cell[1]}\n{cell[0]}"
