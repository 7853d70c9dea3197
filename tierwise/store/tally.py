"""How many writes were confirmed, counted in a file beside the database: one whose .wal was cut short opens without a word, with less in it."""

import os
from contextlib import suppress
from pathlib import Path

SYNC = getattr(os, "fdatasync", os.fsync)


class Tally:
    """Lines of `writes wal_bytes`; the last whole one holds. A line more for each commit, synced before the commit is confirmed."""

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + ".tally")
        self._wal = database.with_name(database.name + ".wal")
        self._file: int | None = None

    def read(self) -> tuple[int, int]:
        """(writes that were confirmed, bytes that the .wal had then); zeros where nothing was counted yet."""
        with suppress(OSError):
            for line in reversed(self.path.read_bytes().split(b"\n")[:-1]):
                fields = line.split()
                if len(fields) == 2 and all(f.isdigit() for f in fields):
                    return int(fields[0]), int(fields[1])
        return 0, 0

    def wal_bytes(self) -> int:
        with suppress(OSError):
            return self._wal.stat().st_size
        return 0

    def begin(self, writes: int) -> None:
        """A new file, with what the database holds now."""
        self.close()
        part = self.path.with_name(self.path.name + ".part")
        with suppress(OSError):  # a full disk: the old file counts on
            part.write_bytes(self._line(writes))
            os.replace(part, self.path)
        with suppress(OSError):
            self._file = os.open(self.path, os.O_WRONLY | os.O_APPEND)

    def add(self, writes: int) -> None:
        if self._file is not None:
            with suppress(OSError):  # the write itself is safe; a tally that lags raises no alarm
                os.write(self._file, self._line(writes))
                SYNC(self._file)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _line(self, writes: int) -> bytes:
        return f"{writes} {self.wal_bytes()}\n".encode()
