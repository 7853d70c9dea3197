"""Who does which work, where several processes share a store: owners that live as long as they say so, and what each has claimed.

The one protocol below replicas of the app, `tierwise worker` processes and Dask: a name is claimed by one living owner. Owners that
have not renewed their lease are removed, with their claims, by whoever claims next. Clocks are the database's alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from tierwise.store.connection import Connection
from tierwise.types import now

LATER = "now()::TIMESTAMP + ? * INTERVAL '1 second'"


class Claims:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def join(self, lease_s: float) -> str:
        """A new owner."""
        owner = secrets.token_hex(8)
        with self._connection.write() as cursor:
            cursor.execute(f"INSERT INTO owners (owner, until) VALUES (?, {LATER})", [owner, lease_s])
        return owner

    def renew(self, owner: str, lease_s: float) -> bool:
        """Go on living; False where the owner was given up meanwhile, and others may have its claims."""
        with self._connection.write(lasting=False) as cursor:
            return bool(cursor.execute(f"UPDATE owners SET until = {LATER} WHERE owner = ? RETURNING owner", [lease_s, owner]).fetchall())

    def leave(self, owner: str) -> None:
        """Give everything back."""
        with self._connection.write() as cursor:
            for table in ("owners", "claims", "passes"):
                cursor.execute(f"DELETE FROM {table} WHERE owner = ?", [owner])

    def take(self, owner: str, names: Sequence[str], spender: str = "") -> list[str]:
        """Those of the names that were free and now belong to the owner; none where it was given up.

        Args:
            spender: the person whose money the work spends, for those who help with it.
        """
        if not names:
            return []
        with self._connection.write() as cursor:
            dead = [o for (o,) in cursor.execute("DELETE FROM owners WHERE until < now()::TIMESTAMP RETURNING owner").fetchall()]
            if dead:
                for table in ("claims", "passes"):
                    cursor.execute(f"DELETE FROM {table} WHERE owner IN (SELECT unnest(?))", [dead])
            if not alive(cursor, owner):
                return []
            # in one order everywhere, so that two who want the same names do not wait for each other
            rows = cursor.execute(
                "INSERT INTO claims (name, owner, spender) SELECT unnest(?), ?, ? ON CONFLICT DO NOTHING RETURNING name",
                [sorted(names), owner, spender],
            ).fetchall()
        return [name for (name,) in rows]

    def release(self, owner: str, names: Sequence[str]) -> None:
        with self._connection.write() as cursor:
            cursor.execute("DELETE FROM claims WHERE owner = ? AND name IN (SELECT unnest(?))", [owner, list(names)])

    def held(self, name: str) -> str | None:
        """The spender of what a living owner has claimed; None where nobody has it."""
        with self._connection.read() as cursor:
            row = cursor.execute(
                "SELECT c.spender FROM claims c JOIN owners o ON o.owner = c.owner WHERE c.name = ? AND o.until >= now()::TIMESTAMP", [name]
            ).fetchone()
        return row[0] if row else None

    def enter(self, owner: str, lane: str, group: str, tokens: float, most: int, rpm: float | None, tpm: float | None) -> tuple[str, float]:
        """A pass to send one request to an endpoint: (its id, 0), or ("", seconds to wait) where a limit is reached by all together.

        Args:
            lane: the endpoint, whose requests and tokens a minute count.
            group: whose requests under way count towards `most`.
        """
        with self._connection.write(alone=f"lane {lane}", lasting=False) as cursor:
            cursor.execute("DELETE FROM passes WHERE lane = ? AND ended AND taken_at <= now()::TIMESTAMP - INTERVAL '60 seconds'", [lane])
            inside = cursor.execute("SELECT count(*) FROM passes WHERE lane = ? AND who = ? AND NOT ended", [lane, group]).fetchone()[0]
            if inside >= most:
                return "", 0.1
            if rpm or tpm:
                recent, spent, frees = cursor.execute(
                    """SELECT count(*), coalesce(sum(tokens), 0), coalesce(min(extract(epoch FROM taken_at - now()::TIMESTAMP)), 0)
                       FROM passes WHERE lane = ? AND taken_at > now()::TIMESTAMP - INTERVAL '60 seconds'""",
                    [lane],
                ).fetchone()
                if (rpm and recent + 1 > rpm and recent) or (tpm and spent + tokens > tpm and recent):
                    return "", max(0.05, 60 + float(frees))
            taken = secrets.token_hex(8)
            cursor.execute(
                "INSERT INTO passes (id, owner, lane, who, tokens, taken_at, ended) VALUES (?, ?, ?, ?, ?, now()::TIMESTAMP, FALSE)",
                [taken, owner, lane, group, float(tokens)],
            )
        return taken, 0.0

    def leave_lane(self, taken: str) -> None:
        """The request of this pass has ended; it still counts towards the minute."""
        with self._connection.write(lasting=False) as cursor:
            cursor.execute("UPDATE passes SET ended = TRUE WHERE id = ?", [taken])

    def under_way(self, within_s: float) -> bool:
        """Whether a request of any run, sent so lately, has not ended yet."""
        with self._connection.read() as cursor:
            return bool(
                cursor.execute(
                    """SELECT 1 FROM attempts a LEFT JOIN settlements s ON s.attempt_id = a.id
                       WHERE s.attempt_id IS NULL AND a.sent_at > ? LIMIT 1""",
                    [now() - timedelta(seconds=within_s)],
                ).fetchall()
            )


def alive(cursor: object, owner: str) -> bool:
    """Whether an owner still has its claims; it keeps them until this transaction ends."""
    return bool(cursor.execute("UPDATE owners SET until = until WHERE owner = ? RETURNING owner", [owner]).fetchall())
