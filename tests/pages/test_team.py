"""Two visitors of one server: what is one project's is in no screen, cache, list or link of another's; links open for reading alone."""

import pytest

from tests.access.conftest import fill
from tests.access.test_view import contents
from tests.pages.conftest import SCREENS, App, app_query
from tierwise.access.identity import Identity
from tierwise.access.sharing import CLOSED, share
from tierwise.access.view import View
from tierwise.store.people import Person
from tierwise.ui import who

ANA, BEN, ROOT = (Identity(f"oidc:x#{n}", n.capitalize(), f"{n}@example.org") for n in ("ana", "ben", "root"))


@pytest.fixture
def team(monkeypatch):
    """A server for a team; `team(identity)` says who the next run of a screen is for."""
    monkeypatch.setenv("TIERWISE_LOGIN", "oidc")
    monkeypatch.setenv("TIERWISE_ADMINS", "root@example.org")
    present = [ANA]
    monkeypatch.setattr(who, "identity", lambda: present[0])
    who.forget()

    def enter(identity: Identity) -> None:
        present[0] = identity

    yield enter
    who.forget()


@pytest.fixture
def places(team):
    store = who.whole()
    found = {}
    for name, person in (("Anaproject", ANA), ("Benproject", BEN)):
        project = store.people.add_project(name)
        store.people.set_role(project.id, store.people.sign_in(person)[0].id, "editor")
        found[person] = fill(store, project, f"secret{person.name}")
    who.forget()
    return found


def sent(at) -> str:
    """All that the browser is sent."""
    from google.protobuf.message import Message

    texts = []

    def walk(block) -> None:
        proto = getattr(block, "proto", None)
        if isinstance(proto, Message):
            texts.append(proto.SerializeToString().decode("latin-1"))
        for child in getattr(block, "children", {}).values():
            walk(child)

    walk(at._tree)
    return "".join(texts)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_visitor_sees_nothing_of_anothers_project(team, places, screen):
    for person, other in ((BEN, ANA), (ANA, BEN)):  # the second comes to warm caches
        team(person)
        mine, theirs = places[person], places[other]
        shown = sent(App().open(screen, run=mine.run.id, policy=mine.policy.id))
        guessed = sent(App().open(screen, run=theirs.run.id, policy=theirs.policy.id, set=theirs.run.evalset_id, profile=theirs.profile_id,
                                  project=theirs.project.id))  # fmt: skip
        for text in (shown, guessed):
            assert f"secret{other.name}" not in text and theirs.run.id not in text.replace("run=" + theirs.run.id, "")
    assert f"secret{person.name}" in shown or screen in ("models", "ledger", "evalsets")


def test_somebody_new_is_told_to_ask(team, places):
    team(Identity("oidc:x#new", "New", "new@example.org"))
    at = App().open("home")
    assert any("no project has you as a member" in t.value for t in at.text)
    assert "secret" not in sent(at)
    assert at.button(key="sign_out").label == "Sign out" and any(t.value == "new@example.org" for t in at.text)


def test_a_viewer_cannot_start_save_or_take_away(team, places):
    store, ours = who.whole(), places[ANA]
    store.people.set_role(ours.project.id, store.people.sign_in(ANA)[0].id, "viewer")
    who.forget()
    team(ANA)
    app = App()
    app.open("run", set=ours.run.evalset_id)
    before = contents(store)
    start = app.at.button(key="start")
    assert start.disabled and start.help.startswith("As a viewer you may not start and stop runs")
    compare = App().open("compare", run=ours.run.id)
    assert not compare.get("download_button")
    export = App().open("export", policy=ours.policy.id)
    assert any("may not take away" in t.value for t in export.text) and not export.get("download_button")
    grade = App().open("grade", run=ours.run.id)
    assert any("viewer of this project reads" in t.value for t in grade.text)
    assert not [b for b in compare.button if b.key.startswith("delete")]
    assert contents(store) == before


