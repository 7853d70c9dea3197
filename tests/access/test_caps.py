"""What one person may spend and start; the person at the machine has no cap of their own."""

import pytest

from tierwise.access import runner
from tierwise.access.runner import Runner
from tierwise.access.view import View
from tierwise.endpoints.presets import test_call as call_once
from tierwise.errors import NotAllowed, NotFound, NotReady
from tierwise.runs.budget import of_person
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.runs.queue import RunQueue
from tierwise.simulation.simulator import ladder
from tierwise.store.attempts import TEST_RUN, Intent, Settlement
from tierwise.types import Tier, now


@pytest.fixture
def queue(store):
    opened = RunQueue(store)
    yield opened
    opened.close()


def test_requests_count_towards_whoever_sends_them(world, monkeypatch):
    monkeypatch.setenv("TIERWISE_PERSON_DAILY_CAP_USD", "1")
    ana, ben = world.person("editor"), world.person("admin")
    (attempt,) = ana.attempts.commit(world.ours.run.id, [Intent(("s0", "small", 0), 0.75)])
    assert of_person(ana)[0].spent == 0.75 and of_person(ben)[0].spent == 0
    ana.attempts.commit(world.ours.run.id, [Settlement(attempt, "answered", 0.25)])
    assert world.store.attempts.counted_on(now().date(), ana.person.id) == 0.25
    assert of_person(View(world.store)) == () and of_person(world.store) == ()


def test_no_cap_no_budget(world):
    assert of_person(world.person("editor")) == ()


def test_a_test_call_stops_at_the_cap(world, monkeypatch):
    monkeypatch.setenv("TIERWISE_PERSON_DAILY_CAP_USD", "0.5")
    view = world.person("editor")
    view.attempts.commit(TEST_RUN, [Intent((TEST_RUN, "t", 0), 0.5)])
    one = Tier("t", "openai/m", api_base="http://127.0.0.1:9/v1", input_per_1m=1.0, output_per_1m=1.0)
    with pytest.raises(NotReady, match=r"your cap for the day of \$0\.5"):
        call_once(view, one)
    assert len(world.store.attempts.frame(TEST_RUN)) == 1


def test_a_run_stops_at_the_cap_of_whoever_started_it(world, provider, tier, monkeypatch):
    view = world.person("editor")
    run = create_run(view, world.ours.run.evalset_id, (tier(),), params={"scorer": "exact"})
    monkeypatch.setenv("TIERWISE_PERSON_DAILY_CAP_USD", "0.000001")
    stopped = execute(view, run.id)
    assert stopped.status == "stopped" and "your cap for the day" in stopped.note and not provider.seen
    other = world.person("admin")
    other.spender = ""
    assert execute(other, run.id).status == "done" and len(provider.seen) == 3


def test_two_starts_in_a_row_are_refused_kindly(world, queue, monkeypatch):
    monkeypatch.setattr(runner, "EVERY_S", 1000.0)
    mine = Runner(world.person("editor"), queue)
    runs = [create_run(world.store.within(world.ours.project.id), world.ours.run.evalset_id, ladder(), name=str(i)) for i in range(3)]
    mine.start(runs[0].id)
    with pytest.raises(NotReady, match="just started"):
        mine.start(runs[1].id)
    Runner(world.person("admin"), queue).start(runs[1].id)  # another person's starts are their own
    monkeypatch.setattr(runner, "EVERY_S", 0.0)
    queue.wait(runs[0].id)
    mine.start(runs[2].id)


def test_so_many_runs_at_once_and_no_more(world, monkeypatch):
    class Going:
        def __init__(self):
            self.started = []

        def is_running(self, run_id):
            return run_id in self.started

        def start(self, run_id, view):
            self.started.append(run_id)

    monkeypatch.setattr(runner, "EVERY_S", 0.0)
    monkeypatch.setenv("TIERWISE_PERSON_RUNS", "2")
    queue = Going()
    view = world.person("editor")
    mine = Runner(view, queue)
    runs = [create_run(view, world.ours.run.evalset_id, ladder(), name=str(i)) for i in range(3)]
    for run in runs[:2]:
        mine.start(run.id)
    with pytest.raises(NotReady, match="2 of your runs"):
        mine.start(runs[2].id)
    queue.started.pop()
    mine.start(runs[2].id)


@pytest.mark.parametrize("role", ["viewer", "grader"])
def test_who_may_not_run_neither_starts_nor_stops(world, queue, role):
    mine = Runner(world.person(role), queue)
    for act in (mine.start, mine.cancel):
        with pytest.raises(NotAllowed):
            act(world.ours.run.id)
    assert not mine.is_running(world.ours.run.id)


def test_a_run_of_another_project_can_be_neither_started_nor_watched(world, queue):
    mine = Runner(world.person("admin"), queue)
    for act in (mine.start, mine.cancel, mine.is_running, mine.progress, mine.wait):
        with pytest.raises(NotFound):
            act(world.theirs.run.id)
