"""Commands that keep the workspace safe."""

from __future__ import annotations

import argparse
from pathlib import Path

from tierwise import settings
from tierwise.cli.command import Result, command
from tierwise.store import Store


@command("backup", "Copy the workspace into a new file, and check the copy.", lambda p: p.add_argument("file", metavar="FILE"))
def backup(a: argparse.Namespace, store: Store) -> Result:
    done = store.backup(Path(a.file))
    rows = sum(done.rows.values())
    return Result({"file": str(done.path), "rows": done.rows}, f"{done.path}: {rows:,} rows in {len(done.rows)} tables, equal to the workspace.")


@command("restore", "Put a backup in the place of the workspace; what was there is kept beside it.", lambda p: p.add_argument("file", metavar="FILE"))
def restore(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.store.backup import restore as put_back

    aside = put_back(Path(a.file), settings.database())
    kept = f" The workspace that was there is now {aside}." if aside else ""
    return Result({"workspace": str(settings.database()), "kept": str(aside) if aside else None}, f"Restored {settings.database()} from {a.file}.{kept}")
