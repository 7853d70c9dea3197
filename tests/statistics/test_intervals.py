"""Closed-form intervals against published values, against their definitions, and against resampling."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.stats import binom, t

from tierwise.statistics.intervals import Z, clustered, mean_interval, student, tango, wilson


@pytest.mark.parametrize(("successes", "n", "low", "high"), [
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)])  # fmt: skip
def test_wilson_gives_the_table_of_newcombe_1998(successes, n, low, high):
    assert wilson(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 300), st.data())
@settings(max_examples=100, deadline=None)
def test_wilson_holds_the_share_lies_in_range_and_mirrors(n, data):
    x = data.draw(st.integers(0, n))
    low, high = wilson(x, n)
    assert 0 <= low <= x / n <= high <= 1 and low < high
    assert wilson(n - x, n) == pytest.approx((1 - high, 1 - low), abs=1e-12)
    if 0 < x < n:  # the ends are where the score test is just at its limit
        for p in (low, high):
            assert abs(x / n - p) / math.sqrt(p * (1 - p) / n) == pytest.approx(Z, rel=1e-6)


def test_wilson_covers_what_it_promises_on_average():
    n, shares = 40, np.linspace(0.05, 0.95, 91)
    limits = np.array([wilson(x, n) for x in range(n + 1)])
    covered = [binom.pmf(np.arange(n + 1), n, p)[(limits[:, 0] <= p) & (p <= limits[:, 1])].sum() for p in shares]
    assert 0.945 < np.mean(covered) < 0.96


def test_tango_gives_a_published_value():
    """Complete response before and after consolidation therapy (Cavo et al. 2012), in Fagerland, Lydersen and Laake's textbook."""
    assert tango(6, 16, 161) == pytest.approx((-0.1240, -0.0054), abs=5e-5)


def profile_statistic(wins: int, losses: int, n: int, d: float) -> float:
    """Tango's statistic from its definition: the nuisance share of losses maximises the likelihood at difference `d`."""

    def unlikely(q: float) -> float:
        cells = ((wins, q + d), (losses, q), (n - wins - losses, 1 - 2 * q - d))
        return -sum(count * math.log(max(p, 1e-300)) for count, p in cells if count)

    span = max(0.0, -d), (1 - d) / 2
    q = minimize_scalar(unlikely, bounds=span, method="bounded", options={"xatol": 1e-12}).x
    return (wins - losses - n * d) / math.sqrt(n * (2 * q + d - d * d))


@pytest.mark.parametrize(
    ("wins", "losses", "n"), [(1, 7, 21), (12, 2, 50), (20, 12, 100), (40, 20, 160), (5, 5, 60), (30, 29, 900), (3, 0, 40)]
)
def test_the_ends_of_tango_are_where_its_score_test_is_at_its_limit(wins, losses, n):
    low, high = tango(wins, losses, n)
    assert profile_statistic(wins, losses, n, low) == pytest.approx(Z, abs=2e-3)
    assert profile_statistic(wins, losses, n, high) == pytest.approx(-Z, abs=2e-3)


@given(st.integers(1, 200), st.data())
@settings(max_examples=100, deadline=None)
def test_tango_holds_the_difference_lies_in_range_and_mirrors(n, data):
    wins = data.draw(st.integers(0, n))
    losses = data.draw(st.integers(0, n - wins))
    low, high = tango(wins, losses, n)
    assert -1 <= low <= (wins - losses) / n <= high <= 1 and low < high
    assert tango(losses, wins, n) == pytest.approx((-high, -low), abs=1e-9)


def test_tango_without_a_difference_still_has_width():
    for n in (5, 50, 500):
        assert tango(0, 0, n) == pytest.approx((-Z * Z / (n + Z * Z), Z * Z / (n + Z * Z)), abs=1e-9)


@pytest.mark.parametrize("df", [1, 2, 3, 4, 5, 6, 8, 12, 30, 100, 10_000])
def test_the_quantile_of_student_is_near_enough(df):
    assert student(df) == pytest.approx(t.ppf(0.975, df), rel=2e-3)


def brute_force_error(values, weights, clusters, draws=4000) -> float:
    """Standard deviation of the weighted mean over resampled whole clusters."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(clusters == c) for c in np.unique(clusters)]
    sums = np.array([[(weights[m] * values[m]).sum(), weights[m].sum()] for m in members])
    drawn = sums[rng.integers(0, len(members), (draws, len(members)))].sum(1)
    return float((drawn[:, 0] / drawn[:, 1]).std())


@pytest.mark.parametrize("seed", range(4))
def test_the_cluster_robust_error_is_that_of_resampling_clusters(seed):
    rng = np.random.default_rng(seed)
    clusters = rng.integers(0, 120, 500)
    values = np.clip(rng.normal(0.5, 0.2, 120)[clusters] + rng.normal(0, 0.1, 500), 0, 1)
    weights = rng.integers(1, 5, 500).astype(float)
    mean, error, g = clustered(values, weights, clusters)
    assert mean == pytest.approx(np.average(values, weights=weights)) and g == len(np.unique(clusters))
    brute = brute_force_error(values, weights, clusters)
    assert error == pytest.approx(brute, rel=0.06)
    low, high = mean_interval(values, weights, clusters)
    assert (high - low) / 2 == pytest.approx(t.ppf(0.975, g - 1) * brute, rel=0.06) and (high + low) / 2 == pytest.approx(mean)
    _, alone, _ = clustered(values, weights, np.arange(500))
    assert error > 1.3 * alone, "prompts that share a source carry less than they seem to"


def test_clusters_of_one_and_equal_weights_give_the_textbook_error():
    x = np.random.default_rng(0).random(50)
    assert clustered(x, np.ones(50), np.arange(50))[1] == pytest.approx(x.std(ddof=1) / math.sqrt(50))


def test_which_interval_is_used():
    ones, codes = np.ones(40), np.arange(40)
    grades = np.r_[np.ones(30), np.zeros(10)]
    assert mean_interval(grades, ones, codes) == wilson(30, 40)
    assert mean_interval(grades, ones * 3, codes) == wilson(30, 40), "equal weights, whatever their size"
    differences = np.r_[np.ones(5), -np.ones(3), np.zeros(32)]
    assert mean_interval(differences, ones, codes, low=-1) == tango(5, 3, 40)
    pairs = mean_interval(grades, ones, codes // 2)
    assert pairs != wilson(30, 40) and pairs[1] - pairs[0] > wilson(30, 40)[1] - wilson(30, 40)[0]
    heavy = np.where(codes == 0, 20.0, 1.0)
    assert mean_interval(grades, heavy, codes) != wilson(30, 40)
    low, high = mean_interval(np.full(40, 0.5), ones, codes)
    assert low < 0.5 < high, "no spread is no proof"
    assert mean_interval(np.zeros(40), heavy, codes, low=-1)[0] < 0 < mean_interval(np.zeros(40), heavy, codes, low=-1)[1]
    assert mean_interval(grades[:2], ones[:2], np.zeros(2)) == (0.0, 1.0), "one cluster says nothing"
    assert all(map(math.isnan, mean_interval(grades[:0], ones[:0], codes[:0])))
