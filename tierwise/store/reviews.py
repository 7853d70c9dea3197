"""Grading by people in the store: sessions and their queues, who took which prompt, pairwise grades and marks. Rows are only appended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timedelta
from typing import Literal

import pandas as pd
import pyarrow as pa

from tierwise.errors import NotFound
from tierwise.store.connection import Connection, insert
from tierwise.types import now

Scale = Literal["pass_fail", "one_to_five", "criteria", "pairwise"]
MarkKind = Literal["skip", "unskip", "flag", "unflag", "comment", "criterion", "uncriterion"]

ABANDONED = timedelta(minutes=30)
"""A prompt taken and not graded for this long is given to another rater."""


@dataclass(frozen=True)
class Item:
    """A prompt in the queue of a session."""

    position: int
    sample_id: str
    stratum: str
    """Prompts were drawn at random within it."""
    tiers: tuple[str, ...]
    """The answers to grade, cheapest tier first."""
    chosen: str | None
    """The tier that the policy chooses; None without a policy."""
    check: bool
    """From the rest: the policy sends it to the last tier anyway."""


@dataclass(frozen=True)
class GradingSession:
    """One drawing of prompts for people, and how they are shown."""

    id: str
    run_id: str
    author: str
    scale: Scale
    scorer: str
    """The automatic grades that the queue was drawn by, and that people are compared with."""
    side_by_side: bool = False
    blind: bool = True
    raters: int = 1
    """How many people grade each prompt."""
    target: int = 100
    """Prompts aimed at; the queue goes on after it."""
    every_tier: bool = False
    seed: int = 0
    basis: str = ""
    """The policy that the queue serves, in words."""
    epsilon: float = 0.02
    delta: float = 0.1
    criteria: tuple[tuple[str, float], ...] = ()
    """Name and weight of each, for the scale of that name."""
    anchors: int = 0
    """After so many answers one that this person has graded before is asked again, unannounced; 0 for never."""
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Mark:
    """A skip, a flag or a comment on one answer; `tier` is empty when it is about the prompt."""

    sample_id: str
    kind: MarkKind
    author: str
    tier: str = ""
    text: str = ""
    created_at: datetime = field(default_factory=now)


@dataclass(frozen=True)
class Comparison:
    """A pairwise grade: which of two answers is better, in the order in which they were shown."""

    sample_id: str
    first_tier: str
    second_tier: str
    result: float | None
    """1 the first, 0 the second, 0.5 a tie; None takes an earlier one back."""
    author: str
    created_at: datetime = field(default_factory=now)


NEWEST = "SELECT *, row_number() OVER (PARTITION BY sample_id, tier ORDER BY id DESC) AS place FROM grades"
COLUMNS = ("id", "run_id", "author", "scale", "scorer", "created_at")
PARAMS = [f.name for f in fields(GradingSession) if f.name not in COLUMNS]


class Reviews:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def start(self, session: GradingSession, items: Sequence[Item]) -> GradingSession:
        """Keep a session with its queue, or neither."""
        rows = pa.table(
            {
                "session_id": pa.array([session.id] * len(items), pa.string()),
                "position": pa.array([i.position for i in items], pa.int32()),
                "sample_id": pa.array([i.sample_id for i in items], pa.string()),
                "stratum": pa.array([i.stratum for i in items], pa.string()),
                "tiers": pa.array([json.dumps(i.tiers) for i in items], pa.string()),
                "tier_count": pa.array([len(i.tiers) for i in items], pa.int32()),
                "chosen": pa.array([i.chosen for i in items], pa.string()),
                "is_check": pa.array([i.check for i in items], pa.bool_()),
            }
        )
        params = json.dumps({name: getattr(session, name) for name in PARAMS})
        values = [session.id, session.run_id, session.author, session.scale, session.scorer, params, session.created_at]
        with self._connection.write() as cursor:
            cursor.execute("INSERT INTO grading_sessions VALUES (?, ?, ?, ?, ?, ?, ?)", values)
            insert(cursor, "grading_items", rows)
        return session

    def sessions(self, run_id: str) -> list[GradingSession]:
        """Newest first."""
        with self._connection.read() as cursor:
            rows = cursor.execute(
                """SELECT id, run_id, author, scale, scorer, params, created_at FROM grading_sessions
                   WHERE run_id = ? ORDER BY created_at DESC, id""",
                [run_id],
            ).fetchall()
        return [_session(r) for r in rows]

    def session(self, session_id: str) -> GradingSession:
        with self._connection.read() as cursor:
            found = cursor.execute("SELECT run_id FROM grading_sessions WHERE id = ?", [session_id]).fetchone()
        if found is None:
            raise NotFound(f"There is no grading session {session_id!r}.")
        return next(s for s in self.sessions(found[0]) if s.id == session_id)

    def items(self, session_id: str) -> list[Item]:
        with self._connection.read() as cursor:
            rows = cursor.execute(
                "SELECT position, sample_id, stratum, tiers, chosen, is_check FROM grading_items WHERE session_id = ? ORDER BY position",
                [session_id],
            ).fetchall()
        return [Item(r[0], r[1], r[2], tuple(json.loads(r[3])), r[4], r[5]) for r in rows]

    def claim(self, session: GradingSession, rater: str) -> int | None:
        """The next prompt for this rater, taken so that no more than `session.raters` people get it; None when there is none left.

        Those who graded every answer of it count, in an earlier session too, and those who took it lately.
        """
        with self._connection.write(alone=f"grading {session.id}") as cursor:
            found = cursor.execute(
                """WITH taken AS (
                       SELECT i.position, c.rater FROM grading_claims c
                       JOIN grading_items i ON i.session_id = c.session_id AND i.position = c.position
                       WHERE c.session_id = $session AND c.claimed_at > $lately
                       UNION
                       SELECT i.position, g.author FROM grading_items i
                       JOIN grades g ON g.run_id = $run AND g.sample_id = i.sample_id AND g.scorer = 'manual' AND g.value IS NOT NULL
                       WHERE i.session_id = $session AND $scale <> 'pairwise'
                       GROUP BY i.position, g.author, i.tier_count HAVING count(DISTINCT g.tier) >= i.tier_count
                       UNION
                       SELECT i.position, p.author FROM grading_items i
                       JOIN comparisons p ON p.run_id = $run AND p.sample_id = i.sample_id AND p.result IS NOT NULL
                       WHERE i.session_id = $session AND $scale = 'pairwise'
                   ), counted AS (
                       SELECT position, count(*) AS raters, count(*) FILTER (rater = $rater) AS mine FROM taken GROUP BY position
                   )
                   SELECT min(i.position) FROM grading_items i LEFT JOIN counted t ON t.position = i.position
                   WHERE i.session_id = $session AND coalesce(t.raters, 0) < $most AND coalesce(t.mine, 0) = 0
                     AND i.position NOT IN (SELECT position FROM grading_claims WHERE session_id = $session AND rater = $rater)""",
                {"session": session.id, "run": session.run_id, "rater": rater, "most": session.raters, "scale": session.scale,
                 "lately": now() - ABANDONED},
            ).fetchone()[0]  # fmt: skip
            if found is not None:
                cursor.execute("INSERT INTO grading_claims VALUES (?, ?, ?, ?)", [session.id, found, rater, now()])
        return found

    def claimed(self, session_id: str, rater: str | None = None) -> list[int]:
        """Positions taken, by one rater or by anybody, in the order of the queue."""
        with self._connection.read() as cursor:
            rows = cursor.execute(
                "SELECT DISTINCT position FROM grading_claims WHERE session_id = ? AND rater = coalesce(?, rater) ORDER BY position",
                [session_id, rater],
            ).fetchall()
        return [r[0] for r in rows]

    def add_mark(self, run_id: str, mark: Mark) -> None:
        self._append("marks", run_id, mark)

    def add_comparison(self, run_id: str, comparison: Comparison) -> None:
        self._append("comparisons", run_id, comparison)

    def marks(self, run_id: str, author: str | None = None) -> pd.DataFrame:
        """Every row, oldest first: the columns of `Mark`."""
        return self._frame("marks", Mark, run_id, author)

    def comparisons(self, run_id: str, author: str | None = None) -> pd.DataFrame:
        """Every row, oldest first: the columns of `Comparison`."""
        return self._frame("comparisons", Comparison, run_id, author)

    def history_of(self, run_id: str, author: str) -> pd.DataFrame:
        """Every row of this person's grades, oldest first: sample_id, tier, value, created_at."""
        with self._connection.read() as cursor:
            return cursor.execute(
                """SELECT sample_id, tier, value, created_at FROM grades
                   WHERE run_id = ? AND author = ? AND scorer = 'manual' AND repeat = 0 ORDER BY id""",
                [run_id, author],
            ).df()

    def automatic(self, run_id: str, scorer: str, sample_ids: Sequence[str]) -> dict[tuple[str, str], float | None]:
        """The newest automatic grade of some prompts, by (sample_id, tier)."""
        if not sample_ids:
            return {}
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"""SELECT sample_id, tier, value FROM (
                        {NEWEST} WHERE run_id = ? AND scorer = ? AND author = 'tierwise' AND repeat = 0 AND sample_id IN (SELECT unnest(?))
                    ) g WHERE place = 1""",
                [run_id, scorer, list(sample_ids)],
            ).fetchall()
        return {(r[0], r[1]): r[2] for r in rows}

    def answers(self, run_id: str, sample_id: str) -> dict[tuple[str, int], tuple[str, str | None]]:
        """(tier, repeat) -> (status, output) of one prompt."""
        with self._connection.read() as cursor:
            rows = cursor.execute(
                "SELECT tier, repeat, status, output FROM outcomes WHERE run_id = ? AND sample_id = ?", [run_id, sample_id]
            ).fetchall()
        return {(r[0], r[1]): (r[2], r[3]) for r in rows}

    def _append(self, table: str, run_id: str, row: Mark | Comparison) -> None:
        values = {"run_id": run_id, **asdict(row)}
        with self._connection.write() as cursor:
            insert(cursor, table, pa.table({name: pa.array([value], _arrow(value)) for name, value in values.items()}))

    def _frame(self, table: str, kind: type, run_id: str, author: str | None) -> pd.DataFrame:
        columns = ", ".join(f.name for f in fields(kind))
        with self._connection.read() as cursor:
            return cursor.execute(
                f"SELECT {columns} FROM {table} WHERE run_id = ? AND author = coalesce(?, author) ORDER BY id", [run_id, author]
            ).df()


def _session(row: Sequence) -> GradingSession:
    params = json.loads(row[5])
    params["criteria"] = tuple((str(name), float(weight)) for name, weight in params.get("criteria", ()))
    return GradingSession(*row[:5], **params, created_at=row[6])


def _arrow(value: object) -> pa.DataType:
    return pa.timestamp("us") if isinstance(value, datetime) else pa.float64() if value is None or isinstance(value, float) else pa.string()
