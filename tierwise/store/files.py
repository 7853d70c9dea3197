"""The files of a workspace: the database, what belongs to it beside it, and where copies of it were put."""

import glob
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tierwise.types import now


def together(database: Path) -> list[Path]:
    """The database and the files that mean nothing without it (.wal, .tally), as far as they exist."""
    beside = (p for p in database.parent.glob(glob.escape(database.name) + ".*") if p != copies(database) and p.suffix != ".part")
    return [p for p in (database, *sorted(beside)) if p.is_file()]


def aside(database: Path, why: str) -> Path:
    """A free name beside the database to keep it under."""
    for more in ("", *(f"-{n}" for n in range(2, 1000))):
        named = database.with_name(f"{database.stem}-{why}-{now():%Y%m%d-%H%M%S}{more}{database.suffix}")
        if not named.exists():
            return named
    raise AssertionError("a thousand copies in one second")


def named_as(path: Path, database: Path, other: Path) -> Path:
    """The name of a file of `database` when that is called `other`."""
    return other.with_name(other.name + path.name.removeprefix(database.name))


def copies(database: Path) -> Path:
    """Where it is noted which backups were made."""
    return database.with_name(database.name + ".backups")


def note_copy(database: Path, copy: Path) -> None:
    with copies(database).open("a", encoding="utf-8") as log:
        log.write(f"{now():%Y-%m-%d %H:%M}\t{copy.resolve()}\n")


def newest_copy(database: Path) -> tuple[Path, datetime] | None:
    """The newest backup that is still where it was put."""
    return next(((path, made) for path, made in reversed(list(_noted(database))) if path.is_file()), None)


def _noted(database: Path) -> Iterator[tuple[Path, datetime]]:
    try:
        lines = copies(database).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return
    for line in lines:
        made, _, path = line.partition("\t")
        try:
            yield Path(path), datetime.strptime(made, "%Y-%m-%d %H:%M")
        except ValueError:
            continue


def advice(database: Path) -> str:
    """What to do about a damaged workspace."""
    found = newest_copy(database)
    if found:
        back = f"Go back to the newest backup, of {found[1]:%d %b %Y %H:%M} UTC: python -m tierwise restore {found[0]}."
    else:
        back = "Put a backup in its place: python -m tierwise restore FILE (none is noted here)."
    return f"{back} Or go on with what can still be read: python -m tierwise recover. Either keeps the damaged files."
