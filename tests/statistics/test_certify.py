"""Tests, bounds and plans against their definitions, the reference recipes, and simulation."""

import importlib.util
import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from tests.conftest import RECORDED
from tierwise.statistics.band import band, star_upper
from tierwise.statistics.certify import Evidence, exact_tango_p, fixed_sequence, floor, prompts_needed, star_rejects, tango_p, tango_z
from tierwise.statistics.resampling import bootstrap, percentiles
from tierwise.tuning.aims import Aim
from tierwise.tuning.certificate import Path
from tierwise.tuning.heldout import Folded
from tierwise.types import OutcomeMatrix, Run, Sample, Tier


@pytest.fixture(scope="module")
def recipes():
    """The research prototypes, which are not part of the repository."""
    path = RECORDED.parent / "reference" / "certificates.py"
    if not path.is_file():
        pytest.skip(f"no reference recipes at {path}")
    spec = importlib.util.spec_from_file_location("recipes", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = [(0, 0, 120, 0.02), (2, 1, 300, 0.02), (10, 20, 500, 0.01), (40, 45, 2000, 0.02), (3, 0, 200, 0.05), (60, 55, 3000, 0.01)]


@pytest.mark.parametrize(("b", "c", "n", "epsilon"), CASES)
def test_exact_tango_agrees_with_the_recipe(recipes, b, c, n, epsilon):
    assert tango_p(b, c, n, epsilon) == pytest.approx(float(recipes.p_tango(b, c, n, epsilon)), rel=1e-9)
    assert exact_tango_p(b, c, n, epsilon) == pytest.approx(recipes.p_exact_tango(b, c, n, epsilon), abs=2e-5)


def test_star_agrees_with_the_recipe(recipes):
    rng = np.random.default_rng(0)
    d = rng.choice([0, 0, 0, 0.25, -0.5, 1], (300, 40)) * rng.random(40)
    assert (star_rejects(d, 0.08, 0.1) == recipes.rej_star(d, 0.08, 0.1)).all()


def test_the_band_agrees_with_the_recipe(recipes):
    rng = np.random.default_rng(0)
    d = (rng.random((400, 1)) < np.linspace(0, 0.2, 12)).astype(float) - (rng.random((400, 12)) < 0.02)
    ours = band(Evidence(d, None), 0.1)[1]
    assert ours == pytest.approx(recipes.maxt_score_band(d, 0.1)[0], abs=0.012)


def test_no_harm_in_few_prompts_is_the_binomial_bound():
    n, epsilon = 120, 0.02
    assert exact_tango_p(0, 0, n, epsilon, gamma=0) == pytest.approx((1 - epsilon) ** n, rel=1e-9)
    assert exact_tango_p(0, 0, n, epsilon) == pytest.approx((1 - epsilon) ** n + 0.002, rel=1e-9)
    assert exact_tango_p(5, 0, 100, 0.05) == 1.0


@pytest.mark.parametrize(("n", "epsilon"), [(40, 0.1), (60, 0.05)])
def test_exact_tango_keeps_its_size(n, epsilon):
    """Every outcome is enumerated: the chance of p <= 0.1 under the null hypothesis is at most 0.1, whatever the share of wins."""
    from scipy.stats import multinomial

    outcomes = [(b, c) for b in range(0, 13) for c in range(0, 13) if b + c <= n]
    rejected = [(b, c) for b, c in outcomes if exact_tango_p(b, c, n, epsilon) <= 0.1]
    assert rejected
    for wins in (0.0, 0.01, 0.03, 0.08, 0.15):
        chance = sum(multinomial.pmf([b, c, n - b - c], n, [epsilon + wins, wins, 1 - epsilon - 2 * wins]) for b, c in rejected)
        assert chance <= 0.1


@given(st.integers(30, 400), st.floats(0.01, 0.2), st.data())
@settings(max_examples=40, deadline=None)
def test_more_harm_is_never_better_evidence(n, epsilon, data):
    c = data.draw(st.integers(0, n // 4))
    values = [exact_tango_p(b, c, n, epsilon) for b in range(0, min(6, n - c))]
    assert all(x <= y + 1e-3 for x, y in itertools.pairwise(values))
    assert all(0 < p <= 1 for p in values)
    assert (np.diff(tango_z(np.arange(0, n - c), c, n, epsilon)) < 0).all()


def test_star_keeps_its_size_on_graded_values():
    rng = np.random.default_rng(2)
    n, epsilon = 150, 0.05
    for values, chances in (([0, 1], [0.95, 0.05]), ([-0.5, 0, 0.5, 1], [0.05, 0.83, 0.05, 0.07]), ([0.05], [1.0])):
        p = np.array(chances) / sum(chances)
        shift = np.dot(values, p) - epsilon
        d = rng.choice(values, (n, 600), p=p) - max(shift, 0)
        assert star_rejects(d, epsilon, 0.1).mean() <= 0.1 + 3 * math.sqrt(0.09 / 600)
    assert star_rejects(np.zeros((150, 1)), epsilon, 0.1).all()


def test_weights_count_in_star():
    d = np.repeat([[1.0], [0.0]], [30, 170], axis=0)[np.random.default_rng(0).permutation(200)]
    assert not star_rejects(d, 0.05, 0.1)[0]
    assert star_rejects(d, 0.05, 0.1, weights=np.where(d[:, 0] > 0, 1e-3, 1.0))[0]


def test_a_sequence_stops_at_the_first_failure():
    assert fixed_sequence([False, True, True, False, True]) == 2
    assert fixed_sequence([True, False, True]) == 0
    assert fixed_sequence([False]) == 0
    assert fixed_sequence([False, True, True]) == 2


def test_the_planner_gives_the_published_table():
    table = {0.02: (902, 226, 101), 0.05: (2254, 564, 251), 0.10: (4508, 1127, 501), 0.20: (9016, 2254, 1002)}
    for share, wanted in table.items():
        assert [prompts_needed(share, e) for e in (0.01, 0.02, 0.03)] == pytest.approx(wanted, abs=1)
    assert prompts_needed(0.01, 0.05) == floor(0.05) == 46
    assert prompts_needed(0.05, 0.02, true_loss=0.01) == pytest.approx(2250, abs=1)
    assert prompts_needed(0.05, 0.02, true_loss=0.02) is None
    assert (floor(0.02), floor(0.01)) == (115, 230)
    assert binom.cdf(0, floor(0.02), 0.02) < 0.1


def test_the_planned_number_gives_the_planned_power():
    rng = np.random.default_rng(0)
    n = prompts_needed(0.06, 0.04)
    b, c = rng.multinomial(n, [0.03, 0.03, 0.94], 300).T[:2]
    assert np.mean([exact_tango_p(x, y, n, 0.04) <= 0.1 for x, y in zip(b, c, strict=True)]) > 0.65


def test_the_band_holds_everywhere_at_once():
    rng = np.random.default_rng(4)
    harm, win = np.linspace(0, 0.16, 30), np.linspace(0, 0.04, 30)
    broken, narrow = 0, 0
    for seed in range(150):
        u = rng.random((300, 1))
        d = (u < harm).astype(float) - (u > 1 - win)
        low, high = band(Evidence(d, None), 0.1, draws=200, seed=seed)
        broken += bool(((harm - win) > high + 1e-12).any())
        narrow += bool((high - d.mean(0) < 0.15).all())
        assert (low <= d.mean(0) + 1e-9).all() and (high >= d.mean(0) - 1e-9).all()
    assert broken / 150 <= 0.1 + 3 * math.sqrt(0.09 / 150)
    assert narrow > 120


def test_the_band_of_graded_values_and_the_betting_limits_hold_the_mean():
    rng = np.random.default_rng(0)
    d = rng.choice([0, 0.25, -0.25, 0.5], (250, 8)) * np.linspace(0, 1, 8)
    low, high = band(Evidence(d, None), 0.1)
    assert (low < d.mean(0)).all() and (d.mean(0) < high).all()
    upper = star_upper(d, 0.1)
    assert (upper > d.mean(0)).all() and upper[-1] < d.mean(0)[-1] + 0.2


def test_clusters_are_one_unit_each_in_an_order_that_outcomes_do_not_change():
    d = np.array([[1.0], [0.0], [0.0], [1.0]])
    e = Evidence.of(d, np.ones(4), np.array([0, 0, 1, 2]), ["a", "b", "c", "d"])
    assert sorted(e.d[:, 0]) == [0.0, 0.5, 1.0] and not e.pass_fail and e.method == "STaR betting"
    flipped = Evidence.of(1 - d, np.ones(4), np.array([0, 0, 1, 2]), ["a", "b", "c", "d"])
    assert np.allclose(flipped.d, 1 - e.d)
    single = Evidence.of(d, np.ones(4), np.array([3, 1, 2, 0]), ["a", "b", "c", "d"])
    assert single.pass_fail and sorted(single.d[:, 0]) == [0, 0, 1, 1]
    assert not Evidence.of(d, np.array([1, 1, 1, 3.0]), np.arange(4), ["a", "b", "c", "d"]).pass_fail


def test_the_bootstrap_is_the_textbook_one():
    rng = np.random.default_rng(0)
    x = rng.normal(0, 1, 400)
    low, high = percentiles(bootstrap(x[None], np.ones(400), np.arange(400), lambda m: m))[0]
    half = 1.96 * x.std() / 20
    assert (low, high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.015)
    clustered = percentiles(bootstrap(np.repeat(x[:40], 10)[None], np.ones(400), np.repeat(np.arange(40), 10), lambda m: m))[0]
    assert clustered[1] - clustered[0] > 2.5 * (high - low)
    weights = np.where(np.arange(400) < 200, 1.0, 0.0)
    assert np.abs(bootstrap(x[None], weights, np.arange(400), lambda m: m).mean() - x[:200].mean()) < 0.02


def test_many_clusters_are_grouped_without_changing_the_interval():
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, 30_000)
    low, high = percentiles(bootstrap(x[None], np.ones(30_000), np.arange(30_000), lambda m: m))[0]
    assert high - low == pytest.approx(2 * 1.96 / math.sqrt(30_000), rel=0.08)


def simulated(n: int, seed: int) -> tuple[OutcomeMatrix, np.ndarray, np.ndarray]:
    """Three tiers whose accuracy falls with difficulty, a score that sees difficulty with noise, and folds; no router is fitted."""
    rng = np.random.default_rng(seed)
    hard = rng.random(n)
    right = 1 / (1 + np.exp(-6 * (np.array([0.9, 1.05, 1.35]) - hard[:, None])))
    quality = (rng.random((n, 3)) < right).astype(float)
    run = Run("r", "simulated", "e", "recorded", tuple(Tier(t, t) for t in ("a", "b", "c")))
    flags = np.zeros((n, 3), bool)
    samples, cost = tuple(Sample(f"s{i}", "x") for i in range(n)), np.tile([1.0, 4, 20], (n, 1))
    matrix = OutcomeMatrix(run, samples, quality, cost, flags * 1.0, flags, flags)
    return matrix, (hard + rng.normal(0, 0.25, n)).clip(0, 1), right


def test_certificates_are_rarely_wrong_and_usually_worth_having():
    broken, savings = 0, []
    runs, epsilon = 36, 0.03
    for seed in range(runs):
        matrix, scores, _ = simulated(500, seed)
        fold = np.arange(500) % 5
        folded = Folded(matrix, {"r": scores}, fold, Aim(max_loss=epsilon))
        path = Path.of(folded, dict.fromkeys(range(5), "r"), "r")
        found = path.certificate(epsilon, 0.1, 0.3)
        if found.status == "none":
            savings.append(0.0)
            continue
        savings.append(found.saving)
        _, fresh, right = simulated(5_000, 10_000 + seed)
        tier = np.searchsorted(found.thresholds, fresh, "right")
        broken += (right[:, -1] - right[np.arange(5_000), tier]).mean() > epsilon
        assert found.covers(found.thresholds) and not found.covers((0.0, 0.0))
    assert broken / runs <= 0.1 + 3 * math.sqrt(0.09 / runs)
    assert np.mean(savings) > 0.1


def test_without_a_certificate_the_plan_asks_for_more():
    matrix, scores, _ = simulated(200, 1)
    folded = Folded(matrix, {"r": scores}, np.arange(200) % 5, Aim(max_loss=0.01))
    found = Path.of(folded, dict.fromkeys(range(5), "r"), "r").certificate(0.01, 0.1, 0.3)
    assert found.status == "none" and found.saving is None and found.thresholds is None
    assert found.prompts_needed is None or found.prompts_needed > 200
    assert set(found.to_json()) == {"status", "epsilon", "delta", "saving", "prompts_needed"}


def test_the_path_runs_from_frontier_to_cheapest_in_order():
    matrix, scores, _ = simulated(400, 2)
    path = Folded(matrix, {"r": scores}, np.arange(400) % 5, Aim(max_loss=0.02)).path("r")
    assert (path[0] <= scores.min()).all() and np.isinf(path[-1]).all()
    assert (path[:, 0] <= path[:, 1]).all()
    assert (path[1:] >= path[:-1]).all(axis=0)[0]
