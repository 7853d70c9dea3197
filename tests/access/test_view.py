"""Role by action over everything that a view passes on: what is new and unguarded fails here."""

import inspect
from dataclasses import replace

import pytest

from tests.access.conftest import World
from tierwise import settings
from tierwise.access.roles import ACTIONS, ROLES
from tierwise.access.view import PARTS, RULES, View
from tierwise.errors import NotAllowed, NotFound
from tierwise.store import Store
from tierwise.store.attempts import Intent
from tierwise.store.reviews import Comparison, GradingSession, Item, Mark
from tierwise.store.shares import Share
from tierwise.traffic import profile_of_counts
from tierwise.types import EvalSet, Grade, Policy, Run, Sample, Tier, now

MAY = {
    "viewer": {"read"},
    "grader": {"read", "grade"},
    "editor": {"read", "grade", "run", "import", "tune", "export", "export_text", "share"},
    "admin": set(ACTIONS),
}
"""What the documentation promises, written down a second time on purpose."""

RUN = Run("new", "new run", "set-our", "live", (Tier("a", "m/a"),))


def session(world: World, author: str, run_id: str | None = None) -> GradingSession:
    return GradingSession("g-" + author, run_id or world.ours.run.id, author, "pass_fail", "exact")


CALLS = {
    "evalsets.add": ("import", lambda w, me: (EvalSet("e9", "new", "d9", (Sample("a", "x"),)),)),
    "evalsets.get": ("read", lambda w, me: (w.ours.run.evalset_id,)),
    "evalsets.info": ("read", lambda w, me: (w.ours.run.evalset_id,)),
    "evalsets.by_digest": ("read", lambda w, me: (w.store.evalsets.info("set-our").digest,)),
    "evalsets.list": ("read", lambda w, me: ()),
    "evalsets.taken": ("import", lambda w, me: ("set-our",)),
    "runs.add": ("run", lambda w, me: (RUN,)),
    "runs.get": ("read", lambda w, me: (w.ours.run.id,)),
    "runs.list": ("read", lambda w, me: ()),
    "runs.has": ("read", lambda w, me: (w.ours.run.id,)),
    "runs.taken": ("import", lambda w, me: (w.ours.run.id,)),
    "runs.set_status": ("run", lambda w, me: (w.ours.run.id, "done")),
    "runs.record": ("run", lambda w, me: (w.ours.run.id, [])),
    "runs.done_cells": ("read", lambda w, me: (w.ours.run.id,)),
    "runs.answered": ("read", lambda w, me: (["key"], w.ours.run.id)),
    "runs.progress": ("read", lambda w, me: (w.ours.run.id,)),
    "runs.outcomes": ("read", lambda w, me: (w.ours.run.id,)),
    "runs.version": ("read", lambda w, me: (w.ours.run.id,)),
    "attempts.commit": ("run", lambda w, me: (w.ours.run.id, [Intent(("s0", "small", 0), 0.5)])),
    "attempts.counted_on": ("read", lambda w, me: (now().date(),)),
    "attempts.frame": ("read", lambda w, me: (w.ours.run.id,)),
    "attempts.by_tier": ("read", lambda w, me: (w.ours.run.id,)),
    "grades.add": ("grade", lambda w, me: (w.ours.run.id, [Grade("s0", "small", 1.0, "manual", author=me)])),
    "grades.note_scoring": ("grade", lambda w, me: (w.ours.run.id, "exact", "exact", {})),
    "grades.scoring": ("read", lambda w, me: (w.ours.run.id, "exact")),
    "grades.let_count": ("grade", lambda w, me: (w.ours.run.id, "exact", me)),
    "grades.counting": ("read", lambda w, me: (w.ours.run.id,)),
    "grades.graded": ("read", lambda w, me: (w.ours.run.id, "exact", "auto")),
    "grades.frame": ("read", lambda w, me: (w.ours.run.id,)),
    "policies.add": ("tune", lambda w, me: (Policy("p9", "new", "1", w.ours.run.id, {}),)),
    "policies.get": ("read", lambda w, me: (w.ours.policy.id,)),
    "policies.list": ("read", lambda w, me: ()),
    "traffic.add": ("import", lambda w, me: (profile_of_counts({"x": 1.0}),)),
    "traffic.get": ("read", lambda w, me: (w.ours.profile_id,)),
    "traffic.list": ("read", lambda w, me: ()),
    "traffic.has": ("read", lambda w, me: (w.ours.profile_id,)),
    "traffic.prompts": ("read", lambda w, me: (w.ours.profile_id,)),
    "traffic.kept": ("read", lambda w, me: (w.ours.profile_id,)),
    "reviews.start": ("grade", lambda w, me: (session(w, me), [Item(0, "s0", "all", ("small",), None, False)])),
    "reviews.sessions": ("read", lambda w, me: (w.ours.run.id,)),
    "reviews.session": ("read", lambda w, me: ("g-admin",)),
    "reviews.items": ("read", lambda w, me: ("g-admin",)),
    "reviews.claim": ("grade", lambda w, me: (session(w, "admin"), me)),
    "reviews.claimed": ("read", lambda w, me: ("g-admin",)),
    "reviews.add_mark": ("grade", lambda w, me: (w.ours.run.id, Mark("s0", "flag", me))),
    "reviews.add_comparison": ("grade", lambda w, me: (w.ours.run.id, Comparison("s0", "small", "large", 1.0, me))),
    "reviews.marks": ("read", lambda w, me: (w.ours.run.id,)),
    "reviews.comparisons": ("read", lambda w, me: (w.ours.run.id,)),
    "reviews.history_of": ("read", lambda w, me: (w.ours.run.id, me)),
    "reviews.automatic": ("read", lambda w, me: (w.ours.run.id, "exact", ["s0"])),
    "reviews.answers": ("read", lambda w, me: (w.ours.run.id, "s0")),
    "shares.add": ("share", lambda w, me: (Share("run", w.ours.run.id, w.ours.project.id, now()),)),
    "shares.list": ("share", lambda w, me: ()),
    "shares.revoke": ("share", lambda w, me: ("none",)),
    "backup": ("backup", lambda w, me: (settings.database().with_name(f"copy-{me}.duckdb"),)),
    "take_run": ("export_text", lambda w, me: (w.ours.run.id,)),
    "put_run": ("import", lambda w, me: (bundle(w), {"outcomes": [], "grades": [], "scorings": []}, [])),
    "removal.run": ("delete", lambda w, me: ("new",)),  # what was added above
    "removal.evalset": ("delete", lambda w, me: ("e9",)),
    "removal.policy": ("delete", lambda w, me: ("p9",)),
}
"""By method: the action it needs, and arguments to try it with."""


