"""Opening the workspace file safely: one process, one writer at a time, a cursor for each use."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import pyarrow as pa

from tierwise.errors import StoreBusy, StoreDamaged, StoreFull, TierwiseError
from tierwise.store import checkpoint, files
from tierwise.store.tally import Tally

DAMAGED = re.compile(r"Corrupt database file|checksum")
NO_SPACE = re.compile(r"(?i)no space left|disk full|out of disk|could not write")

# DuckDB by default reads any file and installs extensions from SQL; nothing here needs either.
LOCKED = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "checkpoint_threshold": "1TB",  # checkpoints are our own: see `checkpoint`
}

NUMBERED = {"grades": "grade_ids", "comparisons": "comparison_ids", "marks": "mark_ids"}
"""Tables whose rows are numbered in the order they come, and the sequence of each."""


class NotKept(Exception):
    """A row with that key is there already; nothing of the transaction was kept."""


class Connection:
    """A DuckDB file shared by threads. A connection object used by two threads returns wrong rows, so each use takes a cursor."""

    shared = False
    """Whether other processes write to it too."""
    TAKE_NUMBERS = "SELECT count(nextval(?)) FROM range(?)"
    """Of a new sequence: the next is the one after these."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._write_lock = threading.RLock()
        self._tally, self._blocks = Tally(path), checkpoint.Blocks(path)
        self.writes = 0
        """Transactions that the file holds."""
        try:
            self._root = self._open()
        except BaseException:
            self._blocks.release()
            raise

    def _open(self) -> duckdb.DuckDBPyConnection:
        self._blocks.put_back()
        confirmed, wal_bytes = self._tally.read() if self.path.exists() else (0, 0)
        if confirmed and (
            wal_bytes or self._tally.wal_bytes()
        ):  # look first: opening for writing changes a .wal, and drops one that looks out of date
            with self._connected(read_only=True) as root:
                self._check(confirmed, _counted(root))
        root = self._connected()
        try:
            self._check(confirmed, _counted(root))
            root.execute("CREATE TABLE IF NOT EXISTS tally (writes BIGINT NOT NULL)")
            root.execute("INSERT INTO tally SELECT 0 WHERE NOT EXISTS (FROM tally)")
            self.writes = _counted(root)
            root.execute("PRAGMA disable_checkpoint_on_shutdown")
            root.execute("SET lock_configuration = true")
        except duckdb.Error as error:
            root.close()
            raise (self._full if NO_SPACE.search(str(error)) else self._damaged)(error) from error
        except StoreDamaged:
            root.close()
            raise
        self._blocks.hold()
        self._tally.begin(self.writes)
        return root

    def _connected(self, read_only: bool = False) -> duckdb.DuckDBPyConnection:
        try:
            return duckdb.connect(str(self.path), read_only=read_only, config=LOCKED)
        except duckdb.Error as error:
            holder = re.search(r"PID (\d+)", str(error))
            if holder is not None:
                raise StoreBusy(
                    f"Another copy of Tierwise (process {holder[1]}) has {self.path} open. "
                    "Close it, or set TIERWISE_DATA to another folder."
                ) from error
            raise self._damaged(error) from error

    def _check(self, confirmed: int, held: int) -> None:
        if held < confirmed:
            raise StoreDamaged(
                f"The workspace {self.path} holds less than was confirmed: its last {confirmed - held:,} writes are missing. Its .wal was cut "
                f"short or taken away, or an older file was put in its place. Nothing was changed. {files.advice(self.path)}"
            )

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

    def numbers(self, cursor: duckdb.DuckDBPyConnection) -> list[tuple[str, int]]:
        """(sequence, last number given). After a crash DuckDB tells a wrong one until the next is taken, so one is spent to know."""
        names = [n for (n,) in cursor.execute("SELECT sequence_name FROM duckdb_sequences()").fetchall()]
        return [(n, cursor.execute("SELECT nextval(?)", [n]).fetchone()[0] - 1) for n in names]

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
            done = False
            try:
                cursor.execute("BEGIN")
                yield cursor
                (writes,) = cursor.execute("UPDATE tally SET writes = writes + 1 RETURNING writes").fetchone()
                cursor.execute("COMMIT")
                self.writes = writes
                self._tally.add(writes)
                done = True
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
            if done and self._tally.wal_bytes() > checkpoint.THRESHOLD:
                self.checkpoint()

    def checkpoint(self) -> None:
        """Take the .wal into the file; without room for that, it grows on. What was written is safe either way."""
        with self._write_lock, suppress(duckdb.Error, OSError):
            cursor = self._root.cursor()
            try:
                self._blocks.save(cursor)
                cursor.execute("CHECKPOINT")
                self._blocks.forget()
                self._tally.begin(self.writes)
            except duckdb.FatalException as error:
                with suppress(TierwiseError):  # the next use tries again
                    self._reopened(error)
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

    def _damaged(self, error: Exception) -> StoreDamaged:
        told = str(error).splitlines()[0]
        return StoreDamaged(
            f"The workspace file {self.path} could not be opened: {told}. Nothing was changed; keep the file and its .wal together. "
            f"If it is damaged: {files.advice(self.path)}"
        )

    def close(self) -> None:
        with self._write_lock:
            if self._tally.wal_bytes():
                self.checkpoint()
            with suppress(duckdb.Error):
                self._root.close()
            self._blocks.release()
            self._tally.begin(self.writes)
            self._tally.close()


def _counted(root: duckdb.DuckDBPyConnection) -> int:
    """Writes that the file holds; 0 for one from before they were counted."""
    if not root.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'tally'").fetchone()[0]:
        return 0
    return root.execute("SELECT coalesce(max(writes), 0) FROM tally").fetchone()[0]


def insert(cursor: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, keep_first: bool = False) -> None:
    """Append an Arrow table whose columns are named as the target's: rows one by one cost fifty times as much.

    Where several processes write, `keep_first` leaves out a row whose key is there already.

    `table` and the column names come from this package, never from a user.
    """
    if rows.num_rows == 0:
        return
    if table in NUMBERED and "id" not in rows.column_names:
        taken = cursor.execute(f"SELECT nextval('{NUMBERED[table]}') FROM generate_series(1, {rows.num_rows})").fetchall()
        rows = rows.append_column("id", pa.array([i for (i,) in taken], pa.int64()))
    if not isinstance(cursor, duckdb.DuckDBPyConnection):
        cursor.append(table, rows, keep_first)
        return
    columns = ", ".join(rows.column_names)
    cursor.register("incoming", rows)
    try:
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM incoming")
    finally:
        cursor.unregister("incoming")
