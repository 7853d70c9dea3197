"""A copy of the workspace that can be trusted: taken in one snapshot while work goes on, and compared table by table."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from tierwise.errors import BadInput, StoreDamaged, TierwiseError
from tierwise.store import files
from tierwise.store.connection import LOCKED, Connection, insert
from tierwise.store.migrations import migrate

if TYPE_CHECKING:
    from tierwise.store.postgres import PostgresConnection as Shared

PASSING = {"owners", "claims", "passes", "spendings", "tally"}
"""Tables that hold nothing worth keeping."""


@dataclass(frozen=True)
class Backup:
    """A copy, and what was compared to trust it."""

    path: Path
    rows: dict[str, int]
    """By table."""


def backup(connection: Connection | Shared, target: Path) -> Backup:
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
            with connection.snapshot() as source, copy.write() as cursor:
                wanted = {}
                for table in _tables(source):
                    rows = source.execute(f"SELECT * FROM {_name(table)}").to_arrow_table()
                    cursor.execute(f"DELETE FROM {_name(table)}")
                    insert(cursor, _name(table), rows)
                    wanted[table] = _count_and_hash(cursor, rows)
                for sequence, last in connection.numbers(source):
                    if last:
                        cursor.execute(copy.TAKE_NUMBERS, [sequence, last])
            with copy.read() as cursor:
                got = _contents(cursor)
        finally:
            copy.close()
        if any(got[table] != wanted[table] for table in got) or part.with_name(part.name + ".wal").exists():
            raise TierwiseError("The backup is not equal to the workspace; it was removed. Nothing else was changed. Try again.")
        os.replace(part, target)
    finally:
        _remove(part)
    if not connection.shared:
        files.note_copy(connection.path, target)
    return Backup(target, {table: count for table, (count, _) in wanted.items()})


def load(source: Path, connection: Shared) -> dict[str, int]:
    """Put a workspace file into an empty shared database: how a team moves up, and how its backup goes back. Rows by table.

    Raises:
        BadInput: the source is not a workspace file, or the database holds work already.
    """
    source = Path(source)
    _check(source)
    with TemporaryDirectory(prefix="tierwise-") as folder:
        file = Connection(Path(shutil.copyfile(source, Path(folder) / "copy.duckdb")))  # older files are brought up to date in the copy
        try:
            migrate(file)
            with file.read() as cursor, connection.write(alone="load") as target:
                if target.execute("SELECT 1 FROM runs UNION ALL SELECT 1 FROM evalsets LIMIT 1").fetchone():
                    raise BadInput(
                        f"The shared database {connection.label} holds prompt sets or runs already. A workspace goes into an empty one."
                    )
                counts = {}
                for table in _tables(cursor):
                    rows = cursor.execute(f"SELECT * FROM {_name(table)}").to_arrow_table()
                    target.execute(f"DELETE FROM {_name(table)}")
                    insert(target, _name(table), rows)
                    counts[table] = rows.num_rows
                for sequence, last in file.numbers(cursor):
                    if last:
                        target.execute(connection.TAKE_NUMBERS, [sequence, last])
        finally:
            file.close()
    return counts


def restore(source: Path, target: Path) -> Path | None:
    """Put a backup in the place of a workspace file; the file that was there is kept beside it. Returns where it was put, or None.

    Raises:
        BadInput: the source is not a workspace file.
    """
    source, target = Path(source), Path(target)
    _check(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    part, aside = target.with_name(target.name + ".part"), None
    shutil.copyfile(source, part)
    if target.exists():
        with suppress(StoreDamaged):
            Connection(target).close()  # refuses when another process has it, and takes in its .wal
        aside = files.aside(target, "replaced")
    for file in files.together(target):
        os.replace(file, files.named_as(file, target, aside or files.aside(target, "replaced")))
    os.replace(part, target)
    return aside


def _check(source: Path) -> None:
    """Raises BadInput for what is not a workspace file."""
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


def _tables(cursor: Any) -> list[str]:
    """What is worth keeping; what processes tell each other while they run is not."""
    found = cursor.execute(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1"
    ).fetchall()
    return sorted({n for (n,) in found} - PASSING)


def _contents(cursor: duckdb.DuckDBPyConnection) -> dict[str, tuple[int, int | None]]:
    """Rows and a hash of all their values, whatever their order, by table."""
    return {n: cursor.execute(f"SELECT count(*), bit_xor(hash(t)) FROM {_name(n)} t").fetchone() for n in _tables(cursor)}


def _count_and_hash(cursor: duckdb.DuckDBPyConnection, rows: pa.Table) -> tuple[int, int | None]:
    cursor.register("taken", rows)
    try:
        return cursor.execute("SELECT count(*), bit_xor(hash(t)) FROM taken t").fetchone()
    finally:
        cursor.unregister("taken")


def _name(table: str) -> str:
    return '"' + table.replace('"', '""') + '"'


def _remove(path: Path) -> None:
    for found in (path, *(path.with_name(path.name + end) for end in (".wal", ".tally"))):
        found.unlink(missing_ok=True)
