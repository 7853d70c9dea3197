"""Deleting: who may, what it leaves, and what stands in its way; on a file and on PostgreSQL."""

import pytest

from tests.runs.conftest import keep_prompts
from tierwise.access.view import RULES
from tierwise.errors import NotFound, NotReady
from tierwise.runs.lease import lead
from tierwise.runs.plan import create_run
from tierwise.simulation.simulator import ladder
from tierwise.store import Store
from tierwise.store.attempts import Intent
from tierwise.store.removal import OF_RUN
from tierwise.store.reviews import GradingSession, Item
from tierwise.types import now


@pytest.fixture(params=["duckdb", "postgresql"])
def store(request, monkeypatch):
    if request.param == "postgresql":
        monkeypatch.setenv("TIERWISE_DATABASE_URL", request.getfixturevalue("postgres_url"))
    with Store() as opened:
        yield opened


def counts(store: Store, run_id: str) -> dict[str, int]:
    with store._connection.read() as cursor:
        return {
            t: cursor.execute(f"SELECT count(*) FROM {t} WHERE run_id = ?", [run_id]).fetchone()[0] for t in (*OF_RUN, "grading_sessions")
        }


def test_a_run_goes_with_all_that_hangs_on_it_and_nothing_else_does(world):
    view, run, theirs = world.person("admin"), world.ours.run, counts(world.store, world.theirs.run.id)
    view.attempts.commit(run.id, [Intent(("s0", "small", 0), 0.5)])
    session = GradingSession("g1", run.id, view.person.label, "pass_fail", "exact")
    view.reviews.start(session, [Item(0, "s0", "all", ("small",), None, False)])
    view.reviews.claim(session, view.person.label)
    with pytest.raises(NotReady, match="Policies were tuned on this run: our policy"):
        view.removal.run(run.id)
    with pytest.raises(NotReady, match="Runs were made with these prompts: our run"):
        view.removal.evalset(run.evalset_id)
    assert sum(counts(world.store, run.id).values()) > 10, "what is refused deletes nothing"
    view.removal.policy(world.ours.policy.id)
    assert view.removal.run(run.id) == "our run"
    assert not any(counts(world.store, run.id).values()) and counts(world.store, world.theirs.run.id) == theirs
    assert view.reviews._view._store.reviews.items("g1") == []
    view.removal.evalset(run.evalset_id)
    assert view.runs.list() == [] == view.evalsets.list() == view.policies.list()
    assert view.attempts.counted_on(now().date()) == 0.5, "money that was spent stays counted"
    lines = world.store.audit.frame(action="deleted")
    assert lines["object"].tolist() == ["our prompts", "our run", "our policy"] and set(lines["person"]) == {"admin@example.org"}
    assert len(world.person("viewer", world.theirs).runs.outcomes(world.theirs.run.id)) > 0


def test_what_is_not_ours_is_not_there(world):
    view = world.person("admin")
    for name, key in (("run", world.theirs.run.id), ("evalset", world.theirs.run.evalset_id), ("policy", world.theirs.policy.id)):
        with pytest.raises(NotFound):
            getattr(view.removal, name)(key)
        with pytest.raises(NotFound):
            getattr(world.store.within(world.ours.project.id).removal, name)(key)
    assert world.person("viewer", world.theirs).policies.list()
    assert {r.action for n, r in RULES.items() if n.startswith("removal.")} == {"delete"}


def test_a_run_that_goes_on_stays(store):
    run = create_run(store, keep_prompts(store, 2), ladder(), name="slow")
    store.runs.set_status(run.id, "running")
    with pytest.raises(NotReady, match="goes on"):
        store.removal.run(run.id)
    store.runs.set_status(run.id, "stopped")
    if store.shared:  # another process has just taken it up
        owner = store.claims.join(60)
        store.claims.take(owner, [lead(run.id)])
        with pytest.raises(NotReady, match="goes on"):
            store.removal.run(run.id)
        store.claims.leave(owner)
    store.removal.run(run.id)
    assert not store.runs.has(run.id)
