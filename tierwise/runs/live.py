"""Calls to live models: each is on the ledger before it is sent, retried by status, and bounded in time, number and dollars.

The promise across a crash: a cell has one outcome, a call is sent at least once, and no dollar goes uncounted.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tierwise import models
from tierwise.models import CallFailed, Reply
from tierwise.runs.budget import Budget
from tierwise.runs.journal import Journal
from tierwise.runs.limits import Gate
from tierwise.runs.plan import CONCURRENCY, TIMEOUT_S, endpoint, max_tokens, most_prompt_tokens, worst_case_usd
from tierwise.runs.prompts import call_key, messages
from tierwise.runs.stopping import Stop
from tierwise.store import Store
from tierwise.store.attempts import Intent, Settlement
from tierwise.store.runs import Cell
from tierwise.types import Outcome, Run, Sample, Tier

MOST_ATTEMPTS = 5
"""Requests for one cell in one go."""

REFUSED_KEYS = 3
"""So many refusals of the key in a row end the run."""

DEAD_ENDPOINT = 25
"""So many failures in a row, of any kind but 'slow down', end the run."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0


@dataclass
class _Endpoint:
    """What the workers of one endpoint share."""

    gate: Gate
    cells: Iterator[Cell]
    refused_keys: int = 0
    failures: int = 0


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
        self._journal = Journal(self.store, self.run.id)
        self._timeout_s = float(self.run.params.get("timeout_s") or TIMEOUT_S)

    async def work(self, cells: Sequence[Cell]) -> None:
        """Call until nothing is open, or until the stop is set and its grace is over.

        Raises:
            Exception: the ledger could not be written; nothing more is sent then.
        """
        await asyncio.to_thread(models.load)
        most = int(self.run.params.get("concurrency") or CONCURRENCY)
        by_endpoint: dict[str, list[Cell]] = defaultdict(list)
        for cell in cells:
            by_endpoint[endpoint(self._tiers[cell[1]])].append(cell)
        workers = []
        for name, mine in by_endpoint.items():
            tiers = [t for t in self.run.tiers if endpoint(t) == name]
            gate = Gate(most, *(min((v for t in tiers if (v := getattr(t, limit))), default=None) for limit in ("rpm", "tpm")))
            shared = _Endpoint(gate, iter(mine))
            workers += [asyncio.create_task(self._worker(shared)) for _ in range(min(most, len(mine)))]
        deadline = self.run.params.get("deadline_s")
        if deadline:
            asyncio.get_running_loop().call_later(float(deadline), self.stop.set, "stopped", f"Stopped at its deadline of {deadline:g} s.")
        ended = asyncio.create_task(self.stop.wait())
        everything = asyncio.gather(*workers)
        try:
            await asyncio.wait({everything, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not everything.done():
                await asyncio.wait({everything}, timeout=self.stop.grace_s)
            if everything.done():
                everything.result()
        finally:
            ended.cancel()
            for worker in workers:
                worker.cancel()  # a call under way stays on the ledger as unknown, at its worst case
            await asyncio.gather(*workers, return_exceptions=True)
            await self._journal.close()

    async def _worker(self, shared: _Endpoint) -> None:
        for cell in shared.cells:
            if self.stop:
                return
            await self._cell(cell, shared)

    async def _cell(self, cell: Cell, shared: _Endpoint) -> None:
        sample, tier = self.samples[cell[0]], self._tiers[cell[1]]
        chat = messages(sample, self.run, tier)
        worst = worst_case_usd(chat, tier)
        tokens = most_prompt_tokens(chat) / 4 + max_tokens(tier) / 4
        for attempt in range(1, MOST_ATTEMPTS + 1):
            await shared.gate.enter(tokens)
            ok = False
            try:
                if self.stop:
                    return
                if not await self._reserve(worst or 0.0):
                    return
                failure = await self._attempt(cell, chat, tier, worst, attempt, shared)
                ok = failure is None
            finally:
                await shared.gate.leave(ok)
            if failure is None or not failure.retry or attempt == MOST_ATTEMPTS:
                return
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5)
            if failure.status == 429:
                wait = failure.retry_after_s or wait
                shared.gate.slow_down(wait)
            await asyncio.sleep(max(wait, failure.retry_after_s or 0.0))

    async def _reserve(self, amount: float) -> bool:
        for i, budget in enumerate(self.budgets):
            if not await budget.reserve(amount):
                for held in self.budgets[:i]:
                    await held.settle(amount, 0.0)
                self.stop.set("stopped", f"Stopped at {budget.name} of ${budget.cap:g}: the next call could go past it. "
                                         "Raise it and resume; nothing is sent twice.")  # fmt: skip
                return False
        return True

    async def _paid(self, reserved: float, cost: float) -> None:
        for budget in self.budgets:
            await budget.settle(reserved, cost)

    async def _attempt(
        self, cell: Cell, chat: list[dict[str, str]], tier: Tier, worst: float | None, number: int, shared: _Endpoint
    ) -> CallFailed | None:
        """One request, on the ledger before and after. None when it brought an answer."""
        attempt_id = await self._journal.intend(Intent(cell, worst, tier.model))
        try:
            reply = await models.call(
                tier, chat, max_tokens=max_tokens(tier), timeout_s=tier.timeout_s or self._timeout_s, stream=bool(self.run.params.get("stream")),
                request_id=f"tierwise-{self.run.id}-{attempt_id}",
            )  # fmt: skip
        except CallFailed as failure:
            await self._failed(cell, failure, attempt_id, worst, number, shared)
            return failure
        await self._answered(cell, reply, attempt_id, worst, call_key(chat, tier, max_tokens(tier)))
        shared.refused_keys = shared.failures = 0
        return None

    async def _answered(self, cell: Cell, reply: Reply, attempt_id: int, worst: float | None, key: str) -> None:
        outcome = reply.outcome(*cell, key)
        await self._journal.settle(Settlement(attempt_id, "answered", reply.cost_usd, reply.error, 200, outcome))
        await self._paid(worst or 0.0, reply.cost_usd if reply.cost_usd is not None else worst or 0.0)
        self.on_outcome(outcome)

    async def _failed(self, cell: Cell, failure: CallFailed, attempt_id: int, worst: float | None, number: int, shared: _Endpoint) -> None:
        refused_key = failure.status in (401, 403)
        shared.refused_keys = shared.refused_keys + 1 if refused_key else 0
        shared.failures += failure.status != 429
        outcome = None
        if refused_key:
            self.left_open += 1  # once the key is mended, resume sends it again
        elif not failure.retry or number == MOST_ATTEMPTS:
            tries = f" (after {number} attempts)" if number > 1 else ""
            outcome = Outcome(cell[0], cell[1], cell[2], "failed", error=f"{failure}{tries}")
        status, cost = ("refused", 0.0) if failure.billed == "no" else ("unknown", None)
        await self._journal.settle(Settlement(attempt_id, status, cost, str(failure), failure.status, outcome))
        await self._paid(worst or 0.0, 0.0 if failure.billed == "no" else worst or 0.0)
        if outcome is not None:
            self.on_outcome(outcome)
        if shared.refused_keys >= REFUSED_KEYS:
            name = models.key_name(self._tiers[cell[1]])
            self.stop.set("stopped", f"Tier {cell[1]}: the key was refused {REFUSED_KEYS} times in a row ({failure}). "
                                     f"Check {name or 'the endpoint'}, then resume.")  # fmt: skip
        elif shared.failures >= DEAD_ENDPOINT:
            self.stop.set("stopped", f"Tier {cell[1]}: {DEAD_ENDPOINT} calls in a row failed, the last with: {failure}. "
                                     "Resume when the endpoint is well again.")  # fmt: skip
