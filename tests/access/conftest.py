"""A workspace of two projects, each with a run of its own, and the people of both."""

from dataclasses import dataclass

import pytest

from tests.policies import tuning
from tests.runs.conftest import provider, tier  # noqa: F401
from tierwise.access.roles import Role
from tierwise.access.view import View
from tierwise.evalsets import digest_of
from tierwise.grading.grades import apply_scorer, matrix
from tierwise.policy import make_policy
from tierwise.runs.execute import execute
from tierwise.runs.plan import create_run
from tierwise.simulation.simulator import ladder
from tierwise.store import Store
from tierwise.store.people import Person, Project
from tierwise.traffic import profile_of_counts
from tierwise.types import EvalSet, Policy, Run, Sample


@dataclass
class Place:
    """A project and one of everything in it."""

    project: Project
    run: Run
    policy: Policy
    profile_id: str
    session_id: str = ""


@dataclass
class World:
    store: Store
    ours: Place
    theirs: Place

    def person(self, role: Role | None, place: Place | None = None) -> View:
        """Somebody new with a role in a project, as they come in."""
        project = (place or self.ours).project
        who = self.store.people.invite(f"{role or 'nobody'}@example.org")
        who = Person(who.id, who.name, who.email, False, f"oidc:x#{who.id}")
        self.store.people.set_role(project.id, who.id, role)
        return View(self.store, who, self.store.people.role(who, project.id), project)


def fill(store: Store, project: Project, word: str) -> Place:
    own = store.within(project.id)
    samples = tuple(Sample(f"s{i}", f"{word} prompt {i}", f"answer {i}", "kind") for i in range(3))
    info = own.evalsets.add(EvalSet(f"set-{word}", f"{word} prompts", digest_of(samples), samples))
    run = create_run(own, info.id, ladder(), name=f"{word} run", params={"scorer": "exact"})
    run = execute(own, run.id)
    apply_scorer(own, run.id, "exact")
    policy = own.policies.add(make_policy(tuning(matrix(own, run.id)), f"{word} policy"))
    profile = own.traffic.add(profile_of_counts({word: 10.0}))
    return Place(project, run, policy, profile.id)


@pytest.fixture
def world(store: Store) -> World:
    return World(store, fill(store, store.people.add_project("Ours"), "our"), fill(store, store.people.add_project("Theirs"), "their"))
