"""The same tables in PostgreSQL, for several copies of the app: the connection speaks this package's SQL and hides what differs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from tierwise.errors import BadInput, StoreFull, TierwiseError
from tierwise.store.connection import LOCKED, NotKept

MOST_CONNECTIONS = 16
WAIT_S = 10
"""How long a connection, or a lock that another copy of the app holds, is waited for."""

TYPES = {
    16: pa.bool_(), 17: pa.binary(), 20: pa.int64(), 21: pa.int32(), 23: pa.int32(), 25: pa.string(), 700: pa.float64(), 701: pa.float64(), 705: pa.string(),
    1043: pa.string(), 1082: pa.date32(), 1114: pa.timestamp("us"), 1700: pa.float64(),
}  # fmt: skip
"""Arrow types by PostgreSQL's numbers of types."""

LITERAL = re.compile(r"('(?:[^']|'')*')")
PLACE = re.compile(r"\?|\$([a-z_]\w*)")
DIALECT = (
    (re.compile(r"\bDOUBLE\b(?! PRECISION)"), "DOUBLE PRECISION"),
    (re.compile(r"\bBLOB\b"), "BYTEA"),
    (re.compile(r"\bFILTER \((?!WHERE\b)"), "FILTER (WHERE "),
)
DEFINES = re.compile(r"\s*(CREATE TABLE|ALTER TABLE)\b")


@lru_cache(maxsize=512)
def translate(sql: str) -> tuple[str, tuple[str, ...]]:
    """(the statement as PostgreSQL has it, names of its values in the order of their numbers; none where they are given in order)."""
    names: list[str] = []
    asked = 0

    def place(found: re.Match[str]) -> str:
        nonlocal asked
        if found[1] is None:
            asked += 1
            return f"${asked}"
        if found[1] not in names:
            names.append(found[1])
        return f"${names.index(found[1]) + 1}"

    parts = LITERAL.split(sql)
    for i in range(0, len(parts), 2):  # between literals
        part = PLACE.sub(place, parts[i])
        for found, put in DIALECT:
            part = found.sub(put, part)
        if DEFINES.match(sql):  # text is compared byte by byte, as in DuckDB
            part = re.sub(r"\bTEXT\b", 'TEXT COLLATE "C"', part)
        parts[i] = part
    return "".join(parts), tuple(names)


