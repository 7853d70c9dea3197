"""Learning policies on stored outcomes: exact where it can be checked, and better than standing still only where something moved."""

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.adaptive import BANDITS, Change, replay
from tierwise.adaptive.bandits import Model, bandit
from tierwise.adaptive.stream import contexts
from tierwise.errors import BadInput, NotFound, NotReady


@pytest.fixture(scope="module")
def calm():
    return replay(make_matrix(800, tiers=3, seed=3), runs=5)


@pytest.fixture(scope="module")
def drifting():
    matrix = make_matrix(2000, tiers=2, seed=4)
    return replay(matrix, runs=4, change=Change("cheap", -0.5, at=0.3), shadow=0.4, tolerated=0.15)


def line(done, name, start="tuned", **forget):
    return next(x for x in done.lines if x.name == name and x.start == start and all(f"{v:g}" in x.title for v in forget.values()))


def test_regret_is_against_the_best_fixed_policy(calm):
    """Nobody beats the linear policy that knew the grades by more than chance, and cold starts pay for learning."""
    for one in calm.lines:
        assert one.regret > -3 * one.regret_se - 5, one.name
        assert one.spent > 0 and 0 <= one.quality <= 1 and 0 <= one.explored <= 1
    assert line(calm, "linucb", "cold").regret > line(calm, "linucb").regret


def test_watching_costs_and_changes_nothing_while_nothing_happens(calm):
    still, watched = line(calm, "static"), line(calm, "watched")
    assert watched.spent > still.spent
    assert watched.false_alarms == 0
    assert still.explored == 0


def test_what_was_missed_is_kept_along_the_stream(calm, drifting):
    for done in (calm, drifting):
        for one in done.lines:
            turn = round((done.change.at if done.change else 1) * done.n)
            whole = one.regret * turn + (one.regret_after or 0.0) * (done.n - turn)
            assert one.along[0][0] == 1 and one.along[-1][0] == done.n
            assert one.along[-1][1] == pytest.approx(whole / 1000)


def test_what_seeing_the_change_takes_at_a_volume(calm, drifting):
    still, at = line(drifting, "static"), drifting.watch.at(10_000)
    assert drifting.watch.after > drifting.watch.before + 0.2 and at.pairs_a_day == pytest.approx(10_000 * drifting.watch.down * 0.4)
    assert at.price_a_day == pytest.approx(at.pairs_a_day * drifting.watch.frontier_usd)
    few, sent = drifting.watch.at(30), 30 * drifting.watch.down
    assert few.pairs_a_day == pytest.approx(min(max(10, 0.4 * sent), sent)), "as the plan has it: ten a day, and no more than there are"
    assert few.rate == pytest.approx(few.pairs_a_day / sent) and at.rate == pytest.approx(0.4)
    assert at.days == pytest.approx(at.pairs / at.pairs_a_day) and at.days == pytest.approx(10 * drifting.watch.at(100_000).days)
    # the replays themselves agree: pairs until the alarm, over the pairs a request
    assert at.pairs / (drifting.watch.down * 0.4) == pytest.approx(line(drifting, "watched").delay, rel=0.4)
    assert still.explored == 0 and calm.watch.after is None and calm.watch.at(10_000).days is None
    with pytest.raises(BadInput):
        calm.watch.at(0)


def test_a_large_run_is_sampled_and_says_so():
    told = []
    done = replay(make_matrix(900, tiers=2, seed=9), runs=2, most=400, policies=(), progress=lambda k, n: told.append((k, n)))
    assert done.n + done.offline == 400 and done.prompts == 900
    assert told == [(0, 2), (1, 2)]


def test_after_a_change_learners_and_the_alarm_beat_standing_still(drifting):
    still, watched = line(drifting, "static"), line(drifting, "watched")
    assert still.regret_after > 3 * still.regret
    assert watched.rang >= 0.8 and watched.delay < 700 and watched.false_alarms <= 0.2
    assert watched.regret_after < still.regret_after
    forgetful = line(drifting, "linucb", forget=0.998)
    assert forgetful.regret_after < 0.6 * still.regret_after
    assert "does best after the change" in drifting.words[0]


def test_the_same_seed_gives_the_same_figures():
    matrix = make_matrix(200, tiers=2, seed=5)
    assert replay(matrix, runs=2).to_json() == replay(matrix, runs=2).to_json()
    assert replay(matrix, runs=2).to_json() != replay(matrix, runs=2, seed=1).to_json()


def test_a_budget_is_kept_by_moving_the_price():
    matrix = make_matrix(1200, tiers=3, seed=6)
    free = replay(matrix, runs=3, policies=())
    paced = replay(matrix, runs=3, budget=0.45, policies=(("linucb", "tuned", {}),))
    assert abs(line(free, "static").spent - 0.45) > 0.05, "else this tells nothing"
    for one in (line(paced, "static"), line(paced, "linucb")):
        assert one.spent == pytest.approx(0.45, abs=0.04), one.name


def test_a_model_without_forgetting_is_ridge_regression():
    rng = np.random.default_rng(0)
    x, q, c = rng.normal(size=(1, 40, 3)), rng.random((1, 40, 2)), rng.random((1, 40, 2))
    model = Model(1, 2, 3)
    model.learn_all(x, q, c)
    by_hand = np.linalg.solve(x[0].T @ x[0] + np.eye(3), x[0].T @ q[0, :, 1])
    assert model.predict(x[:, 0])[0][0, 1] == pytest.approx(float(x[0, 0] @ by_hand))
    step = Model(1, 2, 3)
    for t in range(40):
        step.learn(x[:, t], np.array([1]), q[:, t, 1], c[:, t, 1], 0)
    assert np.allclose(step.weights[0, 1], model.weights[0, 1])


@pytest.mark.parametrize("name", BANDITS)
def test_each_bandit_chooses_a_tier_and_says_how(name):
    worth, unsure = np.array([[0.1, 0.9], [0.9, 0.1]] * 200), np.full((400, 2), 0.5)
    tier, chance, looked = bandit(name).choose(worth, unsure, np.random.default_rng(0))
    assert set(tier) <= {0, 1} and looked.dtype == bool
    assert (tier == worth.argmax(1)).mean() > 0.9
    if name == "epsilon":
        assert ((chance > 0) & (chance <= 1)).all()
        assert (tier != worth.argmax(1)).mean() == pytest.approx(0.025, abs=0.025)


def test_the_alarm_needs_more_pairs_than_a_short_stream_has():
    done = replay(make_matrix(300, tiers=2, seed=7), runs=3, change=Change("cheap", -0.1))
    assert any("too few shadow pairs" in w for w in done.words)


def test_contexts_do_not_look_at_grades():
    a, b = make_matrix(100, seed=8), make_matrix(100, seed=8)
    b.quality[:] = 0.0
    assert np.array_equal(contexts(a), contexts(b))


@pytest.mark.parametrize("wrong", [
    {"price": -1}, {"budget": 0.0}, {"budget": 2}, {"shadow": 2}, {"change": Change("none")}, {"change": Change("cheap", at=1.0)},
    {"change": Change("cheap", cost=0)}, {"offline": 5}, {"price": float("nan")}])  # fmt: skip
def test_settings_that_make_no_sense(wrong):
    with pytest.raises(BadInput):
        replay(make_matrix(150, tiers=2), runs=2, **wrong)


def test_what_cannot_be_replayed():
    with pytest.raises(NotReady, match="100"):
        replay(make_matrix(60))
    with pytest.raises(NotFound):
        replay(make_matrix(150), runs=2, policies=(("none", "cold", {}),))
