"""What is said of all models of a run before a threshold is chosen."""

import json
from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_matrix
from tierwise.tuning import drawn
from tierwise.tuning.aims import Aim
from tierwise.tuning.duplicates import clustered_samples, near_duplicates
from tierwise.tuning.pool import _beaten_by, _tuned, pool
from tierwise.tuning.scoring import usable
from tierwise.tuning.tune import tune
from tierwise.types import Sample, Tier


@pytest.fixture(scope="module")
def five():
    """Five models; `waste` is dearer and worse than t1, and t3's answers were cut off."""
    m = make_matrix(400, tiers=5, seed=3)
    quality, cost, cut = m.quality.copy(), m.cost.copy(), m.truncated.copy()
    quality[:, 2], cost[:, 2] = np.minimum(quality[:, 1], quality[:, 0]), cost[:, 1] * 2
    cut[:40, 3] = True
    tiers = tuple(Tier(n, f"test/{n}") for n in ("t0", "t1", "waste", "t3", "t4"))
    return replace(m, quality=quality, cost=cost, truncated=cut, run=replace(m.run, tiers=tiers))


def test_the_pool_names_what_is_wasted_and_suggests_a_ladder(five):
    found = pool(five, Aim(max_loss=0.03))
    assert found.reference == "t4" and set(found.dominated) == {"waste"}
    told = " ".join(found.words)
    for words in ("The best model here is t4", "waste (t1 beats it)" if found.dominated["waste"] == "t1" else "beats it",
                  "10% of the answers of t3 were cut off", "Suggested ladder"):  # fmt: skip
        assert words in told
    assert found.best.tiers[-1] == "t4" and "waste" not in found.best.tiers and len(found.best.tiers) in (2, 3)
    costs = [x.cost_per_1k_usd for x in found.ladders if x.quality >= five.quality[:, 4].mean() - 0.035]
    assert costs == sorted(costs)
    json.dumps(found.to_json(), allow_nan=False)


def test_a_middle_model_that_does_as_well_is_simply_used(five):
    quality = five.quality.copy()
    quality[:, 1] = quality[:, 4]
    found = pool(replace(five, quality=quality), Aim(max_loss=0.02))
    assert found.alone == "t1" or found.reference == "t1"
    assert any("Just use t1" in w or "best model here is t1" in w for w in found.words)


def test_near_duplicates_are_found_and_offered_as_clusters():
    base = "please classify the following support ticket into one of these kinds and answer with the kind only: my invoice of may number"
    texts = [f"{base} {i} is wrong" for i in range(4)] + ["what is the capital of france", "write a poem about autumn leaves"]
    samples = tuple(Sample(f"s{i}", t) for i, t in enumerate(texts))
    assert near_duplicates(samples, 0.6) == [["s0", "s1", "s2", "s3"]]
    assert near_duplicates(samples[4:]) == []
    same = tuple(replace(s, cluster="c") for s in samples)
    assert near_duplicates(same, 0.6) == []
    m = make_matrix(6, seed=0)
    told = clustered_samples(replace(m, samples=samples), 0.6)
    assert len(np.unique(told.clusters)) == 3


def test_near_duplicates_of_many_prompts_are_quick():
    rng = np.random.default_rng(0)
    words = np.array([f"w{i}" for i in range(500)])
    samples = tuple(Sample(str(i), " ".join(rng.choice(words, 60))) for i in range(2000))
    assert near_duplicates(samples) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 5)), min_size=2, max_size=7))
@settings(max_examples=60, deadline=None)
def test_a_dominated_model_is_one_that_another_beats(models):
    """Against every pair, one by one."""
    quality, cost = (np.array(column, float) for column in zip(*models, strict=True))
    for k in range(len(models)):
        better = [
            j
            for j in range(len(models))
            if quality[j] >= quality[k] and cost[j] <= cost[k] and (quality[j], cost[j]) != (quality[k], cost[k])
        ]
        found = _beaten_by(k, quality, cost)
        assert (found is None) == (not better)
        if better:
            assert found in better and quality[found] == max(quality[j] for j in better)


def test_the_suggested_ladder_is_the_best_of_all_that_there_are(five):
    """Every ladder that ends in the best model, tuned one by one in the same way; the wasted model in none of the best."""
    m, aim = five.take(np.arange(160)), Aim(max_loss=0.05)
    found = pool(m, aim)
    top = m.tiers.index(found.reference)
    lower = [k for k in range(5) if k != top]
    every = [_tuned(usable(m, None), (*pick, top), aim, 0) for size in (1, 2) for pick in combinations(lower, size)
             if all(m.cost[:, a].mean() < m.cost[:, b].mean() for a, b in pairwise((*pick, top)))]  # fmt: skip
    keeps = aim.least_quality(float(m.quality[:, top].mean())) - 0.005
    cheapest = min((x for x in every if x.quality >= keeps), key=lambda x: x.cost_per_1k_usd)
    assert found.best.cost_per_1k_usd <= cheapest.cost_per_1k_usd + 1e-12 or "waste" in cheapest.tiers
    assert found.best in every


def test_models_whose_wins_are_chance_are_not_worth_a_router():
    """As in preferences by a judge: who wins has nothing to do with the prompt, and the dear model is as good as twice the cheap one."""
    rng = np.random.default_rng(0)
    m = make_matrix(400, tiers=2, seed=1)
    quality = np.stack([rng.random(400) < 0.22, rng.random(400) < 0.5], axis=1).astype(float)
    found = pool(replace(m, quality=quality), Aim(max_loss=0.01))
    assert any("No ladder is worth a router" in w for w in found.words) or found.best.saving < 0.08
    assert tune(replace(m, quality=quality), Aim(max_loss=0.01), router="logistic").verdict == "not routable"


def test_of_a_very_large_set_some_are_drawn_at_random_with_their_share_of_the_incomplete_ones(monkeypatch):
    m = make_matrix(300)
    assert drawn.drawn(m) is m
    quality = m.quality.copy()
    quality[::3, 1] = np.nan
    m = replace(m, quality=quality)
    monkeypatch.setattr(drawn, "MOST", 100)
    some = drawn.drawn(m)
    assert some.complete.sum() == 100 and 130 <= len(some) <= 170
    places = [m.samples.index(s) for s in some.samples]
    assert places == sorted(places) and (some.cost == m.cost[places]).all() and np.mean(places) == pytest.approx(149.5, abs=25)
    assert drawn.drawn(m).samples == some.samples, "the same ones each time"
