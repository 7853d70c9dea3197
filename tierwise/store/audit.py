"""Who did what, when, to what: rows are only added, and no other method touches them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd

from tierwise.store.connection import Connection
from tierwise.types import now


@dataclass(frozen=True)
class Entry:
    """One line of the log."""

    person_id: str
    person: str
    """As they were called then."""
    action: str
    """In the past: ran, graded, tuned, exported, shared, imported, deleted, signed in, ..."""
    kind: str = ""
    """What it was done to: run, policy, prompt set, project, person, ..."""
    object_id: str = ""
    object: str = ""
    """As it was called then."""
    project_id: str = ""
    """Empty for what concerns the workspace."""
    detail: str = ""


COLUMNS = ("person_id", "person", "action", "kind", "object_id", "object", "project_id", "detail")


class Audit:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, entry: Entry, at: datetime | None = None, once_a_day: bool = False) -> None:
        """Append a line; `once_a_day` for what is done many times in a row, such as grading answer by answer."""
        at = at or now()
        with self._connection.write() as cursor:
            if (
                once_a_day
                and cursor.execute(
                    "SELECT 1 FROM audit WHERE done_at >= ? AND person_id = ? AND action = ? AND object_id = ? LIMIT 1",
                    [at.replace(hour=0, minute=0, second=0, microsecond=0), entry.person_id, entry.action, entry.object_id],
                ).fetchone()
            ):
                return
            values = [getattr(entry, c) for c in COLUMNS]
            cursor.execute(
                f"INSERT INTO audit (id, done_at, {', '.join(COLUMNS)}) VALUES (nextval('audit_ids'), ?{', ?' * len(COLUMNS)})",
                [at, *values],
            )

    def frame(
        self,
        *,
        project_id: str | None = None,
        person_id: str | None = None,
        person: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        newest: int | None = None,
    ) -> pd.DataFrame:
        """The lines that fit, newest first: done_at, person, action, kind, object, object_id, project, detail."""
        given = {
            "a.project_id = ?": project_id,
            "a.person_id = ?": person_id,
            "a.person = ?": person,
            "a.action = ?": action,
            "a.done_at >= ?": since,
        }
        kept = {k: v for k, v in given.items() if v is not None}
        where = f"WHERE {' AND '.join(kept)}" if kept else ""
        limit = "" if newest is None else f"LIMIT {int(newest)}"
        with self._connection.read() as cursor:
            return cursor.execute(
                f"""SELECT a.done_at, a.person, a.action, a.kind, a.object, a.object_id, coalesce(p.name, '') AS project, a.detail
                    FROM audit a LEFT JOIN projects p ON p.id = a.project_id {where} ORDER BY a.id DESC {limit}""",
                list(kept.values()),
            ).df()

    def lately(self, action: str, person_id: str, within: timedelta, at: datetime | None = None) -> int:
        """How often a person did something in the time up to now."""
        with self._connection.read() as cursor:
            return cursor.execute(
                "SELECT count(*) FROM audit WHERE person_id = ? AND action = ? AND done_at > ?", [person_id, action, (at or now()) - within]
            ).fetchone()[0]
