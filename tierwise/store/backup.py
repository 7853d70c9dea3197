"""A copy of the workspace that can be trusted: taken in one snapshot while work goes on, and compared table by table."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tierwise.errors import BadInput, TierwiseError
from tierwise.store.connection import LOCKED, Connection, insert
from tierwise.store.migrations import migrate
from tierwise.types import now


@dataclass(frozen=True)
class Backup:
    """A copy, and what was compared to trust it."""

    path: Path
    rows: dict[str, int]
    """By table."""


def backup(connection: Connection, target: Path) -> Backup:
    """Copy everything into a new file. Copying the file itself while it is open would miss what is not yet in it.

    Raises:
        BadInput: the target exists, or cannot be written.
        TierwiseError: the copy is not equal to the original; it is removed then.
    """
    target = Path(target)
    if target.exists():
        raise BadInput(f"{target} exists. A backup is never written over another file; give a new name.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{target.parent}: {error.strerror or error}.") from error
    part = target.with_name(target.name + ".part")
    _remove(part)
    try:
        copy = Connection(part)
        try:
            migrate(copy)
            with connection.read() as source:
                source.execute("BEGIN")  # one snapshot of all tables
                wanted = _contents(source)
                with copy.write() as cursor:
                    for table in wanted:
                        cursor.execute(f"DELETE FROM {_name(table)}")
                        insert(cursor, _name(table), source.execute(f"SELECT * FROM {_name(table)}").to_arrow_table())
                    for sequence, last in source.execute("SELECT sequence_name, last_value FROM duckdb_sequences()").fetchall():
                        if last:
                            cursor.execute("SELECT count(nextval(?)) FROM range(?)", [sequence, last])
                source.execute("COMMIT")
            with copy.read() as cursor:
                got = _contents(cursor)
        finally:
            copy.close()
        if got != wanted:
            raise TierwiseError("The backup is not equal to the workspace; it was removed. Nothing else was changed. Try again.")
        os.replace(part, target)
    finally:
        _remove(part)
    return Backup(target, {table: count for table, (count, _) in wanted.items()})


def restore(source: Path, target: Path) -> Path | None:
    """Put a backup in the place of a workspace file; the file that was there is kept beside it. Returns where it was put, or None.

    Raises:
        BadInput: the source is not a workspace file.
    """
    source, target = Path(source), Path(target)
    if not source.is_file():
        raise BadInput(f"{source}: there is no such file.")
    try:
        probe = duckdb.connect(str(source), read_only=True, config=LOCKED)
    except duckdb.Error as error:
        raise BadInput(f"{source} is not a workspace file, or is damaged: {str(error).splitlines()[0]}") from error
    try:
        if not probe.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'migrations'").fetchone()[0]:
            raise BadInput(f"{source} is a database, but not of Tierwise.")
    finally:
        probe.close()
    target.parent.mkdir(parents=True, exist_ok=True)
    part, aside = target.with_name(target.name + ".part"), None
    shutil.copyfile(source, part)
    if target.exists():
        Connection(target).close()  # refuses when another process has it, and takes in its .wal
        aside = target.with_name(f"{target.stem}-replaced-{now():%Y%m%d-%H%M%S}{target.suffix}")
        os.replace(target, aside)
        wal = target.with_name(target.name + ".wal")
        if wal.exists():
            os.replace(wal, aside.with_name(aside.name + ".wal"))
    os.replace(part, target)
    return aside


def _contents(cursor: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int | None]]:
    """Rows and a hash of all their values, whatever their order, by table."""
    names = [
        n for (n,) in cursor.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal AND NOT temporary ORDER BY 1").fetchall()
    ]
    return {n: cursor.execute(f"SELECT count(*), bit_xor(hash(t)) FROM {_name(n)} t").fetchone() for n in names}


def _name(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'


def _remove(path: Path) -> None:
    for found in (path, path.with_name(path.name + ".wal")):
        found.unlink(missing_ok=True)
