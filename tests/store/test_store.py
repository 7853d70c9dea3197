"""What is put in comes out, threads do not mix rows, and a second process is told who holds the file."""

import os
import secrets
import subprocess
import sys
import threading

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tierwise.errors import NotFound, StoreBusy
from tierwise.store import Store
from tierwise.store.attempts import Intent, Settlement
from tierwise.store.connection import NotKept
from tierwise.types import EvalSet, Grade, Outcome, Policy, Run, Sample, Tier

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=40)
SAMPLE = st.builds(
    Sample, id=st.uuids().map(str), input=TEXT, reference=st.none() | TEXT, request_type=st.none() | TEXT, system=st.none() | TEXT,
    messages=st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": TEXT}), max_size=2).map(tuple),
    context=st.none() | TEXT, cluster=st.none() | TEXT, weight=st.floats(0.1, 10), metadata=st.dictionaries(TEXT, TEXT | st.integers(0, 9), max_size=3),
)  # fmt: skip


def a_run(store: Store, samples: tuple[Sample, ...] = (Sample("a", "x"), Sample("b", "y"))) -> Run:
    store.evalsets.add(EvalSet("e1", "set", "digest", samples))
    return store.runs.add(
        Run("r1", "first", "e1", "live", (Tier("cheap", "m/small", fallbacks=("m/other",)), Tier("best", "m/large")), params={"seed": 1})
    )


@given(samples=st.lists(SAMPLE, max_size=5, unique_by=lambda s: s.id).map(tuple))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_prompts_come_back_exactly(store, samples):
    own = secrets.token_hex(6)
    store.evalsets.add(EvalSet(own, "set", own, samples))
    assert store.evalsets.get(own).samples == samples


def test_the_same_content_is_kept_once(store):
    first = store.evalsets.add(EvalSet("e1", "one", "same", (Sample("a", "x"),)))
    again = store.evalsets.add(EvalSet("e2", "two", "same", (Sample("a", "x"),)))
    assert again == first
    assert [e.id for e in store.evalsets.list()] == ["e1"]


def test_a_run_comes_back_equal_and_by_its_name(store):
    run = a_run(store)
    assert store.runs.get("first") == run == store.runs.get("r1")
    store.runs.set_status("r1", "stopped", "why")
    assert (store.runs.get("r1").status, store.runs.get("r1").note) == ("stopped", "why")


def test_a_missing_name_tells_what_there_is(store):
    a_run(store)
    with pytest.raises(NotFound, match="Runs: first"):
        store.runs.get("other")
    with pytest.raises(NotFound, match="set"):
        store.evalsets.get("other")


def test_an_attempt_is_reserved_until_it_is_settled_with_its_outcome(store):
    run = a_run(store)
    first, second, third = store.attempts.commit(
        run.id, [Intent((s, "cheap", 0), r, "m/small") for s, r in (("a", 0.5), ("b", 0.25), ("b", 0.125))]
    )
    assert store.runs.progress(run.id).unsettled_usd == 0.875
    answered = Settlement(first, "answered", 0.1, outcome=Outcome("a", "cheap", output="hi", cost_usd=0.1))
    assert store.attempts.commit(run.id, [answered, Settlement(second, "refused", 0.0, "slow down", 429)]) == [None, None]
    seen = store.runs.progress(run.id)
    assert (seen.done, seen.spent_usd, seen.unsettled_usd, seen.requests) == (1, 0.1, 0.125, 3)
    assert store.runs.done_cells(run.id) == {("a", "cheap", 0)}
    ledger = store.attempts.frame(run.id)
    assert ledger["counted_usd"].tolist() == [0.1, 0, 0.125]
    assert ledger["status"].tolist() == ["answered", "refused", "unknown"]
    assert third == ledger["id"].iloc[-1]


def test_a_settlement_whose_outcome_is_refused_is_not_kept(store):
    run = a_run(store)
    store.runs.record(run.id, [Outcome("a", "cheap", output="first")])
    (attempt,) = store.attempts.commit(run.id, [Intent(("a", "cheap", 0), 0.5)])
    with pytest.raises(NotKept):
        store.attempts.commit(run.id, [Settlement(attempt, "answered", 0.1, outcome=Outcome("a", "cheap", output="second"))])
    assert store.runs.progress(run.id).unsettled_usd == 0.5


