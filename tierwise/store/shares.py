"""Links for reading one run or one policy. The token itself is never kept: whoever has the file cannot open a link."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from tierwise.store.connection import Connection
from tierwise.types import now

Kind = Literal["run", "policy"]


@dataclass(frozen=True)
class Share:
    """What a link opens, and until when."""

    kind: Kind
    object_id: str
    project_id: str
    expires_at: datetime
    texts: bool = False
    """Whether prompts and answers are shown."""
    made_by: str = ""
    id: str = field(default_factory=lambda: secrets.token_hex(6))
    created_at: datetime = field(default_factory=now)
    revoked_at: datetime | None = None

    def open(self, at: datetime | None = None) -> bool:
        return self.revoked_at is None and (at or now()) < self.expires_at


COLUMNS = ("id", "kind", "object_id", "project_id", "texts", "made_by", "created_at", "expires_at", "revoked_at")


class Shares:
    def __init__(self, connection: Connection, project: str | None = None) -> None:
        self._connection, self._project = connection, project

    def add(self, share: Share) -> str:
        """Keep a link; returns its token of 128 random bits, which is shown once."""
        token = secrets.token_urlsafe(16)
        with self._connection.write() as cursor:
            cursor.execute(
                f"INSERT INTO shares (digest, {', '.join(COLUMNS)}) VALUES (?{', ?' * len(COLUMNS)})",
                [_digest(token), *(getattr(share, c) for c in COLUMNS)],
            )
        return token

    def find(self, token: str, at: datetime | None = None) -> Share | None:
        """The link of a token while it is open; None for one that is wrong, over or taken back."""
        found = self._shares("digest = ?", _digest(token))
        return found[0] if found and found[0].open(at) else None

    def list(self) -> list[Share]:
        """Newest first, also those that are over."""
        return self._shares("TRUE")

    def revoke(self, share_id: str, at: datetime | None = None) -> None:
        """Take a link back; it stays in the list."""
        mine = "" if self._project is None else "AND project_id = ?"
        with self._connection.write() as cursor:
            cursor.execute(
                f"UPDATE shares SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL {mine}",
                [at or now(), share_id, *([self._project] if mine else [])],
            )

    def _shares(self, where: str, *values: object) -> list[Share]:
        mine = "" if self._project is None else "AND project_id = ?"
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"SELECT {', '.join(COLUMNS)} FROM shares WHERE {where} {mine} ORDER BY created_at DESC, id",
                [*values, *([self._project] if mine else [])],
            ).fetchall()
        return [Share(**dict(zip(COLUMNS, row, strict=True))) for row in rows]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
