"""Grades in the store: appended, never changed."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import pandas as pd
import pyarrow as pa

from tierwise.store.connection import Connection, insert
from tierwise.types import Grade, now

GRADE_TYPES = {
    "sample_id": pa.string(), "tier": pa.string(), "repeat": pa.int32(), "value": pa.float64(), "scorer": pa.string(),
    "reason": pa.string(), "author": pa.string(), "explanation": pa.string(), "created_at": pa.timestamp("us"),
    "provenance": pa.string(),
}  # fmt: skip


class Grades:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, run_id: str, grades: Iterable[Grade]) -> None:
        """Append; all of them or none."""
        rows = grade_rows(run_id, list(grades))
        with self._connection.write() as cursor:
            insert(cursor, "grades", rows)

    def note_scoring(self, run_id: str, scorer: str, name: str, options: Mapping[str, Any]) -> None:
        """Keep the options of a scorer in full: a grade names long ones by their beginning and a digest."""
        told = json.dumps(dict(options), ensure_ascii=True)
        with self._connection.write() as cursor:
            cursor.execute(
                """INSERT INTO scorings SELECT $1, $2, $3, $4, $5
                   WHERE NOT EXISTS (SELECT 1 FROM scorings WHERE run_id = $1 AND scorer = $2 AND options = $4)""",
                [run_id, scorer, name, told, now()],
            )

    def scoring(self, run_id: str, scorer: str) -> tuple[str, dict[str, Any]] | None:
        """(name, options) of the scorer that a grade of this run names, as last applied; None for one applied before these were kept."""
        with self._connection.read() as cursor:
            row = cursor.execute(
                "SELECT name, options FROM scorings WHERE run_id = ? AND scorer = ? ORDER BY created_at DESC LIMIT 1", [run_id, scorer]
            ).fetchone()
        return (row[0], json.loads(row[1])) if row else None

    def let_count(self, run_id: str, scorer: str, author: str = "") -> None:
        """From now on the grades by this scorer count for the run; a row more, the newest holds."""
        with self._connection.write() as cursor:
            cursor.execute("INSERT INTO counting VALUES (?, ?, ?, ?)", [run_id, scorer, author, now()])

    def counting(self, run_id: str) -> str | None:
        """The scorer that somebody chose to count, or None."""
        with self._connection.read() as cursor:
            row = cursor.execute("SELECT scorer FROM counting WHERE run_id = ? ORDER BY created_at DESC LIMIT 1", [run_id]).fetchone()
        return row[0] if row else None

    def graded(self, run_id: str, scorer: str, author: str) -> int:
        """How many grades of a run are by this scorer and author: one an answer, unless an answer was graded again."""
        with self._connection.read() as cursor:
            return cursor.execute(
                "SELECT count(*) FROM grades WHERE run_id = ? AND scorer = ? AND author = ?", [run_id, scorer, author]
            ).fetchone()[0]

    def frame(self, run_id: str, texts: bool = True) -> pd.DataFrame:
        """Every grade row of a run, oldest first: `id` and the columns of `Grade`; without `texts` no explanation and no provenance."""
        columns = ", ".join(f.name for f in fields(Grade) if texts or f.name not in ("explanation", "provenance"))
        with self._connection.read() as cursor:
            return cursor.execute(f"SELECT id, {columns} FROM grades WHERE run_id = ? ORDER BY id", [run_id]).df()


def grade_rows(run_id: str, grades: Sequence[Grade]) -> pa.Table:
    columns = {name: pa.array([getattr(g, name) for g in grades], kind) for name, kind in GRADE_TYPES.items()}
    return pa.table({"run_id": pa.array([run_id] * len(grades), pa.string()), **columns})
