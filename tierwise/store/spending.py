"""What is spent and set aside under each cap, in a row that moves with the ledger in the same transaction: how a cap holds across processes.

A row is made when a cap is first asked for; from then on every transaction of the ledger moves it. Unknown costs stay at their worst.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any


def of_run(run_id: str) -> str:
    return f"run {run_id}"


def of_day(day: date, person_id: str = "") -> str:
    """Of everybody, or of one person."""
    return f"day {day.isoformat()} {person_id}".rstrip()


def admit(cursor: Any, ledger: str, caps: Mapping[str, float], amounts: Sequence[float]) -> list[str | None]:
    """For each amount, in order, the cap that it would pass, or None where all have room: those are set aside.

    The rows stay locked until the transaction ends, so that no other process admits anything meanwhile.
    """
    counted = {name: _counted(cursor, ledger, name) for name in sorted(caps)}
    over: list[str | None] = []
    for amount in amounts:
        passed = next((name for name, cap in caps.items() if counted[name] + amount > cap + 1e-12), None)
        over.append(passed)
        if passed is None:
            counted = {name: so_far + amount for name, so_far in counted.items()}
    return over


def book(cursor: Any, changes: Mapping[str, float]) -> None:
    """Move the rows that there are."""
    for name in sorted(changes):
        if changes[name]:
            cursor.execute("UPDATE spendings SET counted_usd = counted_usd + ? WHERE name = ?", [changes[name], name])


def changes_by(settled: Sequence[tuple[str, datetime, str, float | None]], deltas: Sequence[float]) -> dict[str, float]:
    """By row, from (run, sent at, person, reserved) of attempts and by how much each is counted more or less than before."""
    moved: dict[str, float] = {}
    for (run_id, sent_at, person_id, _), delta in zip(settled, deltas, strict=True):
        for name in {of_run(run_id), of_day(sent_at.date()), of_day(sent_at.date(), person_id)}:
            moved[name] = moved.get(name, 0.0) + delta
    return moved


def _counted(cursor: Any, ledger: str, name: str) -> float:
    query = "SELECT counted_usd FROM spendings WHERE name = ? FOR UPDATE"
    row = cursor.execute(query, [name]).fetchone()
    if row is None:
        # nobody writes to the ledger while its sum is taken, so that no transaction is in neither
        cursor.execute("LOCK TABLE attempts, settlements IN SHARE ROW EXCLUSIVE MODE")
        kind, *what = name.split(" ")
        if kind == "run":
            where, values = "a.run_id = ?", [what[0]]
        else:
            day = date.fromisoformat(what[0])
            where, values = "a.sent_at >= ? AND a.sent_at < ?", [day, day + timedelta(days=1)]
            if what[1:]:
                where, values = f"{where} AND a.person_id = ?", [*values, what[1]]
        cursor.execute(
            f"""INSERT INTO spendings (name, counted_usd) SELECT ?, coalesce(sum(counted_usd), 0) FROM ({ledger} WHERE {where}) sent
                ON CONFLICT DO NOTHING""",
            [name, *values],
        )
        row = cursor.execute(query, [name]).fetchone()
    return row[0]
