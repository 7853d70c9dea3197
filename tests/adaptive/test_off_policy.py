"""Reading another policy's worth off a log: held against replays, where the truth is known."""

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.adaptive import off_policy, replay
from tierwise.errors import BadInput, NotReady


def world(rng, n=800, tiers=3):
    """Rewards of every tier, a log at random with known probabilities, and a target policy."""
    worth = (rng.random((n, tiers)) < np.array([0.5, 0.7, 0.8])[:tiers]).astype(float)
    odds = rng.dirichlet([2.0] * tiers, n)
    tier = (rng.random((n, 1)) > np.cumsum(odds, 1)).sum(1).clip(0, tiers - 1)
    return worth, tier, odds[np.arange(n), tier], rng.integers(0, tiers, n)


def test_intervals_hold_the_truth_as_often_as_they_say():
    inside, errors = [], []
    for seed in range(200):
        worth, tier, chance, target = world(np.random.default_rng(seed))
        rows = np.arange(len(tier))
        found = off_policy(tier, worth[rows, tier], chance, target)
        truth = np.array([0.5, 0.7, 0.8])[target].mean()
        inside.append(found.ci95[0] <= truth <= found.ci95[1])
        errors.append((found.value - truth, found.ips - truth))
    assert 0.90 <= np.mean(inside) <= 0.99
    assert abs(np.mean([e[0] for e in errors])) < 0.01, "no bias"
    assert np.std([e[0] for e in errors]) < np.std([e[1] for e in errors]), "the model makes it sharper"


def test_the_policy_that_logged_is_read_exactly():
    worth = np.array([1.0, 0.0, 1.0, 1.0])
    found = off_policy(np.zeros(4, int), worth, np.ones(4), np.zeros(4, int))
    assert found.ips == found.snips == 0.75
    assert found.effective == 4 and found.matched == 1


def test_a_replays_log_gives_back_what_the_replay_knows():
    """Epsilon-greedy's own log, read for always-frontier, against the stored grades."""
    matrix = make_matrix(1500, tiers=2, seed=1)
    done = replay(matrix, runs=2, policies=(("epsilon", "tuned", {"epsilon": 0.3}),))
    log = done.logged
    rows = np.arange(len(log["tier"]))
    found = off_policy(log["tier"], log["quality"][rows, log["tier"]], log["chance"], np.ones(len(rows), int))
    assert found.ci95[0] < log["quality"][:, 1].mean() < found.ci95[1]
    assert found.usable and found.effective < len(rows)


def test_a_log_that_never_went_there_says_so():
    found = off_policy(np.zeros(500, int), np.ones(500), np.full(500, 1.0), np.ones(500, int))
    assert not found.usable and found.effective == 0 and "Not enough" in found.says


@pytest.mark.parametrize("chance", [0.0, 1.5, float("nan")])
def test_a_choice_without_a_probability_cannot_be_read(chance):
    with pytest.raises(BadInput, match="request 2"):
        off_policy(np.zeros(3, int), np.ones(3), np.array([1.0, chance, 1.0]), np.zeros(3, int))


def test_lengths_must_fit():
    with pytest.raises(BadInput):
        off_policy(np.zeros(3, int), np.ones(2), np.ones(3), np.zeros(3, int))
    with pytest.raises(NotReady):
        off_policy(np.zeros(0, int), np.ones(0), np.ones(0), np.zeros(0, int))
