"""Paid requests, for answers and for grades alike: on the ledger before they are sent, retried by status, bounded in number and dollars."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from tierwise.endpoints import models
from tierwise.endpoints.models import CallFailed
from tierwise.runs import lease
from tierwise.runs.budget import Budget
from tierwise.runs.journal import Journal
from tierwise.runs.limits import Gate
from tierwise.runs.stopping import Stop
from tierwise.store import Store
from tierwise.store.attempts import Intent, Refusal, Settlement
from tierwise.store.runs import Cell
from tierwise.types import Outcome, Tier

MOST_ATTEMPTS = 5
"""Times that one request is sent in one go."""

REFUSED_KEYS = 3
"""So many refusals of the key in a row end the work."""

DEAD_ENDPOINT = 25
"""So many failures in a row, of any kind but 'slow down', end the work."""

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 30.0

UNDER_WAY_S, ROOM_LOOK_S = 70.0, 0.3
"""A request in another process that was sent so lately may still give back some of what was set aside; looked at so often."""


class Paid(Protocol):
    """What any reply tells."""

    cost_usd: float | None
    error: str | None


T = TypeVar("T", bound=Paid)


@dataclass
class Lane:
    """What the requests to one endpoint share."""

    gate: Gate
    refused_keys: int = 0
    failures: int = 0


@dataclass(frozen=True)
class Request(Generic[T]):
    """Something to ask of a model."""

    cell: Cell
    """The answer it is for, or about."""
    tier: Tier
    who: str
    """The one asked, as a message begins: `Tier small`, `Judge gpt-5`."""
    worst_usd: float | None
    """The most one sending can cost; None where there is no price."""
    tokens: float
    """A guess, for limits by the minute."""
    send: Callable[[str], Awaitable[T]]
    """Sends it once, under the request id given."""
    purpose: str = "answer"
    outcome: Callable[[T | CallFailed, int], Outcome | None] = lambda ended, attempts: None
    """What is kept with the last word, in the same transaction."""


@dataclass(frozen=True)
class Ended(Generic[T]):
    """How a request ended. Neither reply nor failure: it was not sent, or not to its end, because the work stops."""

    reply: T | None = None
    failure: CallFailed | None = None
    attempts: tuple[int, ...] = ()
    """Their ids on the ledger."""
    outcome: Outcome | None = None

    @property
    def refused_key(self) -> bool:
        return self.failure is not None and self.failure.status in (401, 403)


class Calls:
    """The requests of one go at one run, on the event loop."""

    def __init__(self, store: Store, run_id: str, stop: Stop, budgets: Sequence[Budget]) -> None:
        """`budgets`: each must have room for a request: the run's, the day's."""
        self._lease = lease.of_run(run_id)
        owner = self._lease.owner if self._lease else None
        self.journal = Journal(store, run_id, owner, lambda: {b.row: b.cap for b in budgets if b.row and b.cap is not None})
        self._store, self._run_id = store, run_id
        self._stop = stop
        self._budgets = budgets

    async def ask(self, request: Request[T], lane: Lane) -> Ended[T]:
        """Send until it is answered, refused for good or sent `MOST_ATTEMPTS` times.

        Raises:
            Exception: the ledger could not be written; nothing more should be sent then.
        """
        sent: list[int] = []
        for attempt in range(1, MOST_ATTEMPTS + 1):
            await lane.gate.enter(request.tokens)
            answered = False
            try:
                if self._stop or not await self._reserve(request.worst_usd or 0.0):
                    return Ended(attempts=tuple(sent))
                ended = await self._attempt(request, attempt, sent, lane)
                if ended is None:
                    return Ended(attempts=tuple(sent))
                result, outcome = ended
                answered = not isinstance(result, CallFailed)
            finally:
                await lane.gate.leave(answered)
            if answered:
                return Ended(result, None, tuple(sent), outcome)
            if not result.retry or attempt == MOST_ATTEMPTS:
                return Ended(None, result, tuple(sent), outcome)
            wait = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5)
            if result.status == 429:
                wait = result.retry_after_s or wait
                lane.gate.slow_down(wait)
            await asyncio.sleep(max(wait, result.retry_after_s or 0.0))
        raise AssertionError("the last attempt returns")

    async def _reserve(self, amount: float) -> bool:
        for i, budget in enumerate(self._budgets):
            if not await budget.reserve(amount):
                for held in self._budgets[:i]:
                    await held.settle(amount, 0.0)
                self._over(budget)
                return False
        return True

    def _over(self, budget: Budget) -> None:
        self._stop.set("stopped", f"Stopped at {budget.name} of ${budget.cap:g}: the next call could go past it. "
                                  "Raise it and resume; nothing is sent twice.")  # fmt: skip

    async def _paid(self, reserved: float, cost: float) -> None:
        for budget in self._budgets:
            await budget.settle(reserved, cost)

    async def _intend(self, request: Request) -> int | None:
        """The attempt's id; None where it must not be sent: others that share the store have spent the budget, or do this work now."""
        while not self._stop:
            given = await self.journal.intend(Intent(request.cell, request.worst_usd, request.tier.model, request.purpose))
            if not isinstance(given, Refusal):
                return given
            if given.lost:
                self._lease.lose()
            elif await asyncio.to_thread(self._store.claims.under_way, UNDER_WAY_S):
                await asyncio.sleep(ROOM_LOOK_S)  # it may come out cheaper than was set aside for it
            else:
                self._over(next(b for b in self._budgets if b.row == given.cap))
        return None

    async def _attempt(self, request: Request[T], number: int, sent: list[int], lane: Lane) -> tuple[T | CallFailed, Outcome | None] | None:
        """One sending, on the ledger before and after."""
        worst = request.worst_usd or 0.0
        try:
            attempt_id = await self._intend(request)
            if attempt_id is None:
                await self._paid(worst, 0.0)
                return None
            sent.append(attempt_id)
            try:
                result: T | CallFailed = await request.send(f"tierwise-{self._run_id}-{attempt_id}")
            except CallFailed as failure:
                result = failure
        except BaseException:  # cut off: on the ledger it counts at its worst case, so it does in the budgets
            await self._paid(worst, worst)
            raise
        failed = isinstance(result, CallFailed)
        if failed:
            self._count(result, lane)
        else:
            lane.refused_keys = lane.failures = 0
        last = not failed or not result.retry or number == MOST_ATTEMPTS
        outcome = request.outcome(result, number) if last else None
        if not failed:
            cost = worst if result.cost_usd is None else result.cost_usd
            settlement = Settlement(attempt_id, "answered", result.cost_usd, result.error, 200, outcome)
        elif result.billed == "no":
            cost, settlement = 0.0, Settlement(attempt_id, "refused", 0.0, str(result), result.status, outcome)
        else:
            cost, settlement = worst, Settlement(attempt_id, "unknown", None, str(result), result.status, outcome)
        await self.journal.settle(settlement)
        await self._paid(worst, cost)
        if failed:
            self._give_up(request, result, lane)
        return result, outcome

    def _count(self, failure: CallFailed, lane: Lane) -> None:
        lane.refused_keys = lane.refused_keys + 1 if failure.status in (401, 403) else 0
        lane.failures += failure.status != 429

    def _give_up(self, request: Request, failure: CallFailed, lane: Lane) -> None:
        """Stop everything when the endpoint plainly will not answer."""
        if lane.refused_keys >= REFUSED_KEYS:
            name = models.key_name(request.tier)
            self._stop.set("stopped", f"{request.who}: the key was refused {REFUSED_KEYS} times in a row ({failure}). "
                                      f"Check {name or 'the endpoint'}, then resume.")  # fmt: skip
        elif lane.failures >= DEAD_ENDPOINT:
            self._stop.set("stopped", f"{request.who}: {DEAD_ENDPOINT} calls in a row failed, the last with: {failure}. "
                                      "Resume when the endpoint is well again.")  # fmt: skip


async def until_stopped(workers: Sequence[asyncio.Task], stop: Stop) -> None:
    """Wait for the workers, or until the stop is set and its grace is over; then end those that still go.

    Raises:
        Exception: what the first failing worker raised.
    """
    ended = asyncio.create_task(stop.wait())
    everything = asyncio.gather(*workers)
    try:
        await asyncio.wait({everything, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not everything.done():
            await asyncio.wait({everything}, timeout=stop.grace_s)
        if everything.done():
            everything.result()
    finally:
        ended.cancel()
        for worker in workers:
            worker.cancel()  # a call under way stays on the ledger as unknown, at its worst case
        await asyncio.gather(*workers, return_exceptions=True)
