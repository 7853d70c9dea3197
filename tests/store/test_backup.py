"""A backup is equal to the workspace, taken while work goes on, and goes back without losing what it replaces."""

import threading

import pytest

from tests.runs.conftest import keep_prompts
from tierwise.cli import main
from tierwise.errors import BadInput
from tierwise.runs.plan import create_run
from tierwise.simulation.simulator import ladder
from tierwise.store import Store
from tierwise.store.attempts import Intent
from tierwise.store.backup import _tables, restore


def contents(store: Store) -> dict:
    with store._connection.read() as cursor:
        return {t: sorted(repr(row) for row in cursor.execute(f'SELECT * FROM "{t}"').fetchall()) for t in _tables(cursor)}


def test_a_backup_has_every_row_and_goes_on_numbering(store, demo, tmp_path):
    store.attempts.commit(demo.id, [Intent(("a", "small", 0), 0.5), Intent(("b", "small", 0), 0.5)])
    done = store.backup(tmp_path / "copies" / "one.duckdb")
    assert done.rows["outcomes"] == 507 and done.rows["attempts"] == 2
    assert [p.name for p in done.path.parent.iterdir()] == ["one.duckdb"]
    with Store(done.path) as copy:
        assert contents(copy) == contents(store)
        assert copy.evalsets.get(demo.evalset_id) == store.evalsets.get(demo.evalset_id)
        (new,) = copy.attempts.commit(demo.id, [Intent(("c", "small", 0), 0.5)])
        assert new == 3


def test_a_backup_while_others_write_is_of_one_moment(store, tmp_path):
    run = create_run(store, keep_prompts(store, 3), ladder())
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.attempts.commit(run.id, [Intent(("s0", "small", 0), 0.1), Intent(("s1", "small", 0), 0.1)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        copies = [store.backup(tmp_path / f"{i}.duckdb") for i in range(3)]
    finally:
        stop.set()
        writer.join()
    assert all(c.rows["attempts"] % 2 == 0 for c in copies)
    assert copies[0].rows["attempts"] <= copies[-1].rows["attempts"]


def test_a_backup_is_never_written_over_a_file(store, tmp_path):
    (tmp_path / "mine.duckdb").write_text("precious")
    with pytest.raises(BadInput, match="exists"):
        store.backup(tmp_path / "mine.duckdb")
    assert (tmp_path / "mine.duckdb").read_text() == "precious"


@pytest.mark.parametrize("content", [b"", b"not a database" * 500])
def test_what_is_no_workspace_is_not_restored(tmp_path, content):
    (tmp_path / "bad.duckdb").write_bytes(content)
    target = tmp_path / "w.duckdb"
    with Store(target) as before:
        keep_prompts(before, 2)
    with pytest.raises(BadInput, match="not a workspace|not of Tierwise"):  # noqa: RUF043
        restore(tmp_path / "bad.duckdb", target)
    with Store(target) as after:
        assert len(after.evalsets.list()) == 1


def test_the_drill(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TIERWISE_DATA", str(tmp_path / "w"))
    with Store() as store:
        keep_prompts(store, 4)
        before = contents(store)
    assert main(["backup", str(tmp_path / "b.duckdb")]) == 0
    with Store() as store:
        keep_prompts(store, 5)
    assert main(["restore", str(tmp_path / "b.duckdb")]) == 0
    with Store() as store:
        assert contents(store) == before
    (aside,) = (tmp_path / "w").glob("*-replaced-*.duckdb")
    with Store(aside) as replaced:
        assert len(replaced.evalsets.list()) == 2
    assert "equal to the workspace" in capsys.readouterr().out


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_restore_refuses_while_the_workspace_is_open_elsewhere(store, tmp_path, capsys):
    import subprocess
    import sys

    done = store.backup(tmp_path / "b.duckdb")
    shown = subprocess.run([sys.executable, "-m", "tierwise", "restore", str(done.path)], capture_output=True, text=True)
    assert shown.returncode == 2 and "process" in shown.stderr and "Traceback" not in shown.stderr


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_a_workspace_moves_into_a_shared_database_and_back(store, demo, tmp_path, postgres_url, monkeypatch, capsys):
    store.attempts.commit(demo.id, [Intent(("a", "small", 0), 0.5), Intent(("b", "small", 0), 0.5)])
    before = contents(store)
    file = store.backup(tmp_path / "up.duckdb").path
    monkeypatch.setenv("TIERWISE_DATABASE_URL", postgres_url)
    assert main(["restore", str(file)]) == 0
    assert "shared database" in capsys.readouterr().out
    with Store() as shared:
        assert shared.shared and contents(shared) == before
        (new,) = shared.attempts.commit(demo.id, [Intent(("c", "small", 0), 0.5)])
        assert new > 2, "numbers go on"
        back = shared.backup(tmp_path / "back.duckdb")
        assert back.rows["attempts"] == 3 and back.rows["outcomes"] == len(before["outcomes"])
    assert main(["restore", str(file)]) == 2, "never over what is there"
    assert "already" in capsys.readouterr().err