BESIDES = {"shares.find", "attempts.totals"}
"""What the program itself asks, for no person: which link a token opens, and the figures for a monitoring system."""


def bundle(world: World) -> dict:
    return world.store.take_run(world.ours.run.id)["run"][0] | {"id": "brought"}


def methods(thing: type) -> set[str]:
    return {n for n, _ in inspect.getmembers(thing, callable) if not n.startswith("_")}


def test_every_method_of_the_store_has_a_rule_and_a_trial(store):
    there = {f"{part}.{m}" for part in PARTS for m in methods(type(getattr(store, part)))} - BESIDES
    there |= methods(Store) - {"close", "within", "require", "note", "project_of", "load"}
    assert there == set(RULES) == set(CALLS)
    parts = {n for n, v in vars(store).items() if type(v).__module__.startswith("tierwise.store.") and not n.startswith("_")}
    assert parts - set(PARTS) == {"people", "audit", "claims"}  # through services alone; claims are rows of nobody


@pytest.mark.parametrize("role", [*ROLES, None])
def test_role_by_method(world, role):
    view = world.person(role)
    world.store.reviews.start(session(world, "admin"), [])
    for name, (action, arguments) in CALLS.items():
        part, _, method = name.rpartition(".")
        call = getattr(getattr(view, part) if part else view, method)
        if role and action in MAY[role]:
            call(*arguments(world, view.person.label))
        else:
            with pytest.raises(NotAllowed):
                call(*arguments(world, view.person.label))


def test_a_refusal_leaves_no_row(world):
    before = contents(world.store)
    for role in ("viewer", None):
        view = world.person(role)
        before = contents(world.store)
        for name, (action, arguments) in CALLS.items():
            if action != "read":
                part, _, method = name.rpartition(".")
                with pytest.raises(NotAllowed):
                    getattr(getattr(view, part) if part else view, method)(*arguments(world, view.person.label))
        assert contents(world.store) == before


def contents(store: Store) -> dict:
    from tierwise.store.backup import _tables

    with store._connection.read() as cursor:
        return {t: sorted(map(repr, cursor.execute(f"SELECT * FROM {t}").fetchall())) for t in _tables(cursor)}


