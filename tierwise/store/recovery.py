"""Go on with what a damaged workspace still holds. The damaged files are kept as they are."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import duckdb

from tierwise.errors import NotReady, StoreBusy, StoreDamaged
from tierwise.store import files
from tierwise.store.connection import LOCKED, Connection
from tierwise.store.tally import Tally


@dataclass(frozen=True)
class Recovery:
    """What could be kept."""

    aside: Path
    """Where the damaged database is now, with its .wal beside it."""
    missing: int
    """Writes that had been confirmed and are gone."""
    kept_bytes: int
    """Of the .wal."""
    wal_bytes: int


def recover(path: Path) -> Recovery:
    """Keep the longest part of the .wal that can be read: what follows a torn or zeroed place in it is lost, and all before is not.

    Raises:
        NotReady: nothing is wrong with it.
        StoreBusy: another process has it open.
        StoreDamaged: the database file itself cannot be read; only a backup helps.
    """
    path = Path(path)
    try:
        Connection(path).close()
    except StoreBusy:
        raise
    except StoreDamaged:
        pass
    else:
        raise NotReady(f"{path} opens and holds all that was confirmed: there is nothing to recover.")
    part = path.with_name(path.name + ".part")
    wal, part_wal = (p.with_name(p.name + ".wal") for p in (path, part))
    log = wal.read_bytes() if wal.is_file() else b""
    shutil.copyfile(path, part)
    try:

        def reads(size: int) -> bool:
            part_wal.write_bytes(log[:size])
            return _reads(part)

        keep, bad = 0, len(log) + 1
        if not reads(0):
            raise StoreDamaged(
                f"{path} cannot be read even without its .wal, so nothing of it can be kept. Nothing was changed. {files.advice(path)}"
            )
        if reads(len(log)):
            keep, bad = len(log), len(log)
        while bad - keep > 1:  # a .wal that ends early is read as far as it goes, so what can be read is one piece from its start
            middle = (keep + bad) // 2
            keep, bad = (middle, bad) if reads(middle) else (keep, middle)
        reads(keep)
        aside = files.aside(path, "damaged")
        confirmed = Tally(path).read()[0]
        for file in files.together(path):
            os.replace(file, files.named_as(file, path, aside))
        if part_wal.exists():  # an empty one is gone after reading
            os.replace(part_wal, wal)
        os.replace(part, path)
    finally:
        for left in (part, part_wal):
            left.unlink(missing_ok=True)
    opened = Connection(path)
    held = opened.writes
    opened.close()
    return Recovery(aside, max(0, confirmed - held), keep, len(log))


def _reads(path: Path) -> bool:
    """Whether every table can be read to its end."""
    try:
        with duckdb.connect(str(path), read_only=True, config=LOCKED) as root:
            for (table,) in root.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall():
                quoted = table.replace('"', '""')
                root.execute(f'SELECT bit_xor(hash(t)) FROM "{quoted}" t').fetchone()
    except duckdb.Error:
        return False
    return True
