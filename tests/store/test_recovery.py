"""A damaged workspace is told in words, changed by nobody, noticed when it merely became shorter, and goes on from what can be read."""

import os
import random
import shutil
from pathlib import Path

import pytest

from tests.faults.processes import in_a_fork
from tests.runs.conftest import keep_prompts
from tierwise.cli import main
from tierwise.errors import NotReady, StoreBusy, StoreDamaged, TierwiseError
from tierwise.store import Store
from tierwise.store.checkpoint import HEADERS
from tierwise.store.connection import Connection
from tierwise.store.recovery import recover
from tierwise.store.tally import Tally

TIMES = (int(os.environ.get("TIERWISE_KILLS", "0")) and 40) or 8
"""Damages of each kind."""

if not hasattr(os, "fork"):
    pytestmark = pytest.mark.skip("no fork on this system")


@pytest.fixture
def killed(tmp_path) -> Path:
    """A workspace whose process was killed: sets of 1 and 2 prompts in the file, those of 3 to 9 in its .wal."""
    folder = tmp_path / "killed"

    def work() -> int:
        with Store(folder / "w.duckdb") as store:
            keep_prompts(store, 1), keep_prompts(store, 2)
        store = Store(folder / "w.duckdb")
        for n in range(3, 10):
            keep_prompts(store, n)
        os._exit(0)

    with pytest.raises(ValueError, match="Expecting value"):  # the fork says nothing: it died
        in_a_fork(work)
    assert (folder / "w.duckdb.wal").stat().st_size > 1_000
    return folder / "w.duckdb"


def files_of(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in path.parent.iterdir()}


def sizes(path: Path) -> list[int]:
    with Store(path) as store:
        return sorted(e.size for e in store.evalsets.list())


def cut(data: bytearray, dice: random.Random) -> None:
    del data[dice.randrange(len(data)) :]


def zeroed_tail(data: bytearray, dice: random.Random) -> None:
    at = dice.randrange(len(data) - 1)
    data[at:] = bytes(len(data) - at)


def flipped(data: bytearray, dice: random.Random) -> None:
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def test_a_killed_workspace_opens_whole(killed):
    assert sizes(killed) == list(range(1, 10))
    assert sizes(killed) == list(range(1, 10))


@pytest.mark.parametrize("harm", [cut, zeroed_tail, flipped], ids=["cut", "zeroed", "flipped"])
def test_a_damaged_wal_is_noticed_kept_and_recovered_as_far_as_it_goes(killed, tmp_path, harm):
    dice, whole = random.Random(21), (killed.with_name("w.duckdb.wal")).read_bytes()
    refused = 0
    for turn in range(TIMES):
        path = tmp_path / str(turn) / "w.duckdb"
        shutil.copytree(killed.parent, path.parent)
        data = bytearray(whole)
        harm(data, dice)
        path.with_name("w.duckdb.wal").write_bytes(data)
        before = files_of(path)
        try:
            assert sizes(path) == list(range(1, 10)), "opened, so nothing may be missing"
            continue
        except StoreDamaged as error:
            refused += 1
            assert "restore" in str(error) and "recover" in str(error)
        assert {k: v for k, v in files_of(path).items() if k in before} == before, "nothing was changed"
        done = recover(path)
        left = sizes(path)
        assert left == list(range(1, len(left) + 1)) and len(left) >= 2, "a whole piece from the start"
        assert done.missing >= 9 - len(left)
        kept = {p.name.removeprefix(done.aside.name): p.read_bytes() for p in path.parent.glob(done.aside.name + "*")}
        assert kept[""] == before["w.duckdb"] and kept[".wal"] == before["w.duckdb.wal"]
    assert refused > TIMES // 2, "the harm was no harm"


def test_a_wal_that_was_taken_away_is_noticed(killed):
    killed.with_name("w.duckdb.wal").unlink()
    with pytest.raises(StoreDamaged, match="writes are missing"):
        Store(killed)
    assert recover(killed).missing > 0
    assert sizes(killed) == [1, 2]


def test_an_older_file_in_its_place_is_noticed(tmp_path):
    path = tmp_path / "w.duckdb"
    with Store(path) as first:
        keep_prompts(first, 1)
    shutil.copyfile(path, tmp_path / "old")
    with Store(path) as second:
        keep_prompts(second, 2)
    shutil.copyfile(tmp_path / "old", path)
    with pytest.raises(StoreDamaged, match="an older file was put in its place"):
        Store(path)


def test_a_damaged_database_is_refused_in_words_and_left_as_it_is(killed, tmp_path):
    assert sizes(killed)
    dice, whole, refused = random.Random(5), killed.read_bytes(), 0
    for _turn in range(TIMES):
        data = bytearray(whole)
        for _ in range(3):
            data[dice.randrange(12_288)] ^= 1 << dice.randrange(8)  # the headers
        killed.write_bytes(data)
        try:
            assert sizes(killed) == list(range(1, 10))
        except TierwiseError as error:
            refused += 1
            assert "restore" in str(error)
            assert killed.read_bytes() == bytes(data)
        killed.write_bytes(whole)
    assert refused > TIMES // 2


