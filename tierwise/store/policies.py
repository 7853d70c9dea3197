"""Saved policies: immutable; a new decision is a new version."""

from __future__ import annotations

import json

from tierwise.errors import NotFound
from tierwise.store.connection import Connection
from tierwise.store.scope import DEFAULT_PROJECT, within
from tierwise.types import Policy


class Policies:
    def __init__(self, connection: Connection, project: str | None = None) -> None:
        """`project`: what is added belongs to it and nothing else is seen; None sees everything and adds to Default."""
        self._connection, self._project = connection, project

    def add(self, policy: Policy) -> Policy:
        with self._connection.write() as cursor:
            cursor.execute(
                "INSERT INTO policies (id, name, version, run_id, document, created_at, project_id) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    policy.id,
                    policy.name,
                    policy.version,
                    policy.run_id,
                    json.dumps(policy.document, ensure_ascii=False),
                    policy.created_at,
                    self._project or DEFAULT_PROJECT,
                ],
            )
        return policy

    def get(self, key: str) -> Policy:
        """By id, or by name (the newest version of that name)."""
        found = self._policies("WHERE id = ? OR name = ?", [key, key])
        if not found:
            names = ", ".join(dict.fromkeys(p.name for p in self.list())) or "none yet"
            raise NotFound(f"There is no policy called {key!r}. Policies: {names}.")
        return found[0]

    def list(self) -> list[Policy]:
        """Newest first."""
        return self._policies("", [])

    def _policies(self, where: str, values: list[str]) -> list[Policy]:
        where, values = within(self._project, where, values)
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"SELECT id, name, version, run_id, document, created_at FROM policies {where} ORDER BY created_at DESC, id", values
            ).fetchall()
        return [Policy(r[0], r[1], r[2], r[3], json.loads(r[4]), r[5]) for r in rows]
