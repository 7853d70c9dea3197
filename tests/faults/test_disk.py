"""A full disk stops the work with words, loses nothing that was kept, and work goes on when there is room."""

import os
import shutil
import subprocess

import pytest

from tests.runs.conftest import keep_prompts
from tierwise.errors import StoreFull, TierwiseError
from tierwise.runs.plan import create_run
from tierwise.simulation.simulator import ladder
from tierwise.store import Store
from tierwise.types import Outcome


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 12 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = shutil.which("mount") and os.name == "posix" and os.geteuid() == 0
    if not mounted or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("no right to mount a small file system here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_told_and_nothing_kept_is_lost(small_disk):
    store = Store(small_disk / "w.duckdb")
    run = create_run(store, keep_prompts(store, 4), ladder())
    kept, text = [], os.urandom(150_000).hex()
    with pytest.raises(StoreFull, match="Make room"):
        for i in range(200):
            store.runs.record(run.id, [Outcome("s0", "small", repeat=i, output=text)])
            kept.append(i)
    assert 5 < len(kept) < 200
    for _ in range(3):  # again and again, as pages and workers would
        with pytest.raises(StoreFull):
            for i in range(200, 400):
                store.runs.record(run.id, [Outcome("s0", "small", repeat=i, output=text)])
                kept.append(i)
        try:
            assert {c[2] for c in store.runs.done_cells(run.id)} >= set(kept)
        except TierwiseError as error:
            assert "full" in str(error)
    subprocess.run(["mount", "-o", "remount,size=200m", str(small_disk)], check=True)
    store.runs.record(run.id, [Outcome("s1", "small", output="after")])
    assert {c[2] for c in store.runs.done_cells(run.id) if c[0] == "s0"} == set(kept)
    store.close()
    with Store(small_disk / "w.duckdb") as again:
        assert {c[2] for c in again.runs.done_cells(run.id) if c[0] == "s0"} == set(kept)
        assert ("s1", "small", 0) in again.runs.done_cells(run.id)


@pytest.mark.parametrize(("free", "size", "wanted"), [(199 * 2**20, 0, "200 MB"), (2_500 * 2**20, 1_300 * 2**20, "2,600 MB")])
def test_a_run_is_not_started_without_room(store, monkeypatch, free, size, wanted):
    import types

    from tierwise.runs import room
    from tierwise.runs.execute import execute
    from tierwise.runs.queue import RunQueue

    run = create_run(store, keep_prompts(store, 4), ladder())
    monkeypatch.setattr(room.shutil, "disk_usage", lambda path: types.SimpleNamespace(free=free))
    if size:
        path = store.path.with_name("big")
        path.touch()
        os.truncate(path, size)  # no room is taken by it
        monkeypatch.setattr(store, "path", path)
    queue = RunQueue(store)
    for start in (lambda: execute(store, run.id), lambda: queue.start(run.id)):
        with pytest.raises(StoreFull, match=f"Not started.*{wanted}"):
            start()
    assert store.runs.get(run.id).status == "planned" and not queue.is_running(run.id)
    queue.close()


@pytest.mark.parametrize("harm", ["cut", "zeroed", "flipped"])
def test_a_damaged_file_is_never_deleted_and_told_in_words(tmp_path, harm):
    import random

    path = tmp_path / "w.duckdb"
    with Store(path) as store:
        for n in range(3, 40):
            keep_prompts(store, n)
    whole, dice = path.read_bytes(), random.Random(7)
    told = opened = 0
    for _ in range(12):
        data = bytearray(whole)
        if harm == "cut":
            del data[dice.randrange(len(data) // 2) :]
        else:
            start = dice.randrange(0, len(data) - 64) if harm == "flipped" else dice.randrange(0, 8192)
            for i in range(start, start + (1 if harm == "flipped" else 4096)):
                data[i : i + 1] = bytes([0 if harm == "zeroed" else data[i] ^ 255]) if i < len(data) else b""
        path.write_bytes(data)
        path.with_name(path.name + ".wal").unlink(missing_ok=True)
        try:
            with Store(path) as store:
                store.evalsets.list()
            opened += 1
        except TierwiseError as error:
            told += 1
            assert "restore" in str(error) or "full" in str(error)
            assert path.exists()
    assert told + opened == 12
    if harm != "flipped":
        assert told
