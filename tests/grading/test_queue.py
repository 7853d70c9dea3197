"""The queue serves the decision, several people share it without losing anything, and what they say corrects the judge."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.errors import BadInput, NotReady
from tierwise.grading.grades import UNDONE, matrix, record_manual
from tierwise.grading.human import human_grades
from tierwise.grading.queue import outlook, queue, shown
from tierwise.grading.session import Desk, correct_reference, start_session
from tierwise.statistics.corrected import corrected_loss


@pytest.fixture
def graded(store, demo):
    return matrix(store, demo.id)


def policy(m):
    """A third of the prompts to each tier, by length."""
    length = np.array([len(s.input) for s in m.samples])
    return np.searchsorted(np.quantile(length, [1 / 3, 2 / 3]), length).clip(0, len(m.tiers) - 1)


def test_the_queue_is_the_same_for_the_same_run_and_seed():
    m = make_matrix(300)
    a, b, c = (queue(m, policy(m), seed) for seed in (0, 0, 1))
    assert a == b and [i.sample_id for i in a] != [i.sample_id for i in c]
    assert sorted(i.sample_id for i in a) == sorted(s.id for s in m.samples)


def test_four_fifths_are_routable_at_every_length():
    m = make_matrix(600)
    choice = policy(m)
    items = queue(m, choice)
    at = {s.id: i for i, s in enumerate(m.samples)}
    assert all(i.check == (choice[at[i.sample_id]] == 2) for i in items)
    for length in (20, 50, 100, 200):
        assert sum(i.check for i in items[:length]) / length == pytest.approx(0.2, abs=0.06)


def test_an_item_asks_for_the_answers_that_the_decision_turns_on():
    m = make_matrix(100)
    choice = policy(m)
    chosen = {s.id: m.tiers[c] for s, c in zip(m.samples, choice, strict=True)}
    for item in queue(m, choice):
        assert item.tiers == ((chosen[item.sample_id], "frontier") if not item.check else ("cheap", "frontier"))
    assert all(i.tiers == m.tiers for i in queue(m, choice, every_tier=True))
    assert all(i.tiers == m.tiers for i in queue(m, None))


def test_within_a_stratum_every_prompt_is_as_likely():
    m = make_matrix(200)
    choice = policy(m)
    first: Counter = Counter()
    for seed in range(200):
        first.update(i.sample_id for i in queue(m, choice, seed)[:40])
    strata = {i.sample_id: i.stratum for i in queue(m, choice)}
    for stratum in set(strata.values()):
        counts = [first[s] for s, x in strata.items() if x == stratum]
        rate = np.mean(counts) / 200
        assert np.std(counts) <= 1.6 * np.sqrt(200 * rate * (1 - rate)) + 1


def test_disagreements_come_more_often_than_their_share():
    m = make_matrix(600)
    items = queue(m, np.zeros(600, int))
    differ = np.mean(["as good" not in i.stratum for i in items])
    assert np.mean(["as good" not in i.stratum for i in items[:100]]) > 1.2 * differ


def test_answers_are_shuffled_by_rater_and_stay_so():
    items = queue(make_matrix(200), None)
    orders = Counter(shown(i, 0, "Ana") for i in items)
    assert len(orders) == 6 and min(orders.values()) > 15
    assert [shown(i, 0, "Ana") for i in items] == [shown(i, 0, "Ana") for i in items] != [shown(i, 0, "Ben") for i in items]


def say(store, session, rater, count, value=1.0):
    """Grade the next answers; the prompts touched."""
    seen = []
    for _ in range(count):
        desk = Desk(store, session, rater)
        turn = desk.turn()
        if turn is None:
            break
        desk.grade(turn, value)
        seen.append((turn.item.sample_id, turn.tier))
    return seen


def test_grades_are_kept_and_a_new_desk_goes_on(store, graded):
    session = start_session(store, graded, "Ana", policy(graded))
    first = say(store, session, "Ana", 5)
    again = Desk(store, session, "Ana")
    assert len(set(first)) == 5 and [k for k in again.said] == first
    turn = again.turn()
    assert (turn.item.sample_id, turn.tier) not in first
    assert again.turn() == turn  # asking twice takes nothing more
    human = human_grades(store, graded)
    assert np.isfinite(human.human).sum() == 5 and list(human.by_rater) == ["Ana"]


def test_undo_opens_the_answer_again_and_keeps_every_row(store, graded):
    session = start_session(store, graded, "Ana", policy(graded))
    seen = say(store, session, "Ana", 4)
    desk = Desk(store, session, "Ana")
    assert [(x.sample_id, x.tier) for x in (desk.undo(), desk.undo())] == seen[:1:-1]
    turn = Desk(store, session, "Ana").turn()
    assert (turn.item.sample_id, turn.tier) == seen[2]
    rows = store.grades.frame(graded.run.id).query("author == 'Ana'")
    assert len(rows) == 6 and (rows["reason"] == UNDONE).sum() == 2
    assert matrix(store, graded.run.id).quality[_at(graded, seen[3])] == graded.quality[_at(graded, seen[3])]


def _at(m, cell):
    return [s.id for s in m.samples].index(cell[0]), m.tiers.index(cell[1])


def test_taking_back_leaves_what_others_said(store, graded):
    cell = (graded.samples[0].id, "frontier") if "frontier" in graded.tiers else (graded.samples[0].id, graded.tiers[-1])
    record_manual(store, graded.run.id, *cell, 0.0, "Ana")
    record_manual(store, graded.run.id, *cell, 1.0, "Ben")
    record_manual(store, graded.run.id, *cell, None, "Ben", reason=UNDONE)
    assert matrix(store, graded.run.id).quality[_at(graded, cell)] == 0.0
    record_manual(store, graded.run.id, *cell, None, "Ana", reason="the question makes no sense")
    assert np.isnan(matrix(store, graded.run.id).quality[_at(graded, cell)])


def test_a_skip_is_left_to_others_and_can_be_undone(store, graded):
    session = start_session(store, graded, "Ana", policy(graded))
    desk = Desk(store, session, "Ana")
    turn = desk.turn()
    desk.skip(turn)
    after = Desk(store, session, "Ana")
    assert after.turn() != turn and after.last().kind == "skip"
    after.undo()
    assert Desk(store, session, "Ana").turn() == turn


def test_two_raters_share_the_queue(store, graded):
    session = start_session(store, graded, "Ana", policy(graded))
    ana, ben = ({s for s, _ in say(store, session, r, 8)} for r in ("Ana", "Ben"))
    assert ana and ben and not ana & ben


def test_overlap_gives_each_prompt_to_two_and_no_third(store, graded):
    session = start_session(store, graded, "Ana", policy(graded), raters=2)
    ana, ben, eve = ({s for s, _ in say(store, session, r, 8)} for r in ("Ana", "Ben", "Eve"))
    assert ana == ben and not ana & eve
    human = human_grades(store, graded)
    assert human.between_people()[0].value == 1.0 and human.between_people()[0].n == 8


def test_raters_at_the_same_time_never_overwrite_each_other(store, graded):
    session = start_session(store, graded, "Ana", policy(graded))
    names = ["Ana", "Ben", "Eve", "Kim"]
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda r: say(store, session, r, 12, float(names.index(r) % 2)), names))
    assert len({cell for cells in seen for cell in cells}) == 48
    rows = store.grades.frame(graded.run.id).query("scorer == 'manual'")
    assert rows.groupby("author").size().to_dict() == dict.fromkeys(names, 12)


def test_what_was_taken_and_left_goes_to_another(store, graded, monkeypatch):
    from datetime import timedelta

    from tierwise.store import reviews

    session = start_session(store, graded, "Ana", policy(graded))
    left = Desk(store, session, "Ana").turn().item
    monkeypatch.setattr(reviews, "ABANDONED", timedelta(0))
    assert Desk(store, session, "Ben").turn().item == left


def test_pairs_are_shown_in_shuffled_order_and_undone(store, graded):
    session = start_session(store, graded, "Ana", policy(graded), scale="pairwise")
    for _ in range(6):
        desk = Desk(store, session, "Ana")
        desk.grade(desk.turn(), 0.5)
    rows = store.reviews.comparisons(graded.run.id)
    assert len(rows) == 6 and (rows["first_tier"] != rows["second_tier"]).all()
    desk = Desk(store, session, "Ana")
    assert desk.finished() == 6 and desk.undo().kind == "comparison"
    assert Desk(store, session, "Ana").finished() == 5 and len(store.reviews.comparisons(graded.run.id)) == 7


def test_flags_can_be_taken_off(store, graded):
    session = start_session(store, graded, "Ana")
    desk = Desk(store, session, "Ana")
    turn = desk.turn()
    for kind, is_flagged in (("flag", True), ("unflag", False), ("flag", True)):
        desk.mark(turn, kind)
        assert desk.flagged(turn) is is_flagged
    desk.mark(turn, "comment", "two answers could be right")
    assert store.reviews.marks(graded.run.id)["text"].iloc[-1] == "two answers could be right"


def test_human_grades_correct_the_judge_where_they_were_drawn(store, graded):
    choice = policy(graded)
    session = start_session(store, graded, "Ana", choice)
    say(store, session, "Ana", 60, 0.0)
    human = human_grades(store, graded)
    outside = next(i for i in range(len(graded)) if not human.drawn[i])
    record_manual(store, graded.run.id, graded.samples[outside].id, graded.tiers[-1], 1.0, "Ana")
    human = human_grades(store, graded)
    assert np.isfinite(human.human[outside, -1]) and not np.isfinite(human.sampled[outside, -1])
    assert human.strata is not None and len(np.unique(human.strata)) > 2
    assert human.judge[human.drawn].mean() == graded.quality[human.drawn].mean()
    loss = human.loss(choice)
    assert loss.value == pytest.approx(0.0, abs=0.2) and loss.humans >= 20
    assert human.quality()[-1].value < 0.2 < human.quality()[-1].judge
    assert human.against_judge()[0].value < 0.6


def test_it_says_how_many_more_would_settle():
    rng = np.random.default_rng(0)
    n = 2000
    judge = (rng.random((n, 2)) < 0.9).astype(float)
    judge[:, 0] = np.where(rng.random(n) < 0.02, 1 - judge[:, 1], judge[:, 1])
    choice = np.where(np.arange(n) < 1200, 0, 1)
    before = outlook(None, judge, choice, 0.05)
    assert before.more and 30 <= before.more <= 1200 and "more prompts" in before.says
    human = np.where(np.arange(n)[:, None] % 4 == 0, judge, np.nan)
    assert outlook(corrected_loss(judge, human, choice), judge, choice, 0.05).settled
    few = outlook(corrected_loss(judge, np.where(np.arange(n)[:, None] % 30 == 0, judge, np.nan), choice), judge, choice, 0.02)
    assert not few.settled and (few.more or few.prompts)
    worse = np.stack([np.zeros(n), np.ones(n)], axis=1)
    assert "the aim is" in outlook(corrected_loss(judge, worse, choice), judge, choice, 0.02).says


def test_a_corrected_reference_is_a_new_version(store, graded):
    sample = graded.samples[0]
    before = store.evalsets.get(graded.run.evalset_id)
    done = correct_reference(store, graded.run, sample.id, "another answer", "Ana")
    assert store.evalsets.get(graded.run.evalset_id) == before
    assert store.evalsets.get(done.evalset.id).samples[0].reference == "another answer"
    assert [r.id for r in done.runs] == [graded.run.id]
    second = correct_reference(store, graded.run, graded.samples[1].id, "and another", "Ben")
    assert [s.reference for s in store.evalsets.get(second.evalset.id).samples[:2]] == ["another answer", "and another"]
    with pytest.raises(NotReady):
        correct_reference(store, graded.run, sample.id, "another answer", "Ana")


@pytest.mark.parametrize("name", ["", "  ", "tierwise", "x" * 81])
def test_who_grades_must_be_said(store, graded, name):
    with pytest.raises(BadInput):
        start_session(store, graded, name)
