"""A link opens what it was made for, while it holds, and nothing else; every other token gets the same answer, and nothing is written."""

import hashlib
from datetime import timedelta

import pytest

from tests.access.test_view import contents
from tierwise.access import services, sharing
from tierwise.access.sharing import CLOSED, open_link, share
from tierwise.access.view import View
from tierwise.errors import BadInput, NotAllowed, NotFound
from tierwise.store.shares import Share
from tierwise.types import now


def refused(store, token) -> str:
    with pytest.raises(NotFound) as caught:
        open_link(store, token)
    return str(caught.value)


def test_a_link_opens_a_run_without_a_word_of_its_prompts(world):
    token = share(world.person("editor"), "run", world.ours.run.id, 7)
    found = open_link(world.store, token)
    assert found.run.id == world.ours.run.id and len(found.matrix) == 3 and found.policy is None and not found.answers
    assert {s.input for s in found.matrix.samples} == {""} and {s.reference for s in found.matrix.samples} == {None}
    assert "our prompt" not in repr(found) and "answer 0" not in repr(found)


def test_with_texts_it_opens_those_too(world):
    found = open_link(world.store, share(world.person("editor"), "run", world.ours.run.id, 7, texts=True))
    assert found.answers[0]["prompt"] == "our prompt 0" and found.more == 0


def test_a_link_opens_a_policy_alone(world):
    found = open_link(world.store, share(world.person("editor"), "policy", world.ours.policy.id, 7))
    assert (found.policy.id, found.run, found.matrix, found.answers) == (world.ours.policy.id, None, None, ())
    with pytest.raises(BadInput):
        share(world.person("editor"), "policy", world.ours.policy.id, 7, texts=True)


def test_tokens_are_random_and_only_their_hash_is_kept(world):
    view = world.person("editor")
    tokens = {share(view, "run", world.ours.run.id, 7) for _ in range(50)}
    assert len(tokens) == 50 and {len(t) for t in tokens} == {22}  # 128 bits in base 64
    with world.store._connection.read() as cursor:
        kept = cursor.execute("SELECT * FROM shares").fetchall()
        logged = cursor.execute("SELECT * FROM audit").fetchall()
    assert not any(t in repr(kept) or t in repr(logged) for t in tokens)
    assert {hashlib.sha256(t.encode()).hexdigest() for t in tokens} == {row[1] for row in kept}


def test_every_token_that_opens_nothing_gets_the_same_answer(world):
    view, theirs = world.person("editor"), world.person("editor", world.theirs)
    good = share(view, "run", world.ours.run.id, 7)
    shares = view.shares
    over = shares.add(Share("run", world.ours.run.id, world.ours.project.id, now() - timedelta(seconds=1)))
    back = share(view, "run", world.ours.run.id, 7)
    sharing.revoke(view, sharing.links(view, world.ours.run.id)[0].id)
    raw = world.store.shares
    elsewhere = raw.add(Share("run", world.theirs.run.id, world.ours.project.id, now() + timedelta(days=1)))
    gone = raw.add(Share("policy", "no such policy", world.ours.project.id, now() + timedelta(days=1)))
    share_id = sharing.links(view, world.ours.run.id)[-1].id
    digest = hashlib.sha256(good.encode()).hexdigest()
    wrong = [
        "",
        "x",
        good[:-1],
        good + "x",
        good.swapcase(),
        "A" * 22,
        "A" * 10**6,
        digest,
        share_id,
        world.ours.run.id,
        None,
        5,
        b"x",
        "\ud800",
        "%",
    ]
    assert {refused(world.store, t) for t in (*wrong, over, back, elsewhere, gone)} == {CLOSED}
    assert open_link(world.store, good).run.id == world.ours.run.id
    with pytest.raises(NotFound):
        share(view, "run", world.theirs.run.id, 7)
    theirs.shares.revoke(share_id)  # of another project: nothing happens
    assert open_link(world.store, good)


@pytest.mark.parametrize(("kind", "texts"), [("run", False), ("run", True), ("policy", False)])
def test_opening_a_link_writes_nothing_and_calls_nobody(world, kind, texts, monkeypatch):
    from tierwise.endpoints import models

    token = share(world.person("editor"), kind, getattr(world.ours, kind).id, 7, texts)
    before = contents(world.store)
    monkeypatch.setattr(models, "call", lambda *a, **k: pytest.fail("called"))
    monkeypatch.setattr(type(world.store._connection), "write", lambda self: pytest.fail("written"))
    open_link(world.store, token)
    refused(world.store, "wrong")
    monkeypatch.undo()
    assert contents(world.store) == before


@pytest.mark.parametrize("role", ["viewer", "grader", None])
def test_who_may_not_share_makes_no_link(world, role):
    view = world.person(role)
    for call in (
        lambda: share(view, "run", world.ours.run.id, 7),
        lambda: sharing.links(view, world.ours.run.id),
        lambda: sharing.revoke(view, "any"),
    ):
        with pytest.raises(NotAllowed):
            call()


@pytest.mark.parametrize("days", [0, -1, 366])
def test_a_link_ends(world, days):
    with pytest.raises(BadInput):
        share(world.person("editor"), "run", world.ours.run.id, days)


def test_the_log_says_what_was_shared_and_taken_back(world):
    view = world.person("editor")
    share(view, "run", world.ours.run.id, 7)
    (link,) = sharing.links(view, world.ours.run.id)
    sharing.revoke(view, link.id)
    log = services.audit(View(world.store), person_id=view.person.id)
    assert log[["action", "object_id"]].values.tolist() == [["took back", link.id], ["shared", world.ours.run.id]]
    assert sharing.links(view, world.ours.run.id) == [] and len(view.shares.list()) == 1
