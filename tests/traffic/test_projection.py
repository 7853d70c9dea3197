"""A month of traffic: the sum, its interval in simulation, the cache before the router, the seed story."""

from dataclasses import replace

import numpy as np
import pytest

from tests.conftest import make_matrix
from tierwise.errors import BadInput, NotReady
from tierwise.traffic import break_even_share, profile_of_counts, project, seed_case
from tierwise.types import OutcomeMatrix, Run, Sample, Tier

TYPES = ("faq", "billing", "legal")
MIX = {"faq": 6000, "billing": 3000, "legal": 1000}


def population(n: int, seed: int, sizes: tuple[int, ...] = ()) -> tuple[OutcomeMatrix, np.ndarray]:
    """Prompts of a world in which types differ in length and in how often the cheap tier will do."""
    rng = np.random.default_rng(seed)
    kinds = np.repeat(np.arange(3), sizes) if sizes else rng.integers(0, 3, n)
    n = len(kinds)
    top = np.exp(rng.normal(np.log([0.005, 0.01, 0.03])[kinds], 0.7))
    choice = (rng.random(n) > np.array([0.9, 0.6, 0.2])[kinds]).astype(int)
    samples = tuple(Sample(f"s{i}", f"prompt {i}", request_type=TYPES[k]) for i, k in enumerate(kinds))
    run = Run("r", "r", "e", "recorded", (Tier("cheap", "a/cheap"), Tier("top", "a/top")), "done")
    flags = np.zeros((n, 2), bool)
    return OutcomeMatrix(run, samples, np.ones((n, 2)), np.stack([top / 25, top], 1), np.ones((n, 2)), flags, flags), choice


def truth(volume: float, mix: np.ndarray) -> float:
    mean = np.exp(np.log([0.005, 0.01, 0.03]) + 0.7**2 / 2)
    return float(volume * (mix * np.array([0.9, 0.6, 0.2]) * mean * (1 - 1 / 25)).sum())


def test_the_estimate_is_the_formula():
    matrix, choice = population(300, 1)
    found = project(matrix, choice, profile_of_counts(MIX), overhead_usd=0.0002)
    saved = matrix.cost[:, 1] - matrix.cost[np.arange(300), choice]
    expected = sum(n / 10_000 * saved[matrix.request_types == t].mean() for t, n in MIX.items()) - 0.0002
    assert found.saved == pytest.approx(10_000 * expected)
    assert found.cost + found.saved == pytest.approx(found.frontier_cost)
    assert found.by_type["saved"].sum() == pytest.approx(found.saved)
    assert found.saved_ci95[0] < found.saved < found.saved_ci95[1]


def test_the_interval_covers_what_the_world_saves():
    """95 % nominal, given the mix and the volume: prompts are all that is uncertain."""
    mix = np.array([0.6, 0.3, 0.1])
    inside = 0
    for seed in range(120):
        matrix, choice = population(0, seed, (60, 60, 60))
        low, high = project(matrix, choice, profile_of_counts(MIX), mix_requests=1e9, volume_cv=0.0).saved_ci95
        inside += low <= truth(10_000, mix) <= high
    assert inside / 120 >= 0.90


def test_the_interval_covers_a_month_whose_mix_and_volume_drift():
    rng = np.random.default_rng(5)
    inside = 0
    for seed in range(120):
        matrix, choice = population(0, 1000 + seed, (60, 60, 60))
        low, high = project(matrix, choice, profile_of_counts(MIX), seed=seed).saved_ci95
        month = truth(10_000 * np.exp(0.1 * rng.standard_normal()), rng.dirichlet(500 * np.array([0.6, 0.3, 0.1])))
        inside += low <= month <= high
    assert inside / 120 >= 0.90


def test_without_types_the_prompt_set_keeps_its_own_mix():
    matrix, choice = population(200, 2)
    found = project(matrix, choice, requests=1000)
    saved = matrix.cost[:, 1] - matrix.cost[np.arange(200), choice]
    assert found.saved == pytest.approx(1000 * saved.mean())


def test_the_cache_comes_first_and_percentages_are_not_added():
    matrix, choice = population(300, 3)
    profile = replace(profile_of_counts(MIX), repeats={"faq": 0.5, "billing": 0.0, "legal": 0.0})
    alone, both = project(matrix, choice, profile), project(matrix, choice, profile, cache=True)
    assert alone.cache_saved == 0
    assert both.saved == pytest.approx(both.cache_saved + both.routing_saved)
    assert both.routing_saved < alone.routing_saved
    assert both.saving < both.cache_saved / both.frontier_cost + alone.saving


def test_types_without_prompts_and_with_few_are_named():
    matrix, choice = population(0, 4, (40, 5, 40))
    found = project(matrix, choice, profile_of_counts({**MIX, "refund": 2500}))
    assert "Without a prompt: refund. 20% of requests" in found.notes[0]
    assert "billing (5)" in found.notes[1]
    with pytest.raises(NotReady, match="No prompt has a request type of the traffic"):
        project(matrix, choice, profile_of_counts({"refund": 1}))


def test_dollars_of_the_log_that_do_not_fit_are_told():
    matrix, choice = population(200, 6)
    profile = profile_of_counts(MIX)
    dear = replace(profile, usage=tuple(replace(u, cost_usd=10.0 * u.requests, priced=u.requests) for u in profile.usage))
    found = project(matrix, choice, dear)
    assert found.now == pytest.approx(100_000)
    assert any("as a share rather than as dollars" in n for n in found.notes)


def test_a_volume_must_be_known_and_sensible():
    matrix, choice = population(50, 7)
    with pytest.raises(NotReady, match="How many requests a month is not known"):
        project(matrix, choice, replace(profile_of_counts(MIX), monthly=None))
    with pytest.raises(BadInput, match="0 or more"):
        project(matrix, choice, requests=-1)


def test_a_router_pays_from_a_share_on():
    assert break_even_share(0.0002, 0.02, 0.0008) == pytest.approx(0.0002 / 0.0192)
    assert break_even_share(0.0002, 0.02, 0.02) == float("inf")


def test_the_seed_story_adds_up_and_shows_what_it_takes_for_granted():
    case = seed_case()
    assert (case.before, case.after) == (18_000, pytest.approx(4_800))
    assert case.tiers["cost"].sum() == pytest.approx(4_800)
    assert case.tiers["share"].tolist() == [0.6, 0.25, 0.15]
    assert (case.what_if["after"].iloc[1:] > case.after).all()
    assert "not a promise" in case.sentence and len(case.assumptions) >= 4


def test_tuning_in_the_traffics_mix_moves_the_figures():
    from tierwise.traffic import weighted
    from tierwise.tuning.frontier import Aim
    from tierwise.tuning.tune import tune

    matrix = make_matrix(300, tiers=2, seed=4)
    hard = tune(weighted(matrix, {"easy": 1, "hard": 9}), Aim(max_loss=0.02), "table")
    easy = tune(weighted(matrix, {"easy": 9, "hard": 1}), Aim(max_loss=0.02), "table")
    assert easy.baselines["always_cheapest"].quality > hard.baselines["always_cheapest"].quality
    assert easy.frontier.cost_per_1k_usd < hard.frontier.cost_per_1k_usd
