"""Opening the workspace file safely: one process, one writer at a time, a cursor for each use."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from tierwise.errors import StoreBusy, TierwiseError

# DuckDB by default reads any file and installs extensions from SQL; nothing here needs either.
LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
}


class Connection:
    """A DuckDB file shared by threads. A connection object used by two threads returns wrong rows, so each use takes a cursor."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._root = duckdb.connect(str(path), config=LOCKED)
        except duckdb.IOException as error:
            holder = re.search(r"PID (\d+)", str(error))
            if holder is None:
                raise TierwiseError(
                    f"The workspace file {path} could not be opened: {error}. Nothing was changed; keep the file and its .wal together."
                ) from error
            raise StoreBusy(
                f"Another copy of Tierwise (process {holder[1]}) has {path} open. "
                "Close it, or set TIERWISE_DATA to another folder."
            ) from error
        self._root.execute("SET lock_configuration = true")
        self._write_lock = threading.RLock()
        self.path = path

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor for one reader."""
        cursor = self._root.cursor()
        try:
            yield cursor
        finally:
            cursor.close()

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor inside a transaction: all of the block is kept, or none of it. One writer at a time."""
        with self._write_lock:
            cursor = self._root.cursor()
            try:
                cursor.execute("BEGIN")
                yield cursor
                cursor.execute("COMMIT")
            except BaseException:
                with suppress(duckdb.Error):  # the failed statement may already have ended the transaction
                    cursor.execute("ROLLBACK")
                raise
            finally:
                cursor.close()

    def close(self) -> None:
        with self._write_lock:
            self._root.close()


def insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table) -> None:
    """Append an Arrow table whose columns are named as the target's: rows one by one cost fifty times as much.

    `table` and the column names come from this package, never from a user.
    """
    if rows.num_rows == 0:
        return
    columns = ", ".join(rows.column_names)
    cursor.register("incoming", rows)
    try:
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming")
    finally:
        cursor.unregister("incoming")
