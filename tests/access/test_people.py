"""Who is known, invited, a member; what there was before goes to Default."""

from datetime import datetime, timedelta

import duckdb
import pytest

from tierwise.access import services
from tierwise.access.identity import Identity
from tierwise.access.view import View
from tierwise.errors import BadInput, NotAllowed, NotFound
from tierwise.store import Store

ANA = Identity("oidc:x#1", "Ana", "ana@example.org")
AT = datetime(2026, 11, 25, 12)


def test_a_first_visit_makes_a_person_who_may_nothing_yet(store):
    person, new = store.people.sign_in(ANA, at=AT)
    assert new and (person.name, person.email, person.admin) == ("Ana", "ana@example.org", False)
    assert store.people.role(person, "default") is None and store.people.projects(person) == []
    assert store.people.sign_in(ANA, at=AT + timedelta(minutes=5)) == (person, False)
    assert store.people.sign_in(ANA, at=AT + timedelta(days=1))[1]


def test_an_invitation_is_taken_up_once(store):
    invited = store.people.invite("Ana@Example.org ")
    store.people.set_role("default", invited.id, "editor")
    person, _ = store.people.sign_in(ANA, at=AT)
    assert person.id == invited.id and store.people.role(person, "default") == "editor"
    other, _ = store.people.sign_in(Identity("oidc:y#9", "Another", "ana@example.org"), at=AT)
    assert other.id != invited.id and store.people.role(other, "default") is None


def test_an_address_that_was_not_checked_takes_up_nothing(store):
    store.people.set_role("default", store.people.invite("ana@example.org").id, "admin")
    person, _ = store.people.sign_in(Identity("oidc:x#1", "Ana", ""), at=AT)
    assert store.people.role(person, "default") is None


@pytest.mark.parametrize("named", ["ana@example.org", "ANA@example.org", "oidc:x#1"])
def test_the_setting_names_admins(store, named):
    person, _ = store.people.sign_in(ANA, [named], AT)
    assert person.admin and store.people.role(person, "anything") == "admin"


def test_a_change_of_role_counts_at_once(store):
    person, _ = store.people.sign_in(ANA)
    for role in ("viewer", "editor", None):
        store.people.set_role("default", person.id, role)
        assert store.people.role(person, "default") == role


def test_the_last_admin_stays_one(store):
    person, _ = store.people.sign_in(ANA, ["ana@example.org"])
    with pytest.raises(NotAllowed, match="last admin"):
        store.people.set_admin(person.id, False)


@pytest.mark.parametrize("email", ["", "ana", "@x", "ana@", "a b@c", "a@b\n@c", "x" * 250 + "@e.org"])
def test_what_is_no_address_is_refused(store, email):
    with pytest.raises(BadInput):
        store.people.invite(email)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 81, "default"])
def test_a_project_needs_a_name_of_its_own(store, name):
    with pytest.raises(BadInput):
        store.people.add_project(name)


def test_what_there_was_is_in_default(store, demo):
    default = store.people.project("Default")
    assert [r.id for r in store.within(default.id).runs.list()] == [demo.id]
    assert store.within(store.people.add_project("Other").id).runs.list() == []


def test_two_people_of_one_name_are_told_apart(store):
    labels = {store.people.sign_in(Identity(f"oidc:x#{i}", "Ana"), at=AT)[0].label for i in range(3)}
    assert len(labels) == 3


def test_an_admin_of_one_project_manages_that_one_only(world):
    view = world.person("admin")
    services.invite(view, "new@example.org", world.ours.project, "grader")
    assert [m.role for m in services.members(view, world.ours.project)] == ["admin", "grader"]
    for call in (
        lambda: services.invite(view, "new@example.org", world.theirs.project, "grader"),
        lambda: services.members(view, world.theirs.project),
        lambda: services.audit(view, world.theirs.project),
        lambda: services.audit(view),
        lambda: services.add_project(view, "Third"),
        lambda: services.set_admin(view, view.person, True),
    ):
        with pytest.raises(NotAllowed):
            call()


@pytest.mark.parametrize("role", ["viewer", "grader", "editor"])
def test_others_manage_nothing(world, role):
    view, ours = world.person(role), world.ours
    for call in (
        lambda: services.invite(view, "new@example.org", ours.project, "admin"),
        lambda: services.set_role(view, ours.project, view.person, "admin"),
        lambda: services.people(view),
        lambda: services.members(view, ours.project),
        lambda: services.audit(view, ours.project),
        lambda: services.audit_csv(view, ours.project),
    ):
        with pytest.raises(NotAllowed):
            call()


