"""Grades in the store: appended, never changed."""

from collections.abc import Iterable, Sequence
from dataclasses import fields

import pandas as pd
import pyarrow as pa

from tierwise.store.connection import Connection, insert
from tierwise.types import Grade

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

    def frame(self, run_id: str) -> pd.DataFrame:
        """Every grade row of a run, oldest first: `id` and the columns of `Grade`."""
        columns = ", ".join(f.name for f in fields(Grade))
        with self._connection.read() as cursor:
            return cursor.execute(f"SELECT id, {columns} FROM grades WHERE run_id = ? ORDER BY id", [run_id]).df()


def grade_rows(run_id: str, grades: Sequence[Grade]) -> pa.Table:
    columns = {name: pa.array([getattr(g, name) for g in grades], kind) for name, kind in GRADE_TYPES.items()}
    return pa.table({"run_id": pa.array([run_id] * len(grades), pa.string()), **columns})
