"""Traffic profiles: aggregates, and prompts only where the user asked for them. A new import is a new profile."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
import pyarrow as pa

from tierwise.errors import NotFound
from tierwise.store.connection import Connection, insert
from tierwise.store.scope import DEFAULT_PROJECT, within
from tierwise.traffic.profile import TrafficProfile


class Traffic:
    def __init__(self, connection: Connection, project: str | None = None) -> None:
        """`project`: what is added belongs to it and nothing else is seen; None sees everything and adds to Default."""
        self._connection, self._project = connection, project

    def add(self, profile: TrafficProfile, calls: pd.DataFrame | None = None) -> TrafficProfile:
        """Keep a profile; with `calls` (as `TrafficLog.calls`), also the prompts in them, so that a prompt set can be drawn later."""
        with self._connection.write() as cursor:
            document = json.dumps(profile.to_json(), ensure_ascii=False)
            cursor.execute(
                "INSERT INTO traffic_profiles (id, name, document, created_at, project_id) VALUES (?, ?, ?, ?, ?)",
                [profile.id, profile.name, document, profile.created_at, self._project or DEFAULT_PROJECT],
            )
            if calls is not None:
                insert(cursor, "traffic_prompts", _prompts(profile.id, calls[calls["prompt"].notna() & (calls["status"] != "failed")]))
        return profile

    def get(self, key: str) -> TrafficProfile:
        """By id, or by name (the newest of that name)."""
        found = self._profiles("WHERE id = ? OR name = ?", [key, key])
        if not found:
            names = ", ".join(dict.fromkeys(p.name for p in self.list())) or "none yet"
            raise NotFound(f"There is no traffic profile called {key!r}. Profiles: {names}.")
        return found[0]

    def list(self) -> list[TrafficProfile]:
        """Newest first."""
        return self._profiles("", [])

    def prompts(self, profile_id: str) -> pd.DataFrame:
        """prompt, request_type, prompt_tokens, requests of the calls whose prompts were kept; for `traffic.sample`."""
        with self._connection.read() as cursor:
            return cursor.execute(
                "SELECT prompt, request_type, prompt_tokens, requests FROM traffic_prompts WHERE profile_id = ? ORDER BY position",
                [profile_id],
            ).df()

    def kept(self, profile_id: str) -> int:
        """How many prompts were kept."""
        with self._connection.read() as cursor:
            return cursor.execute("SELECT count(*) FROM traffic_prompts WHERE profile_id = ?", [profile_id]).fetchone()[0]

    def has(self, profile_id: str) -> bool:
        """Whether this project has a profile of this id."""
        where, values = within(self._project, "WHERE id = ?", [profile_id])
        with self._connection.read() as cursor:
            return cursor.execute(f"SELECT 1 FROM traffic_profiles {where}", values).fetchone() is not None

    def _profiles(self, where: str, values: Sequence[str]) -> list[TrafficProfile]:
        where, values = within(self._project, where, values)
        with self._connection.read() as cursor:
            rows = cursor.execute(f"SELECT document FROM traffic_profiles {where} ORDER BY created_at DESC, id", values).fetchall()
        return [TrafficProfile.from_json(json.loads(document)) for (document,) in rows]


def _prompts(profile_id: str, calls: pd.DataFrame) -> pa.Table:
    texts = [p if isinstance(p, str) else json.dumps(p, ensure_ascii=False) for p in calls["prompt"]]
    kinds = [k if isinstance(k, str) else None for k in calls["request_type"]]
    return pa.table(
        {
            "profile_id": pa.array([profile_id] * len(calls), pa.string()),
            "position": pa.array(range(len(calls)), pa.int32()),
            "prompt": pa.array(texts, pa.string()),
            "request_type": pa.array(kinds, pa.string()),
            "prompt_tokens": pa.array(calls["prompt_tokens"].to_numpy(float), pa.float64(), from_pandas=True),
            "requests": pa.array(calls["requests"].to_numpy(int), pa.int32()),
        }
    )
