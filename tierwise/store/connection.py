"""Opening the workspace file safely: one process, one writer at a time, a cursor for each use."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from tierwise.errors import StoreBusy, StoreFull, TierwiseError

DAMAGED = re.compile(r"Corrupt database file|checksum")
NO_SPACE = re.compile(r"(?i)no space left|disk full|out of disk|could not write")

# DuckDB by default reads any file and installs extensions from SQL; nothing here needs either.
LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


class NotKept(Exception):
    """A row with that key is there already; nothing of the transaction was kept."""


class Connection:
    """A DuckDB file shared by threads. A connection object used by two threads returns wrong rows, so each use takes a cursor."""

    shared = False
    """Whether other processes write to it too."""
    SEQUENCES = "SELECT sequence_name, last_value FROM duckdb_sequences()"
    TAKE_NUMBERS = "SELECT count(nextval(?)) FROM range(?)"
    """Of a new sequence: the next is the one after these."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._write_lock = threading.RLock()
        self._root = self._open()

    def _open(self) -> duckdb.DuckDBPyConnection:
        try:
            root = duckdb.connect(str(self.path), config=LOCKED)
        except duckdb.Error as error:
            holder = re.search(r"PID (\d+)", str(error))
            if holder is not None:
                raise StoreBusy(
                    f"Another copy of Tierwise (process {holder[1]}) has {self.path} open. "
                    "Close it, or set TIERWISE_DATA to another folder."
                ) from error
            raise self._damaged(error) from error
        root.execute("SET lock_configuration = true")
        return root

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one reader."""
        try:
            cursor = self._root.cursor()
        except duckdb.Error as error:  # a full disk at a checkpoint ends the database of the whole process
            cursor = self._reopened(error).cursor()
        try:
            yield cursor
        except duckdb.FatalException as error:
            self._reopened(error)
            raise self._full(error) from error
        except duckdb.Error as error:
            if DAMAGED.search(str(error)):
                raise self._damaged(error) from error
            raise
        finally:
            with suppress(duckdb.Error):
                cursor.close()

    @contextmanager
    def snapshot(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor whose statements all see one moment."""
        with self.read() as cursor:
            cursor.execute("BEGIN")
            try:
                yield cursor
            finally:
                cursor.execute("ROLLBACK")

    @contextmanager
    def write(self, alone: str | None = None, lasting: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor inside a transaction: all of the block is kept, or none of it. One writer at a time.

        Args:
            alone: what no other block may do at once where several processes write; here there is never another.
            lasting: False for what may be lost with the machine; here nothing is.

        Raises:
            NotKept: a row with that key is there.
            StoreFull: the disk is full; nothing of the block was kept.
        """
        with self._write_lock:
            try:
                cursor = self._root.cursor()
            except duckdb.Error as error:
                cursor = self._reopened(error).cursor()
            try:
                cursor.execute("BEGIN")
                yield cursor
                cursor.execute("COMMIT")
            except BaseException as error:
                with suppress(duckdb.Error):  # the failed statement may already have ended the transaction
                    cursor.execute("ROLLBACK")
                if isinstance(error, duckdb.ConstraintException):
                    raise NotKept(str(error)) from error
                if isinstance(error, duckdb.FatalException):
                    self._reopened(error)
                    raise self._full(error) from error
                if isinstance(error, duckdb.Error) and NO_SPACE.search(str(error)):
                    raise self._full(error) from error
                if isinstance(error, duckdb.Error) and DAMAGED.search(str(error)):
                    raise self._damaged(error) from error
                raise
            finally:
                with suppress(duckdb.Error):
                    cursor.close()

    def _reopened(self, error: duckdb.Error) -> duckdb.DuckDBPyConnection:
        """A new root connection after DuckDB has given the old one up. Nothing that was committed is lost by it."""
        with self._write_lock:
            try:
                self._root.execute("SELECT 1")
            except duckdb.Error:
                with suppress(duckdb.Error):
                    self._root.close()
                try:
                    self._root = self._open()
                except StoreBusy:
                    raise
                except TierwiseError:
                    raise self._full(error) from error
            return self._root

    def _full(self, error: Exception) -> StoreFull:
        told = str(error).splitlines()[0][:200]
        return StoreFull(
            f"The workspace could not be written: the disk that holds {self.path} seems to be full ({told}). "
            "What was kept before is safe. Make room, then go on."
        )

    def _damaged(self, error: Exception) -> TierwiseError:
        told = str(error).splitlines()[0]
        return TierwiseError(
            f"The workspace file {self.path} could not be opened: {told}. Nothing was changed; keep the file and its .wal together. "
            "If it is damaged, put a backup in its place with: python -m tierwise restore FILE."
        )

    def close(self) -> None:
        with self._write_lock, suppress(duckdb.FatalException):
            self._root.close()


def insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, keep_first: bool = False) -> None:
    """Append an Arrow table whose columns are named as the target's: rows one by one cost fifty times as much.

    Where several processes write, `keep_first` leaves out a row whose key is there already.

    `table` and the column names come from this package, never from a user.
    """
    if rows.num_rows == 0:
        return
    if not isinstance(cursor, duckdb.DuckDBPyConnection):
        cursor.append(table, rows, keep_first)
        return
    columns = ", ".join(rows.column_names)
    cursor.register("incoming", rows)
    try:
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming")
    finally:
        cursor.unregister("incoming")
