"""The ledger: a row is committed before each paid request is sent, and a second one says how it ended. Nothing is changed in place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Literal

import pandas as pd
import pyarrow as pa

from tierwise.store import spending
from tierwise.store.claims import alive
from tierwise.store.connection import Connection, insert
from tierwise.store.grades import grade_rows
from tierwise.store.runs import Cell, outcome_rows
from tierwise.types import Grade, Outcome, now

AttemptStatus = Literal["answered", "refused", "unknown"]

TEST_RUN = "test-call"
"""Requests of test calls stand on the ledger under this name; there is no such run."""


@dataclass(frozen=True)
class Intent:
    """A request about to be sent."""

    cell: Cell
    reserved_usd: float | None
    """The most it can cost; None for an unpriced tier."""
    model: str = ""
    purpose: str = "answer"
    """Or `grade`, for a request that grades the answer of its cell."""
    sent_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Refusal:
    """Why an intent was not kept, so that its request must not be sent."""

    cap: str
    """The `spending` row whose cap it could pass."""
    lost: bool = False
    """The lease of whoever works was lost: others may do its work."""


@dataclass(frozen=True)
class Settlement:
    """How an attempt ended; with an outcome the cell is done, without one it may be tried again."""

    attempt_id: int
    status: AttemptStatus
    """`refused` was not billed; `unknown` may have been, and counts at what was reserved."""
    cost_usd: float | None = None
    error: str | None = None
    http_status: int | None = None
    outcome: Outcome | None = None
    closed_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Totals:
    """Requests of one purpose that ended one way, over the whole ledger."""

    purpose: str
    status: str
    requests: int
    paid_usd: float
    counted_usd: float


LEDGER = """
    SELECT a.id, a.sample_id, a.tier, a.repeat, a.model, a.purpose, a.sent_at, s.closed_at, coalesce(s.status, 'unknown') AS status, s.http_status,
           a.reserved_usd, s.cost_usd, CASE WHEN s.status = 'refused' THEN 0 ELSE coalesce(s.cost_usd, a.reserved_usd) END AS counted_usd, s.error
    FROM attempts a LEFT JOIN settlements s ON s.attempt_id = a.id
