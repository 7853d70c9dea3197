"""Checkpoints that survive a kill.

DuckDB rewrites blocks of metadata in place when it takes the .wal into the file, and a block that was half written when the process was
killed leaves a file that no longer opens. So the blocks are copied beside it first, as SQLite's rollback journal does, and put back if need be.
"""

import json
import os
import threading
import zlib
from contextlib import suppress
from pathlib import Path

import duckdb

try:
    import fcntl
except ImportError:  # Windows: an open database cannot be read beside DuckDB there, so its checkpoints stay as they are
    fcntl = None

THRESHOLD = 16 * 2**20
"""Bytes of the .wal from which it is taken in."""

HEADERS = 3 * 4096
"""The start of a DuckDB file: which blocks are in use. Blocks follow it."""


class Blocks:
    """The blocks that a checkpoint may rewrite, as they were before it."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self._copy = database.with_name(database.name + ".blocks")
        self._key: str | None = None

    def hold(self) -> None:
        """Keep the database's file open until `release`: closing it any sooner would end DuckDB's own lock on it (POSIX)."""
        if fcntl is not None and self._key is None:
            with suppress(OSError):
                self._key = _hold(self._database)

    def release(self) -> None:
        """Only once DuckDB has closed it."""
        if self._key is not None:
            _release(self._key)
            self._key = None

    def save(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Before a checkpoint.

        Raises:
            OSError: there is no room for the copy.
        """
        if self._key is None:
            return
        ids = [i for (i,) in cursor.execute("SELECT block_id FROM pragma_metadata_info()").fetchall()]
        size = cursor.execute("SELECT block_size FROM pragma_database_size()").fetchone()[0]
        file = _held[self._key][0]
        about = json.dumps({"size": size, "ids": ids}).encode() + b"\n"
        whole = about + os.pread(file, HEADERS, 0) + b"".join(os.pread(file, size, HEADERS + i * size) for i in ids)
        with self._copy.open("wb") as copy:
            copy.write(zlib.crc32(whole).to_bytes(4, "little") + whole)
            copy.flush()
            os.fsync(copy.fileno())

    def forget(self) -> None:
        """After it."""
        with suppress(OSError):
            self._copy.unlink(missing_ok=True)

    def put_back(self) -> None:
        """Before the database is opened: undo a checkpoint that did not come to its end. The .wal still holds what it was taking in."""
        if fcntl is None or not self._copy.exists():
            return
        self.hold()
        if self._key is None or _held[self._key][1] > 1:
            return
        file = _held[self._key][0]
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # another process is at it; opening will say so
            self.release()
            return
        data = self._copy.read_bytes()
        if len(data) > 4 and zlib.crc32(data[4:]) == int.from_bytes(
            data[:4], "little"
        ):  # else the copy itself was cut off, and nothing else was begun
            line, _, rest = data[4:].partition(b"\n")
            about = json.loads(line)
            if os.pread(file, HEADERS, 0) == rest[:HEADERS]:  # else it did come to its end
                for n, i in enumerate(about["ids"]):
                    start = HEADERS + n * about["size"]
                    os.pwrite(file, rest[start : start + about["size"]], HEADERS + i * about["size"])
                os.fsync(file)
        self.forget()


_held: dict[str, list[int]] = {}
"""By path: the file, and how many hold it. One for all, since closing any of them would end the lock."""
_lock = threading.Lock()


def _hold(path: Path) -> str:
    key = os.path.realpath(path)
    with _lock:
        if key not in _held:
            _held[key] = [os.open(path, os.O_RDWR), 0]
        _held[key][1] += 1
    return key


def _release(key: str) -> None:
    with _lock:
        _held[key][1] -= 1
        if not _held[key][1]:
            os.close(_held.pop(key)[0])