def test_the_newest_backup_is_offered_and_goes_in_while_the_damaged_files_stay(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TIERWISE_DATA", str(tmp_path / "w"))
    for n in (1, 2):
        with Store() as store:
            keep_prompts(store, n)
        assert main(["backup", str(tmp_path / f"b{n}.duckdb")]) == 0
    path = tmp_path / "w" / "tierwise.duckdb"
    path.write_bytes(path.read_bytes()[:9_000])
    capsys.readouterr()
    assert main(["list", "runs"]) == 2
    told = capsys.readouterr().err
    assert f"restore {tmp_path / 'b2.duckdb'}" in told and "Traceback" not in told
    assert main(["recover"]) == 2
    assert "nothing of it can be kept" in capsys.readouterr().err
    assert main(["restore", str(tmp_path / "b2.duckdb")]) == 0
    assert sizes(path) == [1, 2]
    (aside,) = path.parent.glob("*-replaced-*.duckdb")
    assert aside.stat().st_size == 9_000
    (tmp_path / "b2.duckdb").unlink()
    path.write_bytes(b"x" * 20_000)
    assert main(["list", "runs"]) == 2
    assert f"restore {tmp_path / 'b1.duckdb'}" in capsys.readouterr().err


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_recover_leaves_alone_what_is_well_or_in_use(store, tmp_path):
    in_use = f"from tierwise.store.recovery import recover; recover({str(store.path)!r})"
    assert in_a_fork(lambda: _error(in_use)) == StoreBusy.__name__
    with Store(tmp_path / "well.duckdb"):
        pass
    with pytest.raises(NotReady, match="nothing to recover"):
        recover(tmp_path / "well.duckdb")


def _error(code: str) -> str:
    import subprocess
    import sys

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return shown.stderr.strip().splitlines()[-1].split(":")[0].rpartition(".")[2]


def test_a_block_that_was_half_written_at_a_checkpoint_is_put_back(tmp_path):
    """What a kill in the middle of a checkpoint leaves: a block of metadata of which some pages are new and some old."""
    path = tmp_path / "w.duckdb"
    with Store(path) as store:
        for n in range(1, 6):
            keep_prompts(store, n)

    def work() -> None:
        db = Connection(path)
        with db.write() as cursor:
            cursor.execute("CREATE TABLE more AS SELECT * FROM samples")
        with db.read() as cursor:
            db._blocks.save(cursor)
            (first, *_) = [i for (i,) in cursor.execute("SELECT block_id FROM pragma_metadata_info()").fetchall()]
        with path.open("r+b") as file:
            file.seek(HEADERS + first * 262_144 + 8_192)
            file.write(os.urandom(4_096))
        os._exit(0)

    with pytest.raises(ValueError, match="Expecting value"):
        in_a_fork(work)
    copy = path.with_name("w.duckdb.blocks")
    saved = copy.read_bytes()
    copy.unlink()
    with pytest.raises(StoreDamaged, match="checksum"):
        Store(path)
    for torn in (b"", saved[:100], saved[:-1]):
        copy.write_bytes(torn)
        with pytest.raises(StoreDamaged):
            Store(path)
    copy.write_bytes(saved)
    assert sizes(path) == [1, 2, 3, 4, 5]
    assert not copy.exists()
    with Store(path) as store, store._connection.read() as cursor:
        assert cursor.execute("SELECT count(*) FROM more").fetchone() == (15,)


def test_a_copy_from_a_checkpoint_that_came_to_its_end_is_not_put_back(tmp_path):
    path = tmp_path / "w.duckdb"
    with Store(path) as store:
        keep_prompts(store, 1)
        with store._connection.read() as cursor:
            store._connection._blocks.save(cursor)
        saved = path.with_name("w.duckdb.blocks").read_bytes()
        keep_prompts(store, 2)
    path.with_name("w.duckdb.blocks").write_bytes(saved)
    assert sizes(path) == [1, 2]


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_the_lock_of_the_file_outlives_reading_its_blocks(store):
    with store._connection.read() as cursor:
        store._connection._blocks.save(cursor)
    code = f"from tierwise.store import Store; Store({str(store.path)!r})"
    assert in_a_fork(lambda: _error(code)) == StoreBusy.__name__


def test_a_torn_line_of_the_tally_does_not_count(tmp_path):
    tally = Tally(tmp_path / "w.duckdb")
    tally.begin(5)
    tally.add(6)
    with tally.path.open("ab") as file:
        file.write(b"99999")
    assert Tally(tmp_path / "w.duckdb").read() == (6, 0)
    tally.begin(6)
    assert tally.path.read_bytes() == b"6 0\n"
    tally.close()
