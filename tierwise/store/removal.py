"""Deleting a run, a prompt set or a policy. The ledger and the audit log stay: what was paid was paid."""

from __future__ import annotations

from typing import Any

from tierwise.errors import NotFound, NotReady
from tierwise.store.connection import Connection
from tierwise.store.scope import within

OF_RUN = ("outcomes", "grades", "scorings", "counting", "comparisons", "marks")
OF_SESSION = ("grading_items", "grading_claims")


class Removal:
    def __init__(self, connection: Connection, project: str | None = None) -> None:
        """`project`: nothing of any other can be deleted; None is every project."""
        self._connection, self._project = connection, project

    def run(self, run_id: str) -> str:
        """Delete a run with its answers and grades; what it was called.

        Raises:
            NotFound: this project has none of that id.
            NotReady: it goes on, or a policy rests on it.
        """
        with self._connection.write() as cursor:
            name = self._held(cursor, "runs", "run", run_id)
            if self._goes_on(cursor, run_id):
                raise NotReady("This run goes on. Cancel it first; nothing was deleted.")
            _refuse(cursor, "policies", "run_id", run_id, "Policies were tuned on this run")
            for table in OF_SESSION:
                cursor.execute(f"DELETE FROM {table} WHERE session_id IN (SELECT id FROM grading_sessions WHERE run_id = ?)", [run_id])
            for table in (*OF_RUN, "grading_sessions"):
                cursor.execute(f"DELETE FROM {table} WHERE run_id = ?", [run_id])
            cursor.execute("DELETE FROM runs WHERE id = ?", [run_id])
        return name

    def evalset(self, evalset_id: str) -> str:
        """Delete a prompt set; what it was called.

        Raises:
            NotFound: this project has none of that id.
            NotReady: a run rests on it.
        """
        with self._connection.write() as cursor:
            name = self._held(cursor, "evalsets", "prompt set", evalset_id)
            _refuse(cursor, "runs", "evalset_id", evalset_id, "Runs were made with these prompts")
            cursor.execute("DELETE FROM samples WHERE evalset_id = ?", [evalset_id])
            cursor.execute("DELETE FROM evalsets WHERE id = ?", [evalset_id])
        return name

    def policy(self, policy_id: str) -> str:
        """Delete a policy; what it was called. A gateway that has its files goes on as it is.

        Raises:
            NotFound: this project has none of that id.
        """
        with self._connection.write() as cursor:
            name = self._held(cursor, "policies", "policy", policy_id)
            where, values = within(self._project, "WHERE id = ?", [policy_id])
            cursor.execute(f"DELETE FROM policies {where}", values)
        return name

    def _held(self, cursor: Any, table: str, kind: str, key: str) -> str:
        """Its name. Written to, the row is nobody else's until the transaction ends."""
        where, values = within(self._project, "WHERE id = ?", [key])
        found = cursor.execute(f"UPDATE {table} SET name = name {where} RETURNING name", values).fetchone()
        if found is None:
            raise NotFound(f"There is no {kind} called {key!r}.")
        return found[0]

    def _goes_on(self, cursor: Any, run_id: str) -> bool:
        if cursor.execute("SELECT 1 FROM runs WHERE id = ? AND status = 'running'", [run_id]).fetchone():
            return True
        claimed = """SELECT 1 FROM claims c JOIN owners o ON o.owner = c.owner WHERE c.name = ? AND o.until >= now()::TIMESTAMP"""
        return self._connection.shared and cursor.execute(claimed, [f"run {run_id}"]).fetchone() is not None


def _refuse(cursor: Any, table: str, column: str, key: str, says: str) -> None:
    """Whatever the project: a row that rests on this one would be left without it."""
    names = [n for (n,) in cursor.execute(f"SELECT DISTINCT name FROM {table} WHERE {column} = ? ORDER BY name", [key]).fetchall()]
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise NotReady(f"{says}: {', '.join(names[:3])}{more}. Delete those first; nothing was deleted.")
