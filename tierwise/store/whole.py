"""A run in the store with everything that belongs to it, taken out as rows and put in as rows: what a bundle carries."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from tierwise.store.connection import Connection, insert
from tierwise.store.grades import GRADE_TYPES
from tierwise.store.runs import OUTCOME_TYPES

TABLES: dict[str, dict[str, pa.DataType]] = {
    "outcomes": OUTCOME_TYPES,
    "grades": GRADE_TYPES,
    "scorings": {"scorer": pa.string(), "name": pa.string(), "options": pa.string(), "created_at": pa.timestamp("us")},
}
"""What hangs on a run, by table, without the run's id."""
ORDER = {"outcomes": "sample_id, tier, repeat", "grades": "id", "scorings": "created_at, scorer, options"}
RUN = ("id", "name", "evalset_id", "kind", "status", "tiers", "params", "note", "created_at")
POLICY = ("id", "name", "version", "run_id", "document", "created_at")
JSON = {"tiers", "params", "document"}
"""Columns that hold JSON text; a bundle carries what it says."""

Row = dict[str, Any]


def take(connection: Connection, run_id: str) -> dict[str, list[Row]]:
    """Rows of the run, of its outcomes and grades in their order, and of the policies tuned on it; moments are datetimes."""
    with connection.read() as cursor:
        found = {"run": _rows(cursor, RUN, "runs", "id = ?", "id", run_id)}
        for table, columns in TABLES.items():
            found[table] = _rows(cursor, tuple(columns), table, "run_id = ?", ORDER[table], run_id)
        found["policies"] = _rows(cursor, POLICY, "policies", "run_id = ?", "created_at, id", run_id)
    return found


def put(connection: Connection, run: Row, tables: Mapping[str, Sequence[Row]], policies: Sequence[Row], project: str) -> None:
    """Keep all of it in a project, or nothing."""
    arrays = {}
    for table, columns in TABLES.items():
        rows = tables[table]
        columns_of = {name: pa.array([row.get(name) for row in rows], kind) for name, kind in columns.items()}
        arrays[table] = pa.table({"run_id": pa.array([run["id"]] * len(rows), pa.string()), **columns_of})
    with connection.write() as cursor:
        _keep(cursor, "runs", RUN, run, project)
        for table, rows in arrays.items():
            insert(cursor, table, rows)
        for policy in policies:
            _keep(cursor, "policies", POLICY, policy, project)


def _keep(cursor: Any, table: str, columns: tuple[str, ...], row: Row, project: str) -> None:
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(columns)}, project_id) VALUES ({'?, ' * len(columns)}?)",
        [*(_stored(row, c) for c in columns), project],
    )


def _rows(cursor: Any, columns: tuple[str, ...], table: str, where: str, order: str, key: str) -> list[Row]:
    found = cursor.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE {where} ORDER BY {order}", [key]).fetchall()
    return [{c: json.loads(v) if c in JSON else v for c, v in zip(columns, row, strict=True)} for row in found]


def _stored(row: Row, column: str) -> str | datetime | None:
    return json.dumps(row[column], ensure_ascii=False) if column in JSON else row[column]