def test_every_service_is_tried_here():
    import inspect

    public = {n for n, f in inspect.getmembers(services, inspect.isfunction) if not n.startswith("_") and f.__module__ == services.__name__}
    tried = {"invite", "set_role", "set_admin", "people", "members", "audit", "audit_csv", "add_project", "projects"}
    assert public == tried | {"export_policy", "took_away", "check_gateway"}


@pytest.mark.parametrize(("role", "export", "run"), [("viewer", False, False), ("grader", False, False), ("editor", True, True)])
def test_a_gateway_and_files_for_it_need_an_editor(world, tmp_path, role, export, run):
    view, policy = world.person(role), world.ours.policy
    samples = world.store.evalsets.get(world.ours.run.evalset_id).samples
    for allowed, refused, call in (
        (export, NotAllowed, lambda: services.export_policy(view, policy, samples, "policy-json", tmp_path)),
        (export, NotAllowed, lambda: services.took_away(view, policy, "policy-json")),
        (run, NotAllowed, lambda: services.check_gateway(view, policy, samples, "nowhere", "auto")),
    ):
        if allowed:
            try:
                call()
            except BadInput as error:
                assert "gateway's address" in str(error)
        else:
            with pytest.raises(refused):
                call()
    assert [p.name for p in services.projects(view)] == ["Ours"]


def test_the_log_says_who_did_what_to_what(world):
    view = world.person("editor")
    view.policies.add(world.ours.policy.__class__("p2", "=cmd()", "1", world.ours.run.id, {}))
    admin = View(world.store)
    frame = services.audit(admin, person_id=view.person.id)
    assert frame[["person", "action", "kind", "object", "project"]].values.tolist() == [
        ["editor@example.org", "tuned", "policy", "=cmd()", "Ours"]
    ]
    assert services.audit(admin, action="ran").empty and services.audit(admin, since=datetime(2999, 1, 1)).empty
    lines = services.audit_csv(admin, action="tuned").decode("utf-8-sig")
    assert "'=cmd()" in lines and services.audit(admin, action="exported")["kind"].tolist() == ["audit log"]


def test_grading_answer_by_answer_is_one_line_a_day(world):
    from tierwise.grading.grades import record_manual

    view = world.person("grader")
    for i in range(3):
        record_manual(view, world.ours.run.id, f"s{i}", "small", 1.0, view.person.label)
    assert len(services.audit(View(world.store), action="graded", person_id=view.person.id)) == 1


def test_a_file_of_before_is_taken_over(tmp_path):
    """The schema as it was, with a set, a run, a policy and an attempt; killed right after, it opens again."""
    from tierwise.store import migrations
    from tierwise.store.connection import Connection

    path = tmp_path / "old.duckdb"
    with duckdb.connect(str(path)) as old:
        old.execute("CREATE TABLE migrations (name TEXT PRIMARY KEY, applied_at TIMESTAMP DEFAULT now()::TIMESTAMP)")
        mine = next(i for i, m in enumerate(migrations.MIGRATIONS) if m.__name__.endswith("people_and_projects"))
        for step in migrations.MIGRATIONS[:mine]:
            step(old)
            old.execute("INSERT INTO migrations (name) VALUES (?)", [step.__name__])
        old.execute("INSERT INTO evalsets VALUES ('e', 'set', 'd', '', now()::TIMESTAMP)")
        old.execute("INSERT INTO runs VALUES ('r', 'run', 'e', 'live', 'done', '[]', '{}', '', now()::TIMESTAMP)")
        old.execute("INSERT INTO policies VALUES ('p', 'policy', '1', 'r', '{}', now()::TIMESTAMP)")
        old.execute("INSERT INTO attempts (id, run_id, sample_id, tier, repeat, model, reserved_usd, sent_at) "
                    "VALUES (1, 'r', 's', 't', 0, 'm', 0.5, now()::TIMESTAMP)")  # fmt: skip
    connection = Connection(path)
    migrations.migrate(connection)
    copy = tmp_path / "killed.duckdb"
    for suffix in ("", ".wal"):  # as they lie there when the process is killed now
        source = path.with_name(path.name + suffix)
        if source.exists():
            copy.with_name(copy.name + suffix).write_bytes(source.read_bytes())
    connection.close()
    for file in (path, copy):
        with Store(file) as store:
            default = store.within("default")
            assert [e.name for e in default.evalsets.list()] == ["set"] and default.runs.get("run").id == "r"
            assert default.policies.get("policy").id == "p" and store.attempts.frame("r")["counted_usd"].tolist() == [0.5]
            with pytest.raises(NotFound):
                store.within("other").runs.get("run")