"""


class Attempts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def commit(
        self,
        run_id: str,
        entries: Sequence[Intent | Settlement | Grade],
        person_id: str = "",
        owner: str | None = None,
        caps: Mapping[str, float] | None = None,
    ) -> list[int | Refusal | None]:
        """Keep intents, settlements with their outcomes, and grades in one transaction; an attempt id for each intent, in order.

        Args:
            person_id: whose daily cap the requests count towards; empty for the person at the machine.
            owner: who works, in a shared store: one whose lease is lost has its intents refused, and an outcome that is there stays.
            caps: in a shared store, dollars by `spending` row: an intent that could go past one is refused.
        """
        wanted = [e for e in entries if isinstance(e, Intent)]
        settlements = [e for e in entries if isinstance(e, Settlement)]
        with self._connection.write() as cursor:
            ids: list[int] = []
            refusals = self._refusals(cursor, wanted, owner, caps or {})
            intents = [i for i, refusal in zip(wanted, refusals, strict=True) if refusal is None]
            if intents:
                ids = [i for (i,) in cursor.execute("SELECT nextval('attempt_ids') FROM generate_series(1, ?)", [len(intents)]).fetchall()]
                insert(cursor, "attempts", pa.table({
                    "id": pa.array(ids, pa.int64()), "run_id": pa.array([run_id] * len(intents), pa.string()),
                    "sample_id": pa.array([i.cell[0] for i in intents], pa.string()), "tier": pa.array([i.cell[1] for i in intents], pa.string()),
                    "repeat": pa.array([i.cell[2] for i in intents], pa.int32()), "model": pa.array([i.model for i in intents], pa.string()),
                    "reserved_usd": pa.array([i.reserved_usd for i in intents], pa.float64()),
                    "sent_at": pa.array([i.sent_at for i in intents], pa.timestamp("us")),
                    "purpose": pa.array([i.purpose for i in intents], pa.string()),
                    "person_id": pa.array([person_id] * len(intents), pa.string()),
                }))  # fmt: skip
            if settlements:
                insert(cursor, "settlements", pa.table({
                    "attempt_id": pa.array([s.attempt_id for s in settlements], pa.int64()),
                    "closed_at": pa.array([s.closed_at for s in settlements], pa.timestamp("us")),
                    "status": pa.array([s.status for s in settlements], pa.string()),
                    "cost_usd": pa.array([s.cost_usd for s in settlements], pa.float64()),
                    "error": pa.array([s.error for s in settlements], pa.string()),
                    "http_status": pa.array([s.http_status for s in settlements], pa.int32()),
                }))  # fmt: skip
                insert(
                    cursor, "outcomes", outcome_rows(run_id, [s.outcome for s in settlements if s.outcome is not None]), owner is not None
                )
            insert(cursor, "grades", grade_rows(run_id, [e for e in entries if isinstance(e, Grade)]))
            if self._connection.shared:
                self._book(cursor, [(run_id, i.sent_at, person_id, i.reserved_usd) for i in intents], settlements)
        taken, refused = iter(ids), iter(refusals)
        return [(next(refused) or next(taken)) if isinstance(e, Intent) else None for e in entries]

    def _refusals(self, cursor: Any, intents: list[Intent], owner: str | None, caps: Mapping[str, float]) -> list[Refusal | None]:
        if intents and owner is not None and not alive(cursor, owner):
            return [Refusal("", lost=True)] * len(intents)
        if not intents or not caps:
            return [None] * len(intents)
        over = spending.admit(cursor, LEDGER, caps, [i.reserved_usd or 0.0 for i in intents])
        return [None if name is None else Refusal(name) for name in over]

    def _book(self, cursor: Any, sent: list[tuple], settlements: list[Settlement]) -> None:
        """Move what is counted under each cap with the rows just written."""
        deltas = [reserved or 0.0 for *_, reserved in sent]
        if settlements:
            ids = [s.attempt_id for s in settlements]
            rows = cursor.execute("SELECT id, run_id, sent_at, person_id, reserved_usd FROM attempts WHERE id IN (SELECT unnest(?))", [ids])
            known = {row[0]: row[1:] for row in rows.fetchall()}
            for s in settlements:
                if s.attempt_id in known:
                    sent = [*sent, known[s.attempt_id]]
                    reserved = known[s.attempt_id][3] or 0.0
                    deltas.append((0.0 if s.status == "refused" else reserved if s.cost_usd is None else s.cost_usd) - reserved)
        spending.book(cursor, spending.changes_by(sent, deltas))

    def counted_on(self, day: date, person_id: str | None = None) -> float:
        """US dollars of all requests sent on a day (UTC), or of one person's; unknown costs at what was reserved."""
        theirs, values = ("", []) if person_id is None else ("AND a.person_id = ?", [person_id])
        with self._connection.read() as cursor:
            return cursor.execute(
                f"SELECT coalesce(sum(counted_usd), 0) FROM ({LEDGER} WHERE a.sent_at >= ? AND a.sent_at < ? {theirs}) sent",
                [day, day + timedelta(days=1), *values],
            ).fetchone()[0]

    def totals(self) -> list[Totals]:
        """The whole ledger in a few lines."""
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"""SELECT purpose, status, count(*)::BIGINT, coalesce(sum(cost_usd), 0), coalesce(sum(counted_usd), 0)
                    FROM ({LEDGER}) sent GROUP BY purpose, status ORDER BY purpose, status"""
            ).fetchall()
        return [Totals(*row) for row in rows]

    def frame(self, run_id: str, newest: int | None = None) -> pd.DataFrame:
        """Every request of a run in the order of sending. `counted_usd` is the cost, or what was reserved where that is not known.

        Args:
            newest: only so many, the newest first.
        """
        order = "ORDER BY a.id" if newest is None else f"ORDER BY a.id DESC LIMIT {int(newest)}"
        with self._connection.read() as cursor:
            return cursor.execute(f"{LEDGER} WHERE a.run_id = ? {order}", [run_id]).df()

    def by_tier(self, run_id: str) -> pd.DataFrame:
        """One row a purpose (answer, grade) and tier, in the order of first use: requests, answered, refused, unknown, paid, not_known (dollars at the worst), unpriced."""
        with self._connection.read() as cursor:
            return cursor.execute(
                f"""SELECT purpose, tier, count(*)::INTEGER AS requests, count(*) FILTER (status = 'answered')::INTEGER AS answered,
                           count(*) FILTER (status = 'refused')::INTEGER AS refused, count(*) FILTER (status = 'unknown')::INTEGER AS unknown,
                           coalesce(sum(cost_usd), 0) AS paid, coalesce(sum(counted_usd) FILTER (cost_usd IS NULL), 0) AS not_known,
                           count(*) FILTER (counted_usd IS NULL)::INTEGER AS unpriced
                    FROM ({LEDGER} WHERE a.run_id = ?) sent GROUP BY purpose, tier ORDER BY min(id)""",
                [run_id],
            ).df()
