"""The sweep against brute force, and the figures that routers are compared by."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import make_matrix
from tierwise.errors import BadInput, NotReady
from tierwise.tuning.frontier import Aim, assign, metrics, parse_aim, references, sweep
from tierwise.tuning.references import over_coin_flip, random_mix


@st.composite
def graded(draw, tiers=(2, 3), most=9):
    """Scores with ties, pass/fail or graded quality, costs that need not rise with the tier, and sometimes weights."""
    k, n = draw(st.sampled_from(tiers)), draw(st.integers(1, most))
    grades = st.sampled_from([0.0, 1.0]) if draw(st.booleans()) else st.integers(0, 8).map(lambda x: x / 8)
    scores = np.array(draw(st.lists(st.sampled_from([0.0, 0.125, 0.3, 0.5, 0.7, 0.9, 1.0]), min_size=n, max_size=n)))
    quality = np.array(draw(st.lists(st.lists(grades, min_size=k, max_size=k), min_size=n, max_size=n)))
    rising = draw(st.booleans())
    cost = np.array(draw(st.lists(st.lists(st.integers(1, 12), min_size=k, max_size=k), min_size=n, max_size=n)), float)
    cost = np.cumsum(cost, axis=1) if rising else cost
    weights = np.array(draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)), float) if draw(st.booleans()) else None
    return scores, quality, cost, weights


def recomputed(scores, quality, cost, weights, thresholds):
    """(quality, cost) by a loop over prompts, with nothing in common with the sweep."""
    w = [1.0] * len(scores) if weights is None else list(weights)
    at = [sum(t <= s for t in thresholds) for s in scores]
    total = sum(w)
    return sum(x * quality[i][k] for i, (x, k) in enumerate(zip(w, at, strict=True))) / total, sum(
        x * cost[i][k] for i, (x, k) in enumerate(zip(w, at, strict=True))
    ) / total


def brute(data):
    """Every policy: (thresholds, quality, cost)."""
    scores, quality, _, _ = data
    marks = [*sorted(set(scores)), math.inf]
    return [(t, *recomputed(*data, t)) for t in itertools.combinations_with_replacement(marks, quality.shape[1] - 1)]


def front(policies):
    """The unbeaten (cost, quality) pairs, rounded."""
    rows = [(round(c, 9), round(q, 9)) for _, q, c in policies]
    return sorted({a for a in rows if not any(b[0] <= a[0] and b[1] >= a[1] and b != a for b in rows)})


@given(graded())
@settings(max_examples=150, deadline=None)
def test_the_sweep_finds_what_brute_force_finds(data):
    p = sweep(*data).points
    found = sorted({(round(c / 1000, 9), round(q, 9)) for c, q in zip(p.cost_per_1k[p.on_frontier], p.quality[p.on_frontier], strict=True)})
    assert found == front(brute(data))


@given(graded(tiers=(2, 3, 4, 5), most=12))
@settings(max_examples=80, deadline=None)
def test_points_are_what_their_thresholds_do(data):
    frontier = sweep(*data)
    p = frontier.points
    assert np.isinf(p.thresholds[0]).all() and (p.thresholds[-1] <= data[0].min()).all()
    assert p.share_by_tier[0, 0] == pytest.approx(1) and p.share_by_tier[-1, -1] == pytest.approx(1)
    for i in range(0, len(p), max(1, len(p) // 7)):
        quality, cost = recomputed(*data, p.thresholds[i])
        point = frontier.at(p.thresholds[i])
        assert (p.quality[i], p.cost_per_1k[i] / 1000) == pytest.approx((quality, cost), abs=1e-9)
        assert (point.quality, point.cost_per_1k_usd / 1000) == pytest.approx((quality, cost), abs=1e-9)
        at, w = assign(data[0], p.thresholds[i]), np.ones(len(data[0])) if data[3] is None else data[3]
        assert point.share_by_tier == pytest.approx([w[at == k].sum() / w.sum() for k in range(data[1].shape[1])])
        assert p.saving[i] == pytest.approx(point.saving) and p.loss[i] == pytest.approx(point.loss, abs=1e-12)


@given(graded(tiers=(2, 3, 4, 5), most=12))
@settings(max_examples=80, deadline=None)
def test_the_frontier_rises_and_nothing_beats_it(data):
    p = sweep(*data).points
    cost, quality = p.cost_per_1k[p.on_frontier], p.quality[p.on_frontier]
    order = np.argsort(cost)
    assert (np.diff(cost[order]) > 0).all() and (np.diff(quality[order]) > 0).all()
    for c, q in zip(p.cost_per_1k, p.quality, strict=True):
        assert ((cost <= c * (1 + 1e-9)) & (quality >= q - 1e-9)).any()
    assert (np.diff(p.cost_per_1k[1:-1]) >= 0).all()


@given(graded(), st.floats(-0.3, 1), st.floats(0, 40), st.floats(0, 1), st.integers(1, 7))
@settings(max_examples=150, deadline=None)
def test_choose_is_the_best_of_all(data, loss, dollars, least, which):
    aim = Aim(loss if which & 1 else None, dollars * 1000 if which & 2 else None, least if which & 4 else None)
    frontier, policies = sweep(*data), brute(data)
    floor = max([-math.inf] + ([frontier.quality - loss] if which & 1 else []) + ([least] if which & 4 else []))
    fits = [(q, c) for _, q, c in policies if q >= floor - 1e-9 and (not which & 2 or c <= dollars * (1 + 1e-9))]
    if not fits:
        with pytest.raises(NotReady, match="No thresholds give"):
            frontier.choose(aim)
        assert frontier.choose(aim, nearest=True)
        return
    chosen = frontier.choose(aim)
    if which & 5:
        assert chosen.cost_per_1k_usd / 1000 == pytest.approx(min(c for _, c in fits))
    else:
        assert chosen.quality == pytest.approx(max(q for q, _ in fits))
    assert chosen.quality >= floor - 1e-8


def test_four_tiers_reach_every_policy_that_is_best_for_some_price():
    rng = np.random.default_rng(0)
    for _ in range(12):
        right = rng.random((14, 4)) < [0.4, 0.6, 0.7, 0.8]
        data = (rng.integers(0, 9, 14) / 9, right.astype(float), np.cumsum(rng.random((14, 4)), 1), None)
        policies, p = brute(data), sweep(*data).points
        for price in np.geomspace(0.01, 10, 12):
            assert (p.quality - price * p.cost_per_1k / 1000).max() == pytest.approx(max(q - price * c for _, q, c in policies))


def test_a_tie_is_never_parted():
    frontier = sweep(np.array([0.5, 0.5, 0.5]), np.array([[0.0, 1]] * 3), np.array([[1.0, 2]] * 3))
    assert {tuple(s) for s in frontier.points.share_by_tier} == {(1.0, 0.0), (0.0, 1.0)}
    assert frontier.at([0.5]).share_by_tier == (0.0, 1.0)
    assert frontier.at([np.nextafter(0.5, 1)]).share_by_tier == (1.0, 0.0)


def test_many_prompts_are_thinned_but_the_ends_stay():
    rng = np.random.default_rng(1)
    n = 20_000
    frontier = sweep(rng.random(n), rng.random((n, 3)), np.cumsum(rng.random((n, 3)), 1), resolution=50)
    assert len(frontier.points) < 5000
    assert frontier.points.share_by_tier[0].tolist() == [1, 0, 0]
    assert frontier.points.share_by_tier[-1].tolist() == pytest.approx([0, 0, 1])


def test_steps_for_a_chart(small_matrix):
    m = small_matrix
    frontier = sweep(np.linspace(0, 1, len(m)), m.quality, m.cost, m.weights, m.tiers)
    steps = frontier.steps(10)
    assert list(steps) == ["cost_per_1k", "quality", "loss", "saving", "t1", "t2", "share_cheap", "share_mid", "share_frontier"]
    assert 2 <= len(steps) <= 10
    assert steps["cost_per_1k"].is_monotonic_increasing and steps["quality"].is_monotonic_increasing
    assert steps.iloc[0]["share_cheap"] == 1
    assert set(frontier.cloud(20)) == set(steps)


def test_a_free_frontier_saves_nothing():
    point = sweep(np.array([0.1, 0.9]), np.array([[0, 1.0], [1, 1]]), np.zeros((2, 2))).at([0.5])
    assert point.saving == 0 and point.cost_per_1k_usd == 0


@pytest.mark.parametrize("thresholds", [[0.5], [0.1, 0.2, 0.3], [math.nan, 1.0], [0.6, 0.5], [math.inf, 0.5]])
def test_thresholds_that_do_not_fit_are_refused(small_matrix, thresholds):
    frontier = sweep(np.linspace(0, 1, len(small_matrix)), small_matrix.quality, small_matrix.cost)
    with pytest.raises(BadInput):
        frontier.at(thresholds)


def test_data_that_cannot_be_swept_is_refused():
    one = np.ones((3, 1))
    with pytest.raises(NotReady, match="one tier"):
        sweep(np.zeros(3), one, one)
    with pytest.raises(NotReady, match="no graded prompt"):
        sweep(np.zeros(0), np.ones((0, 2)), np.ones((0, 2)))
    with pytest.raises(NotReady, match="lacks a grade"):
        sweep(np.zeros(2), np.array([[1, math.nan], [1, 1]]), np.ones((2, 2)))
    with pytest.raises(BadInput, match="not a number"):
        sweep(np.array([0, math.nan]), np.ones((2, 2)), np.ones((2, 2)))
    with pytest.raises(BadInput, match="Weights"):
        sweep(np.zeros(2), np.ones((2, 2)), np.ones((2, 2)), np.zeros(2))
    with pytest.raises(BadInput, match="belong together"):
        sweep(np.zeros(2), np.ones((3, 2)), np.ones((3, 2)))


def test_aims_are_read():
    assert parse_aim("max-loss=0.01") == Aim(max_loss=0.01)
    assert parse_aim("max-loss=0.01", "max-cost=3") == parse_aim("max_loss=0.01, max-cost=3") == Aim(0.01, 3.0)
    assert parse_aim(["min-quality=0.9"]) == Aim(min_quality=0.9)
    assert "2 points" in str(Aim(0.02)) and "$3" in str(Aim(0.02, 3))


@pytest.mark.parametrize(
    "text", ["loss=1", "max-loss", "max-loss=", "max-loss=x", "max-loss=nan", "max-loss=2", "max-cost=-1", "min-quality=1.1", ""]
)
def test_aims_that_cannot_be_are_refused(text):
    with pytest.raises(BadInput):
        parse_aim(text)
    with pytest.raises(BadInput, match="twice"):
        parse_aim("max-loss=0.1", "max-loss=0.2")


def test_references_of_a_small_run():
    m = make_matrix(80, seed=3)
    found = references(m)
    assert list(found) == ["always_cheapest", "always_mid", "always_frontier", "oracle", "random_mix"]
    assert found["always_frontier"].loss == 0 and found["always_frontier"].saving == pytest.approx(0)
    assert found["always_cheapest"].quality == pytest.approx(m.quality[:, 0].mean())
    low, high = found["always_mid"].quality_ci95
    assert low < found["always_mid"].quality < high
    best = m.quality.max(1)
    cheapest = [min(c for q, c in zip(qs, cs, strict=True) if q == b) for qs, cs, b in zip(m.quality, m.cost, best, strict=True)]
    assert found["oracle"].quality == pytest.approx(best.mean())
    assert found["oracle"].cost_per_1k_usd == pytest.approx(1000 * np.mean(cheapest))


def test_the_random_mix_is_the_rising_hull_of_the_tiers():
    mix = random_mix(np.array([0.5, 0.52, 0.9, 0.8]), np.array([1.0, 4, 5, 9]))
    assert mix.tier.tolist() == [0, 2]
    assert mix.at_cost(3).quality == pytest.approx(0.7)
    assert mix.weights_at(3, 4).tolist() == pytest.approx([0.5, 0, 0.5, 0])
    assert mix.at_cost(100).cost_per_1k_usd == 5
    assert mix.slope_at(2) == pytest.approx(0.1) and mix.slope_at(7) == 0
    curve = mix.curve(11)
    assert np.allclose(curve["quality"], 0.5 + 0.1 * (curve["cost_per_1k"] - 1))
    aimed = mix.choose(Aim(max_loss=0.0))
    assert (aimed.quality, aimed.cost_per_1k_usd) == pytest.approx((0.8, 4.0))
    assert mix.choose(Aim(max_cost_per_1k=2)).quality == pytest.approx(0.6)


def test_a_router_that_knows_beats_the_coin_and_one_that_does_not_rarely_does():
    wins = 0
    for seed in range(40):
        m = make_matrix(300, seed=seed)
        noise, known = np.random.default_rng(seed).random(300), m.quality[:, -1] - m.quality[:, 0]
        for scores, learned in ((noise, False), (known, True)):
            at = np.stack([assign(scores, np.quantile(scores, [x, min(x * 1.5, 1)])) for x in np.linspace(0.1, 0.9, 9)], 1)
            rows = np.arange(300)[:, None]
            gain, error = over_coin_flip(m, m.quality[rows, at], m.cost[rows, at])
            assert gain > 3 * error or not learned
            wins += gain > 1.28 * error and not learned
    assert wins <= 10


def test_published_metrics_on_a_case_worked_by_hand():
    # hard prompts are last; the frontier tier gains on prompts 3 and 4, the cheap one is right on 1 and 2
    quality, cost = np.array([[1, 1], [1, 1], [0, 1], [0, 1.0]]), np.array([[1.0, 5]] * 4)
    good = metrics(np.array([0.1, 0.2, 0.3, 0.4]), quality, cost)
    assert (good["cpt50"], good["cpt80"]) == (0.25, 0.5)
    assert good["apgr"] == pytest.approx(0.75)  # PGR 0, .5, 1, 1, 1 at shares 0, .25, .5, .75, 1
    assert good["aiq"] == pytest.approx((2 * (0.5 + 1) / 2 + 2 * 1) / 4)  # rises from .5 at $1 to 1 at $3, then flat to $5
    flat = metrics(np.zeros(4), quality, cost)
    assert flat["apgr"] == pytest.approx(0.5) and flat["aiq"] == pytest.approx(0.75)
    assert metrics(np.zeros(4), quality[:, ::-1], cost)["apgr"] is None


def test_a_random_router_has_the_published_apgr_of_one_half():
    m = make_matrix(3000, seed=5)
    assert metrics(np.random.default_rng(0).random(3000), m.quality, m.cost)["apgr"] == pytest.approx(0.5, abs=0.03)


def test_recorded_outcomes_give_the_published_reference_points(recorded):
    import pandas as pd

    frame = pd.read_parquet(recorded / "routellm_mmlu.parquet", columns=["sample_id", "model", "score", "cost_usd"])
    models = ["mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"]
    quality, cost = (frame.pivot(index="sample_id", columns="model", values=v)[models].to_numpy(float) for v in ("score", "cost_usd"))
    found = metrics(np.random.default_rng(0).random(len(quality)), quality, cost)
    assert found["apgr"] == pytest.approx(0.5, abs=0.02)
    assert found["cpt50"] == pytest.approx(0.5, abs=0.03)
    assert found["aiq"] == pytest.approx(quality.mean(0).mean(), abs=0.005)