def test_nothing_of_another_project_can_be_reached(world):
    """The admin of one project with every id of the other: as if it did not exist, for each method that takes one."""
    world.store.reviews.start(session(world, "other", world.theirs.run.id), [])
    view = world.person("admin")
    world.store.reviews.start(session(world, "mine"), [])
    ids = {"run": world.theirs.run.id, "profile": world.theirs.profile_id, "session": "g-other"}
    tried = 0
    for name, rule in RULES.items():
        if not rule.of:
            continue
        part, _, method = name.rpartition(".")
        _, *rest = CALLS[name][1](world, view.person.label)
        foreign = ids.get(rule.of.removeprefix("new "))
        if name in ("reviews.start", "reviews.claim"):
            foreign = session(world, view.person.label, world.theirs.run.id)
        for of in ("run", "policy") if rule.of == "shared" else ("",):
            if of:
                foreign = Share(of, world.theirs.run.id if of == "run" else world.theirs.policy.id, world.ours.project.id, now())
            with pytest.raises(NotFound):
                getattr(getattr(view, part) if part else view, method)(foreign, *rest)
            tried += 1
    assert tried > 20
    for get in (view.runs.get, view.evalsets.get, view.evalsets.info, view.policies.get, view.traffic.get):
        for key in (
            world.theirs.run.id,
            world.theirs.run.name,
            "set-their",
            "their prompts",
            world.theirs.policy.id,
            "their policy",
            world.theirs.profile_id,
        ):
            with pytest.raises(NotFound) as caught:
                get(key)
            assert "their" not in str(caught.value).replace(repr(key), "")
    assert {r.name for r in view.runs.list()} == {"our run"}
    assert {e.name for e in view.evalsets.list()} == {"our prompts"}
    assert {p.name for p in view.policies.list()} == {"our policy"}
    assert {p.id for p in view.traffic.list()} == {world.ours.profile_id}
    assert view.evalsets.by_digest(world.store.evalsets.info("set-their").digest) is None


def test_equal_prompts_are_kept_once_a_project_and_say_nothing_of_the_other(world):
    same = EvalSet("e-same", "secret name", "digest-same", (Sample("a", "x"),))
    world.person("editor", world.theirs).evalsets.add(same)
    info = world.person("editor").evalsets.add(replace(same, id="e-mine", name="mine"))
    assert (info.id, info.name) == ("e-mine", "mine")


def test_a_paid_answer_of_another_project_is_not_reused(world, store):
    from tierwise.types import Outcome

    theirs = store.within(world.theirs.project.id)
    theirs.runs.add(replace(RUN, id="paid", evalset_id="set-their"))
    theirs.runs.record("paid", [Outcome("s0", "a", output="secret", call_key="k")])
    assert store.runs.answered(["k"], "none")["k"].output == "secret"
    assert world.person("admin").runs.answered(["k"], "none") == {}
    assert world.person("admin", world.theirs).runs.answered(["k"], "none")["k"].output == "secret"


def test_a_bundle_of_a_run_that_another_project_has_gets_an_id_of_its_own(world):
    from tierwise.bundle import export_bundle, import_bundle

    packed = export_bundle(world.person("editor", world.theirs), world.theirs.run)
    done = import_bundle(world.person("editor"), packed)
    assert done.run.id != world.theirs.run.id and done.policies == 1
    assert [r.name for r in world.person("viewer").runs.list()] == ["their run", "our run"]
    assert len(world.person("viewer", world.theirs).runs.list()) == 1


def test_nobody_grades_in_anothers_name(world):
    view = world.person("grader")
    for call in (
        lambda: view.grades.add(world.ours.run.id, [Grade("s0", "small", 1.0, "manual", author="ana@example.org")]),
        lambda: view.reviews.add_mark(world.ours.run.id, Mark("s0", "flag", "ana@example.org")),
        lambda: view.reviews.start(session(world, "ana@example.org"), []),
    ):
        with pytest.raises(NotAllowed, match=r"signed in as grader@example\.org"):
            call()
    local = View(world.store, project=world.ours.project)
    local.grades.add(world.ours.run.id, [Grade("s0", "small", 1.0, "manual", author="whoever")])  # at the machine people take turns


def test_what_is_not_in_the_rules_cannot_be_reached(world):
    view = world.person("admin")
    for part, method in (("runs", "drop"), ("shares", "find"), ("attempts", "totals")):
        with pytest.raises(AttributeError):
            getattr(getattr(view, part), method)
    for part in ("people", "audit", "_connection"):
        with pytest.raises(AttributeError):
            getattr(view, part)