class Cursor:
    """What this package uses of DuckDB's cursor, on a PostgreSQL connection."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def execute(self, sql: str, values: Sequence[Any] | Mapping[str, Any] | None = None) -> Cursor:
        text, names = translate(sql)
        if values:
            given = [values[n] for n in names] if isinstance(values, Mapping) else values
            self._raw.execute(text, [_kept(v) for v in given])
        else:
            self._raw.execute(text, binary=False)  # several statements at once are text only
        return self

    def fetchone(self) -> tuple | None:
        return self._raw.fetchone()

    def fetchall(self) -> list[tuple]:
        return self._raw.fetchall()

    def to_arrow_table(self) -> pa.Table:
        described, rows = self._raw.description, self._raw.fetchall()
        columns = list(zip(*rows, strict=True)) or [()] * len(described)
        return pa.table({d.name: pa.array(c, TYPES[d.type_code]) for d, c in zip(described, columns, strict=True)})

    def df(self) -> pd.DataFrame:
        """A frame with the very types that DuckDB gives: it makes it."""
        table = self.to_arrow_table()
        cursor = _analyst().cursor()
        try:
            return cursor.register("fetched", table).execute("SELECT * FROM fetched").df()
        finally:
            cursor.close()

    def append(self, table: str, rows: pa.Table, keep_first: bool = False) -> None:
        """`keep_first` leaves out a row whose key is there already."""
        columns = [[_kept(v) for v in column.to_pylist()] for column in rows.columns]
        if keep_first:
            places = ", ".join(f"${i + 1}" for i in range(rows.num_columns))
            insert = f"INSERT INTO {table} ({', '.join(rows.column_names)}) VALUES ({places}) ON CONFLICT DO NOTHING"
            self._raw.executemany(insert, list(zip(*columns, strict=True)))
            return
        with self._raw.copy(f"COPY {table} ({', '.join(rows.column_names)}) FROM STDIN") as copy:
            for row in zip(*columns, strict=True):
                copy.write_row(row)


class PostgresConnection:
    """A pool of connections to the database that several copies of the app share."""

    shared = True
    TAKE_NUMBERS = "SELECT setval(CAST(? AS TEXT), ?)"

    def __init__(self, url: str) -> None:
        try:
            import psycopg
            from psycopg_pool import ConnectionPool
        except ImportError as error:
            raise BadInput(
                "TIERWISE_DATABASE_URL is set, but the PostgreSQL driver is not installed. "
                "Install it with: pip install -r requirements-team.txt, or unset the variable."
            ) from error
        try:
            told = psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error as error:
            raise BadInput("TIERWISE_DATABASE_URL is not an address of a PostgreSQL database: postgresql://user@host:5432/name.") from error
        self.label = f"{told.get('host', 'localhost')}:{told.get('port', 5432)}/{told.get('dbname', told.get('user', ''))}"
        schema = re.sub(r"\W+", "_", told.get("options", ""))  # two workspaces of one database are two, for what a process remembers by it
        self.path = Path("postgresql") / (self.label.replace("/", "_") + schema)
        self._errors = psycopg
        self._pool = ConnectionPool(
            url, min_size=1, max_size=MOST_CONNECTIONS, timeout=WAIT_S, open=False, check=ConnectionPool.check_connection, configure=_configure,
            kwargs={"autocommit": True, "cursor_factory": psycopg.RawCursor, "connect_timeout": WAIT_S, "application_name": "tierwise",
                    "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3},
        )  # fmt: skip
        try:  # by hand first: the pool would go on trying and not say why
            psycopg.connect(url, connect_timeout=WAIT_S).close()
        except psycopg.Error as error:
            raise self._unreachable(error) from error
        self._pool.open()

    @contextmanager
    def read(self) -> Iterator[Cursor]:
        """A cursor for one reader; each statement sees what is committed then."""
        with self._told(), self._pool.connection() as connection, connection.cursor(binary=True) as raw:
            yield Cursor(raw)

    @contextmanager
    def snapshot(self) -> Iterator[Cursor]:
        """A cursor whose statements all see one moment."""
        with self.read() as cursor:
            cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                yield cursor
            finally:
                cursor.execute("ROLLBACK")

    def numbers(self, cursor: Cursor) -> list[tuple[str, int | None]]:
        """(sequence, last number given)."""
        return cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema()").fetchall()

    @contextmanager
    def write(self, alone: str | None = None, lasting: bool = True) -> Iterator[Cursor]:
        """A cursor inside a transaction: all of the block is kept, or none of it.

        Args:
            alone: one block at a time has this name, in all copies of the app.
            lasting: False does not wait for the disk; the last half second of such blocks may be lost with the server.

        Raises:
            NotKept: a row with that key is there.
            StoreFull: the server's disk is full; nothing of the block was kept.
        """
        with self._told(), self._pool.connection() as connection, connection.transaction(), connection.cursor(binary=True) as raw:
            cursor = Cursor(raw)
            if not lasting:
                cursor.execute("SET LOCAL synchronous_commit = off")
            if alone is not None:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(?, 0))", [alone])
            yield cursor

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Errors in words a user can act on."""
        try:
            yield
        except self._errors.errors.UniqueViolation as error:
            raise NotKept(str(error)) from error
        except self._errors.errors.DiskFull as error:
            raise StoreFull(
                f"The shared database {self.label} has no room left. What was kept before is safe. Make room, then go on."
            ) from error
        except (self._errors.OperationalError, self._errors.InterfaceError) as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: Exception) -> TierwiseError:
        told = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return TierwiseError(
            f"The shared database {self.label} could not be used ({told}). What was kept before is safe. "
            "Check TIERWISE_DATABASE_URL and the server, then try again."
        )

    def close(self) -> None:
        self._pool.close()


def _configure(connection: Any) -> None:
    from psycopg.types.numeric import NumericBinaryLoader, NumericLoader
    from psycopg.types.string import StrBinaryDumper, StrDumper

    class Number(NumericLoader):
        """A sum of whole numbers is a number here, not a Decimal."""

        def load(self, data: Any) -> float:
            return float(super().load(data))

    class BinaryNumber(NumericBinaryLoader):
        def load(self, data: Any) -> float:
            return float(super().load(data))

    connection.adapters.register_loader("numeric", Number)
    connection.adapters.register_loader("numeric", BinaryNumber)
    for dumper in (StrDumper, StrBinaryDumper):  # text is sent as text: untyped, a list of it could be of anything
        connection.adapters.register_dumper(str, dumper)
    connection.execute("SET timezone = 'UTC'")
    connection.execute(f"SET idle_in_transaction_session_timeout = '{WAIT_S}s'")
    connection.execute(f"SET lock_timeout = '{WAIT_S}s'")


def _kept(value: Any) -> Any:
    """PostgreSQL's text has no place for the character NUL."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


_lock = threading.Lock()
_memory: list[duckdb.DuckDBPyConnection] = []


def _analyst() -> duckdb.DuckDBPyConnection:
    with _lock:
        if not _memory:
            _memory.append(duckdb.connect(config=LOCKED))
        return _memory[0]