def test_a_cell_can_have_one_outcome_only_and_a_refused_batch_leaves_nothing(store):
    run = a_run(store)
    store.runs.record(run.id, [Outcome("a", "cheap", output="first")])
    with pytest.raises(NotKept):
        store.runs.record(run.id, [Outcome("b", "cheap"), Outcome("a", "cheap", output="second")], [Grade("b", "cheap", 1.0, "exact")])
    assert store.runs.outcomes(run.id)["output"].tolist() == ["first"]
    assert "output" not in store.runs.outcomes(run.id, texts=False) and not len(store.runs.outcomes(run.id, sample_ids=["another"]))
    assert store.runs.outcomes(run.id, sample_ids=store.runs.outcomes(run.id)["sample_id"].tolist())["output"].tolist() == ["first"]
    assert store.runs.version(run.id) == (1, 0)


def test_grades_are_appended_with_unscored_ones_kept(store):
    run = a_run(store)
    store.grades.add(run.id, [Grade("a", "cheap", 1.0, "exact"), Grade("a", "cheap", None, "judge", reason="no verdict")])
    frame = store.grades.frame(run.id)
    assert frame["scorer"].tolist() == ["exact", "judge"]
    assert frame["value"].isna().tolist() == [False, True]


def test_policies_come_back_newest_first(store):
    for version in ("1", "2"):
        store.policies.add(Policy("p" + version, "support", version, "r1", {"tiers": ["é", version]}))
    assert store.policies.get("support").version == "2"
    assert store.policies.get("p1").document == {"tiers": ["é", "1"]}


def test_threads_never_see_each_others_rows(store):
    a_run(store)
    for i in range(20):
        store.policies.add(Policy(f"p{i}", f"name{i}", "1", "r1", {"i": i}))
    wrong = []

    def reader(seed: int) -> None:
        for k in range(60):
            i = (seed * 7 + k) % 20
            if store.policies.get(f"p{i}").document != {"i": i}:
                wrong.append(i)

    threads = [threading.Thread(target=reader, args=(s,)) for s in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert wrong == []


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_a_second_process_is_told_which_one_has_the_file(store):
    code = f"from tierwise.store import Store\nfrom tierwise.errors import StoreBusy\ntry: Store({str(store.path)!r})\nexcept StoreBusy as e: print(e)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert f"process {os.getpid()}" in shown.stdout
    assert str(store.path) in shown.stdout


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_a_second_command_ends_at_once_with_the_process_and_the_path(store):
    for command in (["list", "runs"], ["recover"]):
        shown = subprocess.run([sys.executable, "-m", "tierwise", *command], capture_output=True, text=True)
        assert shown.returncode == 2 and "Traceback" not in shown.stderr
        assert f"process {os.getpid()}" in shown.stderr and str(store.path) in shown.stderr
    assert sorted(p.name for p in store.path.parent.iterdir()) == ["tierwise.duckdb", "tierwise.duckdb.tally", "tierwise.duckdb.wal"]


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_no_default_of_a_column_calls_a_function(store):
    """DuckDB could not read back the .wal of an ALTER TABLE on it."""
    with store._connection.read() as cursor:
        found = cursor.execute("SELECT table_name, column_default FROM duckdb_columns() WHERE column_default LIKE '%(%'").fetchall()
    assert found == []


@pytest.mark.parametrize("store", ["duckdb"], indirect=True)
def test_the_database_can_read_no_file_and_no_setting_can_be_reopened(store, tmp_path):
    (tmp_path / "secret.txt").write_text("x")
    with store._connection.read() as cursor:
        for statement in (f"SELECT * FROM read_text('{tmp_path}/secret.txt')", f"COPY (SELECT 1) TO '{tmp_path}/out.csv'",
                          f"ATTACH '{tmp_path}/other.duckdb'", "SET enable_external_access = true", "INSTALL httpfs"):  # fmt: skip
            with pytest.raises(duckdb.Error):
                cursor.execute(statement)


def test_reopening_keeps_everything_and_migrates_once(tmp_path):
    for _ in range(2):
        with Store(tmp_path / "w.duckdb") as opened:
            opened.policies.add(Policy(str(len(opened.policies.list())), "n", "1", "r", {}))
    with Store(tmp_path / "w.duckdb") as opened:
        assert len(opened.policies.list()) == 2


def test_a_damaged_file_is_refused_in_words_and_left_alone(tmp_path):
    path = tmp_path / "w.duckdb"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(Exception, match="could not be opened") as caught:
        Store(path)
    assert not isinstance(caught.value, StoreBusy)
    assert path.read_bytes() == b"not a database" * 1000
