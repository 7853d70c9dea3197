"""Runs, the attempts they paid for, and their outcomes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields

import pandas as pd
import pyarrow as pa

from tierwise.errors import NotFound
from tierwise.store.connection import Connection, insert
from tierwise.store.grades import grade_rows
from tierwise.store.scope import DEFAULT_PROJECT, within
from tierwise.types import Grade, Outcome, Run, RunStatus, Tier

Cell = tuple[str, str, int]
"""(sample_id, tier, repeat)"""

OUTCOME_TYPES = {
    "sample_id": pa.string(), "tier": pa.string(), "repeat": pa.int32(), "status": pa.string(), "output": pa.string(),
    "error": pa.string(), "finish_reason": pa.string(), "prompt_tokens": pa.int32(), "completion_tokens": pa.int32(),
    "cost_usd": pa.float64(), "latency_s": pa.float64(), "served_model": pa.string(), "created_at": pa.timestamp("us"), "first_token_s": pa.float64(),
    "cached_tokens": pa.int32(), "reasoning_tokens": pa.int32(), "call_key": pa.string(), "reused_from": pa.string(),
    "confidence": pa.float64(),
}  # fmt: skip


@dataclass(frozen=True)
class Progress:
    """How far a run is, and what it cost."""

    done: int
    """Cells with an outcome."""
    failed: int
    spent_usd: float
    """Known costs of its answers; of a simulated or recorded run, what its outcomes are priced at."""
    unsettled_usd: float
    """Requests whose cost is not known (cut off, timed out, without token counts), at the most they can have cost."""
    requests: int = 0
    unpriced: int = 0
    """Requests of tiers without a price that may have been billed: in neither sum."""
    reused: int = 0
    """Cells answered from an earlier run."""
    grading_usd: float = 0.0
    """Known costs of the requests that graded its answers."""
    grading_requests: int = 0
    """How many of `requests` these were."""

    @property
    def counted_usd(self) -> float:
        """What its budget counts: answers and grades, unknown costs at their worst."""
        return self.spent_usd + self.grading_usd + self.unsettled_usd


class Runs:
    def __init__(self, connection: Connection, project: str | None = None) -> None:
        """`project`: what is added belongs to it and nothing else is seen; None sees everything and adds to Default."""
        self._connection, self._project = connection, project

    def add(self, run: Run) -> Run:
        with self._connection.write() as cursor:
            cursor.execute(
                """INSERT INTO runs (id, name, evalset_id, kind, status, tiers, params, note, created_at, project_id)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                [run.id, run.name, run.evalset_id, run.kind, run.status, json.dumps([asdict(t) for t in run.tiers]),
                 json.dumps(dict(run.params)), run.note, run.created_at, self._project or DEFAULT_PROJECT],
            )  # fmt: skip
        return run

    def get(self, key: str) -> Run:
        """By id, or by name (the newest of that name)."""
        found = self._runs("WHERE id = ? OR name = ?", [key, key])
        if not found:
            names = ", ".join(r.name for r in self.list()[:20]) or "none yet"
            raise NotFound(f"There is no run called {key!r}. Runs: {names}.")
        return found[0]

    def list(self) -> list[Run]:
        """Newest first."""
        return self._runs("", [])

    def has(self, run_id: str) -> bool:
        """Whether this project has a run of this id."""
        where, values = within(self._project, "WHERE id = ?", [run_id])
        with self._connection.read() as cursor:
            return cursor.execute(f"SELECT 1 FROM runs {where}", values).fetchone() is not None

    def taken(self, run_id: str) -> bool:
        """Whether any project has a run of this id."""
        with self._connection.read() as cursor:
            return cursor.execute("SELECT 1 FROM runs WHERE id = ?", [run_id]).fetchone() is not None

    def set_status(self, run_id: str, status: RunStatus, note: str = "") -> None:
        with self._connection.write() as cursor:
            cursor.execute("UPDATE runs SET status = ?, note = ? WHERE id = ?", [status, note, run_id])

    def record(self, run_id: str, outcomes: Iterable[Outcome], grades: Iterable[Grade] = ()) -> None:
        """Keep outcomes that were not paid call by call (simulated in bulk, imported), with their grades, or none of them."""
        with self._connection.write() as cursor:
            insert(cursor, "outcomes", outcome_rows(run_id, list(outcomes)))
            insert(cursor, "grades", grade_rows(run_id, list(grades)))

    def done_cells(self, run_id: str, sample_ids: Sequence[str] | None = None) -> set[Cell]:
        """Cells that have an outcome and need no call; of some prompts only, where they are given."""
        some, values = ("", []) if sample_ids is None else ("AND sample_id IN (SELECT unnest(?))", [list(sample_ids)])
        with self._connection.read() as cursor:
            return set(
                cursor.execute(f"SELECT sample_id, tier, repeat FROM outcomes WHERE run_id = ? {some}", [run_id, *values]).fetchall()
            )

    def answered(self, call_keys: Iterable[str], besides: str) -> dict[str, Outcome]:
        """The newest paid answer to each of these calls in other runs, by call key; `reused_from` names its run."""
        wanted = list(call_keys)
        if not wanted:
            return {}
        columns = [f.name for f in fields(Outcome) if f.name != "reused_from"]
        mine, own = ("AND r.project_id = ?", [self._project]) if self._project else ("", [])
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"""SELECT {", ".join(columns)}, run_id FROM (
                        SELECT o.*, row_number() OVER (PARTITION BY o.call_key ORDER BY o.repeat, o.created_at DESC) AS place
                        FROM outcomes o JOIN runs r ON r.id = o.run_id
                        WHERE o.call_key IN (SELECT unnest(?)) AND o.status IN ('ok', 'truncated') AND o.reused_from IS NULL
                              AND o.run_id <> ? {mine}
                    ) answers WHERE place = 1""",
                [wanted, besides, *own],
            ).fetchall()
        found = [Outcome(**dict(zip([*columns, "reused_from"], row, strict=True))) for row in rows]
        return {o.call_key: o for o in found}

    def progress(self, run_id: str) -> Progress:
        with self._connection.read() as cursor:
            done, failed, reused, listed = cursor.execute(
                """SELECT count(*), count(*) FILTER (o.status = 'failed'), count(o.reused_from),
                          coalesce(sum(o.cost_usd) FILTER (r.kind <> 'live'), 0)
                   FROM outcomes o JOIN runs r ON r.id = o.run_id WHERE o.run_id = ?""",
                [run_id],
            ).fetchone()
            requests, spent, unsettled, unpriced, grading, grading_requests = cursor.execute(
                """SELECT count(*), coalesce(sum(s.cost_usd) FILTER (a.purpose = 'answer'), 0),
                          coalesce(sum(a.reserved_usd) FILTER (s.cost_usd IS NULL AND s.status IS DISTINCT FROM 'refused'), 0),
                          count(*) FILTER (s.status IS DISTINCT FROM 'refused' AND s.cost_usd IS NULL AND a.reserved_usd IS NULL),
                          coalesce(sum(s.cost_usd) FILTER (a.purpose = 'grade'), 0), count(*) FILTER (a.purpose = 'grade')
                   FROM attempts a LEFT JOIN settlements s ON s.attempt_id = a.id WHERE a.run_id = ?""",
                [run_id],
            ).fetchone()
        return Progress(done, failed, spent + listed, unsettled, requests, unpriced, reused, grading, grading_requests)

    def outcomes(self, run_id: str, texts: bool = True, sample_ids: Sequence[str] | None = None) -> pd.DataFrame:
        """One row an outcome, columns as in `Outcome`, in the order of the prompt set and of the answers.

        Args:
            texts: with what was answered and what went wrong; nearly all of the bytes, and not needed for figures.
            sample_ids: of these prompts only.
        """
        some, values = ("", []) if sample_ids is None else ("AND o.sample_id IN (SELECT unnest(?))", [list(sample_ids)])
        columns = ", ".join(f"o.{f.name}" for f in fields(Outcome) if texts or f.name not in ("output", "error"))
        with self._connection.read() as cursor:
            return cursor.execute(
                f"""SELECT {columns} FROM outcomes o JOIN runs r ON r.id = o.run_id
                    JOIN samples s ON s.evalset_id = r.evalset_id AND s.sample_id = o.sample_id
                    WHERE o.run_id = ? {some} ORDER BY s.position, o.repeat, o.created_at, o.tier""",
                [run_id, *values],
            ).df()

    def version(self, run_id: str) -> tuple[int, int]:
        """(outcomes, grades and choices between them) kept so far: changes whenever a figure of this run may, so it keys caches."""
        with self._connection.read() as cursor:
            return cursor.execute(
                """SELECT (SELECT count(*) FROM outcomes WHERE run_id = $1),
                          (SELECT count(*) FROM grades WHERE run_id = $1) + (SELECT count(*) FROM counting WHERE run_id = $1)""",
                [run_id],
            ).fetchone()

    def _runs(self, where: str, values: list[str]) -> list[Run]:
        where, values = within(self._project, where, values)
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"SELECT id, name, evalset_id, kind, status, tiers, params, note, created_at FROM runs {where} ORDER BY created_at DESC, id",
                values,
            ).fetchall()
        return [
            Run(id=r[0], name=r[1], evalset_id=r[2], kind=r[3], status=r[4], tiers=tuple(_tier(t) for t in json.loads(r[5])),
                params=json.loads(r[6]), note=r[7], created_at=r[8])
            for r in rows
        ]  # fmt: skip


def outcome_rows(run_id: str, outcomes: Sequence[Outcome]) -> pa.Table:
    columns = {name: pa.array([getattr(o, name) for o in outcomes], kind) for name, kind in OUTCOME_TYPES.items()}
    return pa.table({"run_id": pa.array([run_id] * len(outcomes), pa.string()), **columns})


def _tier(data: dict) -> Tier:
    return Tier(**(data | {"fallbacks": tuple(data.get("fallbacks", ()))}))
