"""What PostgreSQL does otherwise than DuckDB, and that nobody above the store notices."""

import threading
import time

import pandas as pd
import pytest

from tests.store.test_store import a_run
from tierwise.errors import BadInput, TierwiseError
from tierwise.store import Store, postgres
from tierwise.store.postgres import translate
from tierwise.store.reviews import GradingSession, Item
from tierwise.types import Grade, Outcome


@pytest.fixture
def shared(postgres_url, monkeypatch):
    monkeypatch.setenv("TIERWISE_DATABASE_URL", postgres_url)
    with Store() as opened:
        yield opened


def test_statements_are_translated_outside_of_literals():
    sql = "SELECT count(*) FILTER (a = ? AND b <> '?') FROM t WHERE c = ?"
    assert translate(sql)[0] == "SELECT count(*) FILTER (WHERE a = $1 AND b <> '?') FROM t WHERE c = $2"
    assert translate("SELECT $b, $a, $b")[1] == ("b", "a")
    assert translate("SELECT $2::DOUBLE, $1")[0] == "SELECT $2::DOUBLE PRECISION, $1"
    assert translate("CREATE TABLE t (a TEXT)")[0] == 'CREATE TABLE t (a TEXT COLLATE "C")'


def test_frames_are_of_the_same_types_as_from_a_file(shared, tmp_path):
    outcomes = [Outcome("a", "cheap", output="x", cost_usd=0.1, prompt_tokens=3), Outcome("b", "cheap", status="failed", error="no")]
    grades = [Grade("a", "cheap", 1.0, "exact"), Grade("b", "cheap", None, "exact", reason="failed")]
    with Store(tmp_path / "one.duckdb") as file:
        frames = []
        for store in (file, shared):
            run = a_run(store)
            store.runs.record(run.id, outcomes, grades)
            frames.append(
                (store.runs.outcomes(run.id), store.grades.frame(run.id), store.attempts.frame(run.id), store.attempts.by_tier(run.id))
            )
    for mine, theirs in zip(*frames, strict=True):
        pd.testing.assert_frame_equal(mine, theirs)


def test_text_is_compared_byte_by_byte_and_keeps_all_but_nul(shared):
    run = a_run(shared)
    shared.runs.record(run.id, [Outcome("a", "cheap", output="a\0b\t\\N\r\n'é"), Outcome("b", "cheap", output="")])
    assert shared.runs.outcomes(run.id)["output"].tolist() == ["a\ufffdb\t\\N\r\n'é", ""]


def test_an_address_that_is_none_or_answers_nobody_is_told_without_its_password(monkeypatch):
    for url, told in (("not a url", "not an address"), ("postgresql://u:hunter2@127.0.0.1:9/none", "could not be used")):
        monkeypatch.setenv("TIERWISE_DATABASE_URL", url)
        with pytest.raises(TierwiseError, match=told) as caught:
            Store()
        assert "hunter2" not in str(caught.value)
    monkeypatch.setitem(__import__("sys").modules, "psycopg_pool", None)
    with pytest.raises(BadInput, match=r"requirements-team\.txt"):
        Store()


def test_many_open_an_empty_database_at_once(postgres_url, monkeypatch):
    monkeypatch.setenv("TIERWISE_DATABASE_URL", postgres_url)
    opened, failed = [], []

    def open_one() -> None:
        try:
            opened.append(Store())
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=open_one) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    [s.close() for s in opened]
    assert failed == [] and len(opened) == 6


def test_two_raters_on_two_copies_are_never_given_the_same_prompt(shared):
    run = a_run(shared)
    session = shared.reviews.start(
        GradingSession("g1", run.id, "me", "pass_fail", "exact"), [Item(i, f"s{i}", "", ("cheap",), None, False) for i in range(24)]
    )
    taken: dict[str, list] = {}

    def grade(rater: str) -> None:
        with Store() as own:
            taken[rater] = [own.reviews.claim(session, rater) for _ in range(8)]

    threads = [threading.Thread(target=grade, args=(name,)) for name in ("ann", "bob", "cy")]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(p for mine in taken.values() for p in mine) == list(range(24))


def test_a_server_that_was_started_again_is_used_again(postgres_url, postgres_server, monkeypatch):
    monkeypatch.setenv("TIERWISE_DATABASE_URL", postgres_url)
    monkeypatch.setattr(postgres, "WAIT_S", 1)
    with Store() as store:
        a_run(store)
        postgres_server.stop()
        with pytest.raises(TierwiseError, match="could not be used"):
            store.runs.get("first")
        postgres_server.start()
        deadline = time.monotonic() + 30
        while True:
            try:
                assert store.runs.get("first").id == "r1"
                break
            except TierwiseError:
                assert time.monotonic() < deadline
