"""kill -9 while the workspace is written and while it is migrated: it always opens, with all that was confirmed, never half a schema."""

import os
import random
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from tests.faults.processes import FULL, in_a_fork, in_own_process, killed
from tierwise.store import Store, checkpoint
from tierwise.store.attempts import Intent, Settlement
from tierwise.store.connection import NUMBERED, Connection
from tierwise.store.migrations import MIGRATIONS, migrate
from tierwise.types import EvalSet, Outcome, Run, Sample, Tier

ME = "tests.faults.test_kill_storage"
SMALL = 64 * 1024
"""Bytes of the .wal for a checkpoint, so that many kills come close to one."""


def test_kills_during_mixed_writes_lose_nothing_that_was_confirmed():
    told = in_own_process(ME, "storage_storm", kills=FULL or 15, seed=17)
    assert told["kills"] == (FULL or 15) and told["confirmed"] > 5 * told["kills"], told
    assert told["unopenable"] == 0 and told["lost"] == 0, told


def storage_storm(kills: int, seed: int) -> dict:
    """Kill a writer again and again; what it confirmed is looked for by the next one."""
    checkpoint.THRESHOLD = SMALL
    dice, slowest, lost, unopenable = random.Random(seed), 0.0, 0, 0
    confirmed: dict[str, set[int]] = {"paid": set(), "settled": set(), "upsert": set(), "column": set()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "w.duckdb"
        in_a_fork(lambda: prepare(path))
        for turn in range(kills):
            for line in killed(lambda say, turn=turn: mixed_writes(path, turn, say), dice.randint(1, 24), dice.uniform(0, 0.02)):
                kind, _, number = line.partition(" ")
                if kind in confirmed:
                    confirmed[kind].add(int(number))
            began = time.monotonic()
            try:
                held = in_a_fork(lambda: held_by(path))
            except AssertionError:
                unopenable += 1
                break
            slowest = max(slowest, time.monotonic() - began)
            lost += sum(len(numbers - set(held[kind])) for kind, numbers in confirmed.items())
    counted = sum(len(n) for n in confirmed.values())
    return {"kills": turn + 1, "confirmed": counted, "lost": lost, "unopenable": unopenable, "slowest_open_s": round(slowest, 2)}


def prepare(path: Path) -> None:
    with Store(path) as store:
        samples = tuple(Sample(f"s{i}", f"prompt {i}") for i in range(4))
        store.evalsets.add(EvalSet("e", "e", "d", samples))
        store.runs.add(Run("run", "run", "e", "live", (Tier("small", "m/small"), Tier("large", "m/large"))))
        with store._connection.write() as cursor:
            cursor.execute("CREATE TABLE upserts (key INTEGER PRIMARY KEY, value INTEGER)")
            cursor.execute("CREATE TABLE growing (row INTEGER)")


def mixed_writes(path: Path, turn: int, say) -> None:
    """What an app does all at once, each said when it is confirmed: paid calls, upserts, status changes, columns added with rows in place."""
    store, text = Store(path), "x" * 2_000
    say("open")
    columns = 0
    for i in range(10_000):
        cell = (f"s{i % 4}", "small", turn * 10_000 + i)
        (attempt,) = store.attempts.commit("run", [Intent(cell, 0.5, "m/small")])
        say(f"paid {attempt}")
        store.attempts.commit("run", [Settlement(attempt, "answered", 0.1, outcome=Outcome(*cell, output=text))])
        say(f"settled {attempt}")
        with store._connection.write() as cursor:
            cursor.execute(
                "INSERT INTO upserts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", [i % 50, turn * 10_000 + i]
            )
            cursor.execute("INSERT INTO upserts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", [1_000 + turn, i])
        say(f"upsert {1_000 + turn}")
        if i % 4 == 1:
            with store._connection.write() as cursor:
                number = turn * 10_000 + columns
                cursor.execute(f"ALTER TABLE growing ADD COLUMN c{number} INTEGER DEFAULT {number}")
                cursor.execute("INSERT INTO growing (row) VALUES (?)", [number])
            say(f"column {number}")
            columns += 1
        if i % 5 == 2:
            store.runs.set_status("run", "running", f"at {i}")


def held_by(path: Path) -> dict:
    with Store(path) as store, store._connection.read() as cursor:
        return {
            "paid": [i for (i,) in cursor.execute("SELECT id FROM attempts").fetchall()],
            "settled": [i for (i,) in cursor.execute("SELECT attempt_id FROM settlements s WHERE EXISTS (FROM attempts WHERE id = attempt_id)"
                                                     " AND (SELECT count(*) FROM outcomes) = (SELECT count(*) FROM settlements)").fetchall()],
            "upsert": [k for (k,) in cursor.execute("SELECT key FROM upserts").fetchall()],
            "column": [int(n[1:]) for (n,) in cursor.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = 'growing'").fetchall()
                       if n != "row"],
        }  # fmt: skip


RELEASED = range(1, len(MIGRATIONS))
"""Schemas that a file may have: after each of the steps."""


def test_kills_in_the_middle_of_a_migration_leave_the_old_schema_or_the_new(tmp_path):
    for after in RELEASED:
        kills = 20 if FULL else 2
        told = in_own_process(ME, "migration_storm", after=after, kills=kills, seed=after, folder=str(tmp_path))
        assert told["between"] == [] and told["lost"] == 0, (after, told)
        assert told["kills"] == kills + 3


def migration_storm(after: int, kills: int, seed: int, folder: str) -> dict:
    """Kill while a file of an older schema is brought up to date: at any moment, and at the worst ones of each step."""
    old, path = Path(folder) / f"old{after}.duckdb", Path(folder) / f"w{after}.duckdb"
    in_a_fork(lambda: make_old(old, after))
    known = {
        str(k): in_a_fork(lambda k=k: schema_after(Path(folder) / f"known{after}-{k}.duckdb", k)) for k in range(after, len(MIGRATIONS) + 1)
    }
    dice, between, lost = random.Random(seed), [], 0
    moments = [None] * kills + [(after, where) for where in ("begun", "before", "after")]
    for moment in moments:
        shutil.copyfile(old, path)
        for stale in path.parent.glob(path.name + ".*"):
            stale.unlink()
        after, then = (1, dice.uniform(0, 0.08)) if moment is None else (10**9, 0)
        killed(lambda say, moment=moment: bring_up(path, moment, say), after, then)
        seen = in_a_fork(lambda: looked_at(path))
        if seen["schema"] != known.get(str(seen["steps"])):
            between.append([moment, seen["steps"]])
        whole = in_a_fork(lambda: brought_up(path))
        lost += whole != len(MIGRATIONS) * 1_000 + 7
    return {"between": between, "lost": lost, "kills": len(moments)}


def make_old(path: Path, steps: int) -> None:
    """A file as an older Tierwise left it, with rows, and with functions in the defaults of columns as they once were."""
    db = Connection(path)
    up_to(db, steps)
    with db.write() as cursor:
        for table, sequence in NUMBERED.items():
            if table == "grades" or steps > 1:
                cursor.execute(f"ALTER TABLE {table} ALTER COLUMN id SET DEFAULT nextval('{sequence}')")
        for i in range(7):
            cursor.execute(
                "INSERT INTO attempts (id, run_id, sample_id, tier, repeat, model, sent_at) VALUES (?, 'r', 's', 't', ?, 'm', now()::TIMESTAMP)",
                [i, i],
            )
            cursor.execute("INSERT INTO grades (run_id, sample_id, tier, repeat, scorer, author, explanation, created_at)"
                           " VALUES ('r', 's', 't', ?, 'exact', 'a', '', now()::TIMESTAMP)", [i])  # fmt: skip
    db.close()
    Path(str(path) + ".tally").unlink(missing_ok=True)


def up_to(db: Connection, steps: int) -> None:
    whole, MIGRATIONS[:] = list(MIGRATIONS), MIGRATIONS[:steps]
    try:
        migrate(db)
    finally:
        MIGRATIONS[:] = whole


def bring_up(path: Path, moment: tuple[int, str] | None, say) -> None:
    """Migrate; with a moment, die there."""

    def dying(step, where):
        def migration(cursor):
            if where == "begun":
                cursor.execute("CREATE TABLE half_done (x INTEGER)")
            else:
                step(cursor)
            if where == "after":
                cursor.execute("INSERT INTO migrations (name) VALUES (?)", [step.__name__])
                cursor.execute("COMMIT")
            os.kill(os.getpid(), signal.SIGKILL)

        migration.__name__ = step.__name__
        return migration

    if moment is not None:
        MIGRATIONS[moment[0]] = dying(MIGRATIONS[moment[0]], moment[1])
    say("open")
    migrate(Connection(path))


def schema_of(db: Connection) -> list[str]:
    with db.read() as cursor:
        return sorted(
            " ".join(map(str, row)) for row in cursor.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall()
        )


def schema_after(path: Path, steps: int) -> list[str]:
    db = Connection(path)
    up_to(db, steps)
    return schema_of(db)


def looked_at(path: Path) -> dict:
    db = Connection(path)
    with db.read() as cursor:
        steps = cursor.execute("SELECT count(*) FROM migrations").fetchone()[0]
    told = {"schema": schema_of(db), "steps": steps}
    db.close()
    return told


def brought_up(path: Path) -> int:
    """Steps done and old rows kept, as one number."""
    with Store(path) as store, store._connection.read() as cursor:
        steps = cursor.execute("SELECT count(*) FROM migrations").fetchone()[0]
        return steps * 1_000 + min(
            cursor.execute(f"SELECT count(*) FROM {t} WHERE run_id = 'r'").fetchone()[0] for t in ("attempts", "grades")
        )


if not hasattr(os, "fork"):
    pytestmark = pytest.mark.skip("no fork on this system")
