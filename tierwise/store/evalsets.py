"""Prompt sets in the store."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace

import pyarrow as pa

from tierwise.errors import NotFound
from tierwise.store.connection import Connection, insert
from tierwise.store.scope import DEFAULT_PROJECT, within
from tierwise.types import EvalSet, EvalSetInfo, Sample

INFO = """
    SELECT e.id, e.name, e.digest, count(s.sample_id)::INTEGER, count(s.reference)::INTEGER,
           array_agg(DISTINCT s.request_type ORDER BY s.request_type) FILTER (s.request_type IS NOT NULL), e.source, e.created_at
    FROM evalsets e LEFT JOIN samples s ON s.evalset_id = e.id
"""


class EvalSets:
    def __init__(self, connection: Connection, project: str | None = None) -> None:
        """`project`: what is added belongs to it and nothing else is seen; None sees everything and adds to Default."""
        self._connection, self._project = connection, project

    def add(self, evalset: EvalSet) -> EvalSetInfo:
        """Keep a prompt set. The same content is recognised by its digest and not kept twice in a project."""
        known = next(iter(self._infos("WHERE e.digest = ? AND e.project_id = ?", [evalset.digest, self._project or DEFAULT_PROJECT])), None)
        if known is not None:
            return known
        if self.taken(evalset.id):  # an id is made from the content, which another project may have
            evalset = replace(evalset, id=secrets.token_hex(6))
        samples = evalset.samples
        rows = pa.table(
            {
                "evalset_id": pa.array([evalset.id] * len(samples), pa.string()),
                "position": pa.array(range(len(samples)), pa.int32()),
                "sample_id": pa.array([s.id for s in samples], pa.string()),
                "input": pa.array([s.input for s in samples], pa.string()),
                "reference": pa.array([s.reference for s in samples], pa.string()),
                "request_type": pa.array([s.request_type for s in samples], pa.string()),
                "system": pa.array([s.system for s in samples], pa.string()),
                "messages": pa.array([_json(s.messages) if s.messages else None for s in samples], pa.string()),
                "context": pa.array([s.context for s in samples], pa.string()),
                "cluster": pa.array([s.cluster for s in samples], pa.string()),
                "weight": pa.array([s.weight for s in samples], pa.float64()),
                "metadata": pa.array([_json(s.metadata) for s in samples], pa.string()),
            }
        )
        with self._connection.write() as cursor:
            cursor.execute(
                "INSERT INTO evalsets (id, name, digest, source, created_at, project_id) VALUES (?, ?, ?, ?, ?, ?)",
                [evalset.id, evalset.name, evalset.digest, evalset.source, evalset.created_at, self._project or DEFAULT_PROJECT],
            )
            insert(cursor, "samples", rows)
        return self.info(evalset.id)

    def get(self, key: str) -> EvalSet:
        """A prompt set with its samples, by id or by name (the newest of that name)."""
        info = self.info(key)
        with self._connection.read() as cursor:
            rows = cursor.execute(
                """SELECT sample_id, input, reference, request_type, system, messages, context, cluster, weight, metadata
                   FROM samples WHERE evalset_id = ? ORDER BY position""",
                [info.id],
            ).fetchall()
        samples = tuple(
            Sample(
                id=r[0],
                input=r[1],
                reference=r[2],
                request_type=r[3],
                system=r[4],
                messages=tuple(json.loads(r[5])) if r[5] else (),
                context=r[6],
                cluster=r[7],
                weight=r[8],
                metadata=json.loads(r[9]),
            )
            for r in rows
        )
        return EvalSet(info.id, info.name, info.digest, samples, info.source, info.created_at)

    def info(self, key: str) -> EvalSetInfo:
        """Raises NotFound, naming what there is."""
        found = self._infos("WHERE e.id = ? OR e.name = ?", [key, key])
        if not found:
            names = ", ".join(i.name for i in self.list()) or "none yet"
            raise NotFound(f"There is no prompt set called {key!r}. Prompt sets: {names}.")
        return found[0]

    def by_digest(self, digest: str) -> EvalSetInfo | None:
        found = self._infos("WHERE e.digest = ?", [digest])
        return found[0] if found else None

    def list(self) -> list[EvalSetInfo]:
        """Newest first."""
        return self._infos("", [])

    def taken(self, evalset_id: str) -> bool:
        """Whether any project has a prompt set of this id."""
        with self._connection.read() as cursor:
            return cursor.execute("SELECT 1 FROM evalsets WHERE id = ?", [evalset_id]).fetchone() is not None

    def _infos(self, where: str, values: list[str]) -> list[EvalSetInfo]:
        where, values = within(self._project, where, values, "e.")
        with self._connection.read() as cursor:
            rows = cursor.execute(
                f"{INFO} {where} GROUP BY e.id, e.name, e.digest, e.source, e.created_at ORDER BY e.created_at DESC, e.id", values
            ).fetchall()
        return [EvalSetInfo(r[0], r[1], r[2], r[3], r[4], tuple(r[5] or ()), r[6], r[7]) for r in rows]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=dict)
