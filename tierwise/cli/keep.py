"""Commands that keep the workspace safe, and its money in sight."""

from __future__ import annotations

import argparse
from pathlib import Path

from tierwise import settings
from tierwise.cli.command import Result, command
from tierwise.store import Store


def _file(p: argparse.ArgumentParser) -> None:
    p.add_argument("file", metavar="FILE")


@command("backup", "Copy the workspace into a new file, and check the copy.", _file)
def backup(a: argparse.Namespace, store: Store) -> Result:
    done = store.backup(Path(a.file))
    rows = sum(done.rows.values())
    return Result(
        {"file": str(done.path), "rows": done.rows}, f"{done.path}: {rows:,} rows in {len(done.rows)} tables, equal to the workspace."
    )


@command("restore", "Put a backup in the place of the workspace; what was there is kept beside it.", _file)
def restore(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.store.backup import restore as put_back

    if settings.database_url():
        rows = store.whole.load(Path(a.file))  # by whoever has the machine, as for a file
        return Result({"rows": rows}, f"{sum(rows.values()):,} rows in {len(rows)} tables are now in the shared database.")
    aside = put_back(Path(a.file), settings.database())
    kept = f" The workspace that was there is now {aside}." if aside else ""
    return Result(
        {"workspace": str(settings.database()), "kept": str(aside) if aside else None},
        f"Restored {settings.database()} from {a.file}.{kept}",
    )


@command("recover", "Go on with what a damaged workspace still holds; the damaged files are kept.", lambda p: None)
def recover(a: argparse.Namespace, store: Store) -> Result:
    from tierwise.store.recovery import recover as keep_what_reads

    done = keep_what_reads(settings.database())
    lost = f"{done.missing:,} confirmed writes are gone" if done.missing else "No confirmed write is missing"
    cut = (
        f"; the last {done.wal_bytes - done.kept_bytes:,} of {done.wal_bytes:,} bytes of its .wal could not be read"
        if done.kept_bytes < done.wal_bytes
        else ""
    )
    return Result(
        {
            "workspace": str(settings.database()),
            "kept": str(done.aside),
            "missing_writes": done.missing,
            "unread_bytes": done.wal_bytes - done.kept_bytes,
        },
        f"{lost}{cut}. {settings.database()} can be opened again; the damaged files are now {done.aside}. "
        "A run that was going on may have paid for calls that the ledger no longer holds: compare it with the provider's own figures.",
    )


@command("ledger", "Every request of a run, and what it cost.", lambda p: p.add_argument("run", metavar="RUN"))
def ledger(a: argparse.Namespace, store: Store) -> Result:
    found = store.runs.get(a.run)
    frame = store.attempts.frame(found.id)
    known, counted = float(frame["cost_usd"].sum()), float(frame["counted_usd"].sum())
    ended = frame["status"].value_counts().to_dict()
    rows = frame.assign(request_id=[f"tierwise-{found.id}-{i}" for i in frame["id"]], sent_at=frame["sent_at"].astype(str),
                        closed_at=frame["closed_at"].astype(str)).to_dict("records")  # fmt: skip
    data = {"run": found.id, "requests": len(frame), "answered": ended.get("answered", 0), "refused": ended.get("refused", 0),
            "unknown": ended.get("unknown", 0), "paid_usd": known, "unknown_at_most_usd": counted - known, "counted_usd": counted,
            "unpriced": int(frame["counted_usd"].isna().sum()), "attempts": rows}  # fmt: skip
    return Result(data, f"{found.name}: {len(frame):,} requests, {data['answered']:,} answered, {data['refused']:,} refused, "
                        f"{data['unknown']:,} not known; paid ${known:.6f}, counted ${counted:.6f}.")  # fmt: skip