@pytest.mark.parametrize("screen", ["export", "compare", "evalsets"])
def test_an_admin_deletes_what_nothing_rests_on(team, places, screen):
    team(ROOT)
    store, ours = who.whole(), places[ANA]
    if screen != "export":
        store.removal.policy(ours.policy.id)
    if screen == "evalsets":
        store.removal.run(ours.run.id)
    app = App()
    app.open(screen, project=ours.project.id, run=ours.run.id, policy=ours.policy.id, set=ours.run.evalset_id)
    kind, key = {"export": ("policy", ours.policy.id), "compare": ("run", ours.run.id), "evalsets": ("prompt set", ours.run.evalset_id)}[
        screen
    ]
    app.click(f"delete_{key}")
    assert store.audit.frame(action="deleted")["kind"].tolist() == [kind]
    own = store.within(ours.project.id)
    assert not (own.policies.list() and own.runs.list() and own.evalsets.list()) and store.within(places[BEN].project.id).policies.list()


def test_the_admin_has_a_screen_for_people_and_others_have_not(team, places):
    team(ROOT)
    app = App()
    at = app.open("team", project=places[ANA].project.id)
    assert at.dataframe[0].value["e-mail"].tolist() == ["ana@example.org"]
    at.text_input[0].set_value("new@example.org")
    at.selectbox[1].set_value("grader")
    next(b for b in at.button if b.label == "Add").click()
    app.run()
    assert app.at.dataframe[0].value["role"].tolist() == ["editor", "grader"]
    app.at.session_state["team_view"] = "Audit"
    at = app.run()
    assert at.dataframe[0].value["did"].tolist()[0] == "changed a role"
    team(ANA)
    at = App().open("team")
    assert any("may not manage people" in t.value for t in at.text) and not at.dataframe


def test_a_role_that_is_taken_away_counts_at_once(team, places):
    team(ANA)
    assert "secretAna" in sent(App().open("compare"))
    store = who.whole()
    store.people.set_role(places[ANA].project.id, store.people.sign_in(ANA)[0].id, None)
    who.forget()  # what the two seconds do
    at = App().open("compare")
    assert any("no project has you" in t.value for t in at.text) and "secretAna" not in sent(at)


@pytest.mark.parametrize("login", ["off", "oidc"])
def test_a_link_shows_its_run_and_nothing_can_be_done_there(team, places, login, monkeypatch):
    monkeypatch.setenv("TIERWISE_LOGIN", login)
    store, ours = who.whole(), places[ANA]
    view = View(store, Person("", "x", admin=True, subject="local"), "admin", ours.project)
    token = share(view, "run", ours.run.id, 7)
    texts = share(view, "run", ours.run.id, 7, texts=True)
    policy = share(view, "policy", ours.policy.id, 7)
    team(BEN)
    before = contents(store)
    at = App().open("shared", token=token, run=places[BEN].run.id)
    assert [h.value for h in at.header] == ["A shared run"] and any(t.value == "secretAna run" for t in at.text)
    assert not at.button and not at.get("download_button") and "secretAna prompt" not in sent(at) and "secretBen" not in sent(at)
    assert "secretAna prompt 1" in sent(App().open("shared", token=texts))
    at = App().open("shared", token=policy)
    assert [h.value for h in at.header] == ["A shared policy"] and "secretAna prompt" not in sent(at)
    wrong = [App().open("shared", token=t) for t in ("wrong", token[:-1])]
    assert {c.value for at in wrong for c in at.caption} == {CLOSED}
    assert contents(store) == before


def test_a_link_is_made_listed_and_taken_back_on_the_screen(filled_app):
    at = filled_app.open("compare")
    run = app_query(at, "run")
    filled_app.click(f"share_make_{run}")
    address = next(c.value for c in filled_app.at.code if "/shared?token=" in c.value)
    token = address.partition("token=")[2]
    assert [h.value for h in App().open("shared", token=token).header] == ["A shared run"]
    back = next(b.key for b in filled_app.at.button if (b.key or "").startswith("share_back_"))
    filled_app.click(back)
    assert any(c.value == CLOSED for c in App().open("shared", token=token).caption)
    assert not any((b.key or "").startswith("share_back_") for b in filled_app.at.button)


def test_grades_are_by_the_person_who_is_signed_in(team, places):
    team(ANA)
    app = App()
    app.open("grade", run=places[ANA].run.id, rater="somebody")
    assert not [t for t in app.at.text_input if t.label == "Your name"] and any(
        t.value == "Grading as ana@example.org" for t in app.at.text
    )
    app.click("start")
    session = who.whole().reviews.sessions(places[ANA].run.id)[0]
    assert session.author == "ana@example.org"
