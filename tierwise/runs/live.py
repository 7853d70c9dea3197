"""Answers of live models, cell by cell.

The promise across a crash: a cell has one outcome, a call is sent at least once, and no dollar goes uncounted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tierwise import settings
from tierwise.endpoints import models
from tierwise.endpoints.models import CallFailed, Reply
from tierwise.runs import lease
from tierwise.runs.budget import Budget
from tierwise.runs.calls import Calls, Lane, Request, until_stopped
from tierwise.runs.feed import Feed
from tierwise.runs.limits import Gate, SharedGate
from tierwise.runs.plan import CONCURRENCY, TIMEOUT_S, endpoint, max_tokens, most_prompt_tokens, worst_case_usd
from tierwise.runs.prompts import call_key, messages
from tierwise.runs.stopping import Stop
from tierwise.store import Store
from tierwise.store.runs import Cell
from tierwise.types import Outcome, Run, Sample, Tier


@dataclass
class LiveRun:
    """One go at the open cells of a run. `on_outcome` is called on the event loop as each is on disk."""

    store: Store
    run: Run
    samples: Mapping[str, Sample]
    stop: Stop
    budgets: Sequence[Budget]
    """Each must have room for a call: the run's, the day's."""
    on_outcome: Callable[[Outcome], None] = lambda outcome: None
    left_open: int = 0
    """Cells given back without an outcome because the key was refused."""
    _tiers: dict[str, Tier] = field(init=False)

    def __post_init__(self) -> None:
        self._tiers = {t.name: t for t in self.run.tiers}
        self._calls = Calls(self.store, self.run.id, self.stop, self.budgets)
        self._timeout_s = float(self.run.params.get("timeout_s") or TIMEOUT_S)

    async def work(self, cells: Sequence[Cell]) -> None:
        """Call until nothing is open, or until the stop is set and its grace is over.

        Raises:
            Exception: the ledger could not be written; nothing more is sent then.
        """
        await asyncio.to_thread(models.load, *self.run.tiers)
        most = int(self.run.params.get("concurrency") or CONCURRENCY)
        held = lease.of_run(self.run.id)
        by_endpoint: dict[str, list[Cell]] = defaultdict(list)
        for cell in cells:
            by_endpoint[endpoint(self._tiers[cell[1]])].append(cell)
        workers = []
        for name, mine in by_endpoint.items():
            tiers = [t for t in self.run.tiers if endpoint(t) == name]
            limits = [min((v for t in tiers if (v := getattr(t, limit))), default=None) for limit in ("rpm", "tpm")]
            here = most if held is None else min(most, settings.process_at_once() or most)
            gate = (
                Gate(most, *limits) if held is None else SharedGate(here, most, *limits, self.store.claims, held.owner, name, self.run.id)
            )
            lane, feed = Lane(gate), Feed(self.store, self.run.id, mine, held, self.stop, at_once=here)
            workers += [asyncio.create_task(self._worker(feed, lane)) for _ in range(min(here, len(mine)))]
        deadline = self.run.params.get("deadline_s")
        if deadline:
            asyncio.get_running_loop().call_later(float(deadline), self.stop.set, "stopped", f"Stopped at its deadline of {deadline:g} s.")
        try:
            await until_stopped(workers, self.stop)
        finally:
            await self._calls.journal.close()

    async def _worker(self, feed: Feed, lane: Lane) -> None:
        while (cell := await feed.next()) is not None:
            ended = await self._calls.ask(self._request(cell), lane)
            self.left_open += ended.refused_key  # once the key is mended, resume sends it again
            if ended.outcome is not None:
                feed.end(cell)
                self.on_outcome(ended.outcome)

    def _request(self, cell: Cell) -> Request[Reply]:
        tier = self._tiers[cell[1]]
        chat = messages(self.samples[cell[0]], self.run, tier)
        limit = max_tokens(tier)

        async def send(request_id: str) -> Reply:
            return await models.call(
                tier, chat, max_tokens=limit, timeout_s=tier.timeout_s or self._timeout_s, stream=bool(self.run.params.get("stream")),
                request_id=request_id,
            )  # fmt: skip

        def outcome(ended: Reply | CallFailed, attempts: int) -> Outcome | None:
            if isinstance(ended, Reply):
                return ended.outcome(*cell, call_key(chat, tier, limit))
            if ended.status in (401, 403):
                return None
            return Outcome(*cell, "failed", error=f"{ended} (after {attempts} attempts)" if attempts > 1 else str(ended))

        tokens = most_prompt_tokens(chat) / 4 + limit / 4
        return Request(cell, tier, f"Tier {tier.name}", worst_case_usd(chat, tier), tokens, send, outcome=outcome)
